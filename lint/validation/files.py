"""Volumes of files made of other objects: secrets, config maps, fields of the Pod, tokens, certificates."""

from collections.abc import Iterator
from typing import Any

from lint.path import Path, dotted
from lint.validation import names
from lint.validation.cause import Cause, forbidden, invalid, required, unsupported
from lint.validation.environment import field_reference, resource_reference
from lint.validation.selectors import label_selector
from lint.validation.signers import bundle_name, is_of_kubernetes, signer_name, user_annotations
from lint.validation.tree import Struct, entries, number, struct, structs, text, text_if_any

_MODE = "must be a number between 0 and 0777 (octal), both inclusive"
_FIELDS = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
_KEY_TYPES = ("RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519")
_CERTIFICATE_PATHS = ("credentialBundlePath", "keyPath", "certificateChainPath")
_DAYS_OF_OTHERS = 91
_HOUR = 3600
_DAY = 24 * _HOUR


def _file(path: str, at: Path) -> Iterator[Cause]:
    """Check the path of a file in a volume, where names with two dots in front are taken."""
    for wrong in names.inside_path(path):
        yield invalid(at, path, wrong)
    if path.startswith("..") and not path.startswith("../"):
        yield invalid(at, path, "must not start with '..'")


def secret(source: Struct, at: Path, _: int) -> Iterator[Cause]:
    """Check a secret as a volume."""
    yield from _keys(source, "secretName", at)


def config_map(source: Struct, at: Path, _: int) -> Iterator[Cause]:
    """Check a config map as a volume."""
    yield from _keys(source, "name", at)


def _keys(source: Struct, name: str, at: Path) -> Iterator[Cause]:
    if not text(source, name):
        yield required((*at, name))
    yield from _mode(source, "defaultMode", at)
    for index, item in structs(source, "items"):
        yield from _key_to_path(item, (*at, "items", index))


def _mode(source: Struct, key: str, at: Path) -> Iterator[Cause]:
    mode = number(source, key)
    if mode is not None and not 0 <= mode <= 0o777:
        yield invalid((*at, key), mode, _MODE)


def _key_to_path(item: Struct, at: Path) -> Iterator[Cause]:
    for key in ("key", "path"):
        if not text(item, key):
            yield required((*at, key))
    yield from _file(text(item, "path"), (*at, "path"))
    yield from _mode(item, "mode", at)


def downward_api(source: Struct, at: Path, _: int) -> Iterator[Cause]:
    """Check fields of the Pod as a volume."""
    yield from _mode(source, "defaultMode", at)
    for index, item in structs(source, "items"):
        yield from _downward_file(item, at, index)


def _downward_file(item: Struct, above: Path, index: int) -> Iterator[Cause]:
    """Check one file; the server does not say which of them it means."""
    at = (*above, "items", index)
    for cause in _downward_file_by_itself(item, at):
        rest = cause.field.removeprefix(dotted(at))
        yield cause._replace(renamed=dotted(above) + rest)


