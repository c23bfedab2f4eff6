"""Stored Jobs and CronJobs, and changes to them."""

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import RemoteDisconnected
from typing import TYPE_CHECKING, Any, NamedTuple

from breaking import broken
from growing import Grower
from jobs import grown
from schema import Tree

if TYPE_CHECKING:
    from apiserver import ApiServer

_START = "2026-01-01T00:00:00Z"
_PLACES = (
    "nodeSelector tolerations affinity schedulingGates topologySpreadConstraints priorityClassName volumes"
)
_METADATA = "labels annotations finalizers ownerReferences generateName"


def _suspended(status: str) -> list[Tree]:
    times = {"lastTransitionTime": _START, "lastProbeTime": _START}
    return [{"type": "Suspended", "status": status, "reason": "JobSuspended", **times}]


_COMPLETE: list[Tree] = [
    {
        "type": each,
        "status": "True",
        "reason": "CompletionsReached",
        "lastTransitionTime": _START,
        "lastProbeTime": _START,
    }
    for each in ("SuccessCriteriaMet", "Complete")
]
STATUSES: tuple[Tree, ...] = (
    {},
    {"active": 1, "startTime": _START},
    {"startTime": _START},
    {"conditions": _suspended("True")},
    {"conditions": _suspended("True"), "startTime": _START},
    {"conditions": _suspended("False")},
    {"conditions": _suspended("False"), "startTime": _START},
    {"active": 1},
    {"active": 1, "conditions": _suspended("True")},
    {"startTime": _START, "completionTime": "2026-01-01T00:01:00Z", "succeeded": 1, "conditions": _COMPLETE},
)
"""What a controller may have made of a Job."""


class Parts(NamedTuple):
    """The parts of a Job."""

    spec: Tree
    template: Tree
    pod: Tree


@contextmanager
def stored(server: "ApiServer", tree: Tree, status: Tree) -> Iterator[Tree | None]:
    """Store an object until the block ends; nothing when the server refuses it."""
    path = f"/apis/batch/v1/namespaces/default/{tree['kind'].lower()}s"
    answer = None
    with suppress(RemoteDisconnected):  # it panics
        answer = server.request("POST", path, tree, fieldValidation="Strict")
    if answer is None or answer.status != 201:
        yield None
        return
    live = answer.body
    path = f"{path}/{live['metadata']['name']}"
    try:
        if status:
            patched = server.request("PATCH", f"{path}/status", {"status": status})
            live = patched.body if patched.status == 200 else live
        live["metadata"].pop("managedFields", None)
        yield live
    finally:
        if live["metadata"].get("finalizers"):
            server.request("PATCH", path, {"metadata": {"finalizers": None}})
        server.request("DELETE", path, propagationPolicy="Background")


def unstored(live: Tree) -> Tree:
    """Return what a stored object may have been created from."""
    tree = copy.deepcopy(live)
    tree.pop("status", None)
    for key in ("uid", "resourceVersion", "generation", "creationTimestamp"):
        tree["metadata"].pop(key, None)
    if tree["kind"] == "Job" and not tree["spec"].get("manualSelector"):
        tree["spec"].pop("selector", None)
        for labels in (tree["metadata"].get("labels"), tree["spec"]["template"]["metadata"].get("labels")):
            for key in [key for key in labels or () if key.endswith(("controller-uid", "job-name"))]:
                del labels[key]
    return tree


