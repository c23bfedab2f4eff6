"""Names, labels, annotations, owners and finalizers: of the object itself, and of its Pod template.

The conditions are those of objectmeta.go of k8s.io/apimachinery/pkg/api/validation, and of ValidateObjectMeta
and ValidatePodTemplateSpec of pkg/apis/core/validation.
"""

import re
from collections.abc import Iterator
from typing import Final

from lint.path import Path, dotted
from lint.validation import names as form
from lint.validation.cause import Cause, forbidden, invalid, required, too_long
from lint.validation.golang import quoted
from lint.validation.selectors import labels
from lint.validation.tree import Struct, entries, struct, structs, text, texts

RANDOM: Final = "xxxxx"
"""Stands for the five characters that the server appends to a `generateName`."""

ANNOTATIONS_LIMIT: Final = 256 * 1024
"""In bytes, keys and values together."""

GENERATED_LIMIT: Final = 58
"""How many bytes of a `generateName` are kept."""

_INDEXED_OWNERS = 37
"""The first minor that tells the index of an owner."""

_STANDARD_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")
_OWNER = ("apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion")


def name_of(metadata: Struct) -> str:
    """Return the name, or one as the server makes of `generateName`: its beginning, and RANDOM after it."""
    name, base = text(metadata, "name"), text(metadata, "generateName")
    if name or not base:
        return name
    return base.encode("utf-8", "surrogatepass")[:GENERATED_LIMIT].decode("utf-8", "replace") + RANDOM


def name_path(metadata: Struct) -> Path:
    """Return where the name comes from."""
    generated = text(metadata, "generateName") and not text(metadata, "name")
    return ("metadata", "generateName" if generated else "name")


def names(metadata: Struct) -> Iterator[Cause]:
    """Check the name and `generateName`, which have the same form for all that has Pods."""
    base, name = text(metadata, "generateName"), name_of(metadata)
    if base:
        masked = f"{base[:-2]}a" if len(base) > 1 and base.endswith("-") else base
        for wrong in form.dns_subdomain(masked):
            yield invalid(("metadata", "generateName"), base, wrong)
    if not name:
        yield required(("metadata", "name"), "name or generateName is required")
    else:
        for wrong in form.dns_subdomain(name):
            yield invalid(name_path(metadata), name, wrong, "metadata.name")


def object_meta(tree: Struct, minor: int) -> Iterator[Cause]:
    """Check what metadata the object has besides its name."""
    metadata = struct(tree, "metadata")
    namespace = text(metadata, "namespace")
    if namespace:
        for wrong in form.dns_label(namespace):
            yield invalid(("metadata", "namespace"), namespace, wrong)
    if metadata.get("labels"):
        if shares_labels(tree):
            template = struct(struct(tree, "spec"), "template")
            yield from labels(
                struct(template, "metadata"), "labels", ("spec", "template", "metadata"), "metadata.labels"
            )
        else:
            yield from labels(metadata, "labels", ("metadata",))
    if metadata.get("annotations"):
        yield from annotations(metadata, ("metadata",), "metadata.annotations")
    if metadata.get("ownerReferences"):
        yield from owners(metadata, minor)
    if metadata.get("finalizers"):
        yield from finalizers(metadata)


def shares_labels(tree: Struct) -> bool:
    """Tell whether a Job was given the very labels of its template: what is wrong there is wrong twice."""
    given = struct(tree, "metadata").get("labels")
    of_template = struct(struct(struct(tree, "spec"), "template"), "metadata").get("labels")
    return isinstance(of_template, dict) and (given is of_template or not (given or of_template))


def annotations(metadata: Struct, at: Path, field: str) -> Iterator[Cause]:
    """Check the keys of annotations, which may have capitals anywhere, and their size."""
    total = 0
    for key, value in entries(metadata, "annotations").items():
        for wrong in form.qualified_name(key.lower()):
            yield invalid((*at, "annotations", key), key, wrong, field)
        total += form.size(key) + form.size(value)
    if total > ANNOTATIONS_LIMIT:
        yield too_long((*at, "annotations"), ANNOTATIONS_LIMIT, field)


