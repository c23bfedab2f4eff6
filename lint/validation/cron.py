"""Cron schedules as the API server reads them, in its own words, and when they run.

The reader is robfig/cron v3 (`ParseStandard` of parser.go, `Next` of spec.go): five fields or a descriptor.
Kubernetes adds that there is no `TZ` in a schedule (`validateScheduleFormat` of pkg/apis/batch/validation).
"""

import re
from calendar import monthrange
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from lint.memo import remembered
from lint.validation.golang import GoError, duration, integer
from lint.validation.zones import load_fault

STAR: Final = 1 << 63
"""The bit of a field that any day fits: without it, days and weekdays are alternatives."""

_RECOVERS: Final = 35
"""The first minor that survives a prefix `TZ=` with no space behind it; others give no answer."""

_PANIC = "invalid schedule format: runtime error: slice bounds out of range [:-1]"
TZ_WITHIN: Final = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
"""What is said of a schedule with `TZ` anywhere in it."""

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec"
_WEEKDAYS = "sun mon tue wed thu fri sat"
SPACES: Final = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""White space of Unicode, at which Go splits; to Python the separators of ASCII are such, too."""


class Schedule(NamedTuple):
    """When a CronJob runs. Each field is a set of numbers as bits: 1 << 5 for 5."""

    minutes: int
    hours: int
    days: int
    """Of the month, with STAR where all fit."""
    months: int
    weekdays: int
    """0 is Sunday, with STAR where all fit."""
    every: int = 0
    """Seconds from run to run, of `@every`; the fields are empty then."""


class ScheduleError(ValueError):
    """The API server cannot read a schedule; in its own words."""


class _Field(NamedTuple):
    """The bounds of a field, and the names of its numbers."""

    low: int
    high: int
    names: str = ""

    def number(self, text: str) -> int:
        """Read the end of a range: a name or a number."""
        if self.names and not text.isdecimal():
            name = text.replace("\u0130", "i").lower()  # the capital I that Go alone makes one letter
            names = self.names.split()
            if name in names:
                return names.index(name) + self.low
        return _number(text)


_FIELDS = _Field(0, 59), _Field(0, 23), _Field(1, 31), _Field(1, 12, _MONTHS), _Field(0, 6, _WEEKDAYS)
DESCRIPTORS: Final = {
    **dict.fromkeys(("@yearly", "@annually"), "0 0 1 1 *"),
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    **dict.fromkeys(("@daily", "@midnight"), "0 0 * * *"),
    "@hourly": "0 * * * *",
}
"""What stands for a schedule, and for which one."""


def schedule(text: str, _minor: int) -> list[str]:
    """Say why the API server rejects a schedule that is not empty.

    Where it gives no answer at all (see `panics`), these are the words of those that do.
    """
    read = _read(text)
    return [*([read] if isinstance(read, str) else []), *([TZ_WITHIN] if "TZ" in text else [])]


def panics(text: str, minor: int) -> bool:
    """Tell whether the API server panics at a schedule: the client gets no answer."""
    return minor < _RECOVERS and _read(text) == _PANIC


def parse(text: str) -> Schedule:
    """Read a schedule; a prefix `TZ=` is taken off.

    Raises:
        ScheduleError: the API server cannot read it.
    """
    read = _read(text)
    if isinstance(read, str):
        raise ScheduleError(read)
    return read


@remembered(1024)  # a CronJob is looked at by several rules, and at each of its updates
def _read(text: str) -> Schedule | str:
    """Read a schedule, or say why that is impossible."""
    try:
        return _schedule(text)
    except ScheduleError as error:
        return str(error)


def _schedule(text: str) -> Schedule:
    if text.startswith(("TZ=", "CRON_TZ=")):
        prefix, space, text = text.partition(" ")
        if not space:
            raise ScheduleError(_PANIC)
        name = prefix.partition("=")[2]
        if fault := load_fault(name):
            raise ScheduleError(f"provided bad location {name}: {fault}")
        text = text.strip(SPACES)
    if text.startswith("@every "):
        return Schedule(0, 0, 0, 0, 0, _seconds(text))
    if text.startswith("@"):
        if text not in DESCRIPTORS:
            raise ScheduleError(f"unrecognized descriptor: {text}")
        text = DESCRIPTORS[text]
    words = re.findall(f"[^{SPACES}]+", text)
    if len(words) != 5:
        raise ScheduleError(f"expected exactly 5 fields, found {len(words)}: [{' '.join(words)}]")
    return Schedule(*[_bits(word, field) for word, field in zip(words, _FIELDS, strict=True)])


def _bits(text: str, field: _Field) -> int:
    """Read a field: items with commas in between, of which some may be empty."""
    bits = 0
    for item in text.split(","):
        if item:
            bits |= _item(item, field)
    return bits


def _item(item: str, field: _Field) -> int:
    """Read an item: a range, perhaps with a step."""
    span, *steps = item.split("/")
    first, *last = span.split("-")
    star = 0
    if first in ("*", "?"):  # whatever comes behind a hyphen
        low, high, star = field.low, field.high, STAR
    else:
        low = field.number(first)
        if len(last) > 1:
            raise ScheduleError(f"too many hyphens: {item}")
        high = field.number(last[0]) if last else low
    if len(steps) > 1:
        raise ScheduleError(f"too many slashes: {item}")
    step = 1
    if steps:
        step = _number(steps[0])
        high = high if last else field.high
    if low < field.low:
        raise ScheduleError(f"beginning of range ({low}) below minimum ({field.low}): {item}")
    if high > field.high:
        raise ScheduleError(f"end of range ({high}) above maximum ({field.high}): {item}")
    if low > high:
        raise ScheduleError(f"beginning of range ({low}) beyond end of range ({high}): {item}")
    if step == 0:
        raise ScheduleError(f"step of range should be a positive number: {item}")
    if step == 1:
        return (1 << (high + 1)) - (1 << low) | star
    return sum(1 << number for number in range(low, high + 1, step))


def _number(text: str) -> int:
    """Read a number."""
    try:
        number = integer(text)
    except GoError as error:
        raise ScheduleError(f"failed to parse int from {text}: {error}") from None
    if number < 0:
        raise ScheduleError(f"negative number ({number}) not allowed: {text}")
    return number


def _seconds(text: str) -> int:
    """Read the time behind `@every `, in whole seconds: at least one."""
    try:
        nanoseconds = duration(text.removeprefix("@every "))
    except GoError as error:
        raise ScheduleError(f"failed to parse duration {text}: {error}") from None
    return max(1, nanoseconds // 10**9)


def next_after(schedule: Schedule, when: datetime) -> datetime | None:
    """Return the first run after a time, in the zone of that time, which has no daylight saving.

    Returns:
        None where the library gives up: nothing is due in that year and the five after it.
    """
    if schedule.every:
        return when.replace(microsecond=0) + timedelta(seconds=schedule.every)
    start = when.replace(second=0, microsecond=0) + timedelta(minutes=1)
    hours, minutes = _numbers(schedule.hours), _numbers(schedule.minutes)
    if not hours or not minutes:
        return None
    limit = min((when + timedelta(seconds=1)).year + 5, date.max.year)
    for ordinal in range(start.toordinal(), date(limit, 12, 31).toordinal() + 1):
        day = date.fromordinal(ordinal)
        if schedule.months >> day.month & 1 and _fits(schedule, day):
            for hour in hours:
                for minute in minutes:
                    run = start.replace(day.year, day.month, day.day, hour, minute)
                    if run >= start:
                        return run
    return None


def _fits(schedule: Schedule, day: date) -> bool:
    """Tell whether something is due on a day of a month that fits."""
    of_month = bool(schedule.days >> day.day & 1)
    of_week = bool(schedule.weekdays >> day.isoweekday() % 7 & 1)
    if (schedule.days | schedule.weekdays) & STAR:
        return of_month and of_week
    return of_month or of_week


def _numbers(bits: int) -> list[int]:
    """Return the numbers of a field."""
    return [number for number in range((bits & ~STAR).bit_length()) if bits >> number & 1]


def never_fires(schedule: Schedule) -> bool:
    """Tell whether no time ever fits: a field is empty, or no month has such a day."""
    if schedule.every:
        return False
    lengths = [monthrange(2024, month)[1] for month in _numbers(schedule.months)]  # a leap year
    of_month = any(schedule.days & (2 << length) - 1 for length in lengths)
    if (schedule.days | schedule.weekdays) & STAR:
        has_day = of_month and schedule.weekdays > 0
    else:
        has_day = of_month or (schedule.months and schedule.weekdays) > 0
    return not (schedule.minutes and schedule.hours and has_day)


def least_period(schedule: Schedule) -> int | None:
    """Return the shortest time from a run to the next in seconds, without daylight saving; None: no run."""
    if schedule.every:
        return schedule.every
    hours, minutes = _numbers(schedule.hours), _numbers(schedule.minutes)
    if not hours or not minutes or not schedule.months:
        return None
    days = _least_days(schedule)
    if days is None:
        return None
    within_hour = [later - earlier for earlier, later in pairwise(minutes)]
    span = minutes[-1] - minutes[0]
    within_day = [60 * (later - earlier) - span for earlier, later in pairwise(hours)]
    overnight = 60 * (24 * days - hours[-1] + hours[0]) - span
    return 60 * min([*within_hour, *within_day, overnight])


def _least_days(schedule: Schedule) -> int | None:
    """Return the shortest time from a day that fits to the next, in days; None: no day fits.

    Every month has four whole weeks, so that any two neighbours of a week stand in each of them; and in the
    course of the years every day of a month falls on each weekday.
    """
    week = _numbers(schedule.weekdays)
    weekly = min(
        ((later - earlier) % 7 or 7 for earlier, later in pairwise([*week, *week[:1]])), default=None
    )
    if schedule.days & STAR:
        return weekly
    monthly = _least_days_of_months(schedule)
    if schedule.weekdays & STAR:
        return monthly
    return 1 if weekly and monthly else weekly or monthly


def _least_days_of_months(schedule: Schedule) -> int | None:
    """Return the shortest time from one of the days of the months to the next."""
    days = schedule.days & ~STAR
    edges = []
    longest = 0
    for year in range(2024, 2029):  # from a leap year to the next
        for month in _numbers(schedule.months):
            length = monthrange(year, month)[1]
            if fitting := _numbers(days & (2 << length) - 1):
                longest = max(longest, length)
                edges += [date(year, month, day).toordinal() for day in (fitting[0], fitting[-1])]
    from_month_to_month = [first - last for last, first in zip(edges[1::2], edges[2::2], strict=False)]
    within = [later - earlier for earlier, later in pairwise(_numbers(days & (2 << longest) - 1))]
    return min(from_month_to_month + within, default=None)
