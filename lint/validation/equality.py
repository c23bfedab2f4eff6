"""Whether two decoded values are the same to the API server, however they are written.

As `Semantic.DeepEqual` of k8s.io/apimachinery has it: empty lists and maps are none, quantities are numbers,
and a zero is as good as nothing unless the field is a pointer in Go, which fields.json does not tell.
"""

from typing import Any, Final

from lint.quantity import parse
from lint.validation.fields import table
from lint.validation.tree import Struct

_POINTERS: Final = frozenset(
    "activeDeadlineSeconds allowPrivilegeEscalation apiGroup automountServiceAccountToken"
    " blockOwnerDeletion cachingMode controller defaultMode defaultUser deletionGracePeriodSeconds"
    " enableServiceLinks expirationSeconds fsGroup fsGroupChangePolicy gmsaCredentialSpec"
    " gmsaCredentialSpecName hostProcess hostUsers hostnameOverride initiatorName localhostProfile"
    " maxExpirationSeconds minDomains mode mountPropagation nodeAffinityPolicy nodeTaintsPolicy optional"
    " podGroupName preemptionPolicy priority privileged procMount readOnlyRootFilesystem recursiveReadOnly"
    " resourceClaimName resourceClaimTemplateName runAsGroup runAsNonRoot runAsUser runAsUserName"
    " runtimeClassName seLinuxChangePolicy service setHostnameAsFQDN shareProcessNamespace sizeLimit"
    " stopSignal storageClassName succeededCount succeededIndexes supplementalGroupsPolicy"
    " terminationGracePeriodSeconds tolerationSeconds volumeAttributesClassName volumeMode".split()
)
"""Fields that hold no struct and are pointers in whatever struct they are."""

_POINTERS_IN: Final = {
    "v1.AzureDiskVolumeSource": ("fsType", "kind", "readOnly"),
    "v1.CSIVolumeSource": ("fsType", "readOnly"),
    "v1.ClusterTrustBundleProjection": ("name", "signerName"),
    "v1.Container": ("restartPolicy",),
    "v1.FCVolumeSource": ("lun",),
    "v1.HostPathVolumeSource": ("type",),
    "v1.PodDNSConfigOption": ("value",),
    "v1.PodFailurePolicyOnExitCodesRequirement": ("containerName",),
    "v1.TypedObjectReference": ("namespace",),
}
"""Fields that are pointers in these structs, and no pointers in others."""

_STRUCTS_WITHIN: Final = ("metadata", "podAffinityTerm", "preference", "spec")
"""Fields that hold a struct and are no pointers; `resources` is one but in Pods."""


def same(one: Any, other: Any, type_: str) -> bool:
    """Tell whether two values of a Go type are the same."""
    return one is other or _plain(one, type_) == _plain(other, type_)


def _plain(value: Any, type_: str) -> Any:
    """Return a value in a form in which the same is equal: without what is as good as nothing."""
    known = table()
    type_ = known.named.get(type_, type_)
    if type_.startswith("[]"):
        inner = type_.removeprefix("[]")
        return [_plain(item, inner) for item in value] if isinstance(value, list) else []
    if type_.startswith("map["):
        inner = type_.partition("]")[2]
        return {key: _plain(item, inner) for key, item in value.items()} if isinstance(value, dict) else {}
    if type_ in known.structs:
        return _plain_struct(value, type_) if isinstance(value, dict) else {}
    if type_ == "resource.Quantity":
        return parse(0 if value is None else value)
    return value or None


def _plain_struct(value: Struct, type_: str) -> Struct:
    """Return the fields that are not unset."""
    plain: Struct = {}
    for key, field in table().structs[type_].items():
        found = value.get(key)
        if found is None:
            continue
        inner = _plain(found, field.type)
        if inner or _is_pointer(key, field.type, type_):
            plain[key] = inner
    return plain


def _is_pointer(key: str, type_: str, parent: str) -> bool:
    """Tell whether Go has a pointer there, to which an empty value is not nothing."""
    if type_ in table().structs:
        within = key in _STRUCTS_WITHIN or (key == "resources" and parent != "v1.PodSpec")
        return not within
    is_user = key == "user" and type_ == "int64"
    return key in _POINTERS or is_user or key in _POINTERS_IN.get(parent, ())
