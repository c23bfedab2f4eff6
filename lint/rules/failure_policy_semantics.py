"""Each rule of a Pod failure policy is reached, and does what it is there for.

The first rule that matches a failed Pod decides about it, so a rule behind a wider one does nothing.
A container that is killed for its memory ends with exit code 137, without the condition DisruptionTarget. A
rule on that condition, called the one for OOM by a comment, never sees it: the kill counts as any failure.
What comments say of evictions and memory pressure is right. (Admission sees no comments.)

`Ignore` never counts. On exit codes it starts Pods again until `activeDeadlineSeconds`, without one for ever,
and on 137 a Pod that needs more memory than it gets is killed again and again.

`FailJob` on all exit codes but a few fails the Job when a node is drained: its Pods end with 143, or with 137
after their grace period. A rule on DisruptionTarget before it takes them.
Exit codes without `containerName` are those of every container, sidecars and init containers too.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from lint.job import Job
from lint.path import Path
from lint.rule import Bad, Class, Finding, Good, Rule, Severity
from lint.view import View

_KILLED = 137
_DISRUPTED = ("DisruptionTarget", "True")
_SENTENCE = r"[.;!?](?:\s|$)"
_OOM = r"(?i)\boom(?:s|ed|[- ]?kill\w*)?\b"
_MEMORY = r"(?i)\b(?:of|on|for|enough)[- ](?:\w+[- ])?memory\b|\bmemory[- ](?:limit|kill|error)"
_EVICTION = r"(?i)evict|pressure|preempt|disrupt|drain|kubelet|\bnodes?\b"
_DENIAL = r"(?i)(?:\b(?:no|not|never|without|except)\b|n't\b)(?!\s+(?:be\s+)?(?:count|fail))"


class _Rule(NamedTuple):
    """One rule of the policy; `operator` is empty where it has no exit codes that make sense."""

    view: View
    action: str
    container: str | None
    operator: str
    codes: frozenset[int]
    conditions: frozenset[tuple[str, str]]

    def matches(self, code: int) -> bool:
        """Tell whether the rule is about an exit code; none is about success."""
        return bool(self.operator) and code != 0 and (code in self.codes) == (self.operator == "In")

    def takes(self, code: int, rivals: list["_Rule"]) -> bool:
        """Tell whether the rule gets an exit code, since no rival takes it first."""
        return self.matches(code) and not any(rival.matches(code) for rival in rivals)

    def reached(self, rivals: list["_Rule"]) -> bool:
        """Tell whether the rivals leave anything to the rule; true when that is not known."""
        if not self.operator:
            taken = {condition for rival in rivals for condition in rival.conditions}
            return not self.conditions or not self.conditions <= taken
        codes: frozenset[int] | None = self.codes
        if self.operator == "NotIn":  # what a rival of the same kind spares, or else nearly all there are
            codes = next((rival.codes for rival in rivals if rival.operator == "NotIn"), None)
        return codes is None or any(self.takes(code, rivals) for code in codes)


def _read(view: View) -> _Rule:
    exits, patterns = view.at("onExitCodes"), view.at("onPodConditions").items()
    operator = exits.at("operator").as_str()
    codes = [code.as_int() for code in exits.at("values").items()]
    known = frozenset(code for code in codes if code is not None)
    return _Rule(
        view,
        view.at("action").as_str() or "",
        exits.at("containerName").as_str(),
        operator if operator in ("In", "NotIn") and codes and None not in codes else "",
        known,
        frozenset((one.at("type").as_str() or "", one.at("status").as_str() or "True") for one in patterns),
    )


def check(job: Job, _params: None) -> Iterator[Finding]:
    listed = job.spec.at("podFailurePolicy", "rules")
    if not 0 < len(listed) <= 20:  # the API server takes no more: see failure-policy-invalid
        return
    rules = [_read(view) for view in listed.items()]
    yield from _mistaken(job, rules)
    for index, rule in enumerate(rules):
        rivals = [one for one in rules[:index] if one.container in (None, rule.container)]
        if not rule.reached(rivals):
            yield Finding(rule.view.path, "never reached: the rules before this one take all that it matches")
        elif rule.operator:
            yield from _endless(job, rule, rivals)
            yield from _drained(rule, rivals, rules)
            yield from _anonymous(job, rule)


def _mistaken(job: Job, rules: list[_Rule]) -> Iterator[Finding]:
    """Find the rules on disruptions that a comment takes for the ones on OOM kills."""
    about = [rule for rule in rules if _DISRUPTED in rule.conditions]
    if not about or any(_KILLED in rule.codes for rule in rules):
        return
    wrong = [rule for rule in about if any(_means_oom(job.comment(path)) for path in _places(rule.view))]
    policy = job.spec.at("podFailurePolicy")
    above = [job.comment(one.path) for one in (policy, policy.at("rules"))]
    if not wrong and any(_means_oom(text) and "count" not in text for text in above):
        wrong = about[:1]
    message = (
        "an OOM kill has exit code 137 and no condition DisruptionTarget, so this rule never sees it: write "
        "onExitCodes with operator: In, values: [137] and action: Count or FailJob (Ignore never ends)"
    )
    yield from (Finding(_places(rule.view)[-1], message) for rule in wrong)


def _places(rule: View) -> list[Path]:
    """Return where a comment on the condition may stand; the last one is the condition's type."""
    conditions = rule.at("onPodConditions")
    types = [one for pattern in conditions.items() if (one := pattern.at("type")).value == _DISRUPTED[0]]
    inner = [path for one in types for path in (one.path[:-1], one.path)]
    return [rule.path, rule.at("action").path, conditions.path, *inner]


