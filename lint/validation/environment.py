"""What the server says of the environment of a container, and of fields that a container refers to."""

from collections.abc import Iterator
from typing import Any

from lint.memo import remembered
from lint.path import Path, dotted
from lint.quantity import parse
from lint.validation.cause import Cause, invalid, not_found, required, unsupported
from lint.validation.names import (
    config_key,
    dns_label,
    dns_subdomain,
    env_name,
    no_backsteps,
    qualified_name,
)
from lint.validation.quantities import written
from lint.validation.tree import Struct, structs, text

FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
"""Fields of a Pod that a variable can have."""

_MAPS = ("metadata.annotations", "metadata.labels")
_RENAMED = {"spec.host": "spec.nodeName"}
_READABLE = frozenset(
    (*FIELDS, *_MAPS, *_RENAMED, "spec.restartPolicy", "spec.schedulerName", "status.phase")
)
"""Fields that the server knows, though not all of them are for variables."""

_RESOURCES = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)
_HUGE = ("limits.hugepages-", "requests.hugepages-")
_UNITS = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_DIVIDED = {
    "cpu": "cpu",
    "memory": "memory",
    "ephemeral-storage": "local ephemeral storage",
}
_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_PLAIN = ("configMapKeyRef", "secretKeyRef")


def variables(value: Any, volumes: Struct, at: Path, minor: int) -> Iterator[Cause]:
    """Check `env`; `volumes` are those of the Pod by name."""
    if not isinstance(value, list):
        return
    for index, entry in enumerate(value):
        if entry.__class__ is not dict:
            if entry is None:
                yield required((*at, index, "name"))
            continue
        name = entry.get("name")
        if name.__class__ is not str or not (name.isidentifier() and name.isascii()):
            yield from _name(name, (*at, index, "name"), minor)
        if "valueFrom" in entry and not _plain(entry, entry["valueFrom"]):
            yield from _source(entry, entry["valueFrom"], volumes, (*at, index, "valueFrom"))


def _name(name: Any, at: Path, minor: int) -> Iterator[Cause]:
    """Check the name of a variable that is an unusual one."""
    if not name:
        yield required(at)
    elif isinstance(name, str):
        for wrong in env_name(name, minor):
            yield invalid(at, name, wrong)


def _plain(entry: Struct, source: Any) -> bool:
    """Tell at little cost whether a source is of a usual kind, with nothing wrong."""
    if source.__class__ is not dict or len(source) != 1 or entry.get("value"):
        return source is None
    for kind, reference in source.items():
        if reference.__class__ is not dict:
            return False
        if kind == "fieldRef":
            return reference.get("fieldPath") in FIELDS and reference.get("apiVersion") == "v1"
        name, key = reference.get("name"), reference.get("key")
        return kind in _PLAIN and name.__class__ is str and key.__class__ is str and _exists(name, key)
    return False


@remembered(1024)
def _exists(name: str, key: str) -> bool:
    """Tell whether a ConfigMap or Secret of that name may have that key."""
    return bool(key) and not dns_subdomain(name) and not config_key(key)


def _source(entry: Struct, source: Any, volumes: Struct, at: Path) -> Iterator[Cause]:
    """Check where the value of a variable comes from."""
    if not isinstance(source, dict):
        return
    sources = [kind for kind in _SOURCES if source.get(kind) is not None]
    for kind in sources:
        reference = source[kind]
        if isinstance(reference, dict):
            here = (*at, kind)
            if kind == "fieldRef":
                yield from field_reference(reference, FIELDS, here)
            elif kind == "resourceFieldRef":
                yield from resource_reference(reference, here)
            elif kind == "fileKeyRef":
                yield from _file(reference, volumes, here)
            else:
                yield from _entry(reference, here)
    if not sources:
        listed = ", ".join(f"`{kind}`" for kind in _SOURCES[:-1])
        yield invalid(at, "", f"must specify one of: {listed} or `{_SOURCES[-1]}`")
    elif entry.get("value"):
        yield invalid(at, "", "may not be specified when `value` is not empty")
    elif len(sources) > 1:
        yield invalid(at, "", "may not have more than one field specified at a time")


def _entry(reference: Struct, at: Path) -> Iterator[Cause]:
    """Check a reference to an entry of a ConfigMap or Secret."""
    name, key = text(reference, "name"), text(reference, "key")
    for wrong in dns_subdomain(name):
        yield invalid((*at, "name"), name, wrong)
    if not key:
        yield required((*at, "key"))
    else:
        for wrong in config_key(key):
            yield invalid((*at, "key"), key, wrong)


