"""The Pods of a Job have a restart policy that lets them end: Never or OnFailure.

Left out it means Always, which is for Pods that must not end, and the API server rejects the Job. Never makes
a Pod for each try, and the Pods of failed tries stay with their logs; OnFailure starts the container again in
the same Pod, which is deleted with its logs when the Job fails.

That of a container is another field, which native sidecars have. OnFailure beside a podFailurePolicy is for
failure-policy-invalid to say.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from lint.edit import Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity, refusal

_PROBLEMS = {"": "empty means Always", "Always": '"Always" is for Pods that must not end'}


class Params(NamedTuple):
    """The entry `restart-policy-required`: what the fix chooses."""

    default: Literal["Never", "OnFailure"] = "Never"
    """What is set, except where only Never can work."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    policy = job.pod.at("restartPolicy")
    for cause in job.causes("restart-policy-required")[-1:]:  # the server may say it twice
        mend = f"; {_problem(job)}" if cause.type == "Required value" else ""
        fix = None
        if policy.value is not None and not job.misplaced("restartPolicy", job.pod):
            chosen = _chosen(job, params)
            fix = Fix(f"set restartPolicy: {chosen}", (Set(policy.path, chosen),), safe=False)
        yield refusal(cause, mend, fix)


def _problem(job: Job) -> str:
    """Say what the server takes for Always."""
    policy = job.pod.at("restartPolicy")
    if policy.unset and any(container.at("restartPolicy").given for container in job.containers):
        return "that of a container is another field: write it beside containers"
    return _PROBLEMS.get(policy.value, "left out means Always")


def _chosen(job: Job, params: Params) -> str:
    """Return what a misspelled value means, else the default; Never where nothing else works."""
    spec = job.spec
    if spec.at("podFailurePolicy").given or spec.at("backoffLimitPerIndex").given:
        return "Never"
    if spec.at("backoffLimit").as_int() == 0:  # OnFailure would start a second try, and kill it
        return "Never"
    meant = {"never": "Never", "onfailure": "OnFailure"}
    return meant.get((job.restart_policy or "").lower(), params.default)


RULE = Rule(
    id="restart-policy-required",
    doc=__doc__,
    severity=Severity.ERROR,
    class_=Class.SERVER,
    params=Params(),
    check=check,
    about=frozenset(),
    good=(
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
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
            spec:
              schedule: "17 5 * * *"
              jobTemplate:
                spec:
                  template:
                    spec:
                      restartPolicy: OnFailure
                      initContainers: [{name: proxy, image: proxy:2.14, restartPolicy: Always}]  # a sidecar
                      containers: [{name: report, image: report:1.4}]
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
              backoffLimit: 2
              template:
                spec:
                  restartPolicy: Always  # see the runbook
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
              backoffLimit: 2
              template:
                spec:
                  restartPolicy: Never  # see the runbook
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
                  template: {spec: {containers: [{name: report, image: report:1}]}}
            """,
            fixed="""\
            apiVersion: batch/v1
            kind: CronJob
            spec:
              schedule: "17 5 * * *"
              jobTemplate:
                spec:
                  template: {spec: {containers: [{name: report, image: report:1}], restartPolicy: OnFailure}}
            """,
            params=Params(default="OnFailure"),
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              template: {spec: {restartPolicy: onFailure, containers: [{name: report, image: report:1.4}]}}
            """,
            fixed="""\
            apiVersion: batch/v1
            kind: Job
            spec:
              template: {spec: {restartPolicy: OnFailure, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              template: {spec: {restartPolicy: "", containers: [{name: report, image: report:1.4}]}}
            """,
            fixed="""\
            apiVersion: batch/v1
            kind: Job
            spec:
              template: {spec: {restartPolicy: "Never", containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              template: {spec: {restartPolicy: null, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              template:
                restartPolicy: Never  # one level too high: to be moved
                spec: {containers: [{name: report, image: report:1.4}]}
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              podFailurePolicy: {rules: [{action: FailJob, onExitCodes: {operator: In, values: [2]}}]}
              template: {spec: {restartPolicy: Always, containers: [{name: report, image: report:1.4}]}}
            """,
            fixed="""\
            apiVersion: batch/v1
            kind: Job
            spec:
              podFailurePolicy: {rules: [{action: FailJob, onExitCodes: {operator: In, values: [2]}}]}
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
            params=Params(default="OnFailure"),
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              completionMode: Indexed
              completions: 24
              backoffLimitPerIndex: 1
              template: {spec: {restartPolicy: Always, containers: [{name: report, image: report:1.4}]}}
            """,
            fixed="""\
            apiVersion: batch/v1
            kind: Job
            spec:
              completionMode: Indexed
              completions: 24
              backoffLimitPerIndex: 1
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
            params=Params(default="OnFailure"),
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              backoffLimit: 0
              template: {spec: {restartPolicy: Always, containers: [{name: report, image: report:1.4}]}}
            """,
            fixed="""\
            apiVersion: batch/v1
            kind: Job
            spec:
              backoffLimit: 0
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
            params=Params(default="OnFailure"),
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              template:
                spec:
                  containers:
                    - name: report
                      image: report:1.4
                      restartPolicy: Never
            """,
            fixed="""\
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
                      restartPolicy: Never
            """,
            minor=37,
        ),
    ),
)
