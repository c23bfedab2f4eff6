"""A finished Job stays long enough for everybody who waits for it.

Whoever looks at a Job only now and then finds it gone: `kubectl wait` ends in an error, Helm's
`--wait-for-jobs` in a timeout, a log shipper misses the last lines, and an alert that wants a failure to last
never fires. With `ttlSecondsAfterFinished: 0` Job and Pods are gone a tenth of a second after the end.

The tool that made a hook may wait until its timeout for a Job that is no longer there. A Job that a GitOps
tool manages must have no time to live at all: the tool makes the deleted Job again, and it runs again.

Less than the policy's minimum is only noted: somebody chose it, and may know who waits. Under the profile
`strict` it is an error.

Spared are Jobs that a controller or a CronJob owns: the owner decides when they go.
"""

from collections.abc import Iterator

from lint.families import TTL
from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity


def check(job: Job, params: TTL) -> Iterator[Finding]:
    ttl = job.spec.at("ttlSecondsAfterFinished")
    seconds = ttl.as_int()
    if job.cronjob or seconds is None or seconds < 0:
        return
    guards = job.guards
    if guards.owned or guards.from_cronjob:
        return
    if guards.gitops and not guards.hook:
        message = (
            f"{seconds} seconds after its end it is gone, and the GitOps tool runs it again: leave it out"
        )
        yield Finding(ttl.path, message, severity=Severity.WARNING)
    elif seconds < params.minimum:
        severity: Severity | None = Severity.WARNING
        if guards.hook:
            reason = f"{seconds} seconds: the tool that waits for this hook may never see it finish"
        elif not seconds:
            reason = "0 deletes logs and result as soon as the Job ends: who waits for it finds nothing"
        else:
            reason = f"{seconds} seconds: logs and result are gone before anybody looks"
            severity = None
        yield Finding(ttl.path, f"{reason}; at least {params.minimum}", severity=severity)


RULE = Rule(
    id="ttl-too-short",
    doc=__doc__,
    severity=Severity.INFO,
    graver=True,
    class_=Class.PRACTICE,
    params=TTL(),
    family="ttl",
    strict=Severity.ERROR,
    check=check,
    about=frozenset(("ttlSecondsAfterFinished",)),
    good=(
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              ttlSecondsAfterFinished: 86400  # a day to read the logs
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
            kind: Job
            spec:
              ttlSecondsAfterFinished: 300
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              annotations:
                argocd.argoproj.io/tracking-id: shop:batch/Job:shop/report
                argocd.argoproj.io/hook: PostSync
            spec:
              ttlSecondsAfterFinished: 300
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata: {labels: {kustomize.toolkit.fluxcd.io/name: apps}}
            spec:
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              ownerReferences:
                - {apiVersion: ray.io/v1, kind: RayJob, name: train, uid: 5a0f3a1e, controller: true}
            spec:
              ttlSecondsAfterFinished: 10
              template: {spec: {restartPolicy: Never, containers: [{name: train, image: train:0.9}]}}
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              annotations: {cronjob.kubernetes.io/instantiate: manual}
              ownerReferences:
                - {apiVersion: batch/v1, kind: CronJob, name: report, uid: 5a0f3a1e, controller: true}
            spec:
              ttlSecondsAfterFinished: 10
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
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
                  ttlSecondsAfterFinished: 10
                  template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              ttlSecondsAfterFinished: 0
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
            params=TTL(minimum=0),
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
              ttlSecondsAfterFinished: 60
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
            kind: Job
            spec:
              ttlSecondsAfterFinished: 299
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              ttlSecondsAfterFinished: 0  # keeps the cluster tidy
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata: {annotations: {helm.sh/hook: post-install}}
            spec:
              ttlSecondsAfterFinished: 0
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata: {labels: {kustomize.toolkit.fluxcd.io/name: apps}}
            spec:
              ttlSecondsAfterFinished: 86400
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              annotations: {meta.helm.sh/release-name: shop}
              labels: {app.kubernetes.io/managed-by: Helm}
            spec:
              ttlSecondsAfterFinished: 86400
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
    ),
)
