"""The spec of a CronJob, but its Jobs, which `job` checks.

The conditions are those of pkg/apis/batch/validation/validation.go. Of a new CronJob's Jobs hold `numbers`,
`indexed`, `managed_by`, `failure_policy`, `success_policy` and `restart_policy`; their names, labels and
selector are only made when they run.
"""

from collections.abc import Iterator
from typing import Final

from lint.path import Path
from lint.validation import metadata as meta
from lint.validation.cause import Cause, Typed, invalid, required, unsupported
from lint.validation.tree import Struct, number, struct, text, text_if_any

NAME_LIMIT: Final = 52
"""The name of a Job is that of its CronJob, and eleven characters."""

_NUMBERS = ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit")
_POLICIES = ("Allow", "Forbid", "Replace")
_JOB: Path = ("spec", "jobTemplate", "spec")
_NO_ZONE_IN_SCHEDULE = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
_TWO_ZONES = "cannot use both timeZone field and TZ or CRON_TZ in schedule"


def names(cronjob: Struct) -> Iterator[Cause]:
    """Check the name."""
    metadata = struct(cronjob, "metadata")
    yield from meta.names(metadata)
    name = meta.name_of(metadata)
    if len(name.encode("utf-8", "surrogatepass")) > NAME_LIMIT:
        wrong = f"must be no more than {NAME_LIMIT} characters"
        yield invalid(meta.name_path(metadata), name, wrong, "metadata.name")


def numbers(spec: Struct) -> Iterator[Cause]:
    """Find negative numbers."""
    for key in _NUMBERS:
        value = number(spec, key)
        if value is not None and value < 0:
            yield invalid(("spec", key), value, "must be greater than or equal to 0")


def concurrency_policy(spec: Struct) -> Iterator[Cause]:
    """Check what happens when one Job is to start while another runs."""
    policy = text(spec, "concurrencyPolicy")
    if policy and policy not in _POLICIES:
        yield unsupported(("spec", "concurrencyPolicy"), policy, _POLICIES)


def selector(spec: Struct) -> Iterator[Cause]:
    """Check that the Jobs leave their selector to the server."""
    job = struct(struct(spec, "jobTemplate"), "spec")
    if job.get("selector") is not None:
        yield invalid((*_JOB, "selector"), job["selector"], "`selector` will be auto-generated")
    if job.get("manualSelector") is True:
        yield unsupported((*_JOB, "manualSelector"), True, ("nil", "false"))  # noqa: FBT003  # a JSON value


def schedule(spec: Struct, minor: int, old: Struct | None = None) -> Iterator[Cause]:
    """Check the schedule; `old` is the spec before an update, which may go on to have a time zone in it."""
    from lint.validation import cron  # few objects are CronJobs

    given, at = text(spec, "schedule"), ("spec", "schedule")
    if not given:
        yield required(at)
        return
    if cron.panics(given, minor):
        yield invalid(at, given, "crashes the API server: leave TZ out, and set spec.timeZone")
        return
    allowed = old is not None and "TZ" in text(old, "schedule")
    for wrong in cron.schedule(given, minor):
        if not allowed or wrong != _NO_ZONE_IN_SCHEDULE:
            yield invalid(at, given, wrong)
    if allowed and "TZ" in given and spec.get("timeZone") is not None:
        yield invalid(at, given, _TWO_ZONES)


def time_zone(spec: Struct, minor: int) -> Iterator[Cause]:
    """Check the time zone."""
    from lint.validation import zones  # few objects have one

    name = text_if_any(spec, "timeZone")
    if name is not None:
        for wrong in zones.zone(name, minor):
            yield invalid(("spec", "timeZone"), Typed(name), wrong)
