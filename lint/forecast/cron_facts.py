"""What the fields of a CronJob itself say, beside those of its Jobs."""

from collections.abc import Iterator
from dataclasses import dataclass

from lint.clock import Odd
from lint.forecast.facts import Fact, cause
from lint.forecast.plan import Plan
from lint.forecast.words import duration, moment, some
from lint.job import Job
from lint.validation.cron import Schedule, never_fires
from lint.view import View


@dataclass(frozen=True)
class About:
    """What the facts are about."""

    job: Job
    plan: Plan
    schedule: Schedule
    period: int
    """Seconds from a run to the next at the least."""
    longest: int | None
    """Seconds that a run can take; None: no limit."""
    odd: tuple[Odd, ...]
    """What the clocks take away, or double, within a year."""

    def view(self, name: str) -> View:
        """Return a field of the CronJob's spec."""
        return self.job.effective.object.at("spec", name)

    def fact(self, topic: str, text: str, *names: str) -> Fact:
        """Say something that follows from fields of the CronJob's spec."""
        causes = (cause(self.view(name), written=self.job.object.at("spec", name).given) for name in names)
        return Fact(topic, text, tuple(causes))


def cron_facts(about: About) -> Iterator[Fact]:
    """Say what there is to say of a CronJob."""
    yield from _starting(about)
    yield from _clocks(about)
    yield _overlap(about)
    yield from _history(about)


def _starting(about: About) -> Iterator[Fact]:
    """Say when runs do not start, or start late."""
    if about.view("suspend").as_bool():
        yield about.fact("runs", "none until somebody resumes it; then the last one missed starts", "suspend")
    if never_fires(about.schedule):
        yield about.fact("runs", "none: no time fits the schedule", "schedule")
    if about.schedule.every:
        yield about.fact(
            "runs", "counted from when the CronJob is made: here from the time of the forecast", "schedule"
        )
    if about.view("timeZone").unset:
        yield about.fact("time zone", "that of the controller manager: UTC is taken for it", "timeZone")
    seconds = about.view("startingDeadlineSeconds").as_int()
    if seconds == 0:
        text = "none: each run is too late from the beginning"
    elif seconds is None:
        text = "a run that is missed starts late, however late; of several the last one"
    else:
        text = f"a run that is missed by more than {duration(seconds)} is dropped"
    yield about.fact("missed", text, "startingDeadlineSeconds")


def _clocks(about: About) -> Iterator[Fact]:
    """Say which runs the clocks take away, or double."""
    for doubled, what in (
        (False, "no run: the clock skips it"),
        (True, "two runs: the clock shows it twice"),
    ):
        found = [one.clock for one in about.odd if one.doubled == doubled]
        if found:
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            yield about.fact("clocks", f"{moment(found[0])}{more}: {what}", "schedule", "timeZone")


def _overlap(about: About) -> Fact:
    """Say what happens where a run lasts longer than the time to the next."""
    longest, after = about.longest, duration(about.period)
    if longest is not None and longest <= about.period:
        text = f"none: a run takes {duration(longest)} at most, the next one starts after {after} or more"
        return about.fact("overlap", text, "schedule")
    policy, over = about.view("concurrencyPolicy").value, f"a run that takes over {after}"
    if policy == "Replace":
        text = f"{over} is deleted by the next, with its logs, and new Pods start while old ones end"
    elif policy == "Forbid":
        held = f"{over} holds up the next ones: the last one missed starts when it ends"
        text = "a run that hangs holds up all others, for ever" if longest is None else held
    elif longest is None:
        text = "a run that hangs stays, and each next one starts beside it"
    else:
        jobs = some(-(-longest // about.period), "Job")
        text = f"up to {jobs} side by side: one can take {duration(longest)}, the next starts after {after}"
    return about.fact("overlap", text, "concurrencyPolicy")


def _history(about: About) -> Iterator[Fact]:
    """Say how long finished runs, and with them their logs, stay."""
    for name, end in (("successfulJobsHistoryLimit", "succeeds"), ("failedJobsHistoryLimit", "fails")):
        kept = about.view(name).as_int() or 0
        if not kept:
            text = f"a run that {end} is deleted at once, with its logs"
        else:
            later = "another one" if kept == 1 else f"{kept} more"
            text = f"a run that {end} stays, with its logs, until {later} did so"
        yield about.fact("deleted", text, name)
    if (ttl := about.plan.ttl) is not None:
        path = (*about.plan.base, "spec", "ttlSecondsAfterFinished")
        causes = (cause(View(ttl, path), written=True),)
        yield Fact("deleted", f"each run {duration(ttl)} after its end in any case", causes)
