"""What the exported policies have in common: what they are asked about, and where they are bound."""

from collections.abc import Iterator
from typing import Any

from lint.export.check import texts
from lint.policy import MODES, Mode, Policy
from lint.version import VERSION

API = "admissionregistration.k8s.io"
_MODE = "jobwarden.io/mode"
_SPARED = {
    "key": "kubernetes.io/metadata.name",
    "operator": "NotIn",
    "values": ["kube-system", "kube-node-lease", "jobwarden"],
}
"""Namespaces that a cluster, or Jobwarden, needs to come back: those that manifests/ leaves out."""

_ABSENT, _OTHER = "absent", "other"
"""A namespace without the label, and one whose label is no mode: it is taken for `enforce`."""

_CONTROLLERS = (
    "system:serviceaccount:kube-system:job-controller",
    "system:serviceaccount:kube-system:cronjob-controller",
    "system:serviceaccount:kube-system:ttl-after-finished-controller",
    "system:serviceaccount:kube-system:generic-garbage-collector",
    "system:kube-controller-manager",
)


def metadata(name: str, hash_: str) -> dict[str, Any]:
    """Return the metadata of an exported object."""
    labels = {"app.kubernetes.io/managed-by": "jobwarden", "app.kubernetes.io/version": VERSION}
    return {"name": name, "labels": {**labels, "jobwarden.io/policy": hash_}}


def matched(operations: dict[str, list[str]]) -> dict[str, Any]:
    """Match requests by the operations on Jobs and CronJobs, never on their subresources."""
    rules: list[dict[str, Any]] = [
        {"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": some, "resources": [resource]}
        for resource, some in operations.items()
    ]
    return {"matchPolicy": "Equivalent", "resourceRules": rules}


def conditions(policy: Policy) -> list[dict[str, str]]:
    """Return what has to hold for a request to be looked at; what is cheap comes first."""
    who = policy.webhook
    found = {
        "spec-changes": "request.operation != 'UPDATE' || object.spec != oldObject.spec",
        "not-deleting": "!has(object.metadata.deletionTimestamp)",
        "no-update-by-a-built-in-controller": (
            f"request.operation != 'UPDATE' || !(request.userInfo.username in {texts(_CONTROLLERS)})"
        ),
    }
    if who.users:
        found["user-not-exempt"] = f"!(request.userInfo.username in {texts(sorted(who.users))})"
    if who.groups:
        groups = texts(sorted(who.groups))
        found["group-not-exempt"] = f"!request.userInfo.groups.exists(group, group in {groups})"
    return [{"name": name, "expression": expression} for name, expression in found.items()]


def bindings(tree: dict[str, Any], policy: Policy, actions: dict[Mode, str]) -> Iterator[dict[str, Any]]:
    """Iterate over the bindings of an exported object, by what is done in each mode; "": what it does."""
    states = {word: MODES.get(word, Mode.ENFORCE) for word in (*reversed(MODES), _OTHER)}
    states[_ABSENT] = policy.webhook.mode
    name = tree["metadata"]["name"]
    for action in dict.fromkeys(actions.values()):
        there = [word for word, mode in states.items() if actions.get(mode) == action]
        for number, selector in enumerate(_selectors(there), 1):
            parts = (name, *filter(None, [action.lower()]), *([str(number)] if number > 1 else []))
            selectors = {"matchExpressions": [_SPARED, *selector]}
            yield {
                "apiVersion": tree["apiVersion"],
                "kind": f"{tree['kind']}Binding",
                "metadata": {**tree["metadata"], "name": "-".join(parts)},
                "spec": {
                    "policyName": name,
                    **({"validationActions": [action]} if action else {}),
                    "matchResources": {"namespaceSelector": selectors},
                },
            }


def _selectors(states: list[str]) -> Iterator[list[dict[str, Any]]]:
    """Iterate over what selects the namespaces in some states, by their label; each is for some of them."""
    named = [word for word in states if word in MODES]
    rest = [word for word in MODES if word not in named]
    label = {"key": _MODE}
    if _OTHER in states:
        exists = [] if _ABSENT in states else [{**label, "operator": "Exists"}]
        yield [*exists, {**label, "operator": "NotIn", "values": rest}]
        return
    if named:
        yield [{**label, "operator": "In", "values": named}]
    if _ABSENT in states:
        yield [{**label, "operator": "DoesNotExist"}]
