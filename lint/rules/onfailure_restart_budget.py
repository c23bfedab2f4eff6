"""Under OnFailure there are restarts for every Pod that runs at the same time.

Under `restartPolicy: OnFailure` all Pods share `backoffLimit`: it is compared with the sum of all restarts,
of containers and init containers, native sidecars too, in the Pods that have not ended yet. When the sum
reaches the number, the Job has failed, and these Pods are deleted with their logs.

So where as many Pods run at a time as there are restarts, a database that is away for a minute costs each Pod
one, and the whole Job is over. Allow more restarts than there are Pods, run fewer at a time, or give each
index a limit of its own (Indexed, Never and `backoffLimitPerIndex`).

The number is reached, not passed: 6 bears five restarts. 1 bears none, and fails the Job at the first as 0
does, which is noted. So is a native sidecar: under Never its restarts do not count.
"""

from collections.abc import Iterator

from lint.families import BackoffLimit
from lint.job import Job, is_sidecar
from lint.rule import Bad, Class, Finding, Good, Rule, Severity

_SERVERS = 6
"""What the API server takes for `backoffLimit`."""

_SIDECARS = 29
"""The first minor that has native sidecars without being asked for them."""


def check(job: Job, params: BackoffLimit) -> Iterator[Finding]:
    if job.restart_policy != "OnFailure" or job.guards.partial:
        return
    if job.spec.at("backoffLimitPerIndex").given:  # see per-index-onfailure
        return
    written = job.spec.at("backoffLimit")
    limit = _SERVERS if written.unset else written.as_int()
    if not limit or limit < 0:  # see backoff-limit
        return
    if limit == 1:
        message = "the first restart of a container fails the Job, as with 0: write 2 to allow one"
        yield Finding(written.path, message, severity=Severity.INFO)
    elif limit <= (pods := _at_a_time(job)):
        wanted = _wanted(pods, params)
        message = f"one restart in each of {limit} Pods fails the Job, and {pods} run at a time: {wanted}"
        yield Finding(written.path, message)
    for container in job.init_containers:
        if is_sidecar(container) and job.minor >= _SIDECARS:
            message = (
                "restarts of this sidecar use up backoffLimit, too; under restartPolicy: Never they do not"
            )
            yield Finding(container.at("restartPolicy").path, message, severity=Severity.INFO)


def _at_a_time(job: Job) -> int:
    """Return how many Pods run at the same time; 0 where that is not known."""
    parallelism, completions = job.spec.at("parallelism"), job.spec.at("completions")
    pods = 1 if parallelism.unset else parallelism.as_int() or 0
    total = completions.as_int()
    return pods if total is None else min(pods, total)


def _wanted(pods: int, params: BackoffLimit) -> str:
    """Say what to do, within what the policy allows."""
    if pods < params.maximum:
        return f"allow at least {pods + 1}"
    return "run fewer, or use backoffLimitPerIndex with Indexed and Never"


def _job(*fields: str, policy: str = "OnFailure", pod: str = "") -> str:
    lines = "\n  ".join(fields)
    inner = f"      {pod}\n" if pod else ""
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  name: resize
spec:
  {lines}
  template:
    spec:
      restartPolicy: {policy}
{inner}      containers:
        - name: resize
          image: resize:2.0
"""


_SIDECAR = "initContainers: [{name: proxy, image: proxy:2.14, restartPolicy: Always}]"

RULE = Rule(
    id="onfailure-restart-budget",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=BackoffLimit(),
    family="backoffLimit",
    strict=Severity.ERROR,
    check=check,
    good=(
        Good(_job("backoffLimit: 3")),
        Good(_job("completions: 12", "parallelism: 5")),  # there are six
        Good(_job("completions: 12", "parallelism: 3", "backoffLimit: 4")),
        Good(_job("completions: 2", "parallelism: 8", "backoffLimit: 3")),  # two Pods
        Good(_job("completions: 12", "parallelism: 12", "backoffLimit: 0")),  # no restart is wanted
        Good(_job("completions: 12", "parallelism: 6", "backoffLimit: 6", policy="Never")),
        Good(_job("backoffLimit: 1", policy="Never", pod=_SIDECAR)),
        Good(_job("backoffLimit: 3", pod=_SIDECAR), minor=28),  # not a sidecar there
    ),
    bad=(
        Bad(_job("completions: 12", "parallelism: 6")),
        Bad(_job("parallelism: 3", "backoffLimit: 3")),
        Bad(_job("completions: 100", "parallelism: 30", "backoffLimit: 4")),
        Bad(_job("completions: 100", "parallelism: 4", "backoffLimit: 4"), params=BackoffLimit(3, 4)),
        Bad(_job("backoffLimit: 1")),
        Bad(_job("backoffLimit: 3", pod=_SIDECAR)),
        Bad(
            """\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: resize
            spec:
              schedule: "7 3 * * *"
              jobTemplate:
                spec:
                  completions: 20
                  parallelism: 10
                  template:
                    spec:
                      restartPolicy: OnFailure
                      containers:
                        - name: resize
                          image: resize:2.0
            """,
        ),
    ),
)
