"""`managedBy` names a controller by a domain and a path.

The API server rejects what is not of the form `example.com/name`, or longer than 63 bytes. A Job that another
controller manages is left alone by the Job controller from Kubernetes 1.32 on: make sure that the other is
there, or nothing happens.
"""

from collections.abc import Iterator

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity, rejected


def check(job: Job, _params: None) -> Iterator[Finding]:
    yield from rejected(job, "managed-by-invalid")


_JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: report
spec:
  managedBy: NAME
  template:
    spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}
"""

RULE = Rule(
    id="managed-by-invalid",
    doc=__doc__,
    severity=Severity.ERROR,
    class_=Class.SERVER,
    params=None,
    check=check,
    about=frozenset(),
    good=(
        Good(_JOB.replace("NAME", "kueue.x-k8s.io/multikueue")),
        Good(_JOB.replace("NAME", "jobs.example.com/of/the/night")),
        Good(_JOB.replace("NAME", '"${CONTROLLER}"')),
        Good(_JOB.replace("NAME", "anybody"), minor=31),  # which drops it
    ),
    bad=(
        Bad(_JOB.replace("NAME", "anybody")),
        Bad(_JOB.replace("NAME", "Example.com/runner")),
        Bad(_JOB.replace("NAME", '""')),
    ),
)
