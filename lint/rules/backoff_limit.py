"""A Job says how often it may be tried again, and that is not too often.

Left out, the API server takes 6, whatever a try costs: seven Pods run under `restartPolicy: Never`, with ten
and a half minutes of waiting between them, until the Job has failed and an alert can say so. The waits double
up to ten minutes: ten retries wait for 50 minutes, mostly to fail in the same way again.

`backoffLimit: 0` means one try with `Never`. With `OnFailure` the kubelet starts the failed container once
more, and this restart fails the Job: the second run is killed half-way, and its Pod goes with its logs.

With `backoffLimitPerIndex` nothing is missing, since the server then takes 2147483647, and the maximum does
not apply. A number smaller than `completions` is noted: the failures of all indexes count against it, and end
the whole Job.
"""

from collections.abc import Iterator

from lint.edit import Set
from lint.families import BackoffLimit
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity
from lint.view import View


def check(job: Job, params: BackoffLimit) -> Iterator[Finding]:
    limit = job.spec.at("backoffLimit")
    value = limit.as_int()
    if job.spec.at("backoffLimitPerIndex").given:
        if value is not None:
            yield from _shared_by_indexes(job, limit, value)
    elif limit.unset:
        if not job.misplaced("backoffLimit"):  # else see misplaced-field
            yield _not_chosen(limit, params)
    elif value is None:
        return
    elif value > params.maximum:
        message = f"{value} retries are more than the {params.maximum} that the policy allows"
        yield Finding(limit.path, message)
    elif value == 0 and job.restart_policy == "OnFailure":
        message = (
            "0 with OnFailure: a failed container starts once more, and is killed for it; Never tries once"
        )
        yield Finding(limit.path, message, severity=Severity.INFO)


def _not_chosen(limit: View, params: BackoffLimit) -> Finding:
    """Ask for a number, and set the policy's unless something is written already."""
    said = "null is no number of retries" if limit.value is None else "nobody says how many retries"
    fix = None
    if limit.missing:
        fix = Fix(f"set backoffLimit: {params.default}", (Set(limit.path, params.default),))
    return Finding(limit.path, f"{said}: the API server takes 6, the policy {params.default}", fix)


def _shared_by_indexes(job: Job, limit: View, value: int) -> Iterator[Finding]:
    """Note a number that is used up by one failure in each index, or by fewer than their own limits allow."""
    completions = job.spec.at("completions").as_int()
    each = job.spec.at("backoffLimitPerIndex").as_int()
    if completions is None or each is None:
        return
    failed = job.spec.at("maxFailedIndexes").as_int()
    allowed = completions * each + (completions if failed is None else failed)
    if value < min(completions, allowed):
        message = (
            f"failure {value + 1} ends all {completions} indexes, whatever their own limits: leave this out"
        )
        yield Finding(limit.path, message, severity=Severity.INFO)


RULE = Rule(
    id="backoff-limit",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=BackoffLimit(),
    family="backoffLimit",
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
              backoffLimit: 2  # the supplier's server is down now and then
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
              backoffLimit: 10
              template: {spec: {restartPolicy: OnFailure, containers: [{name: report, image: report:1.4}]}}
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
                  backoffLimit: 0  # the next run is soon enough
                  template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              completionMode: Indexed
              completions: 24
              backoffLimitPerIndex: 2  # without backoffLimit, each index has its own retries and nothing else
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              completionMode: Indexed
              completions: 24
              backoffLimitPerIndex: 1
              maxFailedIndexes: 4
              backoffLimit: 24
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              completionMode: Indexed
              completions: 24
              backoffLimitPerIndex: 0
              maxFailedIndexes: 4
              backoffLimit: 4  # says the same as maxFailedIndexes
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: CronJob
            spec:
              schedule: "17 5 * * *"
              backoffLimit: 2
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
              parallelism: 1  # one at a time
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
              parallelism: 1  # one at a time
              backoffLimit: 3
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
              jobTemplate:
                spec:
                  template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
            fixed="""\
            apiVersion: batch/v1
            kind: CronJob
            spec:
              schedule: "17 5 * * *"
              jobTemplate:
                spec:
                  backoffLimit: 1
                  template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
            params=BackoffLimit(default=1, maximum=1),
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              backoffLimit: 11
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              backoffLimit: null
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              backoffLimit: 0
              template: {spec: {restartPolicy: OnFailure, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              completionMode: Indexed
              completions: 24
              backoffLimitPerIndex: 0
              maxFailedIndexes: 4
              backoffLimit: 3
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              completionMode: Indexed
              completions: 24
              backoffLimitPerIndex: 2
              backoffLimit: 23  # in all, although each index may fail twice
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
    ),
)
