"""A Job has a deadline, after which it has failed.

`backoffLimit` counts Pods that fail. A Pod that hangs never fails, nor does one that waits for an image that
cannot be pulled or for a node that has room (to delete it is no way out: that counts as a failure, and the
next one waits likewise); a Pod that a quota or Pod Security refuses is not even made. Such a Job stays active
for ever: no alert on failed Jobs fires, and under `concurrencyPolicy: Forbid` its CronJob never runs again.
With `activeDeadlineSeconds` it fails with the reason DeadlineExceeded.

The field of the same name in the Pod's spec is no replacement: it ends one Pod, and the Job makes the next.

Before Kubernetes 1.36 the clock goes on while a Job is suspended again, and one that is resumed after its
deadline fails at once: there, Jobs that a queue starts, or that begin suspended, are told about it only.
"""

from collections.abc import Iterator

from lint.edit import Set
from lint.families import Deadline
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity

_RESTARTS_CLOCK = 36
"""The first minor that clears `status.startTime` when a Job is suspended."""


def check(job: Job, params: Deadline) -> Iterator[Finding]:
    deadline = job.spec.at("activeDeadlineSeconds")
    if deadline.given:
        return
    message = _unbounded(job)
    if job.minor < _RESTARTS_CLOCK and (job.guards.queue or job.spec.at("suspend").as_bool()):
        yield Finding(
            deadline.path,
            f"{message}; mind that before 1.36 a Job resumed after its deadline fails at once",
            severity=Severity.INFO,
        )
    elif deadline.value is None:
        yield Finding(deadline.path, f"null is no deadline: {message}")
    elif not job.misplaced("activeDeadlineSeconds", job.pod):  # else see misplaced-field
        title = f"set activeDeadlineSeconds: {params.default}"
        yield Finding(deadline.path, message, Fix(title, (Set(deadline.path, params.default),)))


def _unbounded(job: Job) -> str:
    """Say what can go on for ever."""
    seconds = job.pod.at("activeDeadlineSeconds").as_int()
    if seconds is None:
        return (
            "nothing ends a Pod that hangs or never starts (image, quota, node); backoffLimit counts neither"
        )
    return f"the Pod's own {seconds} seconds end one try only, and none that never starts (quota, node)"


RULE = Rule(
    id="active-deadline-missing",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=Deadline(),
    family="deadline",
    strict=Severity.ERROR,
    check=check,
    good=(
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              activeDeadlineSeconds: 3600  # it takes ten minutes
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: report
                      image: report:1.4
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: CronJob
            spec:
              schedule: "17 5 * * *"
              jobTemplate:
                spec:
                  activeDeadlineSeconds: 3600
                  template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: CronJob
            spec:
              schedule: "17 5 * * *"
              activeDeadlineSeconds: 3600
              jobTemplate:
                spec:
                  template: {spec: {restartPolicy: Never, containers: [{name: report, image: "r:${TAG}"}]}}
            """,  # misplaced-field, said once
        ),
    ),
    bad=(
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              backoffLimit: 2  # says nothing of Pods that hang
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: report
                      image: report:1.4
            """,
            fixed="""\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              backoffLimit: 2  # says nothing of Pods that hang
              activeDeadlineSeconds: 86400
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: report
                      image: report:1.4
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: CronJob
            spec:
              schedule: "17 5 * * *"
              concurrencyPolicy: Forbid
              jobTemplate:
                spec:
                  template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
            fixed="""\
            apiVersion: batch/v1
            kind: CronJob
            spec:
              schedule: "17 5 * * *"
              concurrencyPolicy: Forbid
              jobTemplate:
                spec:
                  activeDeadlineSeconds: 7200
                  template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
            params=Deadline(default=7200),
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              suspend: false
              template:
                spec:
                  restartPolicy: Never
                  activeDeadlineSeconds: 600  # for each try
                  containers: [{name: report, image: report:1.4}]
            """,
            fixed="""\
            apiVersion: batch/v1
            kind: Job
            spec:
              suspend: false
              activeDeadlineSeconds: 86400
              template:
                spec:
                  restartPolicy: Never
                  activeDeadlineSeconds: 600  # for each try
                  containers: [{name: report, image: report:1.4}]
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              activeDeadlineSeconds: null
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              suspend: true
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata: {labels: {kueue.x-k8s.io/queue-name: batch}}
            spec:
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata: {labels: {kueue.x-k8s.io/queue-name: batch}}
            spec:
              suspend: true
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
            fixed="""\
            apiVersion: batch/v1
            kind: Job
            metadata: {labels: {kueue.x-k8s.io/queue-name: batch}}
            spec:
              suspend: true
              activeDeadlineSeconds: 86400
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
            minor=36,
        ),
    ),
)
