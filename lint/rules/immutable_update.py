"""A stored Job is not changed in what may not change.

Its template, selector, completion mode and policies are fixed when it is made; `completions` as well, but for
Indexed Jobs, in which it changes together with `parallelism`. Of a Job that is suspended, a queue may change
where its Pods run, and from Kubernetes 1.36 on what they ask for. A CronJob may be changed as a whole: that
counts for the Jobs to come.

A Job that has to change is deleted and made again, or gets another name: `generateName`, a hook that Helm
deletes before it makes the next, `Replace=true,Force=true` of Argo CD. It is compared with what `--against`
names.
"""

from collections.abc import Iterator

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity, refusal


def check(job: Job, _params: None) -> Iterator[Finding]:
    for cause in job.causes("immutable-update"):
        fixed = cause.detail.endswith("field is immutable")
        yield refusal(cause, "; delete the Job and make it again, or under another name" if fixed else "")


def _job(image: str, backoff_limit: int = 2) -> str:
    """Write an example."""
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  name: report
spec:
  backoffLimit: {backoff_limit}
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: report
          image: {image}
"""


RULE = Rule(
    id="immutable-update",
    doc=__doc__,
    severity=Severity.ERROR,
    class_=Class.SERVER,
    params=None,
    check=check,
    about=frozenset(),
    good=(
        Good(_job("report:1.4", 3), stored=_job("report:1.4")),
        Good(_job("report:1.5")),  # it may be new
    ),
    bad=(Bad(_job("report:1.5"), stored=_job("report:1.4")),),
)
