"""What becomes of Pods that fail: `lint.rules`, in CEL."""

from collections.abc import Iterator
from typing import Any

from lint.export.check import INFO, WARNING, Check, every, number, of_job, said
from lint.export.variables import takes
from lint.rule import Class

_RULES, _TURNS = "variables.failureRules", "variables.failureTurns"
_REACHED = "it.rule.operator != '' && !it.idle"
_DEADLINE = "variables.job.activeDeadlineSeconds"
_DISRUPTED = "DisruptionTarget/True"
_POLICY = 26
"""The first minor that has `podFailurePolicy`: see lint.rules.failure_policy_disruptions."""


def failure_policy_semantics(_params: None, _minor: int) -> Iterator[Check]:
    yield Check(
        "it.idle",
        "it.rule.at",
        said("never reached: the rules before this one take all that it matches"),
        each=_TURNS,
    )
    yield from _endless()
    yield _drained()
    yield Check(
        every(_REACHED, "it.rule.container == ''", "variables.allContainers.size() > 1"),
        "it.rule.at + '.onExitCodes.containerName'",
        said("exit codes of all containers match here, init containers too: name the one that is meant"),
        each=_TURNS,
        severity=INFO,
    )


def _endless() -> Iterator[Check]:
    """Find exit codes that are ignored again and again."""
    until = f"(has({_DEADLINE}) ? 'until the deadline' : 'for ever')"
    ignored = f"it.rule.action == 'Ignore' && {_REACHED}"
    yield Check(
        every(ignored, "it.killed"),
        "it.rule.at + '.action'",
        said(
            "what is ignored never counts, so a Pod that is killed for its memory (137) is tried again {}: "
            "write action: Count, and for evictions a rule on the condition DisruptionTarget",
            until,
        ),
        each=_TURNS,
    )
    yield Check(
        every(ignored, f"!it.killed && !has({_DEADLINE})"),
        "it.rule.at + '.action'",
        said(
            "what is ignored never counts, so Pods that end with these exit codes are tried again for ever: "
            "set activeDeadlineSeconds, or write action: Count"
        ),
        each=_TURNS,
    )


def _drained() -> Check:
    """Find rules that take the end of an evicted Pod for a failure of the program."""
    codes = f"[137, 143].filter(code, {takes('code')})"
    first = "put the rule on DisruptionTarget first"
    before = "put a rule before it with action: Ignore on the condition DisruptionTarget"
    return Check(
        every(
            f"it.rule.operator == 'NotIn' && it.rule.action in ['FailJob', 'FailIndex'] && {_REACHED}",
            f"{codes}.size() > 0",
            f"!it.rivals.exists(o, '{_DISRUPTED}' in o.conditions)",
        ),
        "it.rule.at + '.onExitCodes.values'",
        said(
            "an evicted Pod ends with {}, which fails the {} here: {}",
            f"{codes}.map(code, string(code)).join(' or ')",
            "(it.rule.action == 'FailJob' ? 'Job' : 'index')",
            f"({_RULES}.exists(o, '{_DISRUPTED}' in o.conditions)\n    ? '{first}'\n    : '{before}')",
        ),
        each=_TURNS,
    )


def failure_policy_invalid(_params: None, _minor: int) -> Iterator[Check]:
    wrong = "it.codes.filter(code, code < 0 || code > 255)"
    windows = (
        "variables.pod.?os.?name.orValue('') == 'windows'\n"
        "  || variables.pod.?nodeSelector[?'kubernetes.io/os'].orValue('') == 'windows'"
    )
    yield Check(
        every(f"!({windows})", f"{wrong}.size() > 0"),
        f"it.at + '.onExitCodes.values[' + string(it.codes.indexOf({wrong}[0])) + ']'",
        said("{} never matches: exit codes are 0 to 255", number(f"{wrong}[0]")),
        each=_RULES,
        severity=WARNING,
        class_=Class.PRACTICE,
    )


def failure_policy_disruptions(params: Any, _minor: int) -> Iterator[Check]:
    yield of_job(
        "podFailurePolicy",
        every(
            f"has({_DEADLINE}) && {_DEADLINE} > {params.long_seconds}",
            "variables.pod.restartPolicy == 'Never' && !variables.owned",
            f"!{_RULES}.exists(r, r.conditions.exists(c, c.startsWith('DisruptionTarget/')))",
        ),
        said(
            "an evicted Pod uses up a retry: "
            "write a rule with action: Ignore on the condition DisruptionTarget"
        ),
    )
