"""The policy as a MutatingAdmissionPolicy: what the webhook sets where nobody wrote anything."""

from collections.abc import Iterator
from typing import Any

from lint.export.admission import API, bindings, conditions, matched, metadata
from lint.export.check import NotExported, text
from lint.export.fixes import FIXES, NO_FIXES
from lint.export.settings import Exported, settings_of
from lint.export.variables import SHARED, needed
from lint.policy import Mode, Policy, severity_of
from lint.rule import Rule, Severity
from lint.rules import RULES

_V1 = 36
"""The first minor that serves it; v1beta1 has to be switched on."""

_NAME = "jobwarden-defaults"
_POINTER = "variables.cronjob ? '/spec/jobTemplate/spec' : '/spec'"


def version(minor: int) -> str:
    """Return the version of the API in a minor."""
    return f"{API}/{'v1' if minor >= _V1 else 'v1beta1'}"


def fixes(policy: Policy) -> tuple[Exported, dict[str, str]]:
    """Say what becomes of the fixes of all rules; return what each of those that are exported patches."""
    result, found = Exported(), dict[str, str]()
    rules = {rule.id: rule for rule in RULES}
    for name in (*FIXES, *NO_FIXES):
        try:
            patches = _patches(policy, rules[name])
        except NotExported as reason:
            result.reasons[name] = str(reason)
            continue
        if patches:
            found[name] = patches
            result.rules.append(name)
        else:
            result.off.append(name)
    if policy.webhook.extend_written:
        result.reasons["extendWritten"] = (
            "on updates of Jobs it puts back what it has added; without that, the next apply would fail"
        )
    return result, found


def _patches(policy: Policy, rule: Rule[Any]) -> str:
    """Return what a rule's fix patches under each setting; nothing where it makes none."""
    parts = []
    for setting, holds in settings_of(policy, rule):
        if not setting.mutate or severity_of(rule, setting) == Severity.OFF:
            continue
        if rule.id in NO_FIXES:
            if _sets(setting.params):
                raise NotExported(NO_FIXES[rule.id])
            continue
        patches = FIXES[rule.id](setting.params, policy.minor)
        if patches:
            parts.append(f"({holds} ? ({patches}) : [])" if holds else f"({patches})")
    if not parts:
        return ""
    ignored = [] if rule.id in policy.never_ignored else [f"{text(rule.id)} in variables.ignored"]
    spared = " || ".join((*ignored, "variables.foreign", "variables.owned", "variables.cronChild"))
    return f"{spared} ? [] :\n" + "\n+ ".join(parts)


def _sets(params: Any) -> bool:
    """Tell whether the policy has a value to set."""
    return bool(getattr(params, "default", None) or getattr(params, "termination_message", False))


def policies(patches: dict[str, str], policy: Policy, hash_: str) -> Iterator[dict[str, Any]]:
    """Iterate over the policy and its bindings."""
    api, kind = version(policy.minor), "MutatingAdmissionPolicy"
    if not patches:
        return
    known = {**SHARED, "pointer": _POINTER}
    variables = needed(known, patches.values())
    tree = {
        "apiVersion": api,
        "kind": kind,
        "metadata": metadata(_NAME, hash_),
        "spec": {
            "failurePolicy": "Ignore",
            "reinvocationPolicy": "IfNeeded",
            "matchConstraints": matched({"jobs": ["CREATE"], "cronjobs": ["CREATE", "UPDATE"]}),
            "matchConditions": conditions(policy),
            "variables": [{"name": name, "expression": value} for name, value in variables.items()],
            "mutations": [
                {"patchType": "JSONPatch", "jsonPatch": {"expression": one}} for one in patches.values()
            ],
        },
    }
    yield tree
    yield from bindings(tree, policy, {Mode.ENFORCE: ""})
