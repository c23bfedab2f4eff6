"""What volumes are made of: a check of each kind of source."""

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from lint.path import Path, dotted
from lint.quantity import parse
from lint.validation import names
from lint.validation.cause import Cause, forbidden, invalid, required, too_long, unsupported
from lint.validation.claims import ephemeral
from lint.validation.files import config_map, downward_api, projected, secret
from lint.validation.tree import Struct, entries, number, size, struct, text, text_if_any

_Check: TypeAlias = Callable[[Struct, Path, int], Iterator[Cause]]

_TYPES = ("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket")
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_CACHING = ("None", "ReadOnly", "ReadWrite")
_KINDS = ("Dedicated", "Managed", "Shared")
_MANAGED_DISK = (
    "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"
)
_BLOB = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"
_INITIATORS = {
    "iqn": r"iqn\.[0-9]{4}-[0-9]{2}\.([a-zA-Z0-9.-]+)(:[^,;*&$|\t\n\f\r ]+)\Z",
    "eui": r"\Aeui.[a-zA-Z0-9]{16}\Z",
    "naa": r"\Anaa.[a-zA-Z0-9]{32}\Z",
}
_HOSTS = "must be a host:port pair or multiple pairs separated by commas"


def _needs(*keys: str) -> _Check:
    """Return a check of a source that needs nothing but some texts, or lists."""

    def check(source: Struct, at: Path, _: int) -> Iterator[Cause]:
        for key in keys:
            if not source.get(key):
                yield required((*at, key))

    return check


def _empty_dir(source: Struct, at: Path, _: int) -> Iterator[Cause]:
    limit = source.get("sizeLimit")
    if limit is not None and (parse(limit) or 0) < 0:
        yield forbidden((*at, "sizeLimit"), "SizeLimit field must be a valid resource quantity")


def _host_path(source: Struct, at: Path, _: int) -> Iterator[Cause]:
    path, type_ = text(source, "path"), text_if_any(source, "type")
    if not path:
        yield required((*at, "path"))
        return
    for wrong in names.no_backsteps(path):
        yield invalid((*at, "path"), path, wrong)
    if type_ is not None and type_ not in _TYPES:
        yield unsupported((*at, "type"), type_, _TYPES)


def _git_repo(source: Struct, at: Path, minor: int) -> Iterator[Cause]:
    yield from _needs("repository")(source, at, minor)
    directory = text(source, "directory")
    for wrong in names.inside_path(directory):
        yield invalid((*at, "directory"), directory, wrong)


def _nfs(source: Struct, at: Path, minor: int) -> Iterator[Cause]:
    yield from _needs("server", "path")(source, at, minor)
    path = text(source, "path")
    if not path.startswith("/"):
        yield invalid((*at, "path"), path, "must be an absolute path")


def _disk(key: str, name: str = "") -> _Check:
    """Return a check of a disk with partitions, which the server may call by another name."""

    def check(source: Struct, at: Path, _: int) -> Iterator[Cause]:
        partition = number(source, "partition") or 0
        above = f"{dotted(at[:-1])}.{name or at[-1]}"
        if not text(source, key):
            yield required((*at, key), field=f"{above}.{key}")
        if not 0 <= partition <= 255:
            wrong = "must be between 1 and 255, inclusive"
            yield invalid((*at, "partition"), partition, wrong, f"{above}.partition")

    return check


def _iscsi(source: Struct, at: Path, minor: int) -> Iterator[Cause]:
    yield from _needs("targetPortal", "iqn")(source, at, minor)
    if name := text(source, "iqn"):
        yield from _initiator(name, (*at, "iqn"))
    lun = number(source, "lun") or 0
    if not 0 <= lun <= 255:
        yield invalid((*at, "lun"), lun, "must be between 0 and 255, inclusive")
    login = source.get("chapAuthDiscovery") is True or source.get("chapAuthSession") is True
    if login and source.get("secretRef") is None:
        yield required((*at, "secretRef"))
    initiator = text_if_any(source, "initiatorName")
    if initiator is not None:
        yield from _initiator(initiator, (*at, "initiatorName"), f"{dotted(at)}.initiatorname")


def _initiator(name: str, at: Path, field: str = "") -> Iterator[Cause]:
    pattern = _INITIATORS.get(name[:3])
    if pattern is None:
        yield invalid(at, name, "must be valid format starting with iqn, eui, or naa", field)
    elif not re.search(pattern, name):
        yield invalid(at, name, "must be valid format", field)


def _fc(source: Struct, at: Path, _: int) -> Iterator[Cause]:
    worldwide, lun, here = size(source, "targetWWNs"), number(source, "lun"), (*at, "targetWWNs")
    if not worldwide and not size(source, "wwids"):
        yield required(here, "must specify either targetWWNs or wwids, but not both")
    if worldwide and size(source, "wwids"):
        wrong = "targetWWNs and wwids can not be specified simultaneously"
        yield invalid(here, source["targetWWNs"], wrong)
    if worldwide and lun is None:
        yield required((*at, "lun"), "lun is required if targetWWNs is specified")
    if worldwide and lun is not None and not 0 <= lun <= 255:
        yield invalid((*at, "lun"), lun, "must be between 0 and 255, inclusive")


def _flocker(source: Struct, at: Path, _: int) -> Iterator[Cause]:
    name, uuid = text(source, "datasetName"), text(source, "datasetUUID")
    if not name and not uuid:
        yield required(at, "one of datasetName and datasetUUID is required")
    if name and uuid:
        yield invalid(at, "resource", "datasetName and datasetUUID can not be specified simultaneously")
    if "/" in name:
        yield invalid((*at, "datasetName"), name, "must not contain '/'")


