"""The spec of the Pods of a Job, but for their containers and their restart policy.

The conditions are those of ValidatePodSpec in pkg/apis/core/validation/validation.go.
"""

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import Final, TypeAlias

from lint.path import Path
from lint.validation import names
from lint.validation.cause import Cause, forbidden, invalid, required, unsupported
from lint.validation.security import host_processes, operating_system, security_context
from lint.validation.tree import Struct, number, size, struct, text, text_if_any

_Check: TypeAlias = Callable[[Struct, Path, int], Iterator[Cause]]

_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_LARGEST_DEADLINE = (1 << 31) - 1
_PREEMPTION = ("PreemptLowerPriority", "Never")
_FILLED: Final[Struct] = {"dnsPolicy": "ClusterFirst", "securityContext": {}}
"""What the server fills in, and most Pods have: there is nothing to check in it."""


def pod(pod: Struct, at: Path, minor: int) -> Iterator[Cause]:
    """Check the Pod spec at a path."""
    if pod.get("terminationGracePeriodSeconds") is None:
        yield required((*at, "terminationGracePeriodSeconds"))
    if not pod.get("dnsPolicy"):
        yield required((*at, "dnsPolicy"))
    for key, check in CHECKS.items():
        value = pod.get(key)
        if value is not None and value != _FILLED.get(key):
            yield from check(pod, at, minor)
    yield from host_processes(pod, at)


def _in(module: str, name: str) -> _Check:
    """Return a check in a module that is imported with the first Pod that needs it: most need few."""

    def check(pod: Struct, at: Path, minor: int) -> Iterator[Cause]:
        return _imported(module, name)(pod, at, minor)

    return check


@cache
def _imported(module: str, name: str) -> _Check:
    check: _Check = getattr(import_module(f"lint.validation.{module}"), name)
    return check


def _dns_policy(pod: Struct, at: Path, _: int) -> Iterator[Cause]:
    """Check where names are looked up."""
    policy, here = text(pod, "dnsPolicy"), (*at, "dnsPolicy")
    if not policy:
        yield required(here)
    elif policy not in _DNS_POLICIES:
        yield unsupported(here, policy, _DNS_POLICIES)
    elif policy == "None":
        config = pod.get("dnsConfig")
        here = (*at, "dnsConfig")
        if config is None:
            yield required(here, "must provide `dnsConfig` when `dnsPolicy` is None")
        elif not size(struct(pod, "dnsConfig"), "nameservers"):
            wrong = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            yield required((*here, "nameservers"), wrong)


def _named(key: str, form: Callable[[str], list[str]], *, empty: bool = False) -> _Check:
    """Return the check of a field that is a name; an empty one is none, unless it is said to be."""

    def check(pod: Struct, at: Path, _: int) -> Iterator[Cause]:
        name = text_if_any(pod, key)
        if name or (empty and name is not None):
            for wrong in form(name):
                yield invalid((*at, key), name, wrong)

    return check


def _active_deadline(pod: Struct, at: Path, _: int) -> Iterator[Cause]:
    seconds = number(pod, "activeDeadlineSeconds")
    if seconds is not None:
        for wrong in names.number_in(seconds, 1, _LARGEST_DEADLINE):
            yield invalid((*at, "activeDeadlineSeconds"), seconds, wrong)


def _preemption_policy(pod: Struct, at: Path, _: int) -> Iterator[Cause]:
    policy, here = text(pod, "preemptionPolicy"), (*at, "preemptionPolicy")
    if not policy:
        yield required(here)
    elif policy not in _PREEMPTION:
        yield unsupported(here, policy, _PREEMPTION)


def _ephemeral_containers(pod: Struct, at: Path, _: int) -> Iterator[Cause]:
    if pod.get("ephemeralContainers"):
        yield forbidden((*at, "ephemeralContainers"), "ephemeral containers not allowed in pod template")


CHECKS: Final[dict[str, _Check]] = {
    "volumes": _in("volumes", "volumes"),
    "resourceClaims": _in("claims", "resource_claims"),
    "resources": _in("pod_resources", "pod_resources"),
    "dnsPolicy": _dns_policy,
    "nodeSelector": _in("scheduling", "node_selector"),
    "securityContext": security_context,
    "shareProcessNamespace": _in("networking", "share_process_namespace"),
    "affinity": _in("scheduling", "affinity"),
    "dnsConfig": _in("networking", "dns_config"),
    "readinessGates": _in("scheduling", "readiness_gates"),
    "schedulingGates": _in("scheduling", "scheduling_gates"),
    "topologySpreadConstraints": _in("scheduling", "topology_spread_constraints"),
    "hostUsers": _in("networking", "host_users"),
    "hostnameOverride": _in("networking", "hostname_override"),
    "serviceAccountName": _named("serviceAccountName", names.dns_subdomain),
    "nodeName": _named("nodeName", names.dns_subdomain),
    "activeDeadlineSeconds": _active_deadline,
    "hostname": _named("hostname", names.dns_label),
    "subdomain": _named("subdomain", names.dns_label),
    "tolerations": _in("scheduling", "tolerations"),
    "hostAliases": _in("networking", "host_aliases"),
    "priorityClassName": _named("priorityClassName", names.dns_subdomain),
    "runtimeClassName": _named("runtimeClassName", names.dns_subdomain, empty=True),
    "preemptionPolicy": _preemption_policy,
    "overhead": _in("pod_resources", "overhead"),
    "os": operating_system,
    "ephemeralContainers": _ephemeral_containers,
}
"""What is checked where a field is given, in the order of the server."""
