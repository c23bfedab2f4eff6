"""A Pod failure policy has rules that the API server takes, and Pods that it can judge.

The API server rejects rules without an action, with neither or both of exit codes and conditions, with exit
codes out of order or twice, and containers that the Pod does not have. Beside a `podFailurePolicy` the Pods
have `restartPolicy: Never`, and are replaced only when they have failed.

Until Kubernetes 1.34 a condition without `status` is rejected in a CronJob, though in a Job it means "True".
Exit codes below 0 or above 255 are accepted and never match, except on Windows.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lint.edit import Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity, refusal
from lint.view import View

if TYPE_CHECKING:
    from lint.validation.cause import Cause

_LAST_CODE = 255


def check(job: Job, _params: None) -> Iterator[Finding]:
    for cause in job.causes("failure-policy-invalid"):
        yield refusal(cause, fix=_fix(job, cause))
    if not _windows(job):
        rules = job.spec.at("podFailurePolicy", "rules")
        yield from (one for rule in rules.items() for one in _never_met(rule.at("onExitCodes", "values")))


def _fix(job: Job, cause: "Cause") -> Fix | None:
    """Mend what can be meant in one way only."""
    place = job.object.at(*cause.path)
    match cause.path[-1]:
        case "podReplacementPolicy" if job.spec.at("podFailurePolicy").given:
            return Fix("set podReplacementPolicy: Failed", (Set(cause.path, "Failed"),), safe=False)
        case "status" if cause.type == "Required value" and place.value is not None:
            return Fix('set status: "True"', (Set(cause.path, "True"),))
        case "values" if cause.detail == "must be ordered":
            return _sorted(place)
        case int() if cause.type == "Duplicate value" and cause.path[-2] == "values":
            return _sorted(job.object.at(*cause.path[:-1]))
    return None


def _sorted(values: View) -> Fix:
    numbers = {number for value in values.items() if (number := value.as_int()) is not None}
    return Fix("sort the exit codes, each once", (Set(values.path, sorted(numbers)),))


def _never_met(values: View) -> Iterator[Finding]:
    """Find exit codes that there are not."""
    for value in values.items():
        if (number := value.as_int()) is not None and not 0 <= number <= _LAST_CODE:
            message = f"{number} never matches: exit codes are 0 to {_LAST_CODE}"
            yield Finding(value.path, message, severity=Severity.WARNING, class_=Class.PRACTICE)


def _windows(job: Job) -> bool:
    """Tell whether the Pods run on Windows, where exit codes have 32 bits."""
    names = (job.pod.at("os", "name"), job.pod.at("nodeSelector", "kubernetes.io/os"))
    return any(name.value == "windows" for name in names)


def _job(*rules: str) -> str:
    """Write an example with these rules."""
    return _JOB.replace("RULES", "\n      ".join(rules))


def _codes(values: str, operator: str = "In") -> str:
    """Write an example with these exit codes."""
    return _job(f"- {{action: Count, onExitCodes: {{operator: {operator}, values: {values}}}}}")


def _on(condition: str) -> str:
    """Write an example in a CronJob with this condition."""
    return _CRONJOB.replace("CONDITION", condition)


_JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: train
spec:
  podFailurePolicy:
    rules:
      RULES
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: train
          image: train:3.2
"""

_CRONJOB = """\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: train
spec:
  schedule: "7 3 * * *"
  jobTemplate:
    spec:
      podReplacementPolicy: Failed
      podFailurePolicy:
        rules:
          - action: Ignore
            onPodConditions:
              - CONDITION
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: train
              image: train:3.2
"""

_BUG = "- {action: FailJob, onExitCodes: {operator: In, values: [42]}}"
_EVICTED = "- {action: Ignore, onPodConditions: [{type: DisruptionTarget}]}"
_TYPES = [f"{{type: T{index}}}" for index in range(21)]
_SORTED = _job("- action: FailJob", "  onExitCodes:", "    operator: In", "    values: [2, 42, 137]  # bugs")
_ONE_BY_ONE = _job(_BUG).replace("spec:", "spec:\n  podReplacementPolicy: Failed  # one by one", 1)
_POLICY = "podFailurePolicy:\n    rules:\n      "
_STATUS = '\n                status: "True"'

