"""A finished stand-alone Job is deleted by its time to live.

A finished Job and its Pods stay in etcd until somebody deletes them: a pipeline that makes a Job a minute
leaves half a million of them behind in a year, and they count against `count/jobs.batch` quotas.
The TTL controller deletes them `ttlSecondsAfterFinished` seconds after they finish.

Not asked of Jobs that somebody else cleans up: hooks of Helm and Argo CD, Jobs that a controller owns, and
CronJobs, whose history limits delete. A Job that a GitOps tool manages gets no value by itself, since the
tool would make the deleted Job again.
"""

from collections.abc import Iterator

from lint.edit import Set
from lint.families import TTL
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity


def check(job: Job, params: TTL) -> Iterator[Finding]:
    ttl = job.spec.at("ttlSecondsAfterFinished")
    if job.cronjob or ttl.given:
        return
    guards = job.guards
    if guards.hook or guards.owned or guards.from_cronjob:
        return
    message = "the Job and its Pods stay in the cluster for ever after they finish"
    if guards.gitops:
        message = "the finished Job stays until the GitOps tool prunes it"
        yield Finding(ttl.path, message, severity=Severity.INFO)
    elif ttl.value is None:
        yield Finding(ttl.path, f"{message}: null is no time to live")
    elif not job.misplaced("ttlSecondsAfterFinished"):  # else see misplaced-field
        title = f"set ttlSecondsAfterFinished: {params.default}"
        yield Finding(ttl.path, message, Fix(title, (Set(ttl.path, params.default),)))


RULE = Rule(
    id="ttl-missing",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=TTL(),
    family="ttl",
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
              ttlSecondsAfterFinished: 3600
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
            metadata: {annotations: {helm.sh/hook: post-install}}  # its hook-delete-policy cleans up
            spec:
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata: {annotations: {argocd.argoproj.io/hook: PostSync}}
            spec:
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: CronJob
            spec:
              schedule: "17 5 * * *"
              successfulJobsHistoryLimit: 3  # the older ones are deleted
              jobTemplate:
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
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              template:
                spec:
                  restartPolicy: Never
                  ttlSecondsAfterFinished: 3600
                  containers: [{name: report, image: "report:${TAG}"}]
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
              backoffLimit: 2  # two tries are enough
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
              backoffLimit: 2  # two tries are enough
              ttlSecondsAfterFinished: 86400
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
              ttlSecondsAfterFinished: null
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata: {labels: {kustomize.toolkit.fluxcd.io/name: apps}}
            spec:
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata: {annotations: {argocd.argoproj.io/sync-wave: "2"}}
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
              ttlSecondsAfterFinished: 7200
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
            params=TTL(default=7200),
        ),
    ),
)
