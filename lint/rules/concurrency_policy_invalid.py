"""`concurrencyPolicy` is Allow, Forbid or Replace.

It says what happens when a run is due while another is still there: both run, the new one is left out, or it
takes the place of the old one. The API server rejects other words.
"""

from collections.abc import Iterator

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity, rejected


def check(job: Job, _params: None) -> Iterator[Finding]:
    yield from rejected(job, "concurrency-policy-invalid")


_CRONJOB = """\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: report
spec:
  schedule: "17 5 * * *"
  concurrencyPolicy: POLICY
  jobTemplate:
    spec:
      template:
        spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}
"""

RULE = Rule(
    id="concurrency-policy-invalid",
    doc=__doc__,
    severity=Severity.ERROR,
    class_=Class.SERVER,
    params=None,
    check=check,
    about=frozenset(),
    good=(
        Good(_CRONJOB.replace("POLICY", "Forbid")),
        Good(_CRONJOB.replace("POLICY", '""')),  # means Allow
        Good(_CRONJOB.replace("POLICY", '"{{ .Values.policy }}"')),
    ),
    bad=(Bad(_CRONJOB.replace("POLICY", "forbid")), Bad(_CRONJOB.replace("POLICY", "Never"))),
)