_NO_NAMES = ("a b", "''", "-a", "T" * 64, "a/b/c", "/a", "Ex.com/a")

RULE = Rule(
    id="failure-policy-invalid",
    doc=__doc__,
    severity=Severity.ERROR,
    class_=Class.SERVER,
    params=None,
    check=check,
    about=frozenset(("podFailurePolicy",)),
    good=(
        Good(
            _job(
                "- action: Ignore",
                "  onPodConditions:",
                "    - type: DisruptionTarget",
                '      status: "True"',
                "- action: FailJob",
                "  onExitCodes:",
                "    containerName: train",
                "    operator: In",
                "    values: [2, 42]",
            )
        ),
        Good(_job(_EVICTED), minor=31),  # a Job gets the status
        Good(_on("type: DisruptionTarget"), minor=34),  # so does a CronJob
        Good(_on('{type: example.com/Lost_1.x, status: "False"}'), minor=31),
        Good(_on('{type: "${CONDITION}", status: "${STATUS}"}'), minor=31),
        Good(_job(*[_BUG] * 20)),
        Good(_job(f"- {{action: Ignore, onExitCodes: null, onPodConditions: [{', '.join(_TYPES[:20])}]}}")),
        Good(_codes("[0, 1, 255]", "NotIn")),
        Good(_codes(str([*range(1, 256)]))),
        Good(_codes("[-1073741510]").replace("containers:", "os: {name: windows}\n      containers:")),
        Good(_ONE_BY_ONE.replace("operator", "containerName: '${NAME}', operator")),
        Good(_job("- {action: '${ACTION}', onExitCodes: {operator: In, values: [1]}}")),
    ),
    bad=(
        Bad(_SORTED.replace("[2, 42, 137]", "[137, 2, 42, 2]"), fixed=_SORTED),
        Bad(_ONE_BY_ONE.replace("Failed  #", "TerminatingOrFailed  #"), fixed=_ONE_BY_ONE),
        Bad(_job().replace(_POLICY, "podReplacementPolicy: failed")),
        Bad(_on("type: DisruptionTarget"), fixed=_on("type: DisruptionTarget" + _STATUS), minor=33),
        Bad(_on(f"type: A{_STATUS}".replace("True", "")), fixed=_on(f"type: A{_STATUS}"), minor=33),
        Bad(_on("{type: DisruptionTarget, status: null}"), minor=33),
        Bad(_on('{type: DisruptionTarget, status: "true"}')),
        Bad(_job(_BUG).replace("Never", "OnFailure")),
        Bad(_job().replace(_POLICY, "podFailurePolicy: {}").replace("Never", "OnFailure")),
        Bad(_job(*[_BUG] * 21)),
        *(Bad(_job(_BUG.replace("FailJob", action))) for action in ("failjob", "''", "FailIndex")),
        Bad(_job("- {}")),
        Bad(_job("- {action: Count, onPodConditions: []}")),
        Bad(_job(_EVICTED.replace("onPod", "onExitCodes: {operator: In, values: [1]}, onPod"))),
        Bad(_codes("[1]", "in")),
        Bad(_job(_BUG.replace("operator: In, ", ""))),
        Bad(_job(_BUG.replace("operator", "containerName: traim, operator"))),
        *(Bad(_codes(values)) for values in ("[]", "null", "[0, 1]", str([*range(1, 257)]))),
        *(Bad(_codes(values, "NotIn")) for values in ("[-1]", "[256]")),  # accepted
        Bad(_job(f"- {{action: Ignore, onPodConditions: [{', '.join(_TYPES)}]}}")),
        *(Bad(_on(f"type: {kind}{_STATUS}")) for kind in _NO_NAMES),
    ),
)
