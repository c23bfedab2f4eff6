"""What the server says of the containers of a Pod template."""

from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple

from lint.path import Path, dotted
from lint.validation.cause import Cause, duplicate, forbidden, invalid, required, unsupported
from lint.validation.container_security import security
from lint.validation.environment import imported, variables
from lint.validation.names import dns_label, number_in, port_name
from lint.validation.probes import PROBES, lifecycle, probe
from lint.validation.resources import resources
from lint.validation.restarts import init_restart, own_restart
from lint.validation.tree import Struct, number, struct, structs, text

_POLICIES = {
    "imagePullPolicy": ("Always", "IfNotPresent", "Never"),
    "terminationMessagePolicy": ("File", "FallbackToLogsOnError"),
}
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_RESTARTED = frozenset(("restartPolicy", "restartPolicyRules"))
_RUNNING = frozenset(("lifecycle", *PROBES))
_RESIZED = ("cpu", "memory")
_RESIZE_POLICIES = ("NotRequired", "RestartContainer")
_NO_DEVICES_OF_OTHER_USERS = 34
"""The minor from which on Pods with users of their own have no block devices."""
_RESIZED_SIDECARS_ONLY = 37
"""The minor from which on an init container that ends cannot be restarted to resize it."""


class Surroundings(NamedTuple):
    """What the checks of a container look at outside of it."""

    spec: Struct
    volumes: Struct
    """The volumes by name."""

    claims: frozenset[str]
    """The names in `resourceClaims`."""

    grace: int
    """How many seconds the Pod has for its end."""

    minor: int


def containers(pod: Struct, at: Path, minor: int, refused: Container[int] = ()) -> Iterator[Cause]:
    """Check `containers` and `initContainers` of the Pod spec at a path.

    `refused` are the indexes of the volumes that the server refuses: it does not find them when they are
    mounted.
    """
    around = surroundings(pod, minor, refused)
    names: set[str] = set()
    if not pod.get("containers"):
        yield required((*at, "containers"))
    for index, container in structs(pod, "containers"):
        here = (*at, "containers", index)
        yield from every(container, around, here)
        if not _RESTARTED.isdisjoint(container):
            yield from own_restart(container, minor, here)
        if not _RUNNING.isdisjoint(container):
            yield from _runs(container, around, here)
        name = text(container, "name")
        if name in names:
            yield duplicate((*here, "name"), name)
        names.add(name)
    yield from _host_ports(structs(pod, "containers"), (*at, "containers"))
    if pod.get("hostNetwork") is True:
        yield from _host_network(pod, (*at, "containers"))
    if "initContainers" in pod:
        yield from _init_containers(names, around, (*at, "initContainers"))


def surroundings(pod: Struct, minor: int, refused: Container[int]) -> Surroundings:
    """Collect what the checks of a container need to know."""
    volumes: Struct = {}
    for index, volume in structs(pod, "volumes"):
        name = text(volume, "name")
        if name and name not in volumes and index not in refused:
            volumes[name] = volume
    claims = frozenset[str]()
    if "resourceClaims" in pod:
        claims = frozenset(text(claim, "name") for _, claim in structs(pod, "resourceClaims")) - {""}
    grace = pod.get("terminationGracePeriodSeconds")
    return Surroundings(pod, volumes, claims, grace if isinstance(grace, int) else 30, minor)


def _init_containers(names: set[str], around: Surroundings, at: Path) -> Iterator[Cause]:
    """Check containers that run first; those that are restarted always run on, beside the others."""
    for index, container in structs(around.spec, "initContainers"):
        here = (*at, index)
        yield from every(container, around, here)
        yield from init_restart(container, around.minor, here)
        if container.get("resizePolicy") and around.minor >= _RESIZED_SIDECARS_ONLY:
            yield from _not_resized(container, (*here, "resizePolicy"))
        name = text(container, "name")
        if name in names:
            yield duplicate((*here, "name"), name)
        elif name:
            names.add(name)
        for cause in _host_ports(
            ((0, container),), at
        ):  # the server names the first container whichever it is
            yield cause._replace(path=(*here, *cause.path[len(here) :]), renamed=cause.field)
        if container.get("restartPolicy") == "Always":
            yield from _runs(container, around, here)
        else:
            for field in ("lifecycle", *PROBES):
                if container.get(field) is not None:
                    detail = "may not be set for init containers without restartPolicy=Always"
                    yield forbidden((*here, field), detail)


def every(container: Struct, around: Surroundings, at: Path) -> Iterator[Cause]:
    """Check what all kinds of containers have."""
    yield from _image(container, at)
    if container.get("ports"):
        yield from _ports(container, (*at, "ports"))
    if container.get("env"):
        yield from variables(container["env"], around.volumes, (*at, "env"), around.minor)
    if container.get("envFrom"):
        yield from imported(container, (*at, "envFrom"), around.minor)
    if container.get("volumeMounts"):
        from lint.validation.mounts import mounts

        yield from mounts(container, around.volumes, at)
    if container.get("volumeDevices"):
        from lint.validation.mounts import devices

        yield from devices(container, around.volumes, at)
        if around.minor >= _NO_DEVICES_OF_OTHER_USERS and around.spec.get("hostUsers") is False:
            yield forbidden((*at, "volumeDevices"), "when `hostUsers` is false")
    if container.get("resources"):
        yield from resources(struct(container, "resources"), around.claims, (*at, "resources"))
    if container.get("resizePolicy"):
        yield from _resize(container, around.spec, (*at, "resizePolicy"))
    if container.get("securityContext"):
        yield from security(container["securityContext"], around.spec, (*at, "securityContext"), around.minor)


