"""What examples cannot show of the rules on restarts, deadlines, parallelism: how grave, and the bounds."""

from typing import Any

import pytest

from lint.job import Job
from lint.rule import Rule, Severity
from lint.rules import (
    container_restart_unbounded,
    onfailure_restart_budget,
    parallelism_sanity,
    per_index_onfailure,
    pod_level_deadline,
)

SIDECAR = {"name": "proxy", "image": "proxy:2.14", "restartPolicy": "Always"}


def job(spec: dict[str, Any], pod: dict[str, Any], container: dict[str, Any]) -> dict[str, Any]:
    """Return a Job with these fields."""
    containers = [{"name": "train", "image": "train:3.2", **container}]
    template = {"spec": {"restartPolicy": "Never", "containers": containers, **pod}}
    return {"apiVersion": "batch/v1", "kind": "Job", "spec": {**spec, "template": template}}


def found(
    rule: Rule[Any],
    spec: dict[str, Any] | None = None,
    pod: dict[str, Any] | None = None,
    container: dict[str, Any] | None = None,
    minor: int = 35,
) -> list[tuple[Severity, str]]:
    """Return how grave the findings are, and what they say."""
    tree = job(spec or {}, pod or {}, container or {})
    findings = rule.check(Job(tree, minor), rule.params)
    return [(rule.severity if one.severity is None else one.severity, one.message) for one in findings]


def told(*arguments: Any, **more: Any) -> list[Severity]:
    """Return how grave the findings are."""
    return [severity for severity, _ in found(*arguments, **more)]


@pytest.mark.parametrize("limit", [None, 0, 1, 2, 3, 6, 7, 2147483647])
@pytest.mark.parametrize("parallelism", [None, 0, 1, 2, 3, 6, 7, 30])
def test_a_restart_in_each_pod_may_not_use_up_all_restarts(
    limit: int | None, parallelism: int | None
) -> None:
    restarts = 6 if limit is None else limit
    at_a_time = 1 if parallelism is None else parallelism
    for completions in (None, 0, 1, 2, 3, 6, 100):
        spec = {"backoffLimit": limit, "parallelism": parallelism, "completions": completions}
        pods = at_a_time if completions is None else min(at_a_time, completions)

        severities = told(onfailure_restart_budget.RULE, spec, {"restartPolicy": "OnFailure"})

        if restarts == 0:
            assert severities == []
        elif restarts == 1:
            assert severities == [Severity.INFO]
        else:
            assert severities == ([Severity.WARNING] if pods >= restarts else [])


@pytest.mark.parametrize(
    ("parallelism", "wanted"), [(8, "allow at least 9"), (9, "allow at least 10"), (10, "run fewer")]
)
def test_nobody_is_told_to_allow_more_than_the_policy_does(parallelism: int, wanted: str) -> None:
    spec = {"backoffLimit": 4, "parallelism": parallelism}
    [(_, message)] = found(onfailure_restart_budget.RULE, spec, {"restartPolicy": "OnFailure"})

    assert wanted in message


@pytest.mark.parametrize(("minor", "severities"), [(28, []), (29, [Severity.INFO])])
def test_a_sidecar_is_noted_where_there_are_any(minor: int, severities: list[Severity]) -> None:
    pod = {"restartPolicy": "OnFailure", "initContainers": [SIDECAR]}

    assert told(onfailure_restart_budget.RULE, {"backoffLimit": 3}, pod, minor=minor) == severities


@pytest.mark.parametrize(("minor", "count"), [(34, 0), (35, 1), (36, 1), (37, 1)])
@pytest.mark.parametrize("policy", ["OnFailure", "Always"])
def test_containers_have_a_restart_policy_since_35(minor: int, count: int, policy: str) -> None:
    container = {"restartPolicy": policy}

    assert len(told(container_restart_unbounded.RULE, container=container, minor=minor)) == count


@pytest.mark.parametrize("where", ["spec", "pod"])
def test_a_deadline_ends_restarts_in_place(where: str) -> None:
    deadline = {where: {"activeDeadlineSeconds": 600}}

    assert told(container_restart_unbounded.RULE, container={"restartPolicy": "OnFailure"}, **deadline) == []
    assert told(container_restart_unbounded.RULE, container={"restartPolicy": "Always"}, **deadline) != []


@pytest.mark.parametrize(
    ("total", "seconds", "severities"),
    [
        (None, 600, [Severity.WARNING]),
        (600, 599, []),
        (600, 600, [Severity.INFO]),
        (600, 601, [Severity.INFO]),
        (None, 0, []),  # the API server takes neither of these
        (600, -1, []),
    ],
)
def test_a_pods_deadline_is_shorter_than_the_jobs(
    total: int | None, seconds: int, severities: list[Severity]
) -> None:
    spec, pod = {"activeDeadlineSeconds": total}, {"activeDeadlineSeconds": seconds}

    assert told(pod_level_deadline.RULE, spec, pod) == severities


@pytest.mark.parametrize(
    ("completions", "parallelism", "severities"),
    [
        (None, 0, [Severity.WARNING]),
        (3, 0, [Severity.WARNING]),
        (0, 0, []),
        (0, 5, []),
        (3, 3, []),
        (3, 4, [Severity.INFO]),
        (1, 2, [Severity.INFO]),
    ],
)
def test_only_a_job_that_makes_no_pod_is_warned_of(
    completions: int | None, parallelism: int, severities: list[Severity]
) -> None:
    spec = {"completions": completions, "parallelism": parallelism}

    assert told(parallelism_sanity.RULE, spec) == severities


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (None, "tried for ever"),
        (2147483647, "tried for ever"),
        (0, "the first one ends the whole Job"),
        (8, "restart 8 of all indexes"),
    ],
)
def test_what_ends_a_failing_index_is_said(limit: int | None, said: str) -> None:
    spec = {"completionMode": "Indexed", "completions": 3, "backoffLimitPerIndex": 1, "backoffLimit": limit}
    [(_, message)] = found(per_index_onfailure.RULE, spec, {"restartPolicy": "OnFailure"})

    assert said in message
