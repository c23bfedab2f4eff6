"""What the leaves of an object may hold, and what is just beyond that.

A leaf is found by its label, `Container.name`, else by its field, `*.name`, else by its kind.
"""

from collections.abc import Sequence
from typing import Any

from container_leaves import CONTAINER_LEAVES
from job_leaves import JOB_LEAVES
from schema import Kind
from texts import BAD_KEYS, KEY, MAX32, MAX64, MAYBE_PORT, QUANTITY

_LEAVES = {**JOB_LEAVES, **CONTAINER_LEAVES}

MAP_KEYS: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "ObjectMeta.annotations": (
        ("a", "example.com/A", "Ex.com/a"),
        (
            *BAD_KEYS,
            *("container.apparmor.security.beta.kubernetes.io/a", "kubernetes.io/config.mirror"),
            *("container.seccomp.security.alpha.kubernetes.io/a", "seccomp.security.alpha.kubernetes.io/pod"),
            *("controller.kubernetes.io/pod-deletion-cost", "scheduler.alpha.kubernetes.io/tolerations"),
        ),
    ),
    "PodSpec.overhead": (("cpu", "memory"), ("foo", "", "a b", "storage")),
    "ResourceRequirements.limits": (
        ("cpu", "memory", "ephemeral-storage"),
        (
            "foo",
            "storage",
            "pods",
            "requests.cpu",
            "",
            "a b",
            "example.com/gpu",
            "hugepages-2Mi",
            "hugepages-x",
            "kubernetes.io/x",
            "requests.example.com/x",
        ),
    ),
    "VolumeResourceRequirements.requests": (("storage",), ("foo", "cpu")),
    "VolumeResourceRequirements.limits": (("storage",), ("foo", "cpu")),
}
MAP_KEYS["ResourceRequirements.requests"] = MAP_KEYS["ResourceRequirements.limits"]

_BY_KIND: dict[str, tuple[Sequence[Any], Sequence[Any]]] = {
    "string": (("a", "b", "x-1"), ("", "A b", "ä", "a" * 300, "..", "/a", "-a", "a\nb")),
    "int32": ((1, 2, 5), (0, -1, MAX32, MAX32 + 1, -(2**31), -(2**31) - 1)),
    "int64": ((1, 2, 5), (0, -1, MAX64, MAX64 + 1, MAX32 + 1, -(2**63))),
    "boolean": ((True, False), ("true", 1, "", None)),
    "quantity": QUANTITY,
    "port": MAYBE_PORT,
    "time": (("2026-01-01T00:00:00Z", None), ("x", "", "2026-01-01", "2026-01-01T00:00:00.5+01:00", 1)),
    "any": (({}, None), ({"f:metadata": {}},)),
}


def _values(kind: Kind) -> tuple[Sequence[Any], Sequence[Any]]:
    """Return what a leaf may hold, and what is just beyond that."""
    known = _LEAVES.get(kind.label) or (
        None if kind.words else _LEAVES.get("*." + kind.label.rpartition(".")[2])
    )
    if known and (kind.base in ("string", "port", "quantity", "boolean") or isinstance(known[0][0], int)):
        return known
    if kind.words:
        return kind.words, ("", "Bogus", kind.words[0].lower(), " " + kind.words[-1])
    return _BY_KIND.get(kind.base, _BY_KIND["any"])


def good(kind: Kind) -> Sequence[Any]:
    """Return values that a leaf may hold."""
    return _values(kind)[0]


def bad(kind: Kind) -> Sequence[Any]:
    """Return values beyond those, most of which are refused."""
    return _values(kind)[1] or _BY_KIND.get(kind.base, _BY_KIND["any"])[1]


def keys(kind: Kind) -> tuple[Sequence[str], Sequence[str]]:
    """Return keys that a map may have, and others."""
    return MAP_KEYS.get(kind.label, KEY)
