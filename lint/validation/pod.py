"""The spec of the Pods of a Job, but for their containers and their restart policy.

The conditions are those of ValidatePodSpec in pkg/apis/core/validation/validation.go.
"""

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from lint.path import Path
from lint.validation import names
from lint.validation.cause import Cause, forbidden, invalid, required, unsupported
from lint.validation.claims import resource_claims
from lint.validation.networking import (
    dns_config,
    dns_policy,
    host_aliases,
    host_users,
    hostname_override,
    share_process_namespace,
)
from lint.validation.pod_resources import overhead, pod_resources
from lint.validation.scheduling import (
    affinity,
    node_selector,
    readiness_gates,
    scheduling_gates,
    tolerations,
    topology_spread_constraints,
)
from lint.validation.security import host_processes, operating_system, security_context
from lint.validation.tree import Struct, number, text, text_if_any
from lint.validation.volumes import volumes

_Check: TypeAlias = Callable[[Struct, Path, int], Iterator[Cause]]

_LARGEST_DEADLINE = (1 << 31) - 1
_PREEMPTION = ("PreemptLowerPriority", "Never")


def pod(pod: Struct, at: Path, minor: int) -> Iterator[Cause]:
    """Check the Pod spec at a path."""
    if pod.get("terminationGracePeriodSeconds") is None:
        yield required((*at, "terminationGracePeriodSeconds"))
    if not pod.get("dnsPolicy"):
        yield required((*at, "dnsPolicy"))
    for key, check in _CHECKS.items():
        if pod.get(key) is not None:
            yield from check(pod, at, minor)
    yield from host_processes(pod, at)


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


_CHECKS: Final[dict[str, _Check]] = {
    "volumes": volumes,
    "resourceClaims": resource_claims,
    "resources": pod_resources,
    "dnsPolicy": dns_policy,
    "nodeSelector": node_selector,
    "securityContext": security_context,
    "shareProcessNamespace": share_process_namespace,
    "affinity": affinity,
    "dnsConfig": dns_config,
    "readinessGates": readiness_gates,
    "schedulingGates": scheduling_gates,
    "topologySpreadConstraints": topology_spread_constraints,
    "hostUsers": host_users,
    "hostnameOverride": hostname_override,
    "serviceAccountName": _named("serviceAccountName", names.dns_subdomain),
    "nodeName": _named("nodeName", names.dns_subdomain),
    "activeDeadlineSeconds": _active_deadline,
    "hostname": _named("hostname", names.dns_label),
    "subdomain": _named("subdomain", names.dns_label),
    "tolerations": tolerations,
    "hostAliases": host_aliases,
    "priorityClassName": _named("priorityClassName", names.dns_subdomain),
    "runtimeClassName": _named("runtimeClassName", names.dns_subdomain, empty=True),
    "preemptionPolicy": _preemption_policy,
    "overhead": overhead,
    "os": operating_system,
    "ephemeralContainers": _ephemeral_containers,
}
"""What is checked where a field is given, in the order of the server."""
