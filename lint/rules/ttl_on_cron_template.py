"""The history limits of a CronJob decide which of its finished Jobs stay, not a time to live.

A time to live in the template deletes besides `successfulJobsHistoryLimit` and `failedJobsHistoryLimit`,
whichever comes first: with `ttlSecondsAfterFinished: 86400` three nightly runs leave a history of one, and
the failed Job of Friday night is gone on Monday. That is only noted, for it can be meant. A time below the
policy's minimum leaves no history at all, and no logs for the person whom an alert calls.
"""

from collections.abc import Iterator

from lint.families import TTL
from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity


def check(job: Job, params: TTL) -> Iterator[Finding]:
    if not job.cronjob:
        return
    ttl = job.spec.at("ttlSecondsAfterFinished")
    seconds = ttl.as_int()
    if seconds is None or seconds < 0:
        return
    if seconds >= params.minimum:
        message = (
            f"{seconds} seconds after its end a Job is deleted, also one that the history limits would keep"
        )
        yield Finding(ttl.path, message, severity=Severity.INFO)
    else:
        message = (
            f"{seconds} seconds: the logs of a run are gone before anybody looks; at least {params.minimum}"
        )
        yield Finding(ttl.path, f"{message}, or leave it to the history limits")


RULE = Rule(
    id="ttl-on-cron-template",
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
            kind: CronJob
            metadata:
              name: report
            spec:
              schedule: "17 5 * * *"
              successfulJobsHistoryLimit: 1
              failedJobsHistoryLimit: 3  # the last three failures can be looked at
              jobTemplate:
                spec:
                  backoffLimit: 2
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
            metadata:
              name: report
            spec:
              schedule: "17 5 * * *"
              jobTemplate:
                spec:
                  ttlSecondsAfterFinished: null
                  template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1}]}}
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              ttlSecondsAfterFinished: 60
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1}]}}
            """,
        ),
    ),
    bad=(
        Bad(
            """\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: report
            spec:
              schedule: "17 5 * * *"
              failedJobsHistoryLimit: 3  # but a failed Job stays for a minute only
              jobTemplate:
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
            kind: CronJob
            metadata:
              name: report
            spec:
              schedule: "17 5 * * *"
              jobTemplate:
                spec:
                  ttlSecondsAfterFinished: 0
                  template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1}]}}
            """,
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
                  ttlSecondsAfterFinished: 299
                  template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1}]}}
            """,
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
                  ttlSecondsAfterFinished: 300
                  template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1}]}}
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: report
            spec:
              schedule: "17 5 * * *"
              failedJobsHistoryLimit: 3
              jobTemplate:
                spec:
                  ttlSecondsAfterFinished: 86400
                  template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1}]}}
            """,
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
                  ttlSecondsAfterFinished: 600
                  template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1}]}}
            """,
            params=TTL(minimum=1800),
        ),
    ),
)
