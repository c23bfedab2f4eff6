"""What is remembered is what would be decided anew."""

import pkgutil
from importlib import import_module
from textwrap import dedent
from typing import Any

import pytest

import lint.rules
from lint.defaults import defaulted
from lint.document import parse
from lint.linter import jobs
from lint.policy import Mode, Policy, Setting
from lint.rule import Bad, Good, Rule
from webhook import review
from webhook.envelope import Outcome, Request
from webhook.memory import Memory, key_of

EVERY: list[Rule[Any]] = [
    import_module(f"lint.rules.{module.name}").RULE for module in pkgutil.iter_modules(lint.rules.__path__)
]
NAMES = ("a", "report-29375520", "x" * 40, "x" * 41, "x" * 64, "a.b", "", "{{ name }}", None)
TREE = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "report"}, "spec": {"backoffLimit": 50}}


def request(tree: dict[str, Any], **more: Any) -> Request:
    """Return the request to create an object."""
    resource = {"group": "batch", "version": "v1", "resource": f"{tree['kind'].lower()}s"}
    return Request.model_validate(
        {
            "uid": "1",
            "operation": "CREATE",
            "resource": resource,
            "object": tree,
            "namespace": "batch",
            **more,
        }
    )


def never(rule: str, error: Exception) -> None:
    """Take no failure of a rule."""
    raise AssertionError(rule) from error


def named(tree: dict[str, Any], name: Any) -> dict[str, Any]:
    """Return an object as the API server has it for a validating webhook, with generated values."""
    time = f"2026-11-25T00:00:{NAMES.index(name):02}Z"
    metadata = {**tree.get("metadata", {}), "uid": f"uid of {name}", "creationTimestamp": time}
    metadata = {key: value for key, value in metadata.items() if key != "name"}
    tree = {**tree, "metadata": metadata if name is None else {**metadata, "name": name}}
    if tree["kind"] == "Job" and isinstance(template := tree["spec"].get("template"), dict):
        labels = {"batch.kubernetes.io/job-name": name, "controller-uid": f"uid of {name}"}
        labels |= template.get("metadata", {}).get("labels") or {}
        generated = {"metadata": {**template.get("metadata", {}), "labels": labels}}
        selector = {"matchLabels": {"batch.kubernetes.io/controller-uid": f"uid of {name}"}}
        tree = {**tree, "spec": {**tree["spec"], "template": {**template, **generated}, "selector": selector}}
    return defaulted(tree, 35)


@pytest.mark.parametrize("answer", [review.mutate, review.validate])
@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.id)
def test_names_make_the_same_difference_with_a_memory(rule: Rule[Any], answer: Any) -> None:
    examples: list[Good | Bad] = [*rule.good, *rule.bad]
    for example in examples:
        params = rule.params if example.params is None else example.params
        policy = Policy({rule.id: Setting(params)}, example.minor)
        for _, job in jobs(parse(dedent(example.text)), policy):
            memory = Memory[Outcome]()
            asked = [request(named(job.object.value, name)) for name in NAMES]
            anew = [answer(one, policy, Mode.ENFORCE, never) for one in asked]
            differ = any(one != anew[0] for one in anew)
            number = len(NAMES) if differ else 2  # of one answer for all, nothing else can be remembered

            for _ in range(2):
                remembered = [answer(one, policy, Mode.ENFORCE, never, memory) for one in asked[:number]]
                assert remembered == anew[:number]


@pytest.mark.parametrize(
    "other",
    [
        {**TREE, "spec": {"backoffLimit": 51}},
        {**TREE, "kind": "CronJob"},
        {**TREE, "metadata": {"name": "report", "labels": {"job-name": "report"}}},
        {**TREE, "metadata": {"name": "report", "annotations": {"helm.sh/hook": "test"}}},
        {**TREE, "metadata": {"name": "report", "generateName": "report-"}},
        {**TREE, "metadata": {"name": "r" * 41}},
        {**TREE, "metadata": {"name": "re.port"}},
        {**TREE, "metadata": {"name": "report", "managedFields": [{"operation": "Apply", "fieldsV1": {}}]}},
        {**TREE, "metadata": {"name": "report", "deletionTimestamp": "2026-11-25T00:00:00Z"}},
    ],
)
def test_what_may_matter_is_told_apart(other: dict[str, Any]) -> None:
    assert key_of(TREE) != key_of(other)


@pytest.mark.parametrize(
    "other",
    [
        {**TREE, "metadata": {"name": "report-2", "uid": "x", "generation": 1, "creationTimestamp": "now"}},
        {**TREE, "metadata": {"name": "report", "managedFields": [{"operation": "Update", "time": "now"}]}},
    ],
)
def test_what_is_an_objects_own_is_not(other: dict[str, Any]) -> None:
    assert key_of(TREE) == key_of(other)


def test_namespaces_and_modes_are_told_apart() -> None:
    assert len({key_of(TREE, "a", "WARN"), key_of(TREE, "b", "WARN"), key_of(TREE, "a", "ENFORCE")}) == 3


def test_another_policy_begins_anew() -> None:
    memory = Memory[str]()
    first, second = Policy(), Policy()
    memory.get(first, b"key")
    memory.keep(b"key", "answer")

    assert memory.get(first, b"key") == "answer"
    assert memory.get(second, b"key") is None
    assert memory.get(first, b"key") is None


def test_the_oldest_are_forgotten_first() -> None:
    memory, policy = Memory[int](), Policy()
    for number in range(600):
        memory.get(policy, b"used")
        memory.keep(b"%d" % number if number else b"used", number)

    assert memory.get(policy, b"used") == 0
    assert memory.get(policy, b"1") is None
    assert memory.get(policy, b"599") == 599


def test_large_objects_are_not_remembered() -> None:
    memory, policy = Memory[int](), Policy()
    memory.get(policy, b"")
    memory.keep(b"x" * 50_000, 1)

    assert memory.get(policy, b"x" * 50_000) is None


def test_who_is_exempt_is_not_answered_from_memory() -> None:
    memory = Memory[Outcome]()
    policy = Policy(webhook=Policy().webhook._replace(users=frozenset(["alice"])))
    review.validate(request(TREE), policy, Mode.ENFORCE, never, memory)
    outcome = review.validate(
        request(TREE, userInfo={"username": "alice"}), policy, Mode.ENFORCE, never, memory
    )

    assert outcome.skipped == "exempt"


def test_what_a_rule_failed_at_is_decided_again() -> None:
    class Failing(Policy):
        active = ((EVERY[0]._replace(check=lambda _job, _params: 1 / 0), Setting(None)),)  # type: ignore[arg-type, return-value]

    told: list[str] = []
    memory, policy = Memory[Outcome](), Failing()
    for _ in range(2):
        review.validate(request(TREE), policy, Mode.ENFORCE, lambda rule, _: told.append(rule), memory)

    assert told == [EVERY[0].id] * 2
