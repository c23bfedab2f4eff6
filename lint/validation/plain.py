"""Objects that are surely fine: one look at each value, without defaults, after which most need no other.

This is the safe side of the checks in the other modules, no second opinion: fields that every minor knows,
with values that none rejects, whatever the server fills in beside them. What nobody has told it of, it takes
for doubtful, and the others look from the start.
"""

from typing import Any, Final

from lint.defaults import FAILURE_POLICY
from lint.validation.failure_policy import failure_policy
from lint.validation.fields import table
from lint.validation.job import NAME_LABELS, UID_LABELS, host_names, indexed
from lint.validation.kinds import kind_of
from lint.validation.metadata import GENERATED_LIMIT, RANDOM, template_meta
from lint.validation.plain_containers import PROFILE, SELINUX, containers
from lint.validation.plain_values import (
    Check,
    amount,
    annotations,
    between,
    dns_label,
    each,
    inside,
    labels,
    natural,
    silent,
    struct,
    subdomain,
    text,
    word,
)

_INDEXED = frozenset(("completionMode", "backoffLimitPerIndex", "maxFailedIndexes"))
_GENERATED = frozenset((*UID_LABELS, *NAME_LABELS))
_ASKED = frozenset(
    "affinity dnsConfig hostAliases hostname preemptionPolicy readinessGates schedulingGates"
    " shareProcessNamespace subdomain tolerations topologySpreadConstraints".split()
)
"""Fields of few Pods, of which their own checks are asked."""

_ASKED_SOURCES = frozenset(("csi", "downwardAPI", "ephemeral", "nfs", "projected"))
"""The same for what few volumes are made of."""


def is_plain(tree: dict[str, Any], minor: int) -> bool:
    """Tell whether a Job or CronJob is surely accepted as a new object; False says nothing."""
    if tree.get("kind") == "Job":
        return _JOB(tree) and _is_named(tree["metadata"]) and _is_job(tree["spec"], minor, tree)
    return tree.get("kind") == "CronJob" and _CRONJOB(tree) and _is_cronjob(tree, minor)


def _is_named(metadata: dict[str, Any]) -> bool:
    """Tell whether a Job has a name, or the beginning of one."""
    if "generateName" not in metadata:
        return "name" in metadata
    base = metadata["generateName"]
    return "name" not in metadata and len(base) <= GENERATED_LIMIT and dns_label(base + RANDOM)


def _is_cronjob(tree: dict[str, Any], minor: int) -> bool:
    from lint.validation import cronjob  # many runs see none

    spec = tree["spec"]
    return (
        len(tree["metadata"]["name"]) <= cronjob.NAME_LIMIT
        and silent(cronjob.schedule(spec, minor))
        and ("timeZone" not in spec or silent(cronjob.time_zone(spec, minor)))
        and _is_job(spec["jobTemplate"]["spec"], minor)
    )


def _is_job(spec: dict[str, Any], minor: int, job: dict[str, Any] | None = None) -> bool:
    """Check what depends on other fields in the spec of a Job; `job` is the object, if it is a Job itself."""
    template = spec["template"]
    return (
        (_INDEXED.isdisjoint(spec) or silent(indexed(spec, ("spec",))))
        and ("completionMode" not in spec or job is None or silent(host_names(job)))
        and ("podFailurePolicy" not in spec or _is_failure_policy(spec, minor, filled=job is not None))
        and ("successPolicy" not in spec or _is_success_policy(spec, minor))
        and ("metadata" not in template or _is_noted(template))
        and _is_pod(template["spec"], minor)
    )


def _is_failure_policy(spec: dict[str, Any], minor: int, *, filled: bool) -> bool:
    """Check a failure policy; that of a CronJob is not `filled` in by every minor."""
    policy = spec["podFailurePolicy"]
    if not kind_of("v1.PodFailurePolicy", minor).fits(policy):
        return False
    if filled:
        spec = {**spec, "podFailurePolicy": FAILURE_POLICY.fill(policy)}
    return silent(failure_policy(spec, ("spec",)))


def _is_success_policy(spec: dict[str, Any], minor: int) -> bool:
    from lint.validation.success_policy import success_policy  # few Jobs have one

    if not kind_of("v1.SuccessPolicy", minor).fits(spec["successPolicy"]):
        return False
    return "completions" in spec and silent(success_policy(spec, ("spec",)))


def _is_noted(template: dict[str, Any]) -> bool:
    """Check labels and annotations of a template that mean something to Kubernetes."""
    metadata = template["metadata"]
    if not _GENERATED.isdisjoint(metadata.get("labels", ())):
        return False
    known = [key for key in metadata.get("annotations", ()) if "kubernetes.io/" in key]
    if any(key.startswith("scheduler.") for key in known):
        return False
    return not known or silent(template_meta(template, ("spec", "template")))


def _is_pod(pod: dict[str, Any], minor: int) -> bool:
    """Check what depends on other fields in the spec of a Pod."""
    volumes: set[str] = set()
    names: set[str] = set()
    return (
        ("volumes" not in pod or _are_volumes(pod["volumes"], volumes, minor))
        and containers(pod["containers"], volumes, names)
        and ("initContainers" not in pod or containers(pod["initContainers"], volumes, names, first=True))
        and (_ASKED.isdisjoint(pod) or all(_is_accepted(pod, key, minor) for key in _ASKED & pod.keys()))
    )