def _means_oom(comment: str) -> bool:
    """Tell whether a comment claims that OOM kills are meant here."""
    return bool(comment) and any(
        re.search(_OOM, sentence) or (re.search(_MEMORY, sentence) and not re.search(_EVICTION, comment))
        for sentence in re.split(_SENTENCE, comment.replace("\n", " "))
        if not re.search(_DENIAL, sentence)
    )


def _endless(job: Job, rule: _Rule, rivals: list[_Rule]) -> Iterator[Finding]:
    """Find exit codes that are ignored again and again."""
    if rule.action != "Ignore":
        return
    deadline = job.spec.at("activeDeadlineSeconds").given
    if rule.takes(_KILLED, rivals):
        until = "until the deadline" if deadline else "for ever"
        what = f"a Pod that is killed for its memory (137) is tried again {until}"
        wanted = "write action: Count, and for evictions a rule on the condition DisruptionTarget"
    elif deadline or job.guards.partial:
        return
    else:
        what = "Pods that end with these exit codes are tried again for ever"
        wanted = "set activeDeadlineSeconds, or write action: Count"
    yield Finding(rule.view.at("action").path, f"what is ignored never counts, so {what}: {wanted}")


def _drained(rule: _Rule, rivals: list[_Rule], rules: list[_Rule]) -> Iterator[Finding]:
    """Find rules that take the end of an evicted Pod for a failure of the program."""
    if rule.operator != "NotIn" or rule.action not in ("FailJob", "FailIndex"):
        return
    codes = [str(code) for code in (_KILLED, 143) if rule.takes(code, rivals)]
    if not codes or any(_DISRUPTED in rival.conditions for rival in rivals):
        return
    what = "Job" if rule.action == "FailJob" else "index"
    wanted = "put a rule before it with action: Ignore on the condition DisruptionTarget"
    if any(_DISRUPTED in one.conditions for one in rules):
        wanted = "put the rule on DisruptionTarget first"
    message = f"an evicted Pod ends with {' or '.join(codes)}, which fails the {what} here: {wanted}"
    yield Finding(rule.view.at("onExitCodes", "values").path, message)


def _anonymous(job: Job, rule: _Rule) -> Iterator[Finding]:
    """Find exit codes of no container in particular."""
    name = rule.view.at("onExitCodes", "containerName")
    if name.unset and len(job.containers) + len(job.init_containers) > 1:
        message = "exit codes of all containers match here, init containers too: name the one that is meant"
        yield Finding(name.path, message, severity=Severity.INFO)


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
_SIDECAR = """\
      initContainers:
        - name: proxy
          image: proxy:1.0
          restartPolicy: Always
"""


