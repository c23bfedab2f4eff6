"""Containers that are surely fine: see lint.validation.plain."""

from typing import Any, Final

from lint.validation.environment import FIELDS, field_reference, resource_reference
from lint.validation.plain_values import (
    Check,
    amount,
    between,
    config_key,
    dns_label,
    each,
    header,
    inside,
    natural,
    port_name,
    port_number,
    silent,
    struct,
    subdomain,
    text,
    texts,
    word,
)
from lint.validation.quantities import kept
from lint.validation.resources import NATIVE, resources

_BESIDE = frozenset(("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"))
"""Fields of containers that go on running."""


def containers(value: Any, volumes: set[str], names: set[str], *, first: bool = False) -> bool:
    """Check the containers of a Pod, or those that run `first`; `names` are taken, and are added to."""
    if type(value) is not list:
        return False
    check = _FIRST if first else _CONTAINER
    for container in value:
        if not check(container) or container["name"] in names:
            return False
        if "volumeMounts" in container and not _are_mounted(container["volumeMounts"], volumes):
            return False
        if first and "restartPolicy" not in container and not _BESIDE.isdisjoint(container):
            return False
        names.add(container["name"])
    return True


def _are_mounted(mounts: list[Any], volumes: set[str]) -> bool:
    """Tell whether the volumes that are mounted exist, each in a place of its own."""
    paths: set[str] = set()
    for mount in mounts:
        if not _MOUNT(mount) or mount["name"] not in volumes or mount["mountPath"] in paths:
            return False
        paths.add(mount["mountPath"])
    return True


def _variables(value: Any) -> bool:
    if type(value) is not list:
        return False
    for entry in value:
        if type(entry) is not dict or len(entry) > 2:
            return False
        name = entry.get("name")
        if type(name) is not str or not (name.isidentifier() and name.isascii()):
            return False
        if len(entry) == 1 or type(entry.get("value")) is str:
            continue
        if "valueFrom" not in entry or not _SOURCE(entry["valueFrom"]) or len(entry["valueFrom"]) != 1:
            return False
    return True


def _imports(value: Any) -> bool:
    return _IMPORTS(value) and all(len(entry) == 1 for entry in value)


def _field_path(value: Any) -> bool:
    return value in FIELDS or (
        type(value) is str and silent(field_reference({"fieldPath": value}, FIELDS, ("fieldRef",)))
    )


def _resource(value: Any) -> bool:
    return _RESOURCE(value) and silent(resource_reference(value, ("resourceFieldRef",)))


def _ports(value: Any) -> bool:
    if not _PORTS(value):
        return False
    names = [port["name"] for port in value if "name" in port]
    return len(names) < 2 or len(names) == len(set(names))


def _amounts(value: Any) -> bool:
    if type(value) is not dict:
        return False
    for one in value.values():  # noqa: SIM110 - `all` costs thrice as much
        if not amount(one):
            return False
    return True


def _resources(value: Any) -> bool:
    if not _RESOURCES(value):
        return False
    limits, requests = value.get("limits", {}), value.get("requests", {})
    if not (NATIVE.issuperset(limits) and NATIVE.issuperset(requests)):
        return silent(resources(value, frozenset(), ("resources",)))
    for key, limit in limits.items():
        request = requests.get(key, 0)
        if kept(request) > kept(limit):  # type: ignore[operator]  # both are amounts
            return False
    return True


def _security(value: Any) -> bool:
    if not _SECURITY(value):
        return False
    if value.get("allowPrivilegeEscalation") is not False:
        return True
    return not value.get("privileged") and "CAP_SYS_ADMIN" not in value.get("capabilities", {}).get("add", ())


def _handler(fields: dict[str, type | Check]) -> Check:
    """Make the check of a map with one handler, and other fields."""
    check = struct(fields)

    def is_fine(value: Any) -> bool:
        if not check(value):
            return False
        return ("exec" in value) + ("httpGet" in value) + ("tcpSocket" in value) + ("grpc" in value) == 1

    return is_fine


def _port(value: Any) -> bool:
    return port_number(value) or port_name(value)


_REFERENCE = struct({"name": subdomain, "key": config_key, "optional": bool}, "name", "key")
_SOURCE = struct(
    {
        "fieldRef": struct({"fieldPath": _field_path, "apiVersion": word("v1")}, "fieldPath"),
        "resourceFieldRef": _resource,
        "configMapKeyRef": _REFERENCE,
        "secretKeyRef": _REFERENCE,
    }
)
_RESOURCE = struct({"resource": str, "containerName": str, "divisor": amount})
_MAP = struct({"name": subdomain, "optional": bool}, "name")
_IMPORTS = each(struct({"configMapRef": _MAP, "secretRef": _MAP}))
_PORTS = each(
    struct(
        {"name": port_name, "containerPort": port_number, "protocol": word("TCP", "UDP", "SCTP")},
        "containerPort",
    )
)
_MOUNT = struct(
    {
        "name": str,
        "mountPath": text,
        "readOnly": bool,
        "subPath": inside,
        "mountPropagation": word("HostToContainer", "None"),
    },
    "name",
    "mountPath",
)
_RESOURCES = struct({"limits": _amounts, "requests": _amounts})
PROFILE: Final = struct({"type": word("RuntimeDefault", "Unconfined")}, "type")
SELINUX: Final = struct({"user": str, "role": str, "type": str, "level": str})
_SECURITY = struct(
    {
        "runAsUser": natural,
        "runAsGroup": natural,
        "runAsNonRoot": bool,
        "privileged": bool,
        "allowPrivilegeEscalation": bool,
        "readOnlyRootFilesystem": bool,
        "capabilities": struct({"add": texts, "drop": texts}),
        "seccompProfile": PROFILE,
        "appArmorProfile": PROFILE,
        "seLinuxOptions": SELINUX,
    }
)
_EXEC = struct({"command": lambda value: texts(value) and len(value) > 0}, "command")
_GET = struct(
    {
        "path": str,
        "port": _port,
        "host": str,
        "scheme": word("HTTP", "HTTPS"),
        "httpHeaders": each(struct({"name": header, "value": str}, "name")),
    },
    "port",
)
_PROBE = _handler(
    {
        "exec": _EXEC,
        "httpGet": _GET,
        "tcpSocket": struct({"port": _port, "host": str}, "port"),
        "grpc": struct({"port": port_number, "service": str}, "port"),
        "initialDelaySeconds": natural,
        "timeoutSeconds": natural,
        "periodSeconds": natural,
        "successThreshold": between(1, 1),
        "failureThreshold": natural,
    }
)
_HOOK = _handler({"exec": _EXEC, "httpGet": _GET})
_FIELDS: Final[dict[str, type | Check]] = {
    "name": dns_label,
    "image": text,
    "imagePullPolicy": word("Always", "IfNotPresent", "Never"),
    "command": texts,
    "args": texts,
    "workingDir": str,
    "env": _variables,
    "envFrom": _imports,
    "ports": _ports,
    "resources": _resources,
    "volumeMounts": list,
    "securityContext": _security,
    "livenessProbe": _PROBE,
    "readinessProbe": _PROBE,
    "startupProbe": _PROBE,
    "lifecycle": struct({"postStart": _HOOK, "preStop": _HOOK}),
    "terminationMessagePath": str,
    "terminationMessagePolicy": word("File", "FallbackToLogsOnError"),
    "stdin": bool,
    "stdinOnce": bool,
    "tty": bool,
}
_CONTAINER = struct(_FIELDS, "name", "image")
_FIRST = struct({**_FIELDS, "restartPolicy": word("Always")}, "name", "image")
