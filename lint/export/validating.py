"""The policy as ValidatingAdmissionPolicies: one of each severity, and how each mode of a namespace binds it.

An update is denied only for what it brings: what the stored object has already is told in a warning, as by
the webhook.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

from lint.export.admission import API, bindings, conditions, matched, metadata
from lint.export.check import text, texts
from lint.export.settings import Looked
from lint.export.variables import SHARED, before, needed
from lint.policy import Mode, Policy
from lint.rule import Class, Severity

_ACTIONS = {Severity.ERROR: "Deny", Severity.WARNING: "Warn", Severity.INFO: "Audit"}
_MOST = 4
"""Findings of a rule that are told: a message has room for 5 KiB, and a warning for less."""

_BOTH = ["CREATE", "UPDATE"]
_CHANGED_BY_PEOPLE = (
    *("activeDeadlineSeconds", "backoffLimit", "maxFailedIndexes", "podReplacementPolicy"),
    "ttlSecondsAfterFinished",
)
"""Fields of a Job whose change may be denied: see webhook.review."""

_CHANGED = f"{texts(_CHANGED_BY_PEOPLE)}\n.filter(key, dyn(object).spec[?key] != dyn(oldObject).spec[?key])"
_IS_FRESH = (
    "!variables.owned && !variables.cronChild && (request.operation == 'CREATE'\n"
    "  || (!(f[1] in variables.old_{0}) && (variables.cronjob || f[2] in variables.changed)))"
)
"""A finding, of its text, its place by names and its field, denies the request."""


_AT = re.compile(r"\.at\b")


class _Verdict(NamedTuple):
    """What one validation says."""

    rule: str
    variable: str
    invalid: bool = False


def policies(looked: list[Looked], policy: Policy, hash_: str) -> Iterator[dict[str, Any]]:
    """Iterate over the policies, each with its bindings."""
    for severity in (Severity.ERROR, Severity.WARNING, Severity.INFO):
        variables, verdicts = _verdicts(looked, policy, severity)
        if verdicts:
            tree = {
                "apiVersion": f"{API}/v1",
                "kind": "ValidatingAdmissionPolicy",
                "metadata": metadata(f"jobwarden-{severity.label}", hash_),
                "spec": _spec(policy, variables, verdicts),
            }
            actions = {mode: _ACTIONS[Severity(min(severity, mode))] for mode in reversed(Mode) if mode}
            yield tree
            yield from bindings(tree, policy, actions)


def _spec(policy: Policy, variables: dict[str, str], verdicts: list[_Verdict]) -> dict[str, Any]:
    return {
        "failurePolicy": "Ignore",
        "matchConstraints": matched({"jobs": _BOTH, "cronjobs": _BOTH}),
        "matchConditions": conditions(policy),
        "variables": [{"name": name, "expression": value} for name, value in variables.items()],
        "validations": [_validation(one) for one in verdicts],
    }


def _validation(verdict: _Verdict) -> dict[str, str]:
    found = f"variables.{verdict.variable}"
    first = f"[{', '.join(f'{found}[{index}]' for index in range(_MOST))}]"
    return {
        "expression": f"{found}.size() == 0",
        "messageExpression": (
            f"{found}.size() <= {_MOST} ? {found}.join('; ')\n"
            f": {first}.join('; ') + '; and ' + string({found}.size() - {_MOST}) + ' more'"
        ),
        "message": f"{verdict.rule}: run jobwarden lint on the manifest, or jobwarden explain {verdict.rule}",
        "reason": "Invalid" if verdict.invalid else "Forbidden",
    }


def _verdicts(
    looked: list[Looked], policy: Policy, severity: Severity
) -> tuple[dict[str, str], list[_Verdict]]:
    """Return the variables of the policy of a severity, by name, and its validations."""
    known = SHARED
    known |= {f"old_{name}": before(value) for name, value in known.items()}
    known["changed"] = _CHANGED
    verdicts = []
    for rule, group in groupby(looked, lambda one: one.rule):
        ones = list(group)
        name = rule.replace("-", "_")
        errors = [one for one in ones if one.severity == Severity.ERROR]
        own = [one for one in ones if one.severity == severity]
        if severity != Severity.ERROR and own:
            known[name] = _found(own, policy, _text)
            verdicts.append(_Verdict(rule, name))
        if severity != Severity.INFO and errors:
            known |= _ratcheted(name, errors, policy)
            ending = "denied" if severity == Severity.ERROR else "tolerated"
            invalid = all(one.class_ != Class.PRACTICE for one in errors)
            verdicts.append(_Verdict(rule, f"{name}_{ending}", invalid))
    return needed(known, [f"variables.{one.variable}" for one in verdicts]), verdicts


def _ratcheted(name: str, errors: list[Looked], policy: Policy) -> dict[str, str]:
    """Return the variables for what denies a request, and for what an update need not mend."""
    found = _found(errors, policy, _identified)
    fresh = _IS_FRESH.format(f"{name}_errors")
    return {
        f"{name}_errors": found,
        f"old_{name}_errors": before(f"({found}).map(f, f[1])"),
        f"{name}_denied": f"variables.{name}_errors.filter(f, {fresh}).map(f, f[0])",
        f"{name}_tolerated": f"variables.{name}_errors.filter(f, !({fresh})).map(f, f[0])",
    }


def _found(ones: Iterable[Looked], policy: Policy, tell: Any) -> str:
    """Write the list of all that checks of a rule find."""
    ones = list(ones)
    rule = ones[0].rule
    parts = [_part(one, tell) for one in ones]
    if rule in policy.never_ignored:
        return "\n+ ".join(parts)
    return f"{text(rule)} in variables.ignored ? [] :\n" + "\n+ ".join(parts)


def _part(one: Looked, tell: Any) -> str:
    """Write the list of what one check finds."""
    check = one.check
    guards = [*(["!variables.foreign"] if one.class_ == Class.PRACTICE else []), *filter(None, [one.holds])]
    if not check.each:
        when = "\n&& ".join((*guards, f"({check.when})" if "||" in check.when else check.when))
        return f"({when}\n? [{tell(one)}] : [])"
    listed = f"{check.each}.filter(it,\n{check.when}\n).map(it, {tell(one)})"
    return f"({' && '.join(guards)} ? {listed} : [])" if guards else listed


def _text(one: Looked) -> str:
    return f"{text(one.rule + ': ')} + {one.check.place} + ': ' + {one.check.message}"


def _identified(one: Looked) -> str:
    """Write the text, what stays the same when the items of a list are moved, and the field."""
    identity = _AT.sub(".id", f"{one.check.place} + ': ' + {one.check.message}")
    return f"[{_text(one)}, {identity}, {text(one.check.field)}]"