def _image(container: Struct, at: Path) -> Iterator[Cause]:
    """Check what a container is called, and what it is made of."""
    name = container.get("name")
    if not name:
        yield required((*at, "name"))
    elif isinstance(name, str):
        for wrong in dns_label(name):
            yield invalid((*at, "name"), name, wrong)
    if not container.get("image"):
        yield required((*at, "image"))
    for field, policies in _POLICIES.items():
        policy = container.get(field)
        if policy and policy not in policies:
            yield unsupported((*at, field), policy, policies)


def _runs(container: Struct, around: Surroundings, at: Path) -> Iterator[Cause]:
    """Check what only containers that stay have."""
    if container.get("lifecycle"):
        yield from lifecycle(container["lifecycle"], around.grace, (*at, "lifecycle"), around.minor)
    for field in PROBES:
        if container.get(field) is not None:
            yield from probe(container[field], field, (*at, field))


def _ports(container: Struct, at: Path) -> Iterator[Cause]:
    """Check the ports of a container, each and side by side."""
    names: set[str] = set()
    for index, port in structs(container, "ports"):
        if name := text(port, "name"):
            yield from _port_name(name, names, (*at, index, "name"))
        if not port.get("containerPort"):
            yield required((*at, index, "containerPort"))
        for field in ("containerPort", "hostPort"):
            if found := number(port, field):
                for wrong in number_in(found, 1, 65535):
                    yield invalid((*at, index, field), found, wrong)
        protocol = text(port, "protocol")
        if protocol and protocol not in _PROTOCOLS:
            yield unsupported((*at, index, "protocol"), protocol, _PROTOCOLS)


def _port_name(name: str, names: set[str], at: Path) -> Iterator[Cause]:
    """Check the name of a port; `names` are the good ones of the ports before it."""
    if wrong := port_name(name):
        for each in wrong:
            yield invalid(at, name, each)
    elif name in names:
        yield duplicate(at, name)
    else:
        names.add(name)


def _host_ports(containers: Iterable[tuple[int, Struct]], at: Path) -> Iterator[Cause]:
    """Check that no port of the host is taken twice by the containers in a list."""
    taken = set()
    for index, container in containers:
        for place, port in structs(container, "ports") if "ports" in container else ():
            if not port.get("hostPort"):
                continue
            key = f"{text(port, 'protocol') or 'TCP'}/{text(port, 'hostIP')}/{port['hostPort']}"
            if key in taken:
                yield duplicate((*at, index, "ports", place, "hostPort"), key)
            taken.add(key)


def _host_network(pod: Struct, at: Path) -> Iterator[Cause]:
    """Check that ports are the same inside and outside where there is no difference."""
    for index, container in structs(pod, "containers"):
        for place, port in structs(container, "ports"):
            outside = number(port, "hostPort")
            if outside and outside != number(port, "containerPort"):
                detail = "must match `containerPort` when `hostNetwork` is true"
                yield invalid((*at, index, "ports", place, "hostPort"), outside, detail)


def _not_resized(container: Struct, at: Path) -> Iterator[Cause]:
    """Check that an init container that ends is not restarted to get other resources."""
    for index, policy in structs(container, "resizePolicy"):
        restart = text(policy, "restartPolicy")
        if restart == "RestartContainer" and container.get("restartPolicy") != "Always":
            detail = "must not be set to 'RestartContainer' for non-sidecar initContainers"
            yield invalid((*at, index, "restartPolicy"), restart, detail)


def _resize(container: Struct, pod: Struct, at: Path) -> Iterator[Cause]:
    """Check what happens when a container gets other resources; the server names the list, not the item."""
    seen = set()
    never = pod.get("restartPolicy") == "Never"
    for index, policy in structs(container, "resizePolicy"):
        name, restart = text(policy, "resourceName"), text(policy, "restartPolicy")
        if name in seen:
            yield duplicate((*at, index), name)
        seen.add(name)
        choices = {"resourceName": (name, _RESIZED), "restartPolicy": (restart, _RESIZE_POLICIES)}
        for field, (found, supported) in choices.items():
            if not found:
                yield required((*at, index, field), field=dotted(at))
            elif found not in supported:
                yield unsupported((*at, index, field), found, supported, dotted(at))
        if never and restart != "NotRequired":
            detail = "must be 'NotRequired' when pod `restartPolicy` is 'Never'"
            yield invalid((*at, index, "restartPolicy"), restart, detail, dotted(at))
