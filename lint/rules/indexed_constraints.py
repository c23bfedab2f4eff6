"""An Indexed Job says how many indexes it has, and keeps the bounds that the API server sets.

Its indexes are 0 to `completions` - 1, so the API server rejects an Indexed Job without `completions`. A Job
with neither `completions` nor `parallelism` gets 1 for both; the template of a CronJob gets nothing.

Back-off per index is for Indexed Jobs alone. The status lists the indexes that are done and those that
failed, and bounds keep the lists short. A Job of more than 100000 completions that runs more than 10000 Pods
at a time is accepted, but Kubernetes may lose track of it when many fail.
"""

from collections.abc import Iterator

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity, quoted
from lint.view import View

_MANY = 100_000
"""Completions above this are many; nothing else may be above it."""

_MAX_OF_MANY = 10_000
_OF_MANY = f" when completions are above {_MANY} and used with backoff limit per index"


def check(job: Job, _params: None) -> Iterator[Finding]:
    spec = job.spec
    mode, per_index = spec.at("completionMode"), spec.at("backoffLimitPerIndex")
    failed = spec.at("maxFailedIndexes")
    if (mode.unset and per_index.unset and failed.unset) or mode.placeholder:
        return
    if failed.as_int() is not None and per_index.unset:
        yield Finding(per_index.path, f"required when maxFailedIndexes is specified, which is {failed.value}")
    if mode.unset or mode.value == "NonIndexed":
        for view in (per_index, failed):
            if view.as_int() is not None:
                message = f"{view.value} requires indexed completion mode: set completionMode: Indexed"
                yield Finding(view.path, message)
    elif job.indexed:
        yield from _indexed(job, per_index, failed)
    elif mode.as_str() is not None:
        value = quoted(mode.value)
        yield Finding(mode.path, f'unsupported value: {value}; supported values: "NonIndexed", "Indexed"')


def _indexed(job: Job, per_index: View, failed: View) -> Iterator[Finding]:
    """Check the numbers of an Indexed Job."""
    spec = job.effective.spec
    completions, parallelism = spec.at("completions"), spec.at("parallelism")
    if completions.unset:
        undefaulted = " (a CronJob's template gets no default)" if job.cronjob and parallelism.unset else ""
        yield Finding(
            completions.path,
            f"required when completion mode is Indexed{undefaulted}: set the number of indexes; a work queue "
            "has none and is NonIndexed",
        )
    total = completions.as_int()
    if total is None or total <= _MANY or per_index.unset:
        yield from _at_most(_MANY, " when completion mode is Indexed", parallelism)
        yield from _at_most(*_fewer(total), failed)
        yield from _untracked(total, parallelism)
    elif per_index.as_int() is not None:
        if failed.unset:
            message = f"must be specified when completions is above {_MANY}: set {_MAX_OF_MANY} or less"
            yield Finding(failed.path, message)
        yield from _at_most(_MAX_OF_MANY, _OF_MANY, parallelism, failed)


def _untracked(total: int | None, parallelism: View) -> Iterator[Finding]:
    """Find what the API server warns of."""
    if total is not None and total > _MANY and _MAX_OF_MANY < (parallelism.as_int() or 0) <= _MANY:
        yield Finding(
            parallelism.path,
            f"with {total} completions and {parallelism.value} Pods at a time, Kubernetes might not be able "
            f"to track completedIndexes when a big number of indexes fail: set {_MAX_OF_MANY} or less",
            severity=Severity.WARNING,
            class_=Class.PRACTICE,
        )


def _fewer(total: int | None) -> tuple[int, str]:
    """Return how many indexes may fail, and why no more."""
    return (_MANY, "") if total is None or total > _MANY else (total, ", the number of completions")


def _at_most(bound: int, why: str, *numbers: View) -> Iterator[Finding]:
    """Find what is above a bound."""
    for view in numbers:
        if (number := view.as_int()) is not None and number > bound:
            yield Finding(view.path, f"{number} must be less than or equal to {bound}{why}")


def _job(*fields: str) -> str:
    """Write an example with these fields."""
    return _JOB.replace("FIELDS", "\n  ".join(fields))


def _cronjob(*fields: str) -> str:
    """Write an example with these fields in its template."""
    return _CRONJOB.replace("FIELDS", "\n      ".join(fields))


_JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: render
spec:
  FIELDS
  template:
    spec:
      restartPolicy: Never
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
  schedule: "7 3 * * *"
  jobTemplate:
    spec:
      FIELDS
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: render
              image: render:2.0
"""

_INDEXED = "completionMode: Indexed"

RULE = Rule(
    id="indexed-constraints",
    doc=__doc__,
    severity=Severity.ERROR,
    class_=Class.SERVER,
    params=None,
    check=check,
    good=(
        Good(
            _job(
                _INDEXED,
                "completions: 12",
                "parallelism: 4",
                "backoffLimitPerIndex: 1",
                "maxFailedIndexes: 12",
            )
        ),
        Good(_job(_INDEXED)),  # one index
        Good(_job("completionMode: null", "parallelism: 3")),
        Good(_job("completionMode: NonIndexed", "completions: 100001", "parallelism: 100001")),
        Good(_job(_INDEXED, "completions: 100000", "parallelism: 100000")),
        Good(_job(_INDEXED, "completions: 100001", "parallelism: 10000")),
        Good(
            _job(_INDEXED, "completions: 100000", "parallelism: 10001", "backoffLimitPerIndex: 0")
        ),  # not yet many
        Good(
            _job(
                _INDEXED,
                "completions: 100001",
                "parallelism: 10000",
                "backoffLimitPerIndex: 0",
                "maxFailedIndexes: 10000",
            )
        ),
        Good(_job('completionMode: "${MODE}"', "backoffLimitPerIndex: 1")),
        Good(_cronjob(_INDEXED, "completions: 3")),
    ),
    bad=(
        Bad(_job(_INDEXED, "parallelism: 3")),
        Bad(_cronjob(_INDEXED)),
        Bad(_job("completionMode: indexed", "completions: 3")),
        Bad(_job('completionMode: ""')),
        Bad(_job("completions: 3", "backoffLimitPerIndex: 1", "maxFailedIndexes: 1")),
        Bad(_cronjob("completionMode: NonIndexed", "backoffLimitPerIndex: 1")),
        Bad(_job(_INDEXED, "completions: 3", "maxFailedIndexes: 1")),
        Bad(_job(_INDEXED, "completions: 3", "backoffLimitPerIndex: 1", "maxFailedIndexes: 4")),
        Bad(_job(_INDEXED, "backoffLimitPerIndex: 1", "maxFailedIndexes: 2")),
        Bad(_job(_INDEXED, "completions: 100000", "parallelism: 100001")),
        Bad(_job(_INDEXED, "parallelism: 1", "backoffLimitPerIndex: 1", "maxFailedIndexes: 100001")),
        Bad(_job(_INDEXED, "completions: 100001", "backoffLimitPerIndex: 1")),
        Bad(
            _job(
                _INDEXED,
                "completions: 100001",
                "parallelism: 10001",
                "backoffLimitPerIndex: 1",
                "maxFailedIndexes: 10001",
            )
        ),
        Bad(_job(_INDEXED, "completions: 100001", "parallelism: 10001  # accepted")),
        Bad(_cronjob(_INDEXED, "completions: 100001", "parallelism: 100000")),
    ),
)
