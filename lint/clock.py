"""When a schedule is due in a zone that changes its clocks.

The CronJob controller goes through real time and looks at the clock (`Next` of robfig/cron v3, spec.go): what
the clock skips is never due, what it shows twice is due twice.
"""

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from lint.validation.cron import Schedule, never_fires, next_after

_WEEK = timedelta(days=7)
"""No zone changes its clocks more often."""
_MINUTE = timedelta(minutes=1)
_ALL_HOURS = (1 << 24) - 1


class Change(NamedTuple):
    """A zone changes its clocks."""

    at: datetime
    """In UTC: the first minute of the new time."""
    before: timedelta
    """Ahead of UTC."""
    after: timedelta


class Odd(NamedTuple):
    """A run that the clocks take away, or double."""

    clock: datetime
    """What the clock would show, or shows twice; it has no zone."""
    doubled: bool


def due(schedule: Schedule, after: datetime, zone: tzinfo) -> Iterator[datetime]:
    """Iterate over the times when a schedule is due, in UTC.

    `@every` counts from the last run, or from when the CronJob was made: here from `after`. Of several times
    in one minute only the first makes a Job.
    """
    if never_fires(schedule):
        return
    minute = None
    with suppress(OverflowError):  # the year 9999 is the last one
        while (when := _next(schedule, after, zone)) is not None:
            if minute != (minute := when.replace(second=0)):
                yield when
            after = when


def _next(schedule: Schedule, after: datetime, zone: tzinfo) -> datetime | None:
    """Return the next time in UTC: between two changes of its clocks a zone is as good as none."""
    offset, since = _offset(after, zone), after
    while True:
        clock = next_after(schedule, after.replace(tzinfo=None) + offset)
        if clock is None:
            return None
        when = (clock - offset).replace(tzinfo=UTC)
        change = next(changes(zone, since, when), None) if not schedule.every else None
        if change is None:
            return when
        after, since, offset = change.at - _MINUTE, change.at, change.after


def changes(zone: tzinfo, start: datetime, end: datetime) -> Iterator[Change]:
    """Iterate over the changes of the clocks after one time, up to another."""
    before = _offset(start, zone)
    while start < end:
        following = min(start + _WEEK, end)
        if (after := _offset(following, zone)) != before:
            first = start.replace(second=0, microsecond=0)
            yield Change(_found(first, following, zone), before, after)
            before = after
        start = following


def _found(first: datetime, last: datetime, zone: tzinfo) -> datetime:
    """Return the minute in which the clocks are changed between two times."""
    before = _offset(first, zone)
    minutes = range((last - first) // _MINUTE + 1)
    at = bisect_left(minutes, 1, key=lambda minute: _offset(first + minute * _MINUTE, zone) != before)
    return first + at * _MINUTE


def odd(schedule: Schedule, zone: tzinfo, start: datetime, end: datetime) -> Iterator[Odd]:
    """Iterate over the runs between two times that the clocks take away or double.

    What is due in every hour keeps its distances, whatever the clocks show.
    """
    if schedule.every or schedule.hours & _ALL_HOURS == _ALL_HOURS:
        return
    for change in changes(zone, start, end):
        low, high = sorted((change.before, change.after))
        at = change.at.replace(tzinfo=None)
        run = next_after(schedule, at + low - _MINUTE)
        while run is not None and run < at + high:
            yield Odd(run, doubled=change.after < change.before)
            run = next_after(schedule, run)


def _offset(when: datetime, zone: tzinfo) -> timedelta:
    return when.astimezone(zone).utcoffset() or timedelta()
