"""When a CronJob runs: what several rules ask."""

from functools import lru_cache
from typing import TYPE_CHECKING

from lint.job import Job
from lint.memo import remembered

if TYPE_CHECKING:
    from lint.validation.cron import Schedule


def schedule_of(job: Job) -> "Schedule | None":
    """Return when a CronJob runs; None where nobody knows, since the API server cannot read it either."""
    text = job.object.at("spec", "schedule").value
    return _read(text) if isinstance(text, str) else None


@remembered(1024)  # most CronJobs have the schedule of another
def _read(text: str) -> "Schedule | None":
    if "TZ" in text:
        return None
    from lint.validation import cron  # most runs see no CronJob

    try:
        return cron.parse(text)
    except cron.ScheduleError:
        return None


def period_of(job: Job) -> int:
    """Return the shortest time from a run to the next, in seconds; 0 where nobody knows, or none comes."""
    schedule = schedule_of(job)
    return 0 if schedule is None else _period(schedule)


@lru_cache(1024)
def _period(schedule: "Schedule") -> int:
    from lint.validation import cron

    return 0 if cron.never_fires(schedule) else cron.least_period(schedule) or 0
