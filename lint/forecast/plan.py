"""What a Job says about its course, as plain numbers."""

from collections.abc import Iterator
from dataclasses import dataclass

from lint.job import Job
from lint.path import Path, dotted
from lint.validation.dropping import without
from lint.view import View

UNLIMITED = (1 << 31) - 1
"""What the API server takes for `backoffLimit` beside `backoffLimitPerIndex`: the largest number there is."""


_TEMPLATES = ("template", "jobTemplate")


class UnclearError(Exception):
    """Nobody can say what a Job will do, and why."""


@dataclass(frozen=True)
class FailureRule:
    """A rule of `podFailurePolicy`."""

    action: str
    operator: str
    """`In` or `NotIn`; empty for a rule about conditions of the Pod."""
    codes: tuple[int, ...]
    container: str
    """The container that it is about; empty for any."""
    conditions: tuple[str, ...]

    def matches(self, code: int, container: str) -> bool:
        """Tell whether the rule is about an exit code of a container."""
        if not self.operator or self.container not in ("", container):
            return False
        return (code in self.codes) == (self.operator == "In")


@dataclass(frozen=True)
class SuccessRule:
    """A rule of `successPolicy`."""

    indexes: tuple[tuple[int, int], ...] | None
    """First and last of each interval; None: all."""
    count: int | None

    def last(self, completions: int) -> int:
        """Return the index whose success fulfils the rule, where indexes succeed in their order."""
        intervals = ((0, completions - 1),) if self.indexes is None else self.indexes
        left = sum(end - start + 1 for start, end in intervals) if self.count is None else self.count
        for start, end in intervals:
            if left <= end - start + 1:
                return start + left - 1
            left -= end - start + 1
        return completions - 1


@dataclass(frozen=True)
class Plan:
    """A Job's course, after the API server's defaults; numbers are Pods and seconds."""

    job: Job
    """With the defaults."""
    written: Job
    """Without them."""
    parallelism: int
    completions: int | None
    """None: a work queue, which is done when a Pod has succeeded and all have ended."""
    indexed: bool
    backoff_limit: int
    per_index: int | None
    max_failed: int | None
    deadline: int | None
    pod_deadline: int | None
    grace: int
    ttl: int | None
    in_place: bool
    """`restartPolicy: OnFailure`."""
    suspended: bool
    rules: tuple[FailureRule, ...]
    successes: tuple[SuccessRule, ...]
    container: str
    """The first container: it is the one that fails."""
    base: Path
    """Where the Job stands in the object: for a CronJob, its template."""

    @property
    def together(self) -> int:
        """The number of Pods side by side."""
        return self.parallelism if self.completions is None else min(self.parallelism, self.completions)

    @property
    def pods(self) -> int:
        """The number of Pods where each succeeds."""
        return self.parallelism if self.completions is None else self.completions

    @property
    def waves(self) -> int:
        """How often Pods are started side by side where each succeeds."""
        return -(-self.pods // self.together) if self.together else 0

    def view(self, name: str) -> View:
        """Return a field of the Job's spec, or with `pod.` before its name one of the Pod's."""
        return self.job.pod.at(name[4:]) if name.startswith("pod.") else self.job.spec.at(name)


def read(job: Job) -> Plan:
    """Read a Job or CronJob.

    Raises:
        UnclearError: nobody can say what it will do.
    """
    _refuse(job)
    made = _job_of(job)
    effective = _effective(made)
    spec, pod = effective.spec, effective.pod
    return Plan(
        job=effective,
        written=made,
        parallelism=spec.at("parallelism").as_int() or 0,
        completions=spec.at("completions").as_int(),
        indexed=spec.at("completionMode").as_str() == "Indexed",
        backoff_limit=spec.at("backoffLimit").as_int() or 0,
        per_index=spec.at("backoffLimitPerIndex").as_int(),
        max_failed=spec.at("maxFailedIndexes").as_int(),
        deadline=spec.at("activeDeadlineSeconds").as_int(),
        pod_deadline=pod.at("activeDeadlineSeconds").as_int(),
        grace=max(pod.at("terminationGracePeriodSeconds").as_int() or 0, 0),
        ttl=spec.at("ttlSecondsAfterFinished").as_int(),
        in_place=pod.at("restartPolicy").as_str() == "OnFailure",
        suspended=spec.at("suspend").as_bool() or False,
        rules=tuple(map(_failure_rule, spec.at("podFailurePolicy", "rules").items())),
        successes=tuple(map(_success_rule, spec.at("successPolicy", "rules").items())),
        container=effective.containers[0].at("name").as_str() or "",
        base=("spec", "jobTemplate") if job.cronjob else (),
    )


def _refuse(job: Job) -> None:
    """Refuse what never runs, what is run by somebody else, and what is not known yet."""
    if job.guards.partial:
        raise UnclearError("it is a patch or a part of a Job: the rest is not here")
    if causes := [cause for found in job.rejected.values() for cause in found]:
        more = f" (and {len(causes) - 1} more: see `jobwarden lint`)" if len(causes) > 1 else ""
        raise UnclearError(f"the API server rejects it: {causes[0].field}: {causes[0].brief}{more}")
    for view in _deciding(job):
        if view.placeholder:
            raise UnclearError(f"{dotted(view.path)} is a placeholder: {view.value}")
    if job.guards.foreign:
        manager = job.spec.at("managedBy").value
        raise UnclearError(f"spec.managedBy: {manager} runs it, and not the Job controller of Kubernetes")


def _deciding(job: Job) -> Iterator[View]:
    """Iterate over all that decides what a Job does, as it is written."""
    for spec in (job.object.at("spec"), job.spec):
        for name, field in spec.fields():
            if name not in _TEMPLATES:
                yield from field.all()
    for name in ("restartPolicy", "activeDeadlineSeconds", "terminationGracePeriodSeconds"):
        yield job.pod.at(name)


def _job_of(job: Job) -> Job:
    """Return the Job itself, or of a CronJob the Job that it makes."""
    if not job.cronjob:
        return job
    template = job.object.at("spec", "jobTemplate").entries
    tree = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "job"},
        "spec": template.get("spec"),
    }
    return Job(tree, job.minor)


def _effective(job: Job) -> Job:
    """Return a Job as the API server keeps it: with its defaults, and without what it drops."""
    if not job.lost:
        return job.effective
    return Job(without(job.effective.object.value, job.lost), job.minor)


def _failure_rule(rule: View) -> FailureRule:
    codes, patterns = rule.at("onExitCodes"), rule.at("onPodConditions")
    return FailureRule(
        action=rule.at("action").as_str() or "",
        operator=codes.at("operator").as_str() or "",
        codes=tuple(filter(None, (code.as_int() for code in codes.at("values").items()))),
        container=codes.at("containerName").as_str() or "",
        conditions=tuple(pattern.at("type").as_str() or "" for pattern in patterns.items()),
    )


def _success_rule(rule: View) -> SuccessRule:
    listed = rule.at("succeededIndexes").as_str()
    return SuccessRule(
        None if listed is None else tuple(_intervals(listed)), rule.at("succeededCount").as_int()
    )


def _intervals(text: str) -> Iterator[tuple[int, int]]:
    for interval in filter(None, text.split(",")):
        first, _, last = interval.partition("-")
        yield int(first), int(last or first)
