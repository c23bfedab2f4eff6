"""The deadline of a Job is not longer than the policy allows.

Until its deadline a Job that hangs keeps its nodes, and nobody hears of it: with 30 days, the month's bill
tells first. Where the policy sets no maximum, any deadline passes.
"""

from collections.abc import Iterator

from lint.families import Deadline
from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity


def check(job: Job, params: Deadline) -> Iterator[Finding]:
    if params.maximum is None:
        return
    deadline = job.spec.at("activeDeadlineSeconds")
    seconds = deadline.as_int()
    if seconds is not None and seconds > params.maximum:
        yield Finding(
            deadline.path, f"{seconds} seconds are more than the {params.maximum} that the policy allows"
        )


RULE = Rule(
    id="active-deadline-too-long",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=Deadline(),
    family="deadline",
    strict=Severity.ERROR,
    check=check,
    about=frozenset(("activeDeadlineSeconds",)),
    good=(
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              activeDeadlineSeconds: 259200  # three days, for the whole archive
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: report
                      image: report:1.4
            """,
            params=Deadline(maximum=259200),
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              activeDeadlineSeconds: 2592000
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1}]}}
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
                  activeDeadlineSeconds: 86400
                  template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1}]}}
            """,
            params=Deadline(maximum=86400),
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              backoffLimit: 2
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1}]}}
            """,
            params=Deadline(maximum=86400),
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
              activeDeadlineSeconds: 259201
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: report
                      image: report:1.4
            """,
            params=Deadline(maximum=259200),
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
                  activeDeadlineSeconds: 172800  # two days
                  template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1}]}}
            """,
            params=Deadline(maximum=86400),
        ),
    ),
)
