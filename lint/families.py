"""The parameters of the five families: several rules share each, and it is a section of the policy file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from lint.quantity import parse

if TYPE_CHECKING:  # who validates a policy file imports it; to a plain run it would cost a tenth of its time
    from annotated_types import Ge, Gt


def _within(default: int, minimum: int, maximum: int) -> None:
    """Refuse a default that the rules of its own family would find.

    Raises:
        ValueError: it is not between the bounds.
    """
    if not minimum <= default <= maximum:
        raise ValueError(f"default is {default}, but only {minimum} to {maximum} passes")


class BackoffLimit(NamedTuple):
    """Section `backoffLimit`: how often the Pods of a Job are tried again."""

    default: Annotated[int, Ge(0)] = 3
    """What is set where the manifest leaves it out."""

    maximum: Annotated[int, Ge(0)] = 10
    """The largest number that passes."""

    def validate(self) -> None:
        """Refuse a default that the rules would find."""
        _within(self.default, 0, self.maximum)


class TTL(NamedTuple):
    """Section `ttl`: seconds until a finished Job is deleted."""

    default: Annotated[int, Ge(0)] = 86400
    """What is set where the manifest leaves it out."""

    minimum: Annotated[int, Ge(0)] = 300
    """The shortest that passes: logs and watchers need time."""

    maximum: Annotated[int, Ge(0)] = 604800
    """The longest that passes."""

    def validate(self) -> None:
        """Refuse a default that the rules would find."""
        _within(self.default, self.minimum, self.maximum)


class Deadline(NamedTuple):
    """Section `deadline`: seconds that a Job may be active."""

    default: Annotated[int, Gt(0)] = 86400
    """What is set where the manifest leaves it out."""

    maximum: Annotated[int, Gt(0)] | None = None
    """The longest that passes; null: any."""

    def validate(self) -> None:
        """Refuse a default that the rules would find."""
        if self.maximum is not None:
            _within(self.default, 1, self.maximum)


class Resources(NamedTuple):
    """Section `resources`: what every container asks for."""

    requests: dict[str, str] = {"cpu": "100m", "memory": "128Mi"}
    """What each container must request, and the value that is set where it does not."""

    limits: dict[str, str] = {}
    """Likewise for limits. None by default: a guessed memory limit kills Jobs."""

    max_ratio: Annotated[float, Ge(1)] | None = None
    """The largest limit, as a multiple of the request; null: any."""

    def validate(self) -> None:
        """Refuse what the API server would refuse: the values are written into manifests."""
        for key, value in (*self.requests.items(), *self.limits.items()):
            if key not in ("cpu", "memory", "ephemeral-storage"):
                raise ValueError(f"{key!r} is set in no container: use cpu, memory or ephemeral-storage")
            if (parse(value) or 0) <= 0:
                raise ValueError(f"{value!r} is no quantity of {key}: write it like 500m or 1Gi")


class Placement(NamedTuple):
    """Section `placement`: the nodes that are kept for batch work."""

    assign: Literal["selected", "tolerate", "require"] = "selected"
    """Who gets the pool. `selected`: a Job that selects it gets the missing toleration. `tolerate`: every Job
    without tolerations gets the toleration. `require`: every Job gets toleration and node selector."""

    selector: dict[str, str] = {"workload-type": "batch"}
    """The node labels of the pool."""

    toleration: dict[str, str] = {
        "key": "batch",
        "operator": "Equal",
        "value": "true",
        "effect": "NoSchedule",
    }
    """What the pool's taint asks for."""

    equivalent_keys: tuple[str, ...] = (
        "cloud.google.com/gke-nodepool",
        "eks.amazonaws.com/nodegroup",
        "agentpool",
        "kubernetes.azure.com/agentpool",
        "karpenter.sh/nodepool",
        "cloud.google.com/compute-class",
        "cloud.google.com/gke-accelerator",
        "cloud.google.com/gke-tpu-accelerator",
        "node.kubernetes.io/instance-type",
        "node-role.kubernetes.io/control-plane",
        "node-role.kubernetes.io/master",
        "kubernetes.io/hostname",
    )
    """Node labels that name nodes of their own: a Job that selects one of these is placed."""

    def validate(self) -> None:
        """Refuse a toleration that the API server would refuse: it is written into manifests."""
        ours = self.toleration
        if unknown := ours.keys() - {"key", "operator", "value", "effect"}:
            raise ValueError(f"a toleration has no {', '.join(sorted(unknown))}")
        if ours.get("effect", "") not in ("", "NoSchedule", "PreferNoSchedule", "NoExecute"):
            raise ValueError(f"{ours['effect']!r} is no effect: use NoSchedule or NoExecute")
        if ours.get("operator", "Equal") not in ("Equal", "Exists"):
            raise ValueError(f"{ours['operator']!r} is no operator: use Equal or Exists")
        if ours.get("operator") == "Exists":
            if ours.get("value"):
                raise ValueError("a toleration with the operator Exists takes no value")
        elif not ours.get("key"):
            raise ValueError("a toleration without a key takes the operator Exists")
