"""Numbers are such as something can come of.

The API server rejects negative ones. It takes a 0 that cannot work: with `activeDeadlineSeconds: 0` a Job
fails before its first Pod, with `startingDeadlineSeconds: 0` a CronJob never runs, and nobody is told. With
less than ten seconds it runs only as long as its controller is on time. With `completions: 0` a Job is
complete at once.
"""

from collections.abc import Iterator

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity, rejected

_PUNCTUAL = 10
"""Seconds; the controller looks every ten."""


def check(job: Job, _params: None) -> Iterator[Finding]:
    yield from rejected(job, "numeric-bounds")
    deadline, completions = job.spec.at("activeDeadlineSeconds"), job.spec.at("completions")
    if deadline.as_int() == 0:
        yield Finding(deadline.path, "0 seconds: the Job fails before it has made a Pod", class_=Class.HOLE)
    if completions.as_int() == 0:
        message = "0 completions: the Job is complete at once, and makes no Pod"
        yield Finding(completions.path, message, severity=Severity.WARNING, class_=Class.PRACTICE)
    if not job.cronjob:
        return
    late = job.object.at("spec", "startingDeadlineSeconds")
    seconds = late.as_int()
    if seconds == 0:
        yield Finding(late.path, "0 seconds: it is always too late, and no Job is made", class_=Class.HOLE)
    elif seconds is not None and 0 < seconds < _PUNCTUAL:
        message = f"{seconds} seconds: the controller looks every {_PUNCTUAL}, and may miss a run"
        yield Finding(late.path, message, severity=Severity.INFO, class_=Class.PRACTICE)


_JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: report
spec:
  FIELD
  template:
    spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}
"""

_CRONJOB = """\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: report
spec:
  schedule: "17 5 * * *"
  FIELD
  jobTemplate:
    spec:
      template:
        spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}
"""

RULE = Rule(
    id="numeric-bounds",
    doc=__doc__,
    severity=Severity.ERROR,
    class_=Class.SERVER,
    params=None,
    check=check,
    about=frozenset(("activeDeadlineSeconds", "completions", "startingDeadlineSeconds")),
    good=(
        Good(_JOB.replace("FIELD", "backoffLimit: 0")),
        Good(_JOB.replace("FIELD", "ttlSecondsAfterFinished: 0")),  # another rule has its doubts
        Good(_CRONJOB.replace("FIELD", "startingDeadlineSeconds: 10")),
        Good(_CRONJOB.replace("FIELD", "successfulJobsHistoryLimit: 0")),
    ),
    bad=(
        Bad(_JOB.replace("FIELD", "backoffLimit: -1")),
        Bad(_JOB.replace("FIELD", "activeDeadlineSeconds: 0")),
        Bad(_JOB.replace("FIELD", "completions: 0")),
        Bad(_CRONJOB.replace("FIELD", "failedJobsHistoryLimit: -1")),
        Bad(_CRONJOB.replace("FIELD", "startingDeadlineSeconds: 0")),
        Bad(_CRONJOB.replace("FIELD", "startingDeadlineSeconds: 5")),
    ),
)