def _cinder(source: Struct, at: Path, minor: int) -> Iterator[Cause]:
    yield from _needs("volumeID")(source, at, minor)
    yield from _named_secret(source, "secretRef", at)


def _named_secret(source: Struct, key: str, at: Path) -> Iterator[Cause]:
    if isinstance(source.get(key), dict) and not text(struct(source, key), "name"):
        yield required((*at, key, "name"))


def _quobyte(source: Struct, at: Path, minor: int) -> Iterator[Cause]:
    registry, here = text(source, "registry"), (*at, "registry")
    if not registry:
        yield required(here, _HOSTS)
    elif names.size(text(source, "tenant")) >= 65:
        yield required((*at, "tenant"), "must be a UUID and may not exceed a length of 64 characters")
    else:
        for pair in registry.split(","):
            if not _is_host_and_port(pair):
                yield invalid(here, registry, _HOSTS)
    yield from _needs("volume")(source, at, minor)


def _is_host_and_port(pair: str) -> bool:
    """Tell whether Go can split an address: brackets around the host, if any, and one colon behind it."""
    host, colon, port = pair.rpartition(":")
    if not colon:
        return False
    if host.startswith("["):
        inner = host[1:].removesuffix("]")
        return host.endswith("]") and not {"[", "]"} & set(inner + port)
    return not {":", "[", "]"} & set(host) and not {"[", "]"} & set(port)


def _flex_volume(source: Struct, at: Path, minor: int) -> Iterator[Cause]:
    yield from _needs("driver")(source, at, minor)
    for key in entries(source, "options"):
        if f".{key.partition('/')[0].lower()}".endswith((".kubernetes.io", ".k8s.io")):
            wrong = "kubernetes.io and k8s.io namespaces are reserved"
            yield invalid((*at, "options", key), key, wrong, f"{dotted(at)}.options[{key}]")


def _azure_disk(source: Struct, at: Path, minor: int) -> Iterator[Cause]:
    yield from _needs("diskName", "diskURI")(source, at, minor)
    caching, kind = text_if_any(source, "cachingMode"), text_if_any(source, "kind")
    uri = text(source, "diskURI")
    if caching is not None and caching not in _CACHING:
        yield unsupported((*at, "cachingMode"), caching, _CACHING)
    if kind is not None and kind not in _KINDS:
        yield unsupported((*at, "kind"), kind, _KINDS)
    if kind == "Managed" and not uri.startswith("/subscriptions/"):
        yield unsupported((*at, "diskURI"), uri, (_MANAGED_DISK,))
    if kind not in (None, "Managed") and not uri.startswith("https://"):
        yield unsupported((*at, "diskURI"), uri, (_BLOB,))


def _storageos(source: Struct, at: Path, minor: int) -> Iterator[Cause]:
    yield from _needs("volumeName")(source, at, minor)
    for key in ("volumeName", "volumeNamespace"):
        if name := text(source, key):
            for wrong in names.dns_label(name):
                yield invalid((*at, key), name, wrong)
    yield from _named_secret(source, "secretRef", at)


def _csi(source: Struct, at: Path, minor: int) -> Iterator[Cause]:
    driver, here = text(source, "driver"), (*at, "driver")
    if not driver:
        yield required(here)
    if names.size(driver) > 63:
        yield too_long(here, 63)
    if driver or minor < _REQUIRED_ALONE:
        for wrong in names.dns_subdomain(driver.lower()):
            yield invalid(here, driver, wrong)
    key = "nodePublishSecretRef"
    yield from _named_secret(source, key, at)
    if name := text(struct(source, key), "name"):
        for wrong in names.dns_subdomain(name):
            yield invalid((*at, key, "name"), name, wrong, f"{dotted(at)}.name")


_REQUIRED_ALONE = 35
"""From this minor on, a driver that is not given is not called a bad name as well."""


def _image(source: Struct, at: Path, minor: int) -> Iterator[Cause]:
    policy = text(source, "pullPolicy")
    if minor >= _NEEDS_REFERENCE and not text(source, "reference"):
        yield required((*at, "reference"))
    if not policy:
        yield required((*at, "pullPolicy"))
    elif policy not in _PULL_POLICIES:
        yield unsupported((*at, "pullPolicy"), policy, _PULL_POLICIES)


_NEEDS_REFERENCE = 37


SOURCES: Final[dict[str, _Check]] = {
    "emptyDir": _empty_dir,
    "hostPath": _host_path,
    "gitRepo": _git_repo,
    "gcePersistentDisk": _disk("pdName", "persistentDisk"),
    "awsElasticBlockStore": _disk("volumeID"),
    "secret": secret,
    "nfs": _nfs,
    "iscsi": _iscsi,
    "glusterfs": _needs("endpoints", "path"),
    "flocker": _flocker,
    "persistentVolumeClaim": _needs("claimName"),
    "rbd": _needs("monitors", "image"),
    "cinder": _cinder,
    "cephfs": _needs("monitors"),
    "quobyte": _quobyte,
    "downwardAPI": downward_api,
    "fc": _fc,
    "flexVolume": _flex_volume,
    "configMap": config_map,
    "azureFile": _needs("secretName", "shareName"),
    "vsphereVolume": _needs("volumePath"),
    "photonPersistentDisk": _needs("pdID"),
    "portworxVolume": _needs("volumeID"),
    "azureDisk": _azure_disk,
    "storageos": _storageos,
    "projected": projected,
    "scaleIO": _needs("gateway", "system", "volumeName"),
    "csi": _csi,
    "ephemeral": ephemeral,
    "image": _image,
}
"""The sources in the order of the server, which takes the first that is given for the right one."""