def owners(metadata: Struct, minor: int) -> Iterator[Cause]:
    """Check who owns the object; the server takes out at once what it has seen before."""
    kept = list[Struct]()
    controllers = list[str]()
    for index, owner in structs(metadata, "ownerReferences"):
        if (shown := _shown(owner)) in kept:
            continue
        yield from _owner(owner, ("metadata", "ownerReferences", index), len(kept), minor)
        kept.append(shown)
        if owner.get("controller") is True:
            controllers.append(f"{text(owner, 'kind')}/{text(owner, 'name')}")
    for other in controllers[1:]:
        wrong = (
            'Only one reference can have Controller set to true. Found "true" in references for'
            f" {controllers[0]} and {other}"
        )
        yield invalid(("metadata", "ownerReferences"), kept, wrong)


def _shown(owner: Struct) -> Struct:
    """Return an owner as the server shows it."""
    given = {key: owner[key] for key in _OWNER if owner.get(key) is not None}
    return {**dict.fromkeys(_OWNER[:4], ""), **given}


def _owner(owner: Struct, at: Path, number: int, minor: int) -> Iterator[Cause]:
    """Check one owner; up to 1.36 the server does not tell which one it is."""
    old = minor < _INDEXED_OWNERS
    field = "metadata.ownerReferences" if old else f"metadata.ownerReferences[{number}]"
    for key in _OWNER[:4]:
        if not text(owner, key):
            empty = "must not be empty"
            here, name = (*at, key), f"{field}.{key}"
            yield invalid(here, "", empty, name) if old else required(here, empty, name)
    version = text(owner, "apiVersion")
    if version and not re.fullmatch("(?s)[^/]*/?[^/]+", version):
        yield invalid(
            (*at, "apiVersion"), version, "must be <group>/<version> or <version>", f"{field}.apiVersion"
        )
    elif version in ("v1", "/v1") and owner.get("kind") == "Event":
        yield invalid(at, _shown(owner), "/v1, Kind=Event is disallowed from being an owner", field)


def finalizers(metadata: Struct) -> Iterator[Cause]:
    """Check the names of finalizers, for which the server tells the index in one of two cases."""
    given = texts(metadata, "finalizers")
    at: Path = ("metadata", "finalizers")
    for index, name in enumerate(given):
        for wrong in form.qualified_name(name):
            yield invalid((*at, index), name, wrong, "metadata.finalizers")
        if "/" not in name and name not in _STANDARD_FINALIZERS:
            wrong = "name is neither a standard finalizer name nor is it fully qualified"
            yield invalid((*at, index), name, wrong)
    if "orphan" in given and "foregroundDeletion" in given:
        yield invalid(at, given, "finalizer orphan and foregroundDeletion cannot be both set")


def template_meta(template: Struct, at: Path) -> Iterator[Cause]:
    """Check the labels and annotations of the Pod template at `at`; the server leaves `metadata` out."""
    metadata = struct(template, "metadata")
    if metadata.get("labels"):
        yield from labels(metadata, "labels", (*at, "metadata"), f"{dotted(at)}.labels")
    if metadata.get("annotations"):
        place, field = (*at, "metadata"), f"{dotted(at)}.annotations"
        yield from annotations(metadata, place, field)
        given = entries(metadata, "annotations")
        if any("kubernetes.io/" in key for key in given):
            yield from _pod_annotations(given, struct(template, "spec"), place, field)
            yield from _contradictions(given, struct(template, "spec"), at)


_MIRROR = "kubernetes.io/config.mirror"
_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_SECCOMP = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP_OF = "container.seccomp.security.alpha.kubernetes.io/"
_APPARMOR_OF = "container.apparmor.security.beta.kubernetes.io/"


