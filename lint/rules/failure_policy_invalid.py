"""A Pod failure policy has rules that the API server takes, and Pods that it can judge.

The API server rejects rules without an action, with neither or both of exit codes and conditions, with exit
codes out of order or twice, and containers that the Pod does not have. Beside a `podFailurePolicy` the Pods
have `restartPolicy: Never`, and are replaced only when they have failed.

Until Kubernetes 1.34 a condition without `status` is rejected in a CronJob, though in a Job it means "True".
Exit codes below 0 or above 255 are accepted and never match, except on Windows.
"""

import re
from collections.abc import Iterator

from lint.edit import Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity, quoted
from lint.view import View

_MAX_RULES = _MAX_PATTERNS = 20
_MAX_VALUES = 255

_NAME = r"(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]\Z"
_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(?:\.{_LABEL})*\Z"


def check(job: Job, _params: None) -> Iterator[Finding]:
    policy, replacement = job.spec.at("podFailurePolicy"), job.spec.at("podReplacementPolicy")
    if replacement.given:
        yield from _replacement(replacement, judged=isinstance(policy.value, dict))
    if not isinstance(policy.value, dict):
        return
    if job.restart_policy == "OnFailure":
        message = '"OnFailure": only "Never" is supported when podFailurePolicy is specified'
        yield Finding(job.pod.at("restartPolicy").path, message)
    rules = policy.at("rules")
    yield from _few(rules, _MAX_RULES)
    for rule in list(rules.items())[:_MAX_RULES]:
        if isinstance(rule.value, dict | None):
            yield from _action(job, rule)
            yield from _requirements(job, rule)


def _replacement(replacement: View, *, judged: bool) -> Iterator[Finding]:
    """Check when Pods are replaced; `judged`: a Pod failure policy has to see them fail."""
    if not judged:
        yield from _one_of(replacement, "Failed", "TerminatingOrFailed")
    elif message := _unsupported(replacement, "Failed"):
        fix = Fix("set podReplacementPolicy: Failed", (Set(replacement.path, "Failed"),), safe=False)
        yield Finding(replacement.path, f"{message} beside podFailurePolicy", fix)


def _few(items: View, maximum: int) -> Iterator[Finding]:
    """Check the length of a list."""
    if isinstance(items.value, list) and len(items) > maximum:
        yield Finding(items.path, f"too many: {len(items)}; must have at most {maximum} items")


def _one_of(view: View, *values: str) -> Iterator[Finding]:
    """Check that one of some words is written."""
    if message := _unsupported(view, *values):
        yield Finding(view.path, message)


def _unsupported(view: View, *values: str) -> str:
    """Say that none of some words is written; nothing when one is, or when that is not known."""
    supported = ", ".join(f'"{value}"' for value in values)
    if view.unset or view.value == "":
        return f"required: one of {supported}"
    if view.value in values or view.as_str() is None or view.placeholder:
        return ""
    return f"unsupported value: {quoted(view.value)}; supported values: {supported}"


def _action(job: Job, rule: View) -> Iterator[Finding]:
    """Check what a rule does."""
    action = rule.at("action")
    yield from _one_of(action, "Count", "FailIndex", "FailJob", "Ignore")
    if action.value == "FailIndex" and job.spec.at("backoffLimitPerIndex").unset:
        yield Finding(action.path, '"FailIndex" requires the backoffLimitPerIndex to be set')


def _requirements(job: Job, rule: View) -> Iterator[Finding]:
    """Check what a rule asks of a Pod: exit codes or conditions."""
    codes, conditions = rule.at("onExitCodes"), rule.at("onPodConditions")
    patterns = list(conditions.items())
    if isinstance(codes.value, dict):
        yield from _exit_codes(job, codes)
        if patterns:
            message = "specifying both onExitCodes and onPodConditions is not supported: make two rules"
            yield Finding(rule.path, message)
    elif codes.unset and (conditions.unset or conditions.value == []):
        yield Finding(rule.path, "specifying one of onExitCodes and onPodConditions is required")
    yield from _few(conditions, _MAX_PATTERNS)
    for pattern in patterns[:_MAX_PATTERNS]:
        if isinstance(pattern.value, dict | None):
            yield from _condition(job, pattern)


