"""What the API server takes out of a new Job or CronJob without a word: fields whose feature gate is off.

It happens before validation, which does not see these fields any more. Gates are as they are by default
(pkg/features/kube_features.go); what each drops is told in dropDisabledFields of pkg/api/pod/util.go, in
pkg/api/job, and in pkg/registry/batch/job/strategy.go.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from lint.edit import Remove, apply
from lint.path import Path

_OLDEST, _NEWEST = 31, 37

_Tree: TypeAlias = dict[str, "_Tree"]
"""Fields in fields; those without any are dropped, and `*` stands for every item of a list."""


class Gate(NamedTuple):
    """Fields of the Pod spec that go together."""

    since: int
    """The first minor that knows them and drops them."""

    until: int
    """The last one."""

    fields: tuple[str, ...]
    """`@` stands for every container."""


_CONTAINERS = ("containers.*", "initContainers.*", "ephemeralContainers.*")
_PROBES = ("@.livenessProbe", "@.readinessProbe", "@.startupProbe")
_HANDLERS = (*_PROBES, "@.lifecycle.postStart", "@.lifecycle.preStop")
_SOURCES = ("secret", "configMap", "downwardAPI")
_PROJECTED = "volumes.*.projected.sources.*"

_GATES = (
    Gate(_OLDEST, 32, ("hostUsers", "securityContext.supplementalGroupsPolicy", "@.resizePolicy")),
    Gate(_OLDEST, 33, ("resourceClaims", "@.resources.claims")),
    Gate(_OLDEST, 36, (f"{_PROJECTED}.clusterTrustBundle",)),
    Gate(32, 32, ("securityContext.seLinuxChangePolicy",)),
    Gate(32, 33, ("resources",)),
    Gate(33, _NEWEST, ("@.lifecycle.stopSignal",)),
    Gate(
        34,
        34,
        ("@.restartPolicy", "@.restartPolicyRules", "@.env.*.valueFrom.fileKeyRef", "hostnameOverride"),
    ),
    Gate(34, 36, (f"{_PROJECTED}.podCertificate",)),
    Gate(35, 35, ("workloadRef",)),
    Gate(36, _NEWEST, ("schedulingGroup",)),
    Gate(37, _NEWEST, ("evictionResponders", "volumes.*.emptyDir.mode", "@.volumeMounts.*.bindMountOptions")),
    Gate(37, _NEWEST, tuple(f"{probe}.grpc.mode" for probe in _PROBES)),
    Gate(37, _NEWEST, tuple(f"{handler}.httpGet.protocol" for handler in _HANDLERS)),
    Gate(37, _NEWEST, tuple(f"volumes.*.{source}.defaultUser" for source in (*_SOURCES, "projected"))),
    Gate(37, _NEWEST, tuple(f"volumes.*.{source}.items.*.user" for source in _SOURCES)),
    Gate(37, _NEWEST, tuple(f"{_PROJECTED}.{source}.items.*.user" for source in _SOURCES)),
    Gate(
        37,
        _NEWEST,
        tuple(
            f"{_PROJECTED}.{source}.user"
            for source in ("serviceAccountToken", "clusterTrustBundle", "podCertificate")
        ),
    ),
)
_LAST_WITHOUT_MANAGED_BY = 31
_FIRST_WITH_SCHEDULING = 37
_LAST_WITHOUT_IMAGE_VOLUMES = 34


def dropped(tree: dict[str, Any], minor: int) -> Iterator[Path]:
    """Return the places of what the server of a minor drops; `without` takes them out.

    A CronJob keeps `managedBy`: only its Jobs lose it.
    """
    at: Path = ("spec", "jobTemplate", "spec") if tree.get("kind") == "CronJob" else ("spec",)
    job = _inside(tree, at)
    if minor <= _LAST_WITHOUT_MANAGED_BY and len(at) == 1 and job.get("managedBy") is not None:
        yield (*at, "managedBy")
    if minor >= _FIRST_WITH_SCHEDULING and job.get("scheduling") is not None:
        yield (*at, "scheduling")
    pod, place = _inside(job, ("template", "spec")), (*at, "template", "spec")
    gated: list[tuple[Path, dict[str, Any]]] = []
    _gated(pod, _fields(minor), place, gated)
    for path, parent in gated:
        if path[-1] == "stopSignal" and not any(parent[key] is not None for key in parent if key != path[-1]):
            yield path[:-1]
        elif path[-1] != "restartPolicy" or "initContainers" not in path or parent[path[-1]] != "Always":
            yield path
    if minor <= _LAST_WITHOUT_IMAGE_VOLUMES:
        yield from _image_volumes(pod, place)


def without(tree: dict[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """Leave out what is dropped; items of lists move up, as on the server."""
    left: dict[str, Any] = apply(tree, [Remove(path) for path in sorted(paths, reverse=True)])
    return left


@cache
def _fields(minor: int) -> _Tree:
    """Return the fields of the Pod spec that a minor drops."""
    top: _Tree = {}
    for gate in _GATES:
        for field in gate.fields if gate.since <= minor <= gate.until else ():
            for start in _CONTAINERS if field.startswith("@") else ("",):
                inner = top
                for step in field.replace("@", start).split("."):
                    inner = inner.setdefault(step, {})
    return top


def _inside(tree: Any, path: Path) -> dict[str, Any]:
    """Return the map at a path of fields; an empty one where there is none."""
    for step in path:
        tree = tree.get(step) if isinstance(tree, dict) else None
    return tree if isinstance(tree, dict) else {}


def _gated(
    value: dict[str, Any], fields: _Tree, path: Path, gated: list[tuple[Path, dict[str, Any]]]
) -> None:
    """Collect the places of the fields that are there, each with the map that it is in."""
    for key, inner in fields.items():
        below = value.get(key)
        if below is None:
            continue
        if not inner:
            gated.append(((*path, key), value))
        elif "*" not in inner:
            if isinstance(below, dict) and not inner.keys().isdisjoint(below):
                _gated(below, inner, (*path, key), gated)
        elif isinstance(below, list):
            of_item = inner["*"]
            for index, item in enumerate(below):
                if isinstance(item, dict) and not of_item.keys().isdisjoint(item):
                    _gated(item, of_item, (*path, key, index), gated)


def _image_volumes(pod: dict[str, Any], place: Path) -> Iterator[Path]:
    """Return the places of volumes that are images, and of what mounts them."""
    images = {
        index: item.get("name") for index, item in _items(pod.get("volumes")) if item.get("image") is not None
    }
    yield from ((*place, "volumes", index) for index in images)
    for step in _CONTAINERS if images else ():
        containers = step.partition(".")[0]
        for index, container in _items(pod.get(containers)):
            for mount, item in _items(container.get("volumeMounts")):
                if item.get("name") in images.values():
                    yield (*place, containers, index, "volumeMounts", mount)


def _items(value: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """Return the maps in a list, with their indexes."""
    if isinstance(value, list):
        yield from ((index, item) for index, item in enumerate(value) if isinstance(item, dict))
