"""The next runs of a CronJob."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lint.clock import Odd, changes, due, odd
from lint.forecast.courses import Course
from lint.forecast.cron_facts import About, cron_facts
from lint.forecast.facts import Fact
from lint.forecast.plan import Plan, UnclearError
from lint.forecast.runs import Run, runs
from lint.job import Job
from lint.validation.cron import Schedule, least_period, parse

_YEAR = timedelta(days=365)
_MADE = 60
"""Seconds: the names of Jobs tell minutes apart, so there is one a minute at most."""


class Window(NamedTuple):
    """The next runs after a time."""

    start: datetime
    runs: int


@dataclass(frozen=True)
class Calendar:
    """When a CronJob runs."""

    zone: tzinfo
    zone_name: str
    zone_known: bool
    """The CronJob names it; otherwise it is that of the controller, which is taken to be UTC."""
    runs: tuple[Run, ...]
    length: int | None
    """Seconds that each run is taken to last; None: it never ends, or nobody knows."""
    odd: tuple[Odd, ...]
    """Within a year: what the clocks take away, or double."""
    facts: tuple[Fact, ...]


def calendar(job: Job, plan: Plan, longest: Course, length: int | None, window: Window) -> Calendar:
    """Look at the next runs of a CronJob.

    Each run is taken to last `length` seconds; None: it never ends, or nobody knows.

    Raises:
        UnclearError: the time zone is not known here.
    """
    spec = job.effective.object.at("spec")
    schedule, name = parse(spec.at("schedule").as_str() or ""), spec.at("timeZone").as_str() or ""
    zone, start, starting = _zone(name), window.start, spec.at("startingDeadlineSeconds").as_int()
    never = spec.at("suspend").as_bool() or starting == 0
    times = [] if never else list(islice(due(schedule, start, zone), window.runs + 1))
    strange = tuple(odd(schedule, zone, start, start + _YEAR)) if times else ()
    known = length is not None or plan.suspended
    policy = spec.at("concurrencyPolicy").as_str() or ""
    end = None if plan.suspended else longest.end
    about = About(job, plan, schedule, _soonest(schedule, zone, start, strange), end, strange)
    return Calendar(
        zone=zone,
        zone_name=name or "UTC",
        zone_known=bool(name),
        runs=tuple(runs(times, policy if known else "Allow", length, starting)),
        length=length,
        odd=strange,
        facts=tuple(cron_facts(about)),
    )


def _zone(name: str) -> tzinfo:
    """Find a zone by its name, or take the controller's to be UTC."""
    if name in ("", "UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnclearError(f"spec.timeZone: this machine does not know the zone {name}") from error


def _soonest(schedule: Schedule, zone: tzinfo, start: datetime, strange: tuple[Odd, ...]) -> int:
    """Return the least seconds from a run to the next, with what the clocks do within a year."""
    period = max(least_period(schedule) or _MADE, _MADE)
    if schedule.every:
        return period
    shifts = [int((one.after - one.before).total_seconds()) for one in changes(zone, start, start + _YEAR)]
    forward = max([0, *shifts])
    back = min([0, *shifts])
    shortest = period - forward if period > forward else period
    return min(shortest, -back) if any(one.doubled for one in strange) else shortest
