"""An index that fails for good does not end the others.

In an Indexed Job all indexes share `backoffLimit`. One file of a hundred that cannot be read fails each time
it is tried, and when its failures are more than the limit, the whole Job has failed: the Pods of the other
indexes are deleted, and those that had not begun never run. With `backoffLimitPerIndex` (Kubernetes 1.29 and
later, only under `restartPolicy: Never`) each index has retries of its own, all are tried, and
`failedIndexes` in the status names those that failed; `maxFailedIndexes` ends a Job in which too many do.

It is a note, since a Job may be worth nothing without all of its parts. Spared are Jobs in which the Pods
work together, so that one cannot go on without the others: all run at once, they find each other by a
`subdomain`, a success policy chooses the ones that count, or a controller owns the Job. Spared are also few
completions, and a `backoffLimit` with a retry for each index.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, NamedTuple

from lint.edit import Remove, Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity

if TYPE_CHECKING:  # who validates a policy file imports it
    from annotated_types import Ge

_SERVERS = 6
"""What the API server takes for `backoffLimit`."""

_SINCE = 29
"""The first minor that has the field without being asked for it."""

_MANY = 100_000
"""With more completions than that, other limits hold."""


class Params(NamedTuple):
    """The entry `per-index-backoff`: where indexes have limits of their own, and which."""

    min_completions: "Annotated[int, Ge(1)]" = 20
    """Fewer indexes may share one limit."""

    limit: "Annotated[int, Ge(0)]" = 2
    """The retries of each index that the fix sets."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    completions = job.spec.at("completions").as_int()
    if completions is None or completions < params.min_completions or not job.indexed:
        return
    each, limit = job.spec.at("backoffLimitPerIndex"), job.spec.at("backoffLimit")
    if job.restart_policy != "Never" or each.given or job.minor < _SINCE or job.guards.partial:
        return
    retries = _SERVERS if limit.unset else limit.as_int()
    if retries is None or retries >= completions or _together(job, completions):
        return
    count = f"{retries + 1} failures" if retries else "1 failure"
    message = (
        f"{count} of any of the {completions} indexes end the whole Job: set backoffLimitPerIndex and "
        "maxFailedIndexes"
    )
    known = each.missing and completions <= _MANY and limit.value is not None
    yield Finding(each.path, message, _fix(job, params, completions) if known else None)


def _together(job: Job, completions: int) -> bool:
    """Tell whether the Pods need each other, or may do so."""
    parallelism = job.spec.at("parallelism")
    at_a_time = 1 if parallelism.unset else parallelism.as_int()
    if at_a_time is None or at_a_time >= completions or job.guards.owned:
        return True
    return job.pod.at("subdomain").given or job.spec.at("successPolicy").given


def _fix(job: Job, params: Params, completions: int) -> Fix:
    """Give each index its own limit; the shared one would still end the Job."""
    failed = max(1, completions // 10)
    limit = job.spec.at("backoffLimit")
    edits = (
        Set(job.spec.at("backoffLimitPerIndex").path, params.limit),
        Set(job.spec.at("maxFailedIndexes").path, failed),
        Remove(limit.path),  # also where there is none: no other fix may set it beside this one
    )
    title = f"set backoffLimitPerIndex: {params.limit} and maxFailedIndexes: {failed}"
    return Fix(f"{title}, without backoffLimit" if limit.given else title, edits, safe=False)


def _job(*fields: str, pod: str = "restartPolicy: Never", metadata: str = "name: render") -> str:
    lines = "\n  ".join(("completionMode: Indexed", *fields))
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  {metadata}
spec:
  {lines}
  template:
    spec:
      {pod}
      containers:
        - name: render
          image: render:2.0
"""


_CRONJOB = """\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: render
spec:
  schedule: "17 5 * * *"
  jobTemplate:
    spec:
      completionMode: Indexed
      completions: 100
      parallelism: 10
      FIELDS
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: render
              image: render:2.0
"""
_MANY_OF_THEM = ("completions: 100", "parallelism: 10")
_LIMITS = ("backoffLimitPerIndex: 2", "maxFailedIndexes: 10")
_OWNED = (
    "ownerReferences: [{apiVersion: jobset.x-k8s.io/v1alpha2, kind: JobSet, name: render, uid: 5a0f3a1e, "
    "controller: true}]"
)

RULE = Rule(
    id="per-index-backoff",
    doc=__doc__,
    severity=Severity.INFO,
    class_=Class.PRACTICE,
    params=Params(),
    strict=Severity.WARNING,
    check=check,
    good=(
        Good(_job("completions: 100", "parallelism: 10", "backoffLimitPerIndex: 2")),
        Good(_job("completions: 19", "parallelism: 3")),
        Good(_job("completions: 20", "parallelism: 3", "backoffLimit: 20")),
        Good(_job("completions: 64", "parallelism: 64")),  # all at once, as MPI has it
        Good(_job(*_MANY_OF_THEM, pod="subdomain: render\n      restartPolicy: Never")),
        Good(_job(*_MANY_OF_THEM, "successPolicy: {rules: [{succeededIndexes: '0'}]}")),
        Good(_job(*_MANY_OF_THEM, metadata=_OWNED)),
        Good(_job(*_MANY_OF_THEM, pod="restartPolicy: OnFailure")),
        Good(_job(*_MANY_OF_THEM).replace("Indexed", "NonIndexed")),
        Good(_job(*_MANY_OF_THEM), minor=28),
    ),
    bad=(
        Bad(
            _job("completions: 20", "parallelism: 3", "backoffLimit: 19  # of all"),
            fixed=_job("completions: 20", "parallelism: 3", "backoffLimitPerIndex: 2", "maxFailedIndexes: 2"),
        ),
        Bad(_job("completions: 100001", "parallelism: 10", "backoffLimit: 0")),
        Bad(
            _job("completions: 8", "parallelism: 1"),
            fixed=_job("completions: 8", "parallelism: 1", "backoffLimitPerIndex: 1", "maxFailedIndexes: 1"),
            params=Params(min_completions=8, limit=1),
        ),
        Bad(_CRONJOB.replace("FIELDS", "backoffLimit: null")),
        Bad(
            _CRONJOB.replace("      FIELDS\n", ""),
            fixed=_CRONJOB.replace("FIELDS", "backoffLimitPerIndex: 2\n      maxFailedIndexes: 10"),
        ),
    ),
)