def _is_accepted(pod: dict[str, Any], key: str, minor: int) -> bool:
    """Ask the check of a field."""
    from lint.validation.pod import CHECKS  # most Pods need none of them

    fits = kind_of(table().structs["v1.PodSpec"][key].type, minor).fits
    return fits(pod[key]) and silent(CHECKS[key](pod, ("spec",), minor))


def _are_volumes(value: list[Any], names: set[str], minor: int) -> bool:
    """Check volumes, each with one source, and add their names."""
    for volume in value:
        if type(volume) is not dict or len(volume) != 2:
            return False
        name: Any = volume.get("name")
        if not dns_label(name) or name in names:
            return False
        names.add(name)
        key = next(key for key in volume if key != "name")
        if not (_SOURCES[key](volume[key]) if key in _SOURCES else _is_source(key, volume[key], minor)):
            return False
    return True


def _is_source(key: str, source: Any, minor: int) -> bool:
    """Ask the check of a source."""
    if key not in _ASKED_SOURCES:
        return False
    from lint.validation.sources import SOURCES  # most volumes need none of them

    fits = kind_of(table().structs["v1.Volume"][key].type, minor).fits
    return fits(source) and silent(SOURCES[key](source, (key,), minor))


def _path(value: Any) -> bool:
    return text(value) and ".." not in value


def _file(value: Any) -> bool:
    return text(value) and inside(value)


_MODE = between(0, 0o777)
_FILES = {
    "items": each(struct({"key": text, "path": _file, "mode": _MODE}, "key", "path")),
    "defaultMode": _MODE,
    "optional": bool,
}
_TYPES = ("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket")
_SOURCES: Final[dict[str, Check]] = {
    "emptyDir": struct({"medium": str, "sizeLimit": amount}),
    "configMap": struct({"name": text, **_FILES}, "name"),
    "secret": struct({"secretName": text, **_FILES}, "secretName"),
    "persistentVolumeClaim": struct({"claimName": text, "readOnly": bool}, "claimName"),
    "hostPath": struct({"path": _path, "type": word(*_TYPES)}, "path"),
}
_SECURITY = struct(
    {
        "runAsUser": natural,
        "runAsGroup": natural,
        "runAsNonRoot": bool,
        "fsGroup": natural,
        "fsGroupChangePolicy": word("Always", "OnRootMismatch"),
        "supplementalGroups": each(natural),
        "seccompProfile": PROFILE,
        "appArmorProfile": PROFILE,
        "seLinuxOptions": SELINUX,
    }
)
_POD = struct(
    {
        **dict.fromkeys(_ASKED, lambda _: True),
        "containers": lambda value: type(value) is list and len(value) > 0,
        "initContainers": list,
        "volumes": list,
        "restartPolicy": word("Never", "OnFailure"),
        "terminationGracePeriodSeconds": natural,
        "activeDeadlineSeconds": between(1, (1 << 31) - 1),
        "dnsPolicy": word("ClusterFirst", "ClusterFirstWithHostNet", "Default"),
        "nodeSelector": labels,
        "nodeName": subdomain,
        "serviceAccountName": subdomain,
        "serviceAccount": subdomain,
        "automountServiceAccountToken": bool,
        "enableServiceLinks": bool,
        "hostNetwork": bool,
        "hostPID": bool,
        "hostIPC": bool,
        "securityContext": _SECURITY,
        "imagePullSecrets": each(struct({"name": str})),
        "priorityClassName": subdomain,
        "runtimeClassName": subdomain,
        "schedulerName": text,
    },
    "containers",
    "restartPolicy",
)
_NOTES: Final[dict[str, type | Check]] = {
    "labels": labels,
    "annotations": annotations,
    "creationTimestamp": lambda value: value is None,  # as many tools write it
}
_OF_TEMPLATE = struct({"name": str, **_NOTES})
_SPEC = struct(
    {
        **dict.fromkeys(("parallelism", "completions", "backoffLimit", "activeDeadlineSeconds"), natural),
        **dict.fromkeys(("ttlSecondsAfterFinished", "backoffLimitPerIndex", "maxFailedIndexes"), natural),
        "completionMode": str,
        "suspend": bool,
        "podFailurePolicy": dict,
        "successPolicy": dict,
        "podReplacementPolicy": word("Failed", "TerminatingOrFailed"),
        "template": struct({"metadata": _OF_TEMPLATE, "spec": _POD}, "spec"),
    },
    "template",
)
_NAMED: Final = {"name": dns_label, "namespace": dns_label, **_NOTES}
_JOB = struct(
    {
        "apiVersion": str,
        "kind": str,
        "metadata": struct({**_NAMED, "generateName": text}),
        "spec": _SPEC,
        "status": lambda value: value == {},  # as many tools write it
    },
    "metadata",
    "spec",
)
_CRONJOB = struct(
    {
        "apiVersion": str,
        "kind": str,
        "metadata": struct(_NAMED, "name"),
        "spec": struct(
            {
                "schedule": text,
                "timeZone": str,
                "suspend": bool,
                "concurrencyPolicy": word("Allow", "Forbid", "Replace"),
                "startingDeadlineSeconds": natural,
                "successfulJobsHistoryLimit": natural,
                "failedJobsHistoryLimit": natural,
                "jobTemplate": struct({"metadata": _OF_TEMPLATE, "spec": _SPEC}, "spec"),
            },
            "schedule",
            "jobTemplate",
        ),
        "status": lambda value: value == {},
    },
    "metadata",
    "spec",
)
