"""What the server says of the volumes that a container mounts, or has as devices."""

from collections.abc import Iterator

from lint.path import Path, dotted
from lint.validation.cause import Cause, forbidden, invalid, not_found, required, unsupported
from lint.validation.names import inside_path, no_backsteps
from lint.validation.tree import Struct, struct, structs, text

_PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")
_RECURSIVE = ("Disabled", "Enabled", "IfPossible")


def mounts(container: Struct, volumes: Struct, at: Path) -> Iterator[Cause]:
    """Check `volumeMounts` of the container at a path; `volumes` are those of the Pod by name."""
    on_device = _paths(container, "volumeDevices", "devicePath") if "volumeDevices" in container else {}
    paths: set[str] = set()
    for index, mount in structs(container, "volumeMounts"):
        name, path = text(mount, "name"), text(mount, "mountPath")
        here = (*at, "volumeMounts", index)
        if not name:
            yield required((*here, "name"))
        if name not in volumes:
            yield not_found((*here, "name"), name)
        if not path:
            yield required((*here, "mountPath"))
        if path in paths:
            yield invalid((*here, "mountPath"), path, "must be unique")
        paths.add(path)
        if on_device:
            yield from _beside(name, path, on_device, here)
        if len(mount) > 2 or not (name and path):
            yield from _details(mount, container, here)


def _beside(name: str, path: str, on_device: dict[str, str], at: Path) -> Iterator[Cause]:
    """Check that what is mounted is no device as well; `on_device` has their paths by name."""
    if name in on_device:
        yield invalid((*at, "name"), name, "must not already exist in volumeDevices")
    if path in on_device.values():
        yield invalid((*at, "mountPath"), path, "must not already exist as a path in volumeDevices")


def _paths(container: Struct, field: str, key: str) -> dict[str, str]:
    """Return the path of each name in a list of the container; the last one counts."""
    return {text(item, "name"): text(item, key) for _, item in structs(container, field)}


def _details(mount: Struct, container: Struct, at: Path) -> Iterator[Cause]:
    """Check how a volume is mounted; the server names most of the fields without the index."""
    sub_path, expression = text(mount, "subPath"), text(mount, "subPathExpr")
    for wrong in inside_path(sub_path):
        yield invalid((*at, "subPath"), sub_path, wrong, _unnumbered(at, "subPath"))
    if expression and sub_path:
        detail = "subPathExpr and subPath are mutually exclusive"
        yield invalid((*at, "subPathExpr"), expression, detail)
    for wrong in inside_path(expression):
        yield invalid((*at, "subPathExpr"), expression, wrong, _unnumbered(at, "subPathExpr"))
    propagation = mount.get("mountPropagation")
    if isinstance(propagation, str):
        here, field = (*at, "mountPropagation"), _unnumbered(at, "mountPropagation")
        if propagation not in _PROPAGATIONS:
            yield unsupported(here, propagation, _PROPAGATIONS, field)
        elif (
            propagation == "Bidirectional"
            and struct(container, "securityContext").get("privileged") is not True
        ):
            detail = "Bidirectional mount propagation is available only to privileged containers"
            yield forbidden(here, detail, field)
    recursive = mount.get("recursiveReadOnly")
    if isinstance(recursive, str):
        yield from _recursive(recursive, mount, (*at, "recursiveReadOnly"))


def _unnumbered(at: Path, field: str) -> str:
    """Name a field of a mount in the way of the server."""
    return dotted((*at[:-1], field))


def _recursive(value: str, mount: Struct, at: Path) -> Iterator[Cause]:
    """Check whether a mount can be read-only with all that is below it."""
    field = _unnumbered(at[:-1], "recursiveReadOnly")
    if value not in _RECURSIVE:
        yield unsupported(at, value, _RECURSIVE, field)
    elif value != "Disabled":
        if mount.get("readOnly") is not True:
            yield forbidden(at, "may only be specified when readOnly is true", field)
        if mount.get("mountPropagation") not in (None, "None"):
            detail = "may only be specified when mountPropagation is None or not specified"
            yield forbidden(at, detail, field)


def devices(container: Struct, volumes: Struct, at: Path) -> Iterator[Cause]:
    """Check `volumeDevices` of the container at a path; `volumes` are those of the Pod by name."""
    mounted = _paths(container, "volumeMounts", "mountPath")
    names: set[str] = set()
    paths: set[str] = set()
    for index, device in structs(container, "volumeDevices"):
        here, name, path = (*at, "volumeDevices", index), text(device, "name"), text(device, "devicePath")
        yield from _device_name(name, names, volumes, (*here, "name"))
        yield from _device_path(path, paths, (*here, "devicePath"))
        if name in mounted:
            yield invalid((*here, "name"), name, "must not already exist in volumeMounts")
        if path in mounted.values():
            yield invalid((*here, "devicePath"), path, "must not already exist as a path in volumeMounts")


def _device_name(name: str, names: set[str], volumes: Struct, at: Path) -> Iterator[Cause]:
    """Check which volume a device is; `names` are those of the devices before it."""
    if not name:
        yield required(at)
    if name in names:
        yield invalid(at, name, "must be unique")
    if name:
        names.add(name)
    if name not in volumes:
        yield not_found(at, name)
    elif all(volumes[name].get(kind) is None for kind in ("persistentVolumeClaim", "ephemeral")):
        detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
        yield invalid(at, name, detail)


def _device_path(path: str, paths: set[str], at: Path) -> Iterator[Cause]:
    """Check where a device is; `paths` are those of the devices before it."""
    if not path:
        yield required(at)
    if path in paths:
        yield invalid(at, path, "must be unique")
    if no_backsteps(path):
        yield invalid(at, path, "can not contain backsteps ('..')")
    else:
        paths.add(path)
