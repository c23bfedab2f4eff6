"""Jobs and CronJobs at random: valid, but for a boundary crossed here and there."""

from random import Random
from typing import Any, NamedTuple

import leaves
from growing import Grower
from pods import FIXES
from schema import Schema, Tree

_EDGE = 0.02
"""The share of values from beyond a boundary, in a place that depends on others."""


class Source(NamedTuple):
    """What objects are made of: the fields that a server knows."""

    schema: Schema
    sizes: dict[str, int]
    """Of the types, once they are known."""

    def grower(self, random: Random) -> Grower:
        """Return what makes values for one object."""
        return Grower(random, self.schema, FIXES, self.sizes)


def grown(grow: Grower) -> Tree:
    """Make a Job or a CronJob."""
    cron = grow.chance(0.35)
    tree = {
        "apiVersion": "batch/v1",
        "kind": "CronJob" if cron else "Job",
        "metadata": _metadata(grow, cron=cron),
        "spec": _cron(grow) if cron else job_spec(grow),
    }
    if grow.chance(0.02):
        tree["status"] = grow.object(f"{tree['kind']}Status")
    if not cron:
        _name_and_completions(grow, tree)
        _selector(grow, tree)
    return tree


def _metadata(grow: Grower, *, cron: bool) -> Tree:
    metadata = grow.object("ObjectMeta")
    metadata.pop("managedFields", None) if grow.chance(0.9) else None
    if "finalizers" in metadata:
        del metadata["finalizers"][1:]
    for owner in metadata.get("ownerReferences", ())[1:]:
        owner.pop("controller", None)
    if metadata.get("deletionGracePeriodSeconds"):
        del metadata["deletionGracePeriodSeconds"]
    if "generateName" not in metadata or grow.chance(0.1):
        names = ("v", "a-b", "n" * (52 if cron else 63), "x1")
        edge = ("a.b", "n" * 52, "n" * 53, "n" * 61, "n" * 62, "n" * 64, "n" * 100, "n" * 253, "n" * 254)
        metadata["name"] = grow.random.choice(edge if grow.chance(4 * _EDGE) else names)
    else:
        metadata.pop("name", None)
    return metadata


def _cron(grow: Grower) -> Tree:
    spec = grow.object("CronJobSpec")
    spec["jobTemplate"]["spec"] = job_spec(grow, cron=True)
    for field in ("schedule", "schedule", "timeZone"):
        if grow.chance(_EDGE * 3):
            spec[field] = grow.random.choice(leaves.bad(grow.schema["CronJobSpec"][field]))
    return spec


def job_spec(grow: Grower, *, cron: bool = False) -> Tree:
    """Make the specification of a Job."""
    spec = grow.object("JobSpec")
    for field in ("selector", "manualSelector"):
        spec.pop(field, None)
    for field in (
        "completionMode",
        "completions",
        "podFailurePolicy",
        "successPolicy",
        "backoffLimitPerIndex",
    ):
        spec.pop(field, None)
    spec.pop("maxFailedIndexes", None)
    if grow.chance(0.5) or grow.looks_at("SuccessPolicy", "JobSpec.successPolicy", "JobSpec.maxFailed"):
        _mode(grow, spec)
    if grow.chance(0.3) or grow.looks_at("PodFailurePolicy", "JobSpec.podFailurePolicy"):
        _failure_policy(grow, spec)
    if cron and grow.chance(_EDGE * 2):
        spec |= grow.random.choice(
            ({"selector": {}}, {"manualSelector": True}, {"selector": {"matchLabels": {"a": "b"}}})
        )
    return spec


def _mode(grow: Grower, spec: Tree) -> None:
    """Set the mode, and what depends on it."""
    number = grow.random.choice
    policy = grow.looks_at("SuccessPolicy", "JobSpec.successPolicy")
    spec["completionMode"] = "Indexed" if policy else number(("Indexed", "Indexed", "NonIndexed"))
    spec["completions"] = number((0, 1, 3, 5, 100000))
    indexed = spec["completionMode"] == "Indexed"
    if (indexed and grow.chance(0.4)) or grow.chance(_EDGE):
        spec["backoffLimitPerIndex"] = number((0, 1, 2147483647))
        if grow.chance(0.4):
            spec["maxFailedIndexes"] = number((0, 1, min(5, spec["completions"])))
    if policy or (indexed and grow.chance(0.4)):
        _success_policy(grow, spec)
    if grow.chance(0.1):
        _many(grow, spec)
    if indexed and grow.chance(_EDGE):
        del spec["completions"]


def _many(grow: Grower, spec: Tree) -> None:
    """Set numbers about the limits of Indexed Jobs."""
    edges = (9999, 10000, 10001, 99999, 100000, 100001, 2147483647)
    spec["completions"] = grow.random.choice((100000, 100001, 5, 10001, 2147483647))
    for field in ("parallelism", "maxFailedIndexes"):
        if grow.chance(0.7):
            spec[field] = grow.random.choice(edges)
    if grow.chance(0.8):
        spec["backoffLimitPerIndex"] = 1


