"""Fields do something in the Kubernetes version that the Job is for.

A field whose feature is not switched on is no error: the API server drops it without a word, and the Job runs
as if nobody had written it. Looked at are features as they are by default; a cluster may have others on.
"""

from collections.abc import Iterator

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity

_MANAGED_BY = 32
"""The first minor in which Jobs keep `managedBy`; CronJobs have kept it before."""


def check(job: Job, _params: None) -> Iterator[Finding]:
    for path in job.lost:
        if job.object.at(*path).given:
            yield Finding(
                path, f"its feature is off in Kubernetes 1.{job.minor}, which drops it without a word"
            )

    managed_by = job.spec.at("managedBy")
    if job.cronjob and job.minor < _MANAGED_BY and managed_by.given:
        yield Finding(
            managed_by.path, f"the Jobs of the CronJob lose it: Kubernetes 1.{job.minor} drops it there"
        )


RULE = Rule(
    id="version-gated-field",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=None,
    check=check,
    good=(
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              managedBy: kueue.x-k8s.io/multikueue
              template:
                spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}
            """,
            minor=32,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              template:
                spec:
                  restartPolicy: Never
                  resources: {requests: {cpu: 1}}
                  containers: [{name: report, image: report:1.4}]
            """,
            minor=34,
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
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: report
                      image: report:1.4
                      restartPolicy: OnFailure
            """,
            minor=34,
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
                  managedBy: jobs.example.com/runner
                  template:
                    spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}
            """,
            minor=31,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              managedBy: jobs.example.com/runner
              template:
                spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}
            """,
            minor=31,
        ),
    ),
)
