"""Which failures of Pods count, and when failed Pods are replaced.

The conditions are those of pkg/apis/batch/validation/validation.go.
"""

from collections.abc import Iterator

from lint.path import Path
from lint.validation import names as form
from lint.validation.cause import OMITTED, Cause, duplicate, invalid, required, too_many, unsupported
from lint.validation.golang import quoted
from lint.validation.tree import Struct, struct, structs, text, text_if_any

_REPLACEMENTS = ("Failed", "TerminatingOrFailed")
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_OPERATORS = ("In", "NotIn")
_STATUSES = ("False", "True", "Unknown")
_RULES_LIMIT = 20
_PATTERNS_LIMIT = 20
_VALUES_LIMIT = 255


def failure_policy(spec: Struct, at: Path) -> Iterator[Cause]:
    """Check `podFailurePolicy`, and `podReplacementPolicy`, which depends on it."""
    policy, replacement = spec.get("podFailurePolicy"), text_if_any(spec, "podReplacementPolicy")
    allowed = _REPLACEMENTS if policy is None else ("Failed",)
    if replacement is not None and replacement not in allowed:
        yield unsupported((*at, "podReplacementPolicy"), replacement, allowed)
    if policy is None:
        return
    here = (*at, "podFailurePolicy", "rules")
    rules = list(structs(struct(spec, "podFailurePolicy"), "rules"))
    if len(rules) > _RULES_LIMIT:
        yield too_many(here, len(rules), _RULES_LIMIT)
    for index, rule in rules:
        yield from _rule(rule, (*here, index), spec)
    if text(struct(struct(spec, "template"), "spec"), "restartPolicy") == "OnFailure":
        wrong = 'only "Never" is supported when podFailurePolicy is specified'
        yield invalid((*at, "template", "spec", "restartPolicy"), "OnFailure", wrong)


def _rule(rule: Struct, at: Path, spec: Struct) -> Iterator[Cause]:
    """Check one rule."""
    action, codes, patterns = text(rule, "action"), rule.get("onExitCodes"), rule.get("onPodConditions")
    if action == "FailIndex" and spec.get("backoffLimitPerIndex") is None:
        yield invalid((*at, "action"), action, "requires the backoffLimitPerIndex to be set")
    yield from _one_of(action, _ACTIONS, (*at, "action"))
    if codes is not None:
        pod = struct(struct(spec, "template"), "spec")
        yield from _exit_codes(struct(rule, "onExitCodes"), (*at, "onExitCodes"), pod)
    if patterns:
        yield from _patterns(rule, (*at, "onPodConditions"))
    if codes is not None and patterns:
        yield invalid(at, OMITTED, "specifying both OnExitCodes and OnPodConditions is not supported")
    if codes is None and not patterns:
        yield invalid(at, OMITTED, "specifying one of OnExitCodes and OnPodConditions is required")


def _one_of(word: str, allowed: tuple[str, ...], at: Path) -> Iterator[Cause]:
    """Check a word of a few."""
    if not word:
        yield required(at, f"valid values: [{' '.join(map(quoted, allowed))}]")
    elif word not in allowed:
        yield unsupported(at, word, allowed)


def _exit_codes(codes: Struct, at: Path, pod: Struct) -> Iterator[Cause]:
    """Check a requirement on exit codes."""
    container = text_if_any(codes, "containerName")
    yield from _one_of(text(codes, "operator"), _OPERATORS, (*at, "operator"))
    if container is not None:
        both = (one for key in ("containers", "initContainers") for _, one in structs(pod, key))
        if all(text(one, "name") != container for one in both):
            wrong = "must be one of the container or initContainer names in the pod template"
            yield invalid((*at, "containerName"), container, wrong)
    yield from _values(codes, (*at, "values"))


def _values(codes: Struct, at: Path) -> Iterator[Cause]:
    """Check the list of exit codes."""
    given = codes.get("values")
    values = [value or 0 for value in given] if isinstance(given, list) else []
    if not values:
        yield invalid(at, given, "at least one value is required")
    elif len(values) > _VALUES_LIMIT:
        yield too_many(at, len(values), _VALUES_LIMIT)
    if not all(isinstance(value, int) for value in values):
        return
    before = set[int]()
    for index, value in enumerate(values):
        if value == 0 and text(codes, "operator") == "In":
            yield invalid((*at, index), value, "must not be 0 for the In operator")
        if value in before:
            yield duplicate((*at, index), value)
        before.add(value)
    if sorted(values) != values:
        yield invalid(at, values, "must be ordered")


def _patterns(rule: Struct, at: Path) -> Iterator[Cause]:
    """Check patterns for the conditions of Pods."""
    patterns = list(structs(rule, "onPodConditions"))
    if len(patterns) > _PATTERNS_LIMIT:
        yield too_many(at, len(patterns), _PATTERNS_LIMIT)
    for index, pattern in patterns:
        kind = text(pattern, "type")
        for wrong in form.qualified_name(kind):
            yield invalid((*at, index, "type"), kind, wrong)
        if rule["onPodConditions"][index] is not None:  # null becomes one with a status
            yield from _one_of(text(pattern, "status"), _STATUSES, (*at, index, "status"))
