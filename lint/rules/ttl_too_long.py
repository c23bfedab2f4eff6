"""A finished stand-alone Job does not stay for weeks.

Job and Pods stay in etcd all that time, and count against `count/jobs.batch` quotas: of a Job that a pipeline
makes every ten minutes, 30 days keep more than 4000. What must be kept for longer belongs where logs and
results are stored; a Pod's log is gone with its node in any case.

Spared are Jobs that somebody else deletes: hooks of Helm and Argo CD, Jobs that a controller owns, CronJobs,
whose history limits delete, and what a GitOps tool manages.
"""

from collections.abc import Iterator

from lint.families import TTL
from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity


def check(job: Job, params: TTL) -> Iterator[Finding]:
    ttl = job.spec.at("ttlSecondsAfterFinished")
    seconds = ttl.as_int()
    if job.cronjob or seconds is None or seconds <= params.maximum:
        return
    guards = job.guards
    if guards.hook or guards.gitops or guards.owned or guards.from_cronjob:
        return
    message = (
        f"{seconds} seconds keep the finished Job longer than the {params.maximum} that the policy allows"
    )
    yield Finding(ttl.path, message)


RULE = Rule(
    id="ttl-too-long",
    doc=__doc__,
    severity=Severity.WARNING,
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
              ttlSecondsAfterFinished: 604800  # a week
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
                  ttlSecondsAfterFinished: 2592000
                  template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata: {annotations: {helm.sh/hook: post-install}}
            spec:
              ttlSecondsAfterFinished: 2592000
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata: {labels: {kustomize.toolkit.fluxcd.io/name: apps}}
            spec:
              ttlSecondsAfterFinished: 2592000
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
              ttlSecondsAfterFinished: 2592000
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
              ttlSecondsAfterFinished: 2592000
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
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
              ttlSecondsAfterFinished: 2592000  # 30 days
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
              ttlSecondsAfterFinished: 604801
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              ttlSecondsAfterFinished: 7200
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
            params=TTL(default=3600, maximum=3600),
        ),
    ),
)
