"""The next runs of a CronJob, and what becomes of them where one lasts longer than the time to the next.

What `syncCronJob` of pkg/controller/cronjob/cronjob_controllerv2.go does: under `Forbid` the latest run that
was missed starts when the one before it ends, unless `startingDeadlineSeconds` is over; under `Replace` the
one before is deleted; under `Allow` they run side by side.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

_FOREVER = 100 * 365 * 86400
"""Seconds: what takes longer is taken not to end, since the year 9999 is the last one."""


@dataclass(frozen=True)
class Run:
    """A run of a CronJob; times are in UTC."""

    scheduled: datetime
    start: datetime | None
    """None: it does not start."""
    end: datetime | None
    """None: it does not start, or nobody knows when it ends."""
    outcome: str
    """`runs`, `late`, `skipped` or `replaced`."""


def runs(times: Iterable[datetime], policy: str, length: int | None, starting: int | None) -> list[Run]:
    """Say what becomes of each run but the last, which limits the others.

    Args:
        times: when runs are due.
        policy: `concurrencyPolicy`.
        length: seconds that each takes; None: it never ends.
        starting: `startingDeadlineSeconds`.
    """
    last = None if length is None or length > _FOREVER else timedelta(seconds=length)
    if policy == "Forbid":
        return list(_one_by_one(list(times), last, starting))
    return [_run(start, following, policy, last) for start, following in pairwise(times)]


def _run(start: datetime, following: datetime, policy: str, length: timedelta | None) -> Run:
    end = None if length is None else start + length
    if policy == "Replace" and (end is None or end > following):
        return Run(start, start, following, "replaced")
    return Run(start, start, end, "runs")


def _one_by_one(times: list[datetime], length: timedelta | None, starting: int | None) -> Iterator[Run]:
    """Let each run wait for the one before it."""
    free: datetime | None = min(times, default=None)
    for scheduled, following in pairwise(times):
        start = free and max(scheduled, free)
        in_time = starting is None or start is None or (start - scheduled).total_seconds() <= starting
        if start is None or start >= following or not in_time:  # a later one is due by then
            yield Run(scheduled, None, None, "skipped")
            continue
        free = None if length is None else start + length
        yield Run(scheduled, start, free, "late" if start > scheduled else "runs")
