"""Claims: of volumes that live as long as the Pod, and of devices."""

from collections.abc import Iterator

from lint.path import Path, dotted
from lint.validation import names
from lint.validation.cause import Cause, duplicate, forbidden, invalid, required, unsupported
from lint.validation.metadata import annotations
from lint.validation.quantities import kept, written
from lint.validation.selectors import label_selector, labels
from lint.validation.tree import Struct, struct, structs, text, text_if_any, texts

_ACCESS = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_MODES = ("Block", "Filesystem")
_ONE_POD = "ReadWriteOncePod"
_NAMED_OTHERWISE = {"uid": "uID"}
_ATTRIBUTES_CLASS = 34
"""From this minor on, the class of a volume's attributes is checked."""
_METADATA = (
    *("name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation"),
    *("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"),
    *("ownerReferences", "finalizers", "managedFields"),
)


def ephemeral(source: Struct, at: Path, minor: int) -> Iterator[Cause]:
    """Check a volume with a claim of its own."""
    template, here = source.get("volumeClaimTemplate"), (*at, "volumeClaimTemplate")
    if template is None:
        yield required(here)
    elif isinstance(template, dict):
        yield from _metadata(struct(template, "metadata"), (*here, "metadata"))
        yield from _claim(struct(template, "spec"), (*here, "spec"), minor)


def _metadata(metadata: Struct, at: Path) -> Iterator[Cause]:
    """Check that there are labels and annotations alone."""
    yield from annotations(metadata, at, f"{dotted(at)}.annotations")
    yield from labels(metadata, "labels", at)
    for key in _METADATA:
        value = metadata.get(key)
        if (value is not None and value not in ("", 0)) or (value == 0 and key.endswith("Seconds")):
            yield forbidden((*at, key), "cannot be set", f"{dotted(at)}.{_NAMED_OTHERWISE.get(key, key)}")


def _claim(claim: Struct, at: Path, minor: int) -> Iterator[Cause]:
    yield from _access(claim, (*at, "accessModes"))
    yield from label_selector(claim, "selector", at)
    yield from _storage(claim, at)
    classes = ("storageClassName", "volumeAttributesClassName")
    for key in classes if minor >= _ATTRIBUTES_CLASS else classes[:1]:
        if name := text(claim, key):
            for wrong in names.dns_subdomain(name):
                yield invalid((*at, key), name, wrong)
    mode = text_if_any(claim, "volumeMode")
    if mode is not None and mode not in _MODES:
        yield unsupported((*at, "volumeMode"), mode, _MODES)
    yield from _sources(claim, at)


def _access(claim: Struct, at: Path) -> Iterator[Cause]:
    modes = texts(claim, "accessModes")
    if not modes:
        yield required(at, "at least 1 access mode is required")
    for index, mode in enumerate(modes):
        if mode not in _ACCESS:
            yield unsupported((*at, index), mode, _ACCESS, dotted(at))
    if _ONE_POD in modes and any(mode in _ACCESS and mode != _ONE_POD for mode in modes):
        yield forbidden(at, "may not use ReadWriteOncePod with other access modes")


def _storage(claim: Struct, at: Path) -> Iterator[Cause]:
    requests, field = struct(struct(claim, "resources"), "requests"), f"{dotted(at)}.resources[storage]"
    here = (*at, "resources", "requests", "storage")
    if "storage" not in requests:
        yield required(here, field=field)
        return
    wanted = requests["storage"]
    amount = kept(wanted)
    if amount is not None and amount <= 0:
        yield invalid(here, written(wanted, amount), "must be greater than zero", field)


def _sources(claim: Struct, at: Path) -> Iterator[Cause]:
    """Check what the volume is filled from."""
    source, reference = claim.get("dataSource"), claim.get("dataSourceRef")
    for key in ("dataSource", "dataSourceRef"):
        if isinstance(claim.get(key), dict):
            yield from _data_source(struct(claim, key), (*at, key))
    if source is None or not isinstance(reference, dict):
        return
    wrong = ""
    if text(reference, "namespace"):
        wrong = "may not be specified when dataSourceRef.namespace is specified"
    elif any(
        struct(claim, "dataSource").get(key) != reference.get(key) for key in ("apiGroup", "kind", "name")
    ):
        wrong = "must match dataSourceRef"
    if wrong:
        yield invalid((*at, "dataSource"), {}, wrong, dotted(at))


def _data_source(source: Struct, at: Path) -> Iterator[Cause]:
    for key in ("name", "kind"):
        if not text(source, key):
            yield required((*at, key))
    group, kind = text(source, "apiGroup"), text(source, "kind")
    if not group and kind != "PersistentVolumeClaim":
        yield invalid(at, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup")
    for wrong in names.dns_subdomain(group) if group else ():
        yield invalid((*at, "apiGroup"), group, wrong)
    if at[-1] == "dataSourceRef" and (namespace := text(source, "namespace")):
        for wrong in names.dns_label(namespace):
            yield invalid((*at, "namespace"), namespace, wrong)


def resource_claims(pod: Struct, at: Path, _: int) -> Iterator[Cause]:
    """Check claims of devices."""
    seen: set[str] = set()
    for index, claim in structs(pod, "resourceClaims"):
        here, name = (*at, "resourceClaims", index), text(claim, "name")
        if not name:
            yield required((*here, "name"))
        elif name in seen:
            yield duplicate((*here, "name"), name)
        else:
            seen.add(name)
            for wrong in names.dns_label(name):
                yield invalid((*here, "name"), name, wrong)
        yield from _claimed(claim, here)


def _claimed(claim: Struct, at: Path) -> Iterator[Cause]:
    keys = ("resourceClaimName", "resourceClaimTemplateName")
    given = [key for key in keys if claim.get(key) is not None]
    shown = {"Name": text(claim, "name"), **{key[0].upper() + key[1:]: claim.get(key) for key in keys}}
    if len(given) > 1:
        wrong = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
        yield invalid(at, shown, wrong)
    if not given:
        yield invalid(at, shown, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`")
    for key in given:
        for wrong in names.dns_subdomain(text(claim, key)):
            yield invalid((*at, key), text(claim, key), wrong)
