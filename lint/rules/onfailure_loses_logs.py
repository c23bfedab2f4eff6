"""The logs of a Job that fails outlive it.

Under `restartPolicy: OnFailure` the failed container is started again in the same Pod, of which
`kubectl logs` has this run and the one before. When the Job fails, because of its restarts or its deadline,
that Pod is still active, and the Job controller deletes it: `kubectl get pods` shows nothing, and the logs
are gone. Under `Never` each try is a Pod of its own, and those that have failed stay, with their logs, until
the Job is deleted.

It is a note, since a restart in the same Pod can be what is wanted. Spared are workers of a queue
(`parallelism` without `completions`, or a variable with QUEUE or BROKER in its name) and Pods with an
`emptyDir`, which keeps what was done so far over a restart; Jobs that a controller owns, which decides about
retries; and all Jobs where the policy says that logs are shipped. `backoffLimit: 0` and
`backoffLimitPerIndex` go with Never for reasons of their own: see backoff-limit and per-index-onfailure.
"""

from collections.abc import Iterator
from typing import NamedTuple

from lint.edit import Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity


class Params(NamedTuple):
    """The entry `onfailure-loses-logs`: where logs are."""

    shipped: bool = False
    """Something in the cluster ships the logs of all containers to another place: nothing is lost."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    if job.restart_policy != "OnFailure" or params.shipped:
        return
    if job.guards.partial or job.guards.owned or _meant(job):
        return
    path = job.pod.at("restartPolicy").path
    message = (
        "the Pod of a Job that fails is deleted with its logs: write Never, under which failed Pods stay"
    )
    yield Finding(path, message, Fix("set restartPolicy: Never", (Set(path, "Never"),), safe=False))


def _meant(job: Job) -> bool:
    """Tell whether there is a use for a restart in the same Pod, or another rule speaks of Never."""
    if job.spec.at("backoffLimit").as_int() == 0 or job.spec.at("backoffLimitPerIndex").given:
        return True
    if job.spec.at("completions").unset and (job.spec.at("parallelism").as_int() or 1) > 1:
        return True
    if any(volume.at("emptyDir").given for volume in job.pod.at("volumes").items()):
        return True
    names = (entry.at("name").as_str() or "" for one in job.containers for entry in one.at("env").items())
    return any("QUEUE" in name or "BROKER" in name for name in names)


def _job(policy: str, *fields: str, pod: str = "", metadata: str = "name: report") -> str:
    lines = "\n  ".join(("activeDeadlineSeconds: 3600", *fields))
    inner = f"      {pod}\n" if pod else ""
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  {metadata}
spec:
  {lines}
  template:
    spec:
      restartPolicy: {policy}
{inner}      containers:
        - name: report
          image: report:1.4
"""


_CRONJOB = """\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: report
spec:
  schedule: "7 3 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: POLICY  # as everywhere
          containers:
            - name: report
              image: report:1.4
"""
_OWNED = (
    "ownerReferences: [{apiVersion: jobset.x-k8s.io/v1alpha2, kind: JobSet, name: report, uid: 5a0f3a1e, "
    "controller: true}]"
)
_BROKER = "          env: [{name: BROKER_URL, value: 'amqp://mq:5672'}]\n"
_VOLUMES = "volumes: [{name: key, secret: {secretName: key}}]"

RULE = Rule(
    id="onfailure-loses-logs",
    doc=__doc__,
    severity=Severity.INFO,
    class_=Class.PRACTICE,
    params=Params(),
    strict=Severity.WARNING,
    check=check,
    good=(
        Good(_job("Never")),
        Good(_job("OnFailure"), params=Params(shipped=True)),
        Good(_job("OnFailure", "parallelism: 5")),  # workers of a queue
        Good(f"{_job('OnFailure', 'completions: 8')}{_BROKER}"),
        Good(_job("OnFailure", pod="volumes: [{name: cache, emptyDir: {}}]")),
        Good(_job("OnFailure", "backoffLimit: 0")),
        Good(
            _job("OnFailure", "completionMode: Indexed", "completions: 3", "backoffLimitPerIndex: 1"),
        ),
        Good(_job("OnFailure", metadata=_OWNED)),
    ),
    bad=(
        Bad(_job("OnFailure"), fixed=_job("Never")),
        Bad(
            _job("OnFailure", "completions: 5", "parallelism: 5", pod=_VOLUMES),
            fixed=_job("Never", "completions: 5", "parallelism: 5", pod=_VOLUMES),
        ),
        Bad(_job("OnFailure", "parallelism: 1"), fixed=_job("Never", "parallelism: 1")),
        Bad(_CRONJOB.replace("POLICY", "OnFailure"), fixed=_CRONJOB.replace("POLICY", "Never")),
    ),
)