def _file(reference: Struct, volumes: Struct, at: Path) -> Iterator[Cause]:
    """Check a reference to a variable in a file of a volume."""
    checks = {"key": lambda key: env_name(key, 99), "volumeName": dns_label, "path": no_backsteps}
    for field, check in checks.items():
        found = text(reference, field)
        if not found:
            yield required((*at, field))
        else:
            for wrong in check(found):
                yield invalid((*at, field), found, wrong)
    name = text(reference, "volumeName")
    if name not in volumes:
        yield not_found((*at, "volumeName"), name)
    elif volumes[name].get("emptyDir") is None:
        yield invalid((*at, "volumeName"), name, "referenced volume must be of type emptyDir")


def field_reference(reference: Struct, supported: tuple[str, ...], at: Path) -> Iterator[Cause]:
    """Check a reference to a field of the Pod; `supported` are those that are for this purpose, in order."""
    here, path, version = (*at, "fieldPath"), text(reference, "fieldPath"), reference.get("apiVersion")
    if not path:
        yield required(here)
        return
    above, key = _entry_of(path)
    if wrong := _unreadable(path, above, key, version):
        yield invalid(here, path, f"error converting fieldPath: {wrong}")
    elif key is not None:
        key = key.lower() if above == "metadata.annotations" else key
        for each in qualified_name(key):
            yield invalid(here, key, each, dotted(at))
    elif (field := _RENAMED.get(path, path)) not in supported:
        yield unsupported(here, field, supported)


def _entry_of(path: str) -> tuple[str, str | None]:
    """Split `metadata.labels['key']`; the key is None where there is none."""
    above, bracket, key = path.removesuffix("']").partition("['")
    return (above, key) if above and bracket and path.endswith("']") else (path, None)


def _unreadable(path: str, above: str, key: str | None, version: Any) -> str:
    """Say why the server does not know a field."""
    if version not in ("v1", None, ""):
        return f"unsupported pod version: {version}"
    if key is not None:
        return "" if above in _MAPS else f"field label does not support subscript: {path}"
    return "" if path in _READABLE else f"field label not supported: {path}"


def resource_reference(reference: Struct, at: Path) -> Iterator[Cause]:
    """Check a reference to what a container requests, or to its limit."""
    resource = text(reference, "resource")
    if not resource:
        yield required((*at, "resource"))
    elif resource not in _RESOURCES and not resource.startswith(_HUGE):
        yield unsupported((*at, "resource"), resource, _RESOURCES)
    divisor = reference.get("divisor")
    number = parse(divisor) if isinstance(divisor, str | int | float) else None
    if not number:
        return
    name = "hugepages" if resource.startswith(_HUGE) else _DIVIDED.get(resource.partition(".")[2])
    units = ("1m", "1") if name == "cpu" else _UNITS
    if name and (resource in _RESOURCES or name == "hugepages") and written(divisor, number) not in units:
        listed = "1m and 1" if name == "cpu" else ", ".join(units)
        detail = f"only divisor's values {listed} are supported with the {name} resource"
        yield invalid((*at, "divisor"), resource, detail)


def imported(container: Struct, at: Path, minor: int) -> Iterator[Cause]:
    """Check `envFrom`."""
    for index, entry in structs(container, "envFrom"):
        prefix = text(entry, "prefix")
        if prefix:
            for wrong in env_name(prefix, minor):
                yield invalid((*at, index, "prefix"), prefix, wrong)
        sources = [kind for kind in ("configMapRef", "secretRef") if entry.get(kind) is not None]
        for kind in sources:
            yield from _map(entry[kind], (*at, index, kind, "name"))
        if not sources:
            detail = "must specify one of: `configMapRef` or `secretRef`"
            yield invalid((*at, index), "", detail, dotted(at))
        elif len(sources) > 1:
            yield invalid(
                (*at, index), "", "may not have more than one field specified at a time", dotted(at)
            )


def _map(reference: Any, at: Path) -> Iterator[Cause]:
    """Check a reference to a whole ConfigMap or Secret, whose name may be the beginning of one."""
    if not isinstance(reference, dict):
        return
    name = text(reference, "name")
    if not name:
        yield required(at)
        return
    if len(name) > 1 and name.endswith("-"):  # a beginning is checked with its last two bytes replaced
        shorter = name.encode("utf-8", "surrogatepass")[:-2].decode("utf-8", "replace") + "a"
    else:
        shorter = name
    for wrong in dns_subdomain(shorter):
        yield invalid(at, name, wrong)
