"""An Indexed Job says how many indexes it has, and keeps the bounds that the API server sets.

Its indexes are 0 to `completions` - 1, so the API server rejects an Indexed Job without `completions`. A Job
with neither `completions` nor `parallelism` gets 1 for both; the template of a CronJob gets nothing.

Back-off per index is for Indexed Jobs alone. The status lists the indexes that are done and those that
failed, and bounds keep the lists short. A Job of more than 100000 completions that runs more than 10000 Pods
at a time is accepted, but Kubernetes may lose track of it when many fail.
"""

from collections.abc import Iterator

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity, refusal

_MANY = 100_000
"""Completions above this are many; nothing else may be above it."""

_MAX_OF_MANY = 10_000


def check(job: Job, _params: None) -> Iterator[Finding]:
    for cause in job.causes("indexed-constraints"):
        mend = ""
        if cause.path[-1] == "completions":
            mend = "; set the number of indexes: a work queue has none, and is NonIndexed"
        elif cause.detail == "requires indexed completion mode":
            mend = ": set completionMode: Indexed"
        yield refusal(cause, mend)
    spec = job.effective.spec
    total, parallelism = spec.at("completions").as_int(), spec.at("parallelism")
    if job.indexed and total is not None and total > _MANY and (parallelism.as_int() or 0) > _MAX_OF_MANY:
        yield Finding(
            parallelism.path,
            f"with {total} completions and {parallelism.value} Pods at a time, Kubernetes might not be able "
            f"to track completedIndexes when a big number of indexes fail: set {_MAX_OF_MANY} or less",
            severity=Severity.WARNING,
            class_=Class.PRACTICE,
        )


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
    about=frozenset(("completionMode",)),
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
