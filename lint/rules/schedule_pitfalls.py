"""A schedule means what it seems to say.

Where day of month and day of week are both restricted, one of them is enough: `0 0 1-7 * 1` is not the first
Monday of a month but each Monday, and each of the days 1 to 7. With `*` as its minute, `* 3 * * *` runs 60
times from 3 o'clock on, and `* */1 * * *` each minute, not each hour. A step knows nothing beyond its field:
`*/90` is minute 0 of every hour. These are warned of; what follows is noted.

- `*/45` is minutes 0 and 45, and the gaps are 45 and 15 minutes.
- Months without a day 31 have no run on it.
- In a `timeZone` that changes its clocks, a time that is skipped has no run on that day, and one that comes
  twice has two.
- Minute 0 is what everybody writes: the Pods of a whole cluster start at once, and wait for nodes, for
  images and for each other. `--unsafe-fixes` takes another minute, which depends on namespace and name alone,
  and for `@daily` and longer an hour as well; who needs the full hour leaves it.

The shortest period that a team allows is a parameter. Of `@every` cron-never-fires speaks.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from lint.edit import Set
from lint.job import Job
from lint.memo import remembered
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity, quoted
from lint.schedule import period_of, schedule_of

if TYPE_CHECKING:
    from typing import Annotated

    from annotated_types import Ge  # who validates a policy file imports it

    from lint.validation.cron import Schedule

_FIELDS = ((60, "minutes"), (24, "hours"), (31, "days"), (12, "months"), (7, "weekdays"))
_STAR = 1 << 63
"""The bit of days and of weekdays that are not restricted: STAR of lint.validation.cron."""
_WITHOUT = {29: 1 << 2, 30: 1 << 2, 31: 1 << 2 | 1 << 4 | 1 << 6 | 1 << 9 | 1 << 11}
"""The months that may have no such day."""
_HOURS = (1 << 24) - 1
_AT_NIGHT = 1 << 23 | 0b1111
"""The hours in which clocks are changed."""
_YEAR = 2027
"""Stands for all others, so that what is said does not depend on the day."""


class Params(NamedTuple):
    """The entry `schedule-pitfalls`."""

    min_period: "Annotated[int, Ge(60)] | None" = None
    """The shortest time from a run to the next that passes, in seconds; null: any."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    schedule = schedule_of(job)
    if schedule is None or not job.cronjob:
        return
    path = ("spec", "schedule")
    if params.min_period is not None and 0 < (period := period_of(job)) < params.min_period:
        message = f"runs are {period} seconds apart: the policy allows no less than {params.min_period}"
        yield Finding(path, message)
    if schedule.every:
        return
    text = job.object.at("spec", "schedule").value
    wrong, *odd = _seen(text, schedule)
    if wrong:
        yield Finding(path, wrong)
        return
    noted = filter(None, (*odd, _changing_clocks(job, schedule)))
    yield from (Finding(path, message, severity=Severity.INFO) for message in noted)
    if schedule.minutes == 1 and (schedule.days & _STAR or period_of(job)):  # else see cron-never-fires
        message = "everybody's CronJobs start at minute 0, and wait for each other: take another minute"
        yield Finding(path, message, _spread(job, text), severity=Severity.INFO)


@remembered(1024)  # most CronJobs have the schedule of another
def _seen(text: str, schedule: "Schedule") -> tuple[str, ...]:
    """Say what is surely not meant, and then what may not be."""
    words = _words(text)
    wrong = _days(schedule, words) or _each_minute(schedule, words) or _too_far(schedule, words)
    return wrong, _uneven(words), _short_months(schedule)


def _words(text: str) -> list[str]:
    """Return the five fields."""
    if text[0] == "@":
        from lint.validation.cron import DESCRIPTORS

        text = DESCRIPTORS[text]
    return text.split()


