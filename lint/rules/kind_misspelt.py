"""The kind is one that there is: `Job` or `CronJob`, letter by letter.

`kind: Cronjob` reads well, and is no kind: the API server finds no match for it, and nothing is made. Scripts
that apply a folder and look at the last line only do not notice.
"""

from collections.abc import Iterator

from lint.edit import Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity


def check(job: Job, _params: None) -> Iterator[Finding]:
    if not job.misspelt:
        return
    path, version = ("kind",), job.object.at("apiVersion").as_str()
    if job.misspelt == job.kind.lower():  # kubectl finds the resource, and the server not the kind
        what = f'no kind "{job.misspelt}" is registered for version "{version}"'
    else:
        what = f'no matches for kind "{job.misspelt}" in version "{version}"'
    yield Finding(path, f"{what}: it is {job.kind}", Fix(f"set kind: {job.kind}", (Set(path, job.kind),)))


_CRONJOB = """\
apiVersion: batch/v1
kind: KIND
metadata:
  name: report
spec:
  schedule: "17 5 * * *"
  jobTemplate:
    spec:
      template:
        spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}
"""
_JOB = """\
apiVersion: batch/v1
kind: job
metadata:
  name: report
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}
"""

RULE = Rule(
    id="kind-misspelt",
    doc=__doc__,
    severity=Severity.ERROR,
    class_=Class.SERVER,
    params=None,
    check=check,
    good=(
        Good(_CRONJOB.replace("KIND", "CronJob")),
        Good(_CRONJOB.replace("KIND", "CronTab")),
    ),
    bad=(
        Bad(
            _CRONJOB.replace("KIND", "Cronjob"), fixed=_CRONJOB.replace("KIND", "CronJob"), text_only=True
        ),  # the API server asks no webhook about it
        Bad(_JOB, fixed=_JOB.replace("job", "Job"), text_only=True),
    ),
)
