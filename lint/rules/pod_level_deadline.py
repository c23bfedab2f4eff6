"""The time of a Job is limited in the Job's spec, not in that of its Pods.

`activeDeadlineSeconds` in the Pod template starts anew with each Pod. The Pod that reaches it has failed, and
the Job makes the next, as often as `backoffLimit` allows, with growing waits in between; a Pod that is not
started yet has no time to run out. The field of the same name in the Job's spec ends all of it.

Where the Job has both, the Pod's is a limit for one try, unless it is as long as the Job's: then the Job's
always comes first, which is noted.

Spared are Jobs of one try (`backoffLimit: 0`, or the same per index), where the two do nearly the same, and,
before Kubernetes 1.36, Jobs that a queue starts or that begin suspended: there the Job's own deadline goes on
while it is suspended again.
"""

from collections.abc import Iterator

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity

_RESTARTS_CLOCK = 36
"""The first minor that clears `status.startTime` when a Job is suspended."""


def check(job: Job, _params: None) -> Iterator[Finding]:
    one_try, deadline = job.pod.at("activeDeadlineSeconds"), job.spec.at("activeDeadlineSeconds")
    seconds, total = one_try.as_int(), deadline.as_int()
    if seconds is None or seconds <= 0 or job.guards.partial:
        return
    if total is not None and seconds >= total:
        message = (
            f"{seconds} seconds are never reached: the Job's own deadline is {total}, and starts earlier"
        )
        yield Finding(one_try.path, message, severity=Severity.INFO)
    elif deadline.unset and not _meant(job):
        message = (
            f"{seconds} seconds are for each Pod, and the Job makes the next: move this to the Job's spec, "
            "or set a deadline for all tries there"
        )
        yield Finding(one_try.path, message)


def _meant(job: Job) -> bool:
    """Tell whether a limit for each Pod is all that is wanted."""
    if any(job.spec.at(key).as_int() == 0 for key in ("backoffLimit", "backoffLimitPerIndex")):
        return True
    return job.minor < _RESTARTS_CLOCK and (job.guards.queue or job.spec.at("suspend").as_bool() is True)


def _job(*fields: str, pod: str = "", metadata: str = "name: report") -> str:
    lines = "".join(f"  {field}\n" for field in fields)
    inner = f"      {pod}\n" if pod else ""
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  {metadata}
spec:
{lines}  template:
    spec:
      restartPolicy: Never
{inner}      containers:
        - name: report
          image: report:1.4
"""


_HOUR, _TEN_MINUTES = "activeDeadlineSeconds: 3600", "activeDeadlineSeconds: 600"
_QUEUE = "labels: {kueue.x-k8s.io/queue-name: batch}"

RULE = Rule(
    id="pod-level-deadline",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=None,
    check=check,
    about=frozenset(("activeDeadlineSeconds",)),
    good=(
        Good(_job("backoffLimit: 2", _HOUR)),
        Good(_job("backoffLimit: 2", _HOUR, pod=_TEN_MINUTES)),  # three tries
        Good(_job("backoffLimit: 2", _HOUR, pod="activeDeadlineSeconds: 3599")),
        Good(_job("backoffLimit: 0", pod=_TEN_MINUTES)),  # one try
        Good(_job("completionMode: Indexed", "completions: 9", "backoffLimitPerIndex: 0", pod=_TEN_MINUTES)),
        Good(_job("backoffLimit: 2", pod=_TEN_MINUTES, metadata=_QUEUE)),
        Good(_job("backoffLimit: 2", "suspend: true", pod=_TEN_MINUTES)),
    ),
    bad=(
        Bad(
            _job("backoffLimit: 2", pod=_TEN_MINUTES),
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: report
            spec:
              schedule: "17 5 * * *"
              jobTemplate:
                spec:
                  template:
                    spec:
                      activeDeadlineSeconds: 600
                      restartPolicy: OnFailure
                      containers:
                        - name: report
                          image: report:1.4
            """,
        ),
        Bad(_job("activeDeadlineSeconds: null", pod=_TEN_MINUTES)),
        Bad(_job("backoffLimit: 2", _HOUR, pod=_HOUR)),
        Bad(
            _job("backoffLimit: 2", pod=_TEN_MINUTES, metadata=_QUEUE),
            minor=36,
        ),
    ),
)