def _days(schedule: "Schedule", words: list[str]) -> str:
    """Find days that are alternatives."""
    days, weekdays = schedule.days, schedule.weekdays
    if (days | weekdays) & _STAR or not days or not weekdays:
        return ""
    if days.bit_count() == 31 or weekdays.bit_count() == 7:
        return f"runs every day: day of month {words[2]} or day of week {words[4]} is enough; write * for one"
    either = f"day of month {words[2]} or day of week {words[4]} is enough for a run"
    return f"{either}: write * for one, and test it in the container"


def _each_minute(schedule: "Schedule", words: list[str]) -> str:
    """Find hours alone that are filled with runs."""
    hours = schedule.hours & _HOURS
    if words[0] not in ("*", "?") or (words[1] != "*/1" and hours & (hours >> 1 | hours >> 23)):
        return ""
    better = quoted(" ".join(("17", *words[1:])))
    return f"minute {words[0]} is each of 60 in hour {words[1]}: write one, such as {better}"


def _too_far(schedule: "Schedule", words: list[str]) -> str:
    """Find a step that leaves its field at once."""
    for word, numbers, (size, name) in zip(words, schedule, _FIELDS, strict=False):
        step = word.partition("/")[2]
        if step.isdecimal() and int(step) > size and numbers & numbers - 1 == 0:
            first = (numbers & -numbers).bit_length() - 1
            every = f": for that period write @every {step}{name[0]}" if name in ("minutes", "hours") else ""
            return f"step {step} is more than the {size} {name} there are, so {word} is only {first}{every}"
    return ""


def _uneven(words: list[str]) -> str:
    """Find a step that comes to two numbers, with gaps that differ."""
    for word, (size, name) in zip(words[:2], _FIELDS, strict=False):
        step = word.removeprefix("*/")
        if step != word and step.isdecimal() and size < 2 * int(step) < 2 * size:
            return f"{word} is {name} 0 and {step}: the gaps are {step} and {size - int(step)} {name}"
    return ""


def _short_months(schedule: "Schedule") -> str:
    """Find days that some months do not have."""
    days = schedule.days
    if days & ((1 << 29) - 1 | _STAR) or not schedule.weekdays & _STAR:
        return ""
    first = (days & -days).bit_length() - 1
    without = _WITHOUT.get(first, 0)
    if not schedule.months & without or not schedule.months & ~without:
        return ""
    return f"there is no run in months without a day {first}: days 1 to 28 are in each"


def _changing_clocks(job: Job, schedule: "Schedule") -> str:
    """Find times of a zone that a day may not have, or have twice."""
    if not schedule.hours & _AT_NIGHT or schedule.hours.bit_count() > 4 or schedule.minutes.bit_count() > 1:
        return ""
    zone = job.object.at("spec", "timeZone").as_str()
    if not zone or not schedule.days & _STAR:
        return ""
    skipped, doubled = _hit(schedule, zone)
    what = ["no run when clocks go forward"] * skipped + ["two runs when clocks go back"] * doubled
    return f"in {zone} one day has {', another '.join(what)}: take another hour" if what else ""


@lru_cache(256)
def _hit(schedule: "Schedule", name: str) -> tuple[bool, bool]:
    """Tell whether a run is due in the time that is skipped, and in the one that comes twice."""
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from lint.clock import odd

    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # see cron-syntax
        return False, False
    year = (datetime(each, 1, 1, tzinfo=UTC) for each in (_YEAR, _YEAR + 1))
    doubled = {run.doubled for run in odd(schedule, zone, *year)}
    return False in doubled, True in doubled


