"""What examples cannot show of the rules on failure policies and indexes: which findings, and no others."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lint.job import Job
from lint.rule import Severity
from lint.rules import failure_policy_semantics, index_without_indexed

NAMES = ("a", "b")
CODES = st.lists(st.sampled_from([0, 1, 2]), min_size=1, max_size=3, unique=True).map(sorted)
EXIT_RULES = st.fixed_dictionaries(
    {"operator": st.sampled_from(["In", "NotIn"]), "values": CODES},
    optional={"containerName": st.sampled_from(NAMES)},
).map(lambda exits: {"action": "Count", "onExitCodes": exits})
PATTERNS = st.fixed_dictionaries(
    {"type": st.sampled_from("XY")}, optional={"status": st.sampled_from(["True", "False"])}
)
CONDITION_RULES = st.lists(PATTERNS, min_size=1, max_size=2).map(
    lambda p: {"action": "Count", "onPodConditions": p}
)
PODS = [
    {
        "exits": dict(zip((*NAMES, "injected"), exits, strict=True)),
        "conditions": set(zip("XY", all_, strict=True)),
    }
    for exits in product(range(4), repeat=3)
    for all_ in product(["True", "False", "Unknown"], repeat=2)
]
"""Pods with each exit code and condition that the rules name, and more; one container is in no manifest."""


def matches(rule: Any, pod: Any) -> bool:
    """Tell whether a rule matches a failed Pod, as the Job controller does."""
    exits = rule.get("onExitCodes")
    if exits is None:
        return any(
            (one["type"], one.get("status", "True")) in pod["conditions"] for one in rule["onPodConditions"]
        )
    return any(
        code != 0 and (code in exits["values"]) == (exits["operator"] == "In")
        for name, code in pod["exits"].items()
        if exits.get("containerName") in (None, name)
    )


def job_of(rules: list[Any], comments: dict[Any, str] | None = None, **spec: Any) -> Job:
    """Make a Job with a failure policy."""
    pod = {"restartPolicy": "Never", "containers": [{"name": name, "image": "a:1"} for name in NAMES]}
    tree = {"kind": "Job", "spec": {"podFailurePolicy": {"rules": rules}, "template": {"spec": pod}, **spec}}
    return Job(tree, comment=lambda path: (comments or {}).get(path[3:], ""))


@given(st.lists(EXIT_RULES | CONDITION_RULES, max_size=5))
def test_a_rule_is_told_to_be_never_reached_when_no_pod_reaches_it(rules: list[Any]) -> None:
    found = failure_policy_semantics.check(job_of(rules), None)

    told = {one.path[3] for one in found if one.message.startswith("never reached")}

    reached = {next((index for index, rule in enumerate(rules) if matches(rule, pod)), None) for pod in PODS}
    able = {index for index, rule in enumerate(rules) if any(matches(rule, pod) for pod in PODS)}
    assert told & reached == set()
    assert told >= able - reached


@pytest.mark.parametrize(
    "comment",
    [
        "# Retry on OOM",
        "# OOMKilled",
        "# oom-kill: do not count",
        "# don't count OOM kills",
        "# survive out of memory",
        "# out-of-memory errors",
        "# when the container hits its memory limit",
        "# retry on OOM or eviction",
        "# Evictions. Also OOM kills.",
        "# 规则1: OOMKilled立即失败",
    ],
)
@pytest.mark.parametrize("place", [(1,), (1, "action"), (1, "onPodConditions", 0, "type"), ()])
def test_a_comment_that_takes_a_disruption_for_an_oom_kill_is_found(comment: str, place: Any) -> None:
    rules = [
        {"action": "FailJob", "onExitCodes": {"containerName": "a", "operator": "In", "values": [42]}},
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
    ]
    job = job_of(rules, {place: comment})

    found = list(failure_policy_semantics.check(job, None))

    skip = place == () and "count" in comment
    assert [one.path[3:] for one in found] == ([] if skip else [(1, "onPodConditions", 0, "type")])


@pytest.mark.parametrize(
    "comment",
    [
        "",
        "# Pod was evicted (node pressure)",
        "# memory pressure, preemption",
        "# the node runs out of memory and evicts the Pod",
        "# an OOM kill has no such condition",
        "# disruptions only, not OOM",
        "# genuine failures (OOMKilled)\n# match no rule",
        "# the zoom worker has no room",
        "# keeps its state in memory",
    ],
)
def test_what_a_comment_rightly_says_of_memory_is_left_alone(comment: str) -> None:
    job = job_of([{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}], {(0,): comment})

    assert list(failure_policy_semantics.check(job, None)) == []


def test_a_completion_mode_that_nobody_knows_yet_may_be_indexed() -> None:
    container = {"name": "a", "image": "a:1", "args": ["$(JOB_COMPLETION_INDEX)"]}
    spec = {"completionMode": "${MODE}", "template": {"spec": {"containers": [container]}}}

    assert list(index_without_indexed.check(Job({"kind": "Job", "spec": spec}), None)) == []


@pytest.mark.parametrize(
    ("script", "completions", "severity"),
    [
        ("resize $JOB_COMPLETION_INDEX", 1, Severity.WARNING),
        ("head -n $JOB_COMPLETION_INDEX list", 1, Severity.WARNING),
        ("resize ${JOB_COMPLETION_INDEX:?missing}", 1, Severity.WARNING),
        ("resize --part=$JOB_COMPLETION_INDEX || exit 1", 1, Severity.WARNING),
        ("resize $(JOB_COMPLETION_INDEX)", 1, Severity.ERROR),
        ("resize ${JOB_COMPLETION_INDEX:-0}", 1, None),
        ("resize ${JOB_COMPLETION_INDEX:-0}", 2, Severity.WARNING),
        ('int(os.environ.get("JOB_COMPLETION_INDEX", 0))', 2, Severity.WARNING),
        ("process.env.JOB_COMPLETION_INDEX ?? 0", 2, Severity.WARNING),
        ("process.env.JOB_COMPLETION_INDEX || 0", 1, None),
        ('os.getenv("JOB_COMPLETION_INDEX") or 0', 1, None),
        ("resize ${RANK:-${JOB_COMPLETION_INDEX:-0}}", 2, None),
        ("export JOB_COMPLETION_INDEX=${HOSTNAME##*-}; resize", 2, None),
        ('[ -z "$JOB_COMPLETION_INDEX" ] && exit 1', 2, None),
        ('"JOB_COMPLETION_INDEX" in os.environ', 2, None),
        ("resize  # MY_JOB_COMPLETION_INDEX", 2, None),
        ("  # JOB_COMPLETION_INDEX is for Indexed Jobs\nresize", 2, None),
    ],
)
def test_a_script_may_do_without_the_index(script: str, completions: int, severity: Severity | None) -> None:
    container = {"name": "a", "image": "a:1", "command": ["sh", "-c", script]}
    spec = {"completions": completions, "template": {"spec": {"containers": [container]}}}

    found = [one.severity for one in index_without_indexed.check(Job({"kind": "Job", "spec": spec}), None)]

    assert found == ([] if severity is None else [severity])