def _success_policy(grow: Grower, spec: Tree) -> None:
    completions = spec.get("completions") or 1
    rules: list[Tree] = []
    for _ in range(grow.random.choice((1, 1, 2, 20, 21) if grow.chance(0.2) else (1, 2))):
        indexes = ("0", f"{completions - 1}", "0,2-4", "", f"0-{completions - 1}", "0-1,3")
        rule: Tree = {"succeededIndexes": grow.random.choice(indexes[:2] if completions < 5 else indexes)}
        if grow.chance(0.3):
            rule = {}
        if not rule or grow.chance(0.3):
            edges = (-1, 0, 2, 5, completions, completions + 1, 2147483647)
            rule["succeededCount"] = grow.random.choice(edges) if grow.chance(0.1) else 1
        rules.append(rule)
    if grow.chance(_EDGE * 3):
        among = leaves.bad(grow.schema["SuccessPolicyRule"]["succeededIndexes"])
        rules[-1]["succeededIndexes"] = grow.random.choice(among)
    spec["successPolicy"] = {"rules": [] if grow.chance(_EDGE) else rules}


def _failure_policy(grow: Grower, spec: Tree) -> None:
    """Set a policy, with the fields that it wants."""
    pod = spec["template"]["spec"]
    rules = [_failure_rule(grow, spec, pod) for _ in range(grow.random.choice((0, 1, 1, 2, 3)))]
    if rules and grow.chance(_EDGE):
        rules = [rules[0]] * grow.random.choice((20, 21))
    spec["podFailurePolicy"] = {"rules": rules}
    if not grow.chance(_EDGE):
        pod["restartPolicy"] = "Never"
    if "podReplacementPolicy" in spec and not grow.chance(0.1):
        spec["podReplacementPolicy"] = "Failed"


def _failure_rule(grow: Grower, spec: Tree, pod: Tree) -> Tree:
    actions = ["Count", "FailJob", "Ignore", *(["FailIndex"] if "backoffLimitPerIndex" in spec else [])]
    rule: Tree = {"action": "FailIndex" if grow.chance(_EDGE) else grow.random.choice(actions)}
    if grow.chance(0.6):
        rule["onExitCodes"] = _exit_codes(grow, pod)
    if "onExitCodes" not in rule or grow.chance(_EDGE):
        patterns = [
            grow.object("PodFailurePolicyOnPodConditionsPattern")
            for _ in range(grow.random.choice((1, 1, 2)))
        ]
        if not grow.chance(0.3):
            for pattern in patterns:
                pattern["status"] = grow.random.choice(("True", "False", "Unknown"))
        rule["onPodConditions"] = patterns[:1] * 21 if grow.chance(_EDGE) else patterns
    return rule


def _exit_codes(grow: Grower, pod: Tree) -> Tree:
    values = sorted(grow.random.sample((1, 2, 3, 42, 137, 255), grow.random.choice((1, 2, 3))))
    if grow.chance(_EDGE * 4):
        edges: tuple[list[int], ...] = (
            [],
            [2, 1],
            [1, 1],
            [0, 1],
            [1, 2, 2, 1],
            list(range(1, 256)),
            list(range(1, 257)),
            [-1, 5],
            [256],
        )
        values = list(grow.random.choice(edges))
    codes: Tree = {"operator": grow.random.choice(("In", "NotIn")), "values": values}
    if grow.chance(0.3):
        names = [one["name"] for one in (*pod.get("initContainers", ()), *pod["containers"])]
        codes["containerName"] = "zz" if grow.chance(_EDGE * 3) else grow.random.choice(names)
    return codes


def _name_and_completions(grow: Grower, tree: Tree) -> None:
    """Give some Jobs a name that is as long as it may be, or longer."""
    if grow.chance(_EDGE):
        tree["metadata"]["name"] = "n" * grow.random.choice((63, 64))
        tree["metadata"].pop("labels", None)
        tree["spec"]["template"].setdefault("metadata", {})["labels"] = {"a": "b"}
        return
    if tree["spec"].get("completionMode") == "Indexed" and grow.chance(0.85):
        long = {"name": "n" * grow.random.choice((56, 57, 61, 62)), "generateName": "g" * 57 + "-"}
        field = "name" if "name" in tree["metadata"] else "generateName"
        if grow.chance(0.1):
            tree["metadata"][field] = long[field]
        elif field == "name":
            tree["metadata"]["name"] = "v"


def _selector(grow: Grower, tree: Tree) -> None:
    """Set labels and selectors as people do who know, and as people do who do not."""
    if not grow.chance(0.12):
        return
    spec = tree["spec"]
    labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
    manual = {"manualSelector": True, "selector": {"matchLabels": {"x": "y"}}}
    uid = "11111111-1111-1111-1111-111111111111"
    name = tree["metadata"].get("name", "v")
    choices: list[tuple[Tree, dict[str, Any]]] = [
        (manual, {"x": "y"}),
        (manual, {"x": "y", "job-name": name}),
        (manual, {}),
        ({"manualSelector": True}, {}),
        ({"manualSelector": True, "selector": {}}, {}),
        ({"selector": {}}, {}),
        ({"selector": None, "manualSelector": False}, {}),
        ({"selector": {"matchLabels": {"a": "b"}}}, {"a": "b"}),
        ({"selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}}, {}),
        ({"selector": grow.object("LabelSelector"), "manualSelector": True}, {"a": "b"}),
        ({}, {"controller-uid": uid, "job-name": name}),
        ({}, {"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": "other"}),
        ({}, {"job-name": "other"}),
        ({}, {"job-name": name}),
    ]
    fields, more = grow.random.choice(choices)
    spec |= fields
    labels |= more