def carried_over(new: Tree, old: Tree, live: Tree) -> Tree:
    """Make the new version of one stored object that of another, which was made like it."""
    text = json.dumps(new).replace(old["metadata"]["uid"], live["metadata"]["uid"])
    tree: Tree = json.loads(text)
    tree["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
    return tree


def old(grow: Grower) -> tuple[Tree, Tree]:
    """Make an object to be stored, a small one, and its status."""
    grow.density = grow.random.choice((0.005, 0.01, 0.05))
    grow.focus = grow.focus if grow.chance(0.3) else []
    tree = grown(grow)
    spec = tree["spec"]
    if tree["kind"] == "CronJob":
        return tree, {}
    if grow.chance(0.6):
        spec["suspend"] = True
    return tree, grow.random.choice(STATUSES)


def changed(grow: Grower, live: Tree, written: Tree) -> Tree:
    """Change one or two things of a stored object, as `written` or as it is."""
    new = copy.deepcopy(live)
    if grow.chance(0.05):
        new |= copy.deepcopy({"spec": written["spec"]})
        new["metadata"] = {**written["metadata"], "name": live["metadata"]["name"]}
        new["metadata"].pop("uid", None)  # another one would be a conflict
    for _ in range(grow.random.choice((1, 1, 2))):
        if grow.chance(0.3):
            new = _broken(grow, new)
        else:
            _change(grow, new)
    unshared: Tree = json.loads(json.dumps(new))
    return same_object(unshared, live)


def same_object(new: Tree, live: Tree) -> Tree:
    """Return a new version with the name and uid of the old one: with others it would be a conflict."""
    metadata = {} if new.get("metadata") is None else new["metadata"]
    if not isinstance(metadata, dict):
        return new
    own = {key: live["metadata"][key] for key in ("name", "uid") if metadata.get(key) or key == "name"}
    return {**new, "metadata": {**metadata, **own}}


def _broken(grow: Grower, new: Tree) -> Tree:
    """Break the specification, or what may change of the metadata."""
    if grow.chance(0.8):
        part = broken(grow, {"kind": new["kind"], "spec": new.pop("spec", {})}, 1)
        return {**new, **part}
    metadata = new["metadata"]
    part = {key: metadata.pop(key) for key in _METADATA.split() if key in metadata}
    part = broken(grow, {"kind": new["kind"], "metadata": part}, 1)
    changed = part.get("metadata")
    return {**new, "metadata": {**metadata, **(changed if isinstance(changed, dict) else {})}}


def _change(grow: Grower, new: Tree) -> None:
    spec = new.get("spec")
    if not isinstance(spec, dict):
        return
    if new["kind"] == "CronJob":
        _set(grow, "CronJobSpec", spec)
        template = spec.get("jobTemplate")
        spec = template.get("spec") if isinstance(template, dict) else None
    template = spec.get("template") if isinstance(spec, dict) else None
    pod = template.get("spec") if isinstance(template, dict) else None
    if isinstance(spec, dict) and isinstance(template, dict) and isinstance(pod, dict):
        grow.random.choice(_CHANGES)(grow, Parts(spec, template, pod))


def _set(grow: Grower, name: str, tree: Tree) -> None:
    """Set a field of a type anew, or leave it out."""
    field = grow.random.choice([field for field, kind in grow.schema[name].items() if kind.base != "object"])
    if grow.chance(0.2):
        tree.pop(field, None)
    else:
        tree[field] = grow.value(grow.schema[name][field])


def _own(grow: Grower, parts: Parts) -> None:
    _set(grow, "JobSpec", parts.spec)


def _suspend(_grow: Grower, parts: Parts) -> None:
    parts.spec["suspend"] = not parts.spec.get("suspend")


def _numbers(grow: Grower, parts: Parts) -> None:
    """Change completions and parallelism, together or not."""
    number = grow.random.choice((0, 1, 2, 5, 100000))
    fields = grow.random.choice((["completions"], ["parallelism"], ["completions", "parallelism"]))
    parts.spec.update(dict.fromkeys(fields, number))


def _policies(grow: Grower, parts: Parts) -> None:
    """Take policies from another Job."""
    other = grown(grow)["spec"]
    other = other["jobTemplate"]["spec"] if "jobTemplate" in other else other
    for field in ("podFailurePolicy", "successPolicy", "backoffLimitPerIndex", "completionMode", "selector"):
        if grow.chance(0.5):
            parts.spec.pop(field, None)
            parts.spec.update({field: other[field]} if field in other else {})


def _template(grow: Grower, parts: Parts) -> None:
    """Change what may change of the template of a suspended Job, and of its labels what may not."""
    metadata = parts.template.setdefault("metadata", {})
    field = grow.random.choice(("labels", "annotations"))
    if isinstance(metadata, dict) and isinstance(values := metadata.setdefault(field, {}), dict):
        keys = ("a", "x", "job-name", "controller-uid", "batch.kubernetes.io/job-name", *values)
        key = grow.random.choice(keys)
        values.pop(key, None) if grow.chance(0.3) else values.update({key: "y"})


def _placing(grow: Grower, parts: Parts) -> None:
    """Place the pods elsewhere."""
    pod = parts.pod
    for field in grow.random.sample(_PLACES.split(), 2):
        if grow.chance(0.6):
            pod.pop(field, None) if grow.chance(0.3) else pod.update(
                {field: grow.value(grow.schema["PodSpec"][field])}
            )
    if grow.chance(0.2) and "podAffinity" not in str(pod.get("affinity")):
        pod["affinity"] = {"nodeAffinity": grow.object("NodeAffinity")}


def _containers(grow: Grower, parts: Parts) -> None:
    """Change resources or something else of a container."""
    lists = [parts.pod.get(key) for key in ("containers", "initContainers")]
    containers = [one for each in lists if isinstance(each, list) for one in each]
    if containers and isinstance(container := grow.random.choice(containers), dict):
        field = grow.random.choice(("resources", "resources", "image", "env", "name"))
        container[field] = grow.value(grow.schema["Container"][field])


def _resume(grow: Grower, parts: Parts) -> None:
    """Resume and place, as queues do."""
    parts.spec["suspend"] = False
    grow.random.choice((_placing, _template, _containers))(grow, parts)


_CHANGES: tuple[Callable[[Grower, Parts], Any], ...] = (
    *(_own, _suspend, _numbers, _policies, _template, _template, _placing, _placing),
    *(_containers, _containers, _resume),
)


def changes(old: Any, new: Any, path: str = "") -> list[str]:
    """Say what is different in two versions."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = dict.fromkeys((*old, *new))
        return [line for key in keys for line in changes(old.get(key), new.get(key), f"{path}.{key}")]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [line for index, (one, other) in pairs for line in changes(one, other, f"{path}[{index}]")]
    return (
        []
        if old == new and type(old) is type(new)
        else [f"{path[1:]}: {json.dumps(old)} -> {json.dumps(new)}"]
    )