def _downward_file_by_itself(item: Struct, at: Path) -> Iterator[Cause]:
    path, field, resource = text(item, "path"), item.get("fieldRef"), item.get("resourceFieldRef")
    if not path:
        yield required((*at, "path"))
    yield from _file(path, (*at, "path"))
    if isinstance(field, dict):
        yield from field_reference(field, _FIELDS, (*at, "fieldRef"))
    elif isinstance(resource, dict):
        yield from _resource_of(resource, (*at, "resourceFieldRef"))
    if field is None and resource is None:
        yield required(at, "one of fieldRef and resourceFieldRef is required")
    if field is not None and resource is not None:
        yield invalid(at, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
    yield from _mode(item, "mode", at)


def _resource_of(reference: Struct, at: Path) -> Iterator[Cause]:
    """Check a reference to a resource of a container, which has to be named first."""
    unnamed = not text(reference, "containerName")
    if unnamed:
        yield required((*at, "containerName"))
    for cause in resource_reference(reference, at):
        if not unnamed or cause.path[-1] == "divisor":
            yield cause


def projected(source: Struct, at: Path, _: int) -> Iterator[Cause]:
    """Check several sources in one volume."""
    yield from _mode(source, "defaultMode", at)
    taken: set[str] = set()
    for index, one in structs(source, "sources"):
        here, count = (*at, "sources", index), 0
        for key, check in _PROJECTIONS.items():
            if one.get(key) is not None:
                count += 1
                yield from check(struct(one, key), (*here, key), taken)
        if count > 1:
            yield forbidden(here, "may not specify more than 1 volume type per source")


def _conflict(path: str, shown: Any, at: Path, taken: set[str]) -> Iterator[Cause]:
    """Take a path below a source of a projected volume; the server names the volume where it was taken."""
    volume = next(place for place, step in enumerate(at) if step == "projected")
    if path in taken:
        yield invalid(at, shown, "conflicting duplicate paths", dotted(at[: volume + 1]))
    taken.add(path)


def _projected_keys(source: Struct, at: Path, taken: set[str]) -> Iterator[Cause]:
    if not text(source, "name"):
        yield required((*at, "name"))
    for index, item in structs(source, "items"):
        here, path = (*at, "items", index), text(item, "path")
        yield from _key_to_path(item, here)
        if path:
            yield from _conflict(path, text(source, "name"), (*here, "path"), taken)


def _projected_fields(source: Struct, at: Path, taken: set[str]) -> Iterator[Cause]:
    for index, item in structs(source, "items"):
        here, path = (*at, "items", index), text(item, "path")
        yield from _downward_file(item, at, index)
        if path:
            yield from _conflict(path, path, (*here, "path"), taken)


def _token(source: Struct, at: Path, _: set[str]) -> Iterator[Cause]:
    seconds, here, path = (
        number(source, "expirationSeconds"),
        (*at, "expirationSeconds"),
        text(source, "path"),
    )
    if seconds is None:
        yield required(here)
    elif seconds < 600:
        yield invalid(here, seconds, "may not specify a duration less than 10 minutes")
    elif seconds > 1 << 32:
        yield invalid(here, seconds, "may not specify a duration larger than 2^32 seconds")
    field = f"{dotted(at[:-3])}.path"
    if not path:
        yield required((*at, "path"), field=field)
    for cause in _file(path, (*at, "path")):
        yield cause._replace(renamed=field)


def _trust_bundle(source: Struct, at: Path, taken: set[str]) -> Iterator[Cause]:
    name, signer, path = text_if_any(source, "name"), text_if_any(source, "signerName"), text(source, "path")
    if name is not None and signer is not None:
        yield invalid(at, _shown(source), "only one of name and signerName may be used")
    elif name is not None:
        yield from bundle_name(name, (*at, "name"))
        selector = source.get("labelSelector")
        if selector is not None:
            wrong = "labelSelector must be unset if name is specified"
            yield invalid((*at, "labelSelector"), selector, wrong)
    elif signer is not None:
        if not signer:
            yield required((*at, "signerName"), "must be a valid signer name")
        yield from signer_name(signer, (*at, "signerName"))
        yield from label_selector(source, "labelSelector", at)
    else:
        yield required(at, "either name or signerName must be specified")
    if not path:
        yield required((*at, "path"))
    yield from _file(path, (*at, "path"))
    yield from _conflict(path, path, (*at, "path"), taken)


def _shown(source: Struct) -> Struct:
    """Return a trust bundle as the server shows one: with its own names of the fields."""
    keys = ("name", "signerName", "labelSelector", "optional")
    shown = {key[0].upper() + key[1:]: source.get(key) for key in keys}
    return {**shown, "Path": text(source, "path"), "User": source.get("user")}


def _certificate(source: Struct, at: Path, taken: set[str]) -> Iterator[Cause]:
    signer, key_type = text(source, "signerName"), text(source, "keyType")
    yield from signer_name(signer, (*at, "signerName"))
    if source.get("userAnnotations") is not None:
        yield from user_annotations(entries(source, "userAnnotations"), (*at, "userAnnotations"))
    if key_type not in _KEY_TYPES:
        yield unsupported((*at, "keyType"), key_type, _KEY_TYPES)
    yield from _lifetime(source, signer, at)
    paths = [key for key in _CERTIFICATE_PATHS if text(source, key)]
    for key in paths:
        yield from _file(text(source, key), (*at, key))
        yield from _conflict(text(source, key), text(source, key), (*at, key), taken)
    if not paths:
        yield required(at, "specify at least one of credentialBundlePath, keyPath, and certificateChainPath")


def _lifetime(source: Struct, signer: str, at: Path) -> Iterator[Cause]:
    seconds, here = number(source, "maxExpirationSeconds"), (*at, "maxExpirationSeconds")
    if seconds is None:
        return
    most = _DAY if is_of_kubernetes(signer) else _DAYS_OF_OTHERS * _DAY
    if seconds < _HOUR:
        yield invalid(here, seconds, f"if provided, maxExpirationSeconds must be >= {_HOUR}")
    if seconds > most:
        yield invalid(here, seconds, f"if provided, maxExpirationSeconds must be <= {most}")


_PROJECTIONS = {
    "secret": _projected_keys,
    "configMap": _projected_keys,
    "downwardAPI": _projected_fields,
    "serviceAccountToken": _token,
    "clusterTrustBundle": _trust_bundle,
    "podCertificate": _certificate,
}
