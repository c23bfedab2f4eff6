"""The forecast of one Job or CronJob."""

from dataclasses import dataclass

from lint.forecast.courses import Assumptions, Course, failure, longest, success
from lint.forecast.dates import Calendar, Window, calendar
from lint.forecast.facts import Fact, deleted, facts, logs
from lint.forecast.plan import Plan, read
from lint.job import Job


@dataclass(frozen=True)
class Forecast:
    """What a Job, or each Job of a CronJob, will do."""

    kind: str
    namespace: str
    name: str
    plan: Plan
    given: Assumptions
    success: Course | None
    """None: nobody knows how long a Pod takes, or no Pod can succeed."""
    failure: Course
    longest: Course
    facts: tuple[Fact, ...]
    calendar: Calendar | None
    """When a CronJob runs."""


def forecast(job: Job, given: Assumptions, window: Window) -> Forecast:
    """Say what a Job will do, or a CronJob with its next runs.

    Raises:
        UnclearError: nobody can say.
    """
    plan = read(job)
    good, bad, worst = success(plan, given), failure(plan, given), longest(plan, given)
    length = None if plan.suspended else worst.end if good is None else good.end
    dates = calendar(job, plan, worst, length, window) if job.cronjob else None
    told = (*facts(plan, given, good, worst), logs(plan), *(dates.facts if dates else (deleted(plan),)))
    metadata = job.metadata
    name = metadata.at("name").as_str() or metadata.at("generateName").as_str() or ""
    namespace = metadata.at("namespace").as_str() or ""
    return Forecast(job.kind, namespace, name, plan, given, good, bad, worst, told, dates)