def _spread(job: Job, text: str) -> Fix | None:
    """Take a minute by name, the same at each run of ours."""
    name = job.metadata.at("name")
    if not name.as_str() or name.placeholder:
        return None
    from zlib import crc32

    number = crc32(f"{job.metadata.at('namespace').as_str() or ''}/{name.value}".encode(errors="replace"))
    words = [str(1 + number % 59), *_words(text)[1:]]
    if text[0] == "@" and text not in ("@hourly", "@midnight"):
        words[1] = str(4 + number // 59 % 3)  # when no clocks are changed
    better = " ".join(words)
    return Fix(f"set schedule: {quoted(better)}", (Set(("spec", "schedule"), better),), safe=False)


def _cronjob(schedule: str, zone: str = "", image: str = "image: report:1.4", name: str = "report") -> str:
    return f"""\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {name}
spec:
  schedule: "{schedule}"
  timeZone: {zone or "null"}
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: report
              {image}
"""


_BERLIN, _NEW_YORK = "Europe/Berlin", "America/New_York"

RULE = Rule(
    id="schedule-pitfalls",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=Params(),
    check=check,
    about=frozenset(("schedule",)),
    good=(
        Good(_cronjob("17 3 * * *")),
        Good(_cronjob("17 3 1-7 * *")),
        Good(_cronjob("17 3 */1 * 1")),  # each Monday
        Good(_cronjob("17 3 ? * 1")),
        Good(_cronjob("* * * * *")),
        Good(_cronjob("* 9-17 * * 1-5")),
        Good(_cronjob("* 23,0 * * *")),
        Good(_cronjob("*/1 3 * * *")),
        Good(_cronjob("5,*/90 */24 1 */12 *")),
        Good(_cronjob("*/30 */12 */31 * *")),
        Good(_cronjob("17 3 * * */7")),
        Good(_cronjob("7,37,*/90 3 * * *")),
        Good(_cronjob("17 3 28-31 * *")),  # the script looks for the last day
        Good(_cronjob("17 3 31 1,12 *")),
        Good(_cronjob("17 3 29 2 *")),
        Good(_cronjob("0 3 31 2 *")),  # cron-never-fires
        Good(_cronjob("@every 90m")),
        Good(_cronjob("${SCHEDULE}")),
        Good(_cronjob("17 1 * * *", _BERLIN)),
        Good(_cronjob("17 3 * * *", _BERLIN)),
        Good(_cronjob("17 2 * * 1-5", _BERLIN)),  # changes are on Sundays
        Good(_cronjob("17 2 * * *", "Asia/Tokyo")),
        Good(_cronjob("17 2 * * *", "${ZONE}")),
        Good(_cronjob("17 * * * *", _BERLIN)),
        Good(_cronjob("*/15 * * * *"), params=Params(min_period=900)),
    ),
    bad=(
        Bad(_cronjob("17 3 1-7 * 1")),
        Bad(_cronjob("17 3 */2 * mon")),
        Bad(_cronjob("17 3 1-31 * 1")),
        Bad(_cronjob("17 3 1 * 0-6")),
        Bad(_cronjob("17 3 1-7 * 1", image="args: [--all]")),  # a patch
        Bad(_cronjob("* 3 * * *")),
        Bad(_cronjob("* */2 * * *")),
        Bad(_cronjob("* */1 * * *")),  # who writes a step of hours wants one run in each
        Bad(_cronjob("*/90 * * * *")),
        Bad(_cronjob("17 */36 * * *")),
        Bad(_cronjob("17 3 */32 * *")),
        Bad(_cronjob("*/45 * * * *")),
        Bad(_cronjob("17 */13 * * *")),
        Bad(_cronjob("17 3 31 * *")),
        Bad(_cronjob("17 3 30 * *")),
        Bad(_cronjob("17 2 * * *", _BERLIN)),
        Bad(_cronjob("17 2 * * 0", _NEW_YORK)),
        Bad(_cronjob("17 1 * * *", _NEW_YORK)),
        Bad(_cronjob("0 3 * * 1-5"), fixed=_cronjob("52 3 * * 1-5")),
        Bad(_cronjob("0 3 * * *", name='"{{ name }}"')),
        Bad(_cronjob("@hourly"), fixed=_cronjob("52 * * * *")),
        Bad(_cronjob("@midnight"), fixed=_cronjob("52 0 * * *")),
        Bad(_cronjob("@daily"), fixed=_cronjob("52 6 * * *")),
        Bad(_cronjob("@monthly", name="bill"), fixed=_cronjob("55 6 1 * *", name="bill")),
        Bad(_cronjob("*/15 * * * *"), params=Params(min_period=901)),
        Bad(_cronjob("@every 5m"), params=Params(min_period=600)),
    ),
)
