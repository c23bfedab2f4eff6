"""The Pods of a Job are such as the API server takes.

Here is what it says of the Pod template: names of containers, ports and volumes, mounts without a volume,
sources of environment variables, probes, security contexts, affinities, tolerations and so on. Rules of their
own speak of the restart policy and of resources. What is not looked at is listed in docs/server-truth.md.
"""

from collections.abc import Iterator

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity, rejected


def check(job: Job, _params: None) -> Iterator[Finding]:
    yield from rejected(job, "template-invalid")


def _job(container: str, pod: str = "restartPolicy: Never") -> str:
    """Write an example."""
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  name: report
spec:
  template:
    spec:
      {pod}
      containers:
        - name: report
          image: report:1.4
          {container}
"""


RULE = Rule(
    id="template-invalid",
    doc=__doc__,
    severity=Severity.ERROR,
    class_=Class.SERVER,
    params=None,
    check=check,
    about=frozenset(),
    good=(
        Good(_job("ports: [{name: metrics, containerPort: 9090}]")),
        Good(
            _job(
                "volumeMounts: [{name: data, mountPath: /data}]",
                "restartPolicy: Never\n      volumes: [{name: data}]",
            )
        ),
        Good(
            _job(
                "volumeMounts: [{name: data, mountPath: /data}]",
                'restartPolicy: Never\n      volumes: [{name: "${V}"}]',
            )
        ),
        Good(_job("env: [{name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]")),
    ),
    bad=(
        Bad(_job("volumeMounts: [{name: data, mountPath: /data}]")),
        Bad(_job("ports: [{name: metrics-of-reports, containerPort: 90900}]")),
        Bad(_job("env: [{name: NODE, value: a, valueFrom: {fieldRef: {fieldPath: spec.node}}}]")),
        Bad(_job("imagePullPolicy: Sometimes")),
        Bad(
            _job(
                "tty: true", "restartPolicy: Never\n      initContainers: [{name: report, image: fetch:2.0}]"
            )
        ),
        Bad(
            _job(
                "tty: true",
                "restartPolicy: Never\n      tolerations: [{key: batch, operator: Exists, value: '1'}]",
            )
        ),
    ),
)
