"""What a policy comes to for each rule: the checks of every severity, with the overrides in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from lint.export.check import Check, NotExported, every, pattern, text, texts
from lint.export.forms import FORMS, REASONS
from lint.overrides import Glob, Match
from lint.policy import Policy, Setting, severity_of, weight
from lint.rule import Class, Rule, Severity
from lint.rules import RULES

_MOST = 4
"""Overrides of one rule: each more may double what is said of it."""


@dataclass(frozen=True)
class Looked:
    """A check with what the policy makes of it."""

    rule: str
    severity: Severity
    class_: Class
    check: Check
    holds: str = ""
    """The objects that it is for: those of some overrides, and not of others; empty: all."""


@dataclass
class Exported:
    """What becomes of all rules."""

    looked: list[Looked] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    """The rules that are exported, in order."""

    reasons: dict[str, str] = field(default_factory=dict)
    """Why a rule is not exported, by its id."""

    off: list[str] = field(default_factory=list)
    """The rules that find nothing under this policy."""


def exported(policy: Policy) -> Exported:
    """Say what becomes of each rule."""
    result = Exported()
    for rule in sorted(RULES, key=lambda rule: rule.id):
        try:
            looked = list(_looked(policy, rule))
        except NotExported as reason:
            result.reasons[rule.id] = str(reason)
        else:
            result.looked += looked
            (result.rules if looked else result.off).append(rule.id)
    return result


def _looked(policy: Policy, rule: Rule[Any]) -> Iterator[Looked]:
    settings = list(settings_of(policy, rule))
    if all(severity_of(rule, setting) == Severity.OFF for setting, _ in settings):
        return
    if rule.id in REASONS:
        raise NotExported(REASONS[rule.id])
    for setting, holds in settings:
        for check in FORMS[rule.id](setting.params, policy.minor):
            severity = weight(check.severity, rule, setting)
            if severity != Severity.OFF:
                yield Looked(rule.id, severity, check.class_ or rule.class_, check, holds)


def settings_of(policy: Policy, rule: Rule[Any]) -> Iterator[tuple[Setting, str]]:
    """Iterate over the settings of a rule, each with the objects that it is for.

    Raises:
        NotExported: there are too many, or a pattern that CEL does not have.
    """
    overrides = policy.overrides
    numbers = [
        number
        for number, one in enumerate(overrides.every if overrides else ())
        if rule.id in one.changes and not one.match.paths
    ]
    own = policy.settings.get(rule.id) or Setting(rule.params)
    if own.params is None:
        own = own._replace(params=rule.params)
    if overrides is None or not numbers:
        yield own, ""
        return
    if len(numbers) > _MOST:
        raise NotExported(f"more than {_MOST} overrides change it")
    for count in range(len(numbers) + 1):
        for some in combinations(numbers, count):
            matches = [overrides.every[number].match for number in some]
            if all(one.may_meet(other) for one, other in combinations(matches, 2)):
                others = [overrides.every[one].match for one in numbers if one not in some]
                holds = every(*(_held(one) for one in matches), *(f"!({_held(one)})" for one in others))
                changed = own
                for number in some:
                    changed = overrides.every[number].changes[rule.id].made(changed)
                yield changed, holds


def _held(match: Match) -> str:
    """Tell in CEL whether an override is for the object."""
    name = "variables.metadata.?name.orValue(variables.metadata.?generateName.orValue(''))"
    conditions = [f"dyn(object).kind in {texts(match.kinds)}"] if match.kinds else []
    conditions += [
        "(" + " || ".join(f"{value}.matches({_expression(glob)})" for glob in globs) + ")"
        for value, globs in (("request.namespace", match.namespaces), (name, match.names))
        if globs
    ]
    return f"({' && '.join(conditions)})" if conditions else "true"


def _expression(glob: Glob) -> str:
    """Write a glob, which is for a text without slashes, as a regular expression in CEL."""
    pieces = [piece for piece in glob.text.split("/") if piece != "**"]
    if not pieces:
        return pattern("")
    if len(pieces) > 1:
        return pattern(r"^[^\s\S]$")  # nothing has a slash
    signs = {"*": ".*", "?": "."}
    if "[" in pieces[0]:
        raise NotExported(f"an override has the pattern {glob.text}: write it without brackets")
    return text("^" + "".join(signs.get(sign, re.escape(sign)) for sign in pieces[0]) + "$")