def _pod_annotations(given: dict[str, str], pod: Struct, at: Path, field: str) -> Iterator[Cause]:
    """Check annotations that mean something to Pods."""
    for key, value in given.items():
        here, name = (*at, "annotations", key), f"{field}[{key}]"
        if key == _MIRROR and not text(pod, "nodeName"):
            yield invalid(here, value, "must set spec.nodeName if mirror pod annotation is set", name)
        elif key == _DELETION_COST and not _is_cost(value):
            yield invalid(here, value, "must be a 32bit integer", name)
        elif key == _SECCOMP or key.startswith(_SECCOMP_OF):
            for shown, wrong in _seccomp(value):
                yield invalid(here, shown, wrong, f"{field}.{key}")
        elif key.startswith(_APPARMOR_OF):
            for shown, wrong in _apparmor(key.removeprefix(_APPARMOR_OF), value, pod):
                yield invalid(here, shown, wrong, name)


def _is_cost(number: str) -> bool:
    """Tell whether a text is a number of 32 bits, without zeros or a plus in front."""
    match = re.fullmatch("(-0*|(?!0.))([0-9]{1,10})", number)
    return match is not None and int(match[2]) < (1 << 31) + bool(match[1])


def _seccomp(profile: str) -> Iterator[tuple[str, str]]:
    """Check a profile as annotations name it."""
    if profile.startswith("localhost/"):
        path = profile.removeprefix("localhost/")
        for wrong in form.inside_path(path):
            yield path, wrong
    elif profile not in ("runtime/default", "docker/default", "unconfined"):
        yield profile, "must be a valid seccomp profile"


def _apparmor(container: str, profile: str, pod: Struct) -> Iterator[tuple[str, str]]:
    """Check a profile as annotations name it, and that there is such a container."""
    if all(text(one, "name") != container for _, one in _containers(pod)):
        yield container, "container not found"
    if profile not in ("", "runtime/default", "unconfined") and not profile.startswith("localhost/"):
        yield profile, f"invalid AppArmor profile name: {quoted(profile)}"


def _containers(pod: Struct) -> Iterator[tuple[Path, Struct]]:
    """Return the containers with their places in the Pod."""
    for key in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in structs(pod, key):
            yield (key, index), container


def _contradictions(given: dict[str, str], pod: Struct, at: Path) -> Iterator[Cause]:
    """Find profiles in annotations that are not those of the fields."""
    whole = struct(pod, "securityContext")
    here: Path = (*at, "spec", "securityContext")
    yield from _contradiction(given.get(_SECCOMP), struct(whole, "seccompProfile"), here, "seccomp")
    windows = struct(pod, "os").get("name") == "windows"
    for place, container in _containers(pod):
        here, name = (*at, "spec", *place, "securityContext"), text(container, "name")
        own = struct(container, "securityContext")
        profile = struct(own, "seccompProfile")
        yield from _contradiction(given.get(f"{_SECCOMP_OF}{name}"), profile, here, "seccomp")
        profile = struct(own, "appArmorProfile") or struct(whole, "appArmorProfile")
        if not windows:
            yield from _contradiction(given.get(f"{_APPARMOR_OF}{name}"), profile, here, "apparmor")


def _contradiction(noted: str | None, profile: Struct, at: Path, what: str) -> Iterator[Cause]:
    """Compare one annotation with one field."""
    kind, here = profile.get("type"), (*at, "seccompProfile" if what == "seccomp" else "appArmorProfile")
    if noted is None or kind not in ("Unconfined", "RuntimeDefault", "Localhost"):
        return
    if kind == "Localhost":
        path = noted.removeprefix("localhost/") if noted.startswith("localhost/") else None
        if path is not None and path != profile.get("localhostProfile"):
            yield forbidden((*here, "localhostProfile"), f"{what} profile in annotation and field must match")
        same = path is not None
    elif kind == "Unconfined":
        same = noted == "unconfined"
    else:
        same = noted == "runtime/default" or (noted == "docker/default" and what == "seccomp")
    if not same:
        yield forbidden((*here, "type"), f"{what} type in annotation and field must match")