def _job(*rules: str, deadline: bool = False, sidecar: bool = False) -> str:
    text = _JOB.replace("RULES", "\n      ".join(rules))
    text = text.replace("spec:", "spec:\n  activeDeadlineSeconds: 3600", deadline)
    return text.replace("      containers:", f"{_SIDECAR}      containers:", sidecar)


def _codes(action: str, operator: str, *values: int, of: str = "") -> str:
    name = f"containerName: {of}, " if of else ""
    return f"- {{action: {action}, onExitCodes: {{{name}operator: {operator}, values: {list(values)}}}}}"


_DISRUPTIONS = "- {action: Ignore, onPodConditions: [{type: DisruptionTarget}]}"

RULE = Rule(
    id="failure-policy-semantics",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=None,
    check=check,
    about=frozenset(("podFailurePolicy",)),
    good=(
        Good(
            _job(
                "# Evictions do not count",
                "- action: Ignore",
                "  onPodConditions:",
                "    - type: DisruptionTarget",
                "# Killed, most often for its memory (OOM)",
                "- action: Count",
                "  onExitCodes:",
                "    operator: In",
                "    values: [137]",
                "# Any other exit code is a bug",
                "- action: FailJob",
                "  onExitCodes:",
                "    operator: NotIn",
                "    values: [75]",
            ),
        ),
        Good(  # an eviction for memory pressure has the condition
            _job(
                "# Nodes out of memory evict Pods. An OOM kill is not meant.",
                f"{_DISRUPTIONS}  # memory pressure",
            ),
        ),
        Good(_job(_codes("Ignore", "In", 143), deadline=True)),
        Good(
            _job(_codes("Count", "In", 137), _codes("Ignore", "In", 75, 137), deadline=True)
        ),  # 137 is taken
        Good(  # something is left for each
            _job(
                _codes("Count", "In", 1, 2, 137, 143, of="train"),
                _codes("FailJob", "In", 2, 3, of="train"),
                _codes("FailJob", "In", 1, of="proxy"),
                _codes("FailJob", "NotIn", 0, 9, of="train"),
                _codes("Count", "NotIn", 8, of="train"),
                _DISRUPTIONS,
                "- {action: Count, onPodConditions: [{type: DisruptionTarget}, {type: ConfigIssue}]}",
                sidecar=True,
            ),
        ),
        Good(_job(_codes("FailJob", "NotIn", 137, 143))),
    ),
    bad=(
        Bad(
            _job(
                "# Retry on OOM",
                "- action: Ignore",
                "  onPodConditions:",
                "    - type: DisruptionTarget",
            ),
            text_only=True,
        ),
        Bad(_job(f"{_DISRUPTIONS}  # do not count OOMKilled"), text_only=True),
        Bad(_job(_DISRUPTIONS).replace("rules:", "rules:  # survive out-of-memory kills"), text_only=True),
        Bad(_job(_codes("Ignore", "In", 143))),  # for ever
        Bad(_job(_codes("Ignore", "In", 137), deadline=True)),
        Bad(_job(_codes("Ignore", "NotIn", 1), deadline=True)),
        Bad(_job(_codes("Count", "In", 75), sidecar=True)),  # of the proxy, too
        Bad(_job(_codes("FailJob", "NotIn", 75))),  # a drained node fails the Job
        Bad(_job(_codes("FailJob", "NotIn", 75), _DISRUPTIONS)),  # too late
        Bad(_job(_codes("FailJob", "NotIn", 137))),
        Bad(_job(_codes("Count", "In", 1, 137), _codes("FailJob", "In", 1, of="train"))),  # never reached
        Bad(_job(_codes("Count", "NotIn", 0, 75), _codes("Count", "NotIn", 75))),
        Bad(_job(_DISRUPTIONS, _DISRUPTIONS.replace("Ignore", "Count"))),
        Bad(
            """\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: train
            spec:
              schedule: "7 3 * * *"
              jobTemplate:
                spec:
                  podFailurePolicy:
                    rules:
                      - action: Ignore
                        onExitCodes: {operator: In, values: [75]}
                  template:
                    spec:
                      restartPolicy: Never
                      containers: [{name: train, image: "train:3.2"}]
            """,
        ),
    ),
)
