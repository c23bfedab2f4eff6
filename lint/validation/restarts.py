"""When a container is restarted by itself, whatever its Pod says."""

from collections.abc import Iterator

from lint.path import Path
from lint.validation.cause import Cause, forbidden, required, too_many, unsupported
from lint.validation.tree import Struct, structs, text

_POLICIES = ("Always", "Never", "OnFailure")
_ACTIONS = ("Restart", "RestartAllContainers")
_OPERATORS = ("In", "NotIn")
_MOST_RULES = 20
_MOST_CODES = 255
_OWN_RESTART_POLICY = 35
"""The minor from which on containers have restart policies of all kinds, and rules."""


def own_restart(container: Struct, minor: int, at: Path) -> Iterator[Cause]:
    """Check when a container is restarted by itself."""
    if minor >= _OWN_RESTART_POLICY:
        yield from _restart_policy(container, at)
        yield from _rules(container, at)
    elif container.get("restartPolicy") is not None:
        yield forbidden((*at, "restartPolicy"), "may not be set for non-init containers")


def init_restart(container: Struct, minor: int, at: Path) -> Iterator[Cause]:
    """Check when an init container is restarted."""
    policy = container.get("restartPolicy")
    if minor >= _OWN_RESTART_POLICY:
        yield from _restart_policy(container, at)
        if policy is not None:
            yield from _rules(container, at)
    elif policy not in (None, "Always"):
        yield unsupported((*at, "restartPolicy"), policy, ("Always",))


def _restart_policy(container: Struct, at: Path) -> Iterator[Cause]:
    """Check a restart policy of any kind, without which there can be no rules."""
    policy = container.get("restartPolicy")
    if policy is None:
        if container.get("restartPolicyRules"):
            yield required((*at, "restartPolicy"), "must specify restartPolicy when restart rules are used")
    elif policy not in _POLICIES:
        yield unsupported((*at, "restartPolicy"), policy, _POLICIES)


def _rules(container: Struct, at: Path) -> Iterator[Cause]:
    """Check exceptions to a restart policy, which are by exit code."""
    rules = container.get("restartPolicyRules")
    if isinstance(rules, list) and len(rules) > _MOST_RULES:
        yield too_many((*at, "restartPolicyRules"), len(rules), _MOST_RULES)
    for index, rule in structs(container, "restartPolicyRules"):
        here, action, codes = (*at, "restartPolicyRules", index), text(rule, "action"), rule.get("exitCodes")
        if action not in _ACTIONS:
            yield unsupported((*here, "action"), action, _ACTIONS)
        if isinstance(codes, dict):
            yield from _exit_codes(codes, (*here, "exitCodes"))
        elif codes is None:
            yield required((*here, "exitCodes"), "must be specified")


def _exit_codes(codes: Struct, at: Path) -> Iterator[Cause]:
    """Check to which exit codes a rule applies."""
    operator, values = text(codes, "operator"), codes.get("values")
    if operator not in _OPERATORS:
        yield unsupported((*at, "operator"), operator, _OPERATORS)
    if isinstance(values, list) and len(values) > _MOST_CODES:
        yield too_many((*at, "values"), len(values), _MOST_CODES)
