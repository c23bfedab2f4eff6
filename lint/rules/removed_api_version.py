"""Jobs and CronJobs are of `batch/v1`, the one version that the API server still knows.

CronJobs were `batch/v1beta1` before Kubernetes 1.21, and may be nothing but `batch/v1` since 1.25; their
fields are the same in both. In `v1`, where Pods are, there never was a Job. Kinds of that name in groups with
a dot (`batch.volcano.sh`) belong to somebody else, and are not looked at.
"""

from collections.abc import Iterator

from lint.edit import Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity


def check(job: Job, _params: None) -> Iterator[Finding]:
    version = job.object.at("apiVersion")
    text = version.as_str() or ""
    if text == "batch/v1" or version.placeholder or (not text and job.guards.partial):
        return
    fix = Fix("set apiVersion: batch/v1", (Set(version.path, "batch/v1"),))
    what = f'no matches for kind "{job.kind}" in version "{text}"' if text else "apiVersion not set"
    yield Finding(version.path, f"{what}: it is batch/v1", fix)


_CRONJOB = """\
apiVersion: VERSION
kind: CronJob
metadata:
  name: report
spec:
  schedule: "17 5 * * *"
  jobTemplate:
    spec:
      template:
        spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}
"""

RULE = Rule(
    id="removed-api-version",
    doc=__doc__,
    severity=Severity.ERROR,
    class_=Class.SERVER,
    params=None,
    check=check,
    good=(
        Good(_CRONJOB.replace("VERSION", "batch/v1")),
        Good(_CRONJOB.replace("VERSION", '"batch/{{ .Values.version }}"')),
    ),
    bad=(
        Bad(_CRONJOB.replace("VERSION", "batch/v1beta1"), fixed=_CRONJOB.replace("VERSION", "batch/v1")),
        Bad(_CRONJOB.replace("VERSION", "batch/v3"), fixed=_CRONJOB.replace("VERSION", "batch/v1")),
        Bad(_CRONJOB.replace("VERSION", "v1"), fixed=_CRONJOB.replace("VERSION", "batch/v1")),
        Bad(
            _CRONJOB.replace("apiVersion: VERSION\n", ""),
            fixed=_CRONJOB.replace("apiVersion: VERSION\n", "").replace(
                "CronJob\n", "CronJob\napiVersion: batch/v1\n"
            ),
        ),
    ),
)