def _exit_codes(job: Job, codes: View) -> Iterator[Finding]:
    """Check exit codes, and whose they are."""
    operator, values = codes.at("operator"), codes.at("values")
    yield from _one_of(operator, "In", "NotIn")
    yield from _container(job, codes.at("containerName"))
    if values.unset or values.value == []:
        yield Finding(values.path, "empty: at least one value is required")
    yield from _few(values, _MAX_VALUES)
    numbers = [number for value in values.items() if (number := value.as_int()) is not None]
    if len(numbers) == len(values) <= _MAX_VALUES:
        yield from _numbers(job, values, numbers, allowed=operator.value != "In")


def _container(job: Job, name: View) -> Iterator[Finding]:
    """Check that the Pod has a container of this name."""
    names = [container.at("name") for container in job.all_containers()]
    if name.as_str() is None or any(one.placeholder or one.value == name.value for one in names):
        return
    if not name.placeholder:
        found, known = quoted(name.value), ", ".join(one.value for one in names if one.as_str())
        message = f"{found} must be one of the container or initContainer names in the pod template: {known}"
        yield Finding(name.path, message)


def _numbers(job: Job, values: View, numbers: list[int], *, allowed: bool) -> Iterator[Finding]:
    """Check the numbers; `allowed`: 0 may be among them."""
    fix = Fix("sort the exit codes, each once", (Set(values.path, sorted(set(numbers))),))
    seen = set()
    for value in values.items():
        if value.value == 0 and not allowed:
            yield Finding(value.path, "must not be 0 for the In operator: no container fails with it")
        if value.value in seen:
            yield Finding(value.path, f"duplicate value: {value.value}", fix)
        elif not 0 <= value.value <= 255 and not _windows(job):
            yield Finding(
                value.path,
                f"{value.value} never matches: exit codes are 0 to 255",
                severity=Severity.WARNING,
                class_=Class.PRACTICE,
            )
        seen.add(value.value)
    if numbers != sorted(numbers):
        yield Finding(values.path, "must be ordered: smallest first", fix)


def _windows(job: Job) -> bool:
    """Tell whether the Pods run on Windows, where exit codes have 32 bits."""
    names = (job.pod.at("os", "name"), job.pod.at("nodeSelector", "kubernetes.io/os"))
    return any(name.value == "windows" for name in names)


def _condition(job: Job, pattern: View) -> Iterator[Finding]:
    """Check the type and the status of a condition."""
    kind, status = pattern.at("type"), pattern.at("status")
    name, unit = "" if kind.unset else kind.as_str(), "bytes" if job.minor >= 35 else "characters"
    if name is not None and not kind.placeholder and (fault := _fault(name, unit)):
        yield Finding(kind.path, f"{quoted(name)}: {fault}")
    if status.given and status.value != "":
        yield from _one_of(status, "False", "True", "Unknown")
    elif job.cronjob and job.minor < 34:
        fix = Fix('set status: "True"', (Set(status.path, "True"),))
        message = 'required in a CronJob until Kubernetes 1.34: one of "False", "True", "Unknown"'
        yield Finding(status.path, message, None if None in (status.value, pattern.value) else fix)


def _fault(name: str, unit: str) -> str:
    """Say what keeps a text from being a qualified name, such as `example.com/Ready`."""
    prefix, slash, last = name.rpartition("/")
    if slash and (len(prefix) > 253 or not re.match(_SUBDOMAIN, prefix)):
        return "prefix part must be a lowercase RFC 1123 subdomain, e.g. 'example.com'"
    if len(last) > 63:
        return f"name part must be no more than 63 {unit}"
    if not re.match(_NAME, last):
        return "name part must be alphanumeric characters, with '-', '_' or '.' between them, e.g. 'MyName'"
    return ""


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
