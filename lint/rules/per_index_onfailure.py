"""A back-off limit per index goes with restartPolicy: Never.

`backoffLimitPerIndex` counts Pods that have failed. Under `restartPolicy: OnFailure` a container that fails
is started again in the same Pod, which does not fail: its index is tried for ever, whatever the limit, and
stands in no `failedIndexes`. The API reference says that the field is for Never only; the API server takes it
all the same.

Only `backoffLimit` counts restarts, those of all indexes together; beside a limit per index it is 2147483647,
unless it is written. Pods that fail as a whole, as evicted ones do, count for their index.
"""

from collections.abc import Iterator

from lint.edit import Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity

_NO_LIMIT = 2147483647
"""What the API server takes for `backoffLimit` beside a limit per index."""


def check(job: Job, _params: None) -> Iterator[Finding]:
    if job.restart_policy != "OnFailure" or not job.indexed:
        return
    each = job.spec.at("backoffLimitPerIndex").as_int()
    if each is None:
        return
    limit = job.spec.at("backoffLimit").as_int()
    end = (
        f"only restart {limit} of all indexes together ends it"
        if limit
        else "the first one ends the whole Job"
    )
    if limit is None or limit == _NO_LIMIT:
        end = "an index that fails is tried for ever"
    message = f"restarts in the same Pod do not count for backoffLimitPerIndex: {each}, {end}: write Never"
    path = job.pod.at("restartPolicy").path
    fix = Fix("set restartPolicy: Never", (Set(path, "Never"),), safe=False)
    yield Finding(path, message, fix)


def _job(policy: str, *fields: str) -> str:
    lines = "\n  ".join(("completionMode: Indexed", "completions: 24", *fields))
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  name: render
spec:
  {lines}
  template:
    spec:
      restartPolicy: {policy}
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
      completions: 24
      backoffLimitPerIndex: 0
      template:
        spec:
          restartPolicy: POLICY  # for all of them
          containers:
            - name: render
              image: render:2.0
"""

RULE = Rule(
    id="per-index-onfailure",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=None,
    check=check,
    about=frozenset(("backoffLimitPerIndex",)),
    good=(
        Good(_job("Never", "backoffLimitPerIndex: 2", "maxFailedIndexes: 5")),
        Good(_job("OnFailure", "backoffLimit: 8")),
        Good(_job("OnFailure", "backoffLimitPerIndex: null")),
    ),
    bad=(
        Bad(
            _job("OnFailure", "backoffLimitPerIndex: 2", "maxFailedIndexes: 5"),
            fixed=_job("Never", "backoffLimitPerIndex: 2", "maxFailedIndexes: 5"),
        ),
        Bad(  # 8 restarts, wherever they are, end all indexes
            _job("OnFailure", "backoffLimitPerIndex: 2", "backoffLimit: 8"),
            fixed=_job("Never", "backoffLimitPerIndex: 2", "backoffLimit: 8"),
        ),
        Bad(
            _job("OnFailure", "backoffLimitPerIndex: 2", "backoffLimit: 0"),
            fixed=_job("Never", "backoffLimitPerIndex: 2", "backoffLimit: 0"),
        ),
        Bad(_CRONJOB.replace("POLICY", "OnFailure"), fixed=_CRONJOB.replace("POLICY", "Never")),
    ),
)
