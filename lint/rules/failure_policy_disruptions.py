"""A Pod that is evicted does not use up a retry of a long Job.

A drained node, a preemption and a node that is out of memory end a Pod without a fault of its program. The
Pod has the condition DisruptionTarget, and counts for `backoffLimit` all the same: a Job of days, on nodes
that are replaced once a day, fails without a single error. A rule of `podFailurePolicy` with `action: Ignore`
on that condition starts the Pod again for nothing (Kubernetes 1.26 and later, only under
`restartPolicy: Never`).

A Job is taken for long where its deadline allows more than a day: what may be over sooner is seldom hit.
Spared is who wrote any rule on that condition, and Jobs that a controller owns, which decides about retries.
A fix writes the policy where there is none, with the `podReplacementPolicy` that it asks for: the next Pod
then waits until the evicted one has ended. Neither of them can be changed later.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from lint.edit import Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity
from lint.view import View

if TYPE_CHECKING:  # who validates a policy file imports it
    from annotated_types import Ge

_SINCE = 26
"""The first minor that has `podFailurePolicy` without being asked for it."""

_CONDITION = "DisruptionTarget"


class Params(NamedTuple):
    """The entry `failure-policy-disruptions`: which Jobs are long."""

    long_seconds: "Annotated[int, Ge(0)]" = 86400
    """A Job with a longer deadline is long; the default deadline of a policy should not be."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    seconds = job.spec.at("activeDeadlineSeconds").as_int()
    if seconds is None or seconds <= params.long_seconds or job.restart_policy != "Never":
        return
    policy = job.spec.at("podFailurePolicy")
    if job.minor < _SINCE or job.guards.partial or job.guards.owned or _speaks(policy):
        return
    message = (
        f"an evicted Pod uses up a retry: write a rule with action: Ignore on the condition {_CONDITION}"
    )
    yield Finding(policy.path, message, _fix(job, policy) if policy.missing else None)


def _speaks(policy: View) -> bool:
    """Tell whether the policy says what becomes of disrupted Pods, or cannot be read."""
    if policy.unset:
        return False
    rules = policy.at("rules")
    return (rules.given and not isinstance(rules.value, list)) or any(
        pattern.at("type").value == _CONDITION
        for rule in rules.items()
        for pattern in rule.at("onPodConditions").items()
    )


def _fix(job: Job, policy: View) -> Fix:
    """Ignore disruptions; `status` has a default that CronJobs do not get before 1.34."""
    condition = {"type": _CONDITION, "status": "True"}
    rules: list[Any] = [{"action": "Ignore", "onPodConditions": [condition]}]
    edits = [Set((*policy.path, "rules"), rules)]
    replacement = job.spec.at("podReplacementPolicy")
    if replacement.given and replacement.value != "Failed":
        edits.append(Set(replacement.path, "Failed"))
    return Fix(f"ignore Pods with the condition {_CONDITION}", tuple(edits), safe=False)


def _job(*fields: str, policy: str = "Never", metadata: str = "name: train") -> str:
    lines = "\n  ".join(fields)
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  {metadata}
spec:
  {lines}
  template:
    spec:
      restartPolicy: {policy}
      containers:
        - name: train
          image: train:3.2
"""


_LONG = "activeDeadlineSeconds: 86401"
_COUNT = "podFailurePolicy: {rules: [{action: Count, onPodConditions: [{type: DisruptionTarget}]}]}"
_CODES = "podFailurePolicy: {rules: [{action: FailJob, onExitCodes: {operator: In, values: [2]}}]}"
_OWNED = (
    "ownerReferences: [{apiVersion: jobset.x-k8s.io/v1alpha2, kind: JobSet, name: train, uid: 5a0f3a1e, "
    "controller: true}]"
)
_FIXED = """\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: train
spec:
  schedule: "7 3 1 * *"
  jobTemplate:
    spec:
      activeDeadlineSeconds: 259200
      podReplacementPolicy: Failed
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: train
              image: train:3.2
      podFailurePolicy:
        rules:
          - action: Ignore
            onPodConditions:
              - type: DisruptionTarget
                status: "True"
"""

RULE = Rule(
    id="failure-policy-disruptions",
    doc=__doc__,
    severity=Severity.INFO,
    class_=Class.PRACTICE,
    params=Params(),
    strict=Severity.WARNING,
    check=check,
    good=(
        Good(_job("activeDeadlineSeconds: 86400")),
        Good(_job("backoffLimit: 3")),
        Good(_job(_LONG, policy="OnFailure")),
        Good(_job(_LONG, _COUNT)),  # they are meant to count
        Good(_job(_LONG, metadata=_OWNED)),
        Good(_job(_LONG), minor=25),
    ),
    bad=(
        Bad(_job(_LONG, _CODES)),
        Bad(_job("activeDeadlineSeconds: 3601", "podFailurePolicy: null"), params=Params(long_seconds=3600)),
        Bad(
            _FIXED.partition("      podFailurePolicy")[0].replace(": Failed", ": TerminatingOrFailed"),
            fixed=_FIXED,
        ),
    ),
)
