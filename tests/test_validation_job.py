"""What the API server says of Jobs and CronJobs, but for their Pods: the same causes without a server."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lint.defaults import defaulted
from lint.validation import cronjob, job, metadata
from lint.validation.cause import Cause
from lint.validation.dropping import dropped, without
from lint.validation.failure_policy import failure_policy
from lint.validation.success_policy import panics, success_policy

VECTORS = os.environ.get("JOBWARDEN_VECTORS")
MINORS = (31, 34, 37)
IN_JOB: tuple[str, ...] = ("spec",)
IN_CRONJOB: tuple[str, ...] = ("spec", "jobTemplate", "spec")
NO_ANSWER = 0
NOT_DECODED = 400


def causes(tree: dict[str, Any], minor: int) -> Iterator[Cause]:
    """Check all but the Pods, after what a server does before."""
    given = defaulted(tree, minor)
    given = without(given, dropped(given, minor))
    spec = given["spec"]
    if tree["kind"] == "Job":
        yield from job.names(given)
        yield from job.selector(given)
        yield from of_job(spec, IN_JOB)
    else:
        yield from cronjob.names(given)
        yield from cronjob.numbers(spec)
        yield from cronjob.concurrency_policy(spec)
        yield from cronjob.selector(spec)
        yield from cronjob.schedule(spec, minor)
        yield from cronjob.time_zone(spec, minor)
        yield from of_job(spec["jobTemplate"]["spec"], IN_CRONJOB)
    yield from metadata.object_meta(given, minor)


def of_job(spec: dict[str, Any], at: tuple[str, ...]) -> Iterator[Cause]:
    """Check the spec of a Job, wherever it is."""
    for check in (job.numbers, job.indexed, job.managed_by, failure_policy, success_policy, panics):
        yield from check(spec, at)
    yield from job.restart_policy(spec, at)
    yield from metadata.template_meta(spec["template"], (*at, "template"))


def fields(found: Iterable[Cause]) -> set[tuple[str, str]]:
    """Return field and type of each cause."""
    return {(cause.field, cause.type) for cause in found}


def lines(found: Iterable[Cause]) -> set[tuple[str, str]]:
    """Return field and message of each cause; a map or a struct as value is not shown."""
    return {
        (cause.field, _compared((cause._replace(value="@") if _is_map(cause) else cause).message))
        for cause in found
    }


def _is_map(cause: Cause) -> bool:
    return isinstance(cause.value, dict)


def said(verdict: dict[str, Any]) -> set[tuple[str, str]]:
    """Return field and message of what a server says, but of Pods."""
    return {
        (cause["field"], _compared(cause["message"]))
        for cause in verdict.get("causes", [])
        if _is_ours(cause["field"])
    }


def _is_ours(field: str) -> bool:
    return "template.spec." not in field or field.endswith("template.spec.restartPolicy")


def _compared(message: str) -> str:
    no_labels = message.replace(": null: `selector` does", ': "@": `selector` does')
    return no_labels.replace("<object>", '"@"').replace("<rand>", metadata.RANDOM)


def kinds(answers: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return field and type of what is said."""
    return {(field, message.partition(":")[0]) for field, message in answers}


def disagreement(name: str, ours: set[tuple[str, str]], theirs: set[tuple[str, str]]) -> str:
    return f"{name}: missing {sorted(theirs - ours)}, not said {sorted(ours - theirs)}"


def read(name: str) -> list[dict[str, Any]]:
    """Read the rows of a file of vectors."""
    if not VECTORS:
        pytest.skip("JOBWARDEN_VECTORS names no folder: see CONTRIBUTING.md")
    return [json.loads(line) for line in (Path(VECTORS) / name).read_text("utf-8").splitlines()]


@pytest.mark.parametrize("minor", MINORS)
def test_fields_and_types_are_those_of_servers(minor: int) -> None:
    wrong = []
    for row in read("validation.jsonl"):
        verdict = row["verdicts"][f"1.{minor}"]
        if verdict["code"] not in (NO_ANSWER, NOT_DECODED):
            ours, theirs = fields(causes(row["object"], minor)), kinds(said(verdict))
            wrong += [disagreement(row["id"], ours, theirs)] if ours != theirs else []

    assert wrong == []


def test_words_are_those_of_1_37() -> None:
    wrong = []
    for row in read("validation.jsonl"):
        verdict = row["verdicts"]["1.37"]
        if verdict["code"] not in (NO_ANSWER, NOT_DECODED):
            ours, theirs = lines(causes(row["object"], 37)), said(verdict)
            wrong += [disagreement(row["id"], ours, theirs)] if ours != theirs else []

    assert wrong == []


@pytest.mark.parametrize("minor", MINORS)
def test_what_crashes_a_server_is_found_and_nothing_else(minor: int) -> None:
    for row in read("validation.jsonl"):
        code = row["verdicts"][f"1.{minor}"]["code"]
        if code != NOT_DECODED:
            crashes = any("crashes the API server" in cause.detail for cause in causes(row["object"], minor))

            assert crashes == (code == NO_ANSWER), row["id"]


def a_job(spec: dict[str, Any] | None = None, **given: Any) -> dict[str, Any]:
    """Make a Job that nothing is wrong with."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}
    spec = {"template": {"spec": pod, **given.pop("template", {})}, **(spec or {})}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "v", **given}, "spec": spec}


def an_indexed_job(**spec: Any) -> dict[str, Any]:
    """Make one with three indexes."""
    return a_job({"completionMode": "Indexed", "completions": 3, "parallelism": 1, **spec})


@pytest.mark.parametrize("minor", range(31, 38))
def test_nothing_is_said_of_an_ordinary_job(minor: int) -> None:
    assert list(causes(a_job(), minor)) == []
    assert list(causes(an_indexed_job(), minor)) == []


def test_a_name_that_is_too_long_for_labels_is_told_where_the_server_does_and_found_in_the_name() -> None:
    (cause,) = causes(a_job(name="n" * 64), 37)

    assert (cause.path, cause.field) == (("metadata", "name"), "spec.template.labels")
    assert cause.message == f'Invalid value: "{"n" * 64}": must be no more than 63 bytes'


@pytest.mark.parametrize("labels", [{"a": "b"}, {}])
def test_labels_of_the_template_that_a_job_shares_get_its_name_as_well(labels: dict[str, str]) -> None:
    tree = a_job(name="n" * 64, template={"metadata": {"labels": labels}})

    assert {cause.field for cause in causes(tree, 37)} == {"metadata.labels", "spec.template.labels"}


def test_labels_that_are_there_are_not_made_of_the_name() -> None:
    labels = {"job-name": "n" * 64, "batch.kubernetes.io/job-name": "n" * 64}
    tree = a_job(name="n" * 64, template={"metadata": {"labels": labels}}, labels={"a": "b"})

    assert {cause.path[-1] for cause in causes(tree, 37)} == set(labels)


def test_a_generated_name_is_cut_before_the_server_appends_to_it() -> None:
    tree = a_job({"completionMode": "Indexed", "completions": 1}, name="", generateName="g" * 70)
    (cause,) = causes(tree, 37)

    assert (cause.path, cause.field) == (("metadata", "generateName"), "metadata.name")
    assert cause.value == "g" * 58 + metadata.RANDOM


def test_a_generate_name_may_end_in_one_dash() -> None:
    assert list(causes(a_job(name="", generateName="a-"), 37)) == []
    assert list(causes(a_job(name="", generateName="a--"), 37)) == []
    assert fields(causes(a_job(name="", generateName="a.-"), 37)) == {("metadata.name", "Invalid value")}


def test_no_namespace_has_a_name_that_is_no_dns_label() -> None:
    assert list(causes(a_job(namespace="a-1"), 37)) == []
    assert fields(causes(a_job(namespace="a.b"), 37)) == {("metadata.namespace", "Invalid value")}


def test_labels_without_a_value_are_empty() -> None:
    assert list(causes(a_job(labels={"a": None}), 37)) == []


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        ({}, {"apiVersion", "kind", "name", "uid"}),
        ({"apiVersion": "v1", "kind": "Event", "name": "n", "uid": "u"}, {""}),
        ({"apiVersion": "events.k8s.io/v1", "kind": "Event", "name": "n", "uid": "u"}, set()),
        ({"apiVersion": "a/b/c", "kind": "Event", "name": "n", "uid": "u"}, {"apiVersion"}),
        ({"apiVersion": "a/", "kind": "K", "name": "n", "uid": "u"}, {"apiVersion"}),
        ({"apiVersion": "/", "kind": "K", "name": "n", "uid": "u"}, {"apiVersion"}),
        ({"apiVersion": "/v1", "kind": "K", "name": "n", "uid": "u"}, set()),
    ],
)
def test_an_owner_has_an_index_since_1_37(owner: dict[str, str], expected: set[str]) -> None:
    tree = a_job(ownerReferences=[owner])
    names = {f".{name}" if name else "" for name in expected}

    assert {cause.field for cause in causes(tree, 36)} == {f"metadata.ownerReferences{n}" for n in names}
    assert {cause.field for cause in causes(tree, 37)} == {f"metadata.ownerReferences[0]{n}" for n in names}


def test_one_owner_is_the_controller() -> None:
    owners = [
        {"uid": "u", "name": name, "kind": "K", "apiVersion": "v1", "controller": True} for name in "ab"
    ]
    (cause,) = causes(a_job(ownerReferences=owners), 37)

    assert cause.message.startswith('Invalid value: [{"apiVersion":"v1","kind":"K","name":"a","uid":"u",')
    assert cause.message.endswith('Found "true" in references for K/a and K/b')


def test_an_owner_that_comes_twice_counts_once() -> None:
    owner = {"uid": "u", "name": "n", "kind": "K", "apiVersion": "v1", "controller": True}
    tree = a_job(ownerReferences=[owner, {**owner, "blockOwnerDeletion": None}, {**owner, "uid": ""}])
    first, second = causes(tree, 37)

    assert (first.path, first.field) == (
        ("metadata", "ownerReferences", 2, "uid"),
        "metadata.ownerReferences[1].uid",
    )
    assert len(second.value) == 2  # what is left


def test_annotations_have_a_size_in_bytes() -> None:
    half = metadata.ANNOTATIONS_LIMIT // 2

    assert list(causes(a_job(annotations={"abcd": "ä" * (half - 2)}), 37)) == []
    (cause,) = causes(a_job(annotations={"abcde": "ä" * (half - 2)}), 37)
    assert (cause.field, cause.message) == (
        "metadata.annotations",
        "Too long: may not be more than 262144 bytes",
    )


@pytest.mark.parametrize("cost", ["0", "-0", "-01", "1", "2147483647", "-2147483648"])
def test_a_deletion_cost_has_32_bits(cost: str) -> None:
    assert _annotated("controller.kubernetes.io/pod-deletion-cost", cost) == []


@pytest.mark.parametrize(
    "cost", ["", "-", "+1", "01", "00", "2147483648", "-2147483649", "9" * 5000, "1_0", "1\n", "\u0661"]
)
def test_other_deletion_costs_have_not(cost: str) -> None:
    assert _annotated("controller.kubernetes.io/pod-deletion-cost", cost) == ["must be a 32bit integer"]


def test_profiles_in_annotations_have_a_form_and_a_container() -> None:
    seccomp = "container.seccomp.security.alpha.kubernetes.io/"
    apparmor = "container.apparmor.security.beta.kubernetes.io/"

    assert _annotated(f"{seccomp}no", "docker/default") == []
    assert _annotated(f"{seccomp}c", "no") == ["must be a valid seccomp profile"]
    assert _annotated(f"{seccomp}c", "localhost//..") == [
        "must be a relative path",
        "must not contain '..'",
    ]
    assert _annotated(f"{apparmor}c", "localhost/") == []
    assert _annotated(f"{apparmor}no", "no") == [
        "container not found",
        'invalid AppArmor profile name: "no"',
    ]


def _annotated(key: str, value: str) -> list[str]:
    tree = a_job(template={"metadata": {"annotations": {key: value}}})
    return [cause.detail for cause in causes(tree, 37)]


@pytest.mark.parametrize(
    ("noted", "profile", "expected"),
    [
        ("unconfined", {"type": "Unconfined"}, []),
        ("unconfined", {"type": "RuntimeDefault"}, ["type"]),
        ("docker/default", {"type": "RuntimeDefault"}, []),
        ("localhost/a", {"type": "Localhost", "localhostProfile": "a"}, []),
        ("localhost/a", {"type": "Localhost", "localhostProfile": "b"}, ["localhostProfile"]),
        ("unconfined", {"type": "Localhost", "localhostProfile": "b"}, ["type"]),
    ],
)
def test_an_annotation_and_a_field_name_the_same_profile(
    noted: str, profile: dict[str, str], expected: list[str]
) -> None:
    tree = a_job(template={"metadata": {"annotations": {"seccomp.security.alpha.kubernetes.io/pod": noted}}})
    tree["spec"]["template"]["spec"]["securityContext"] = {"seccompProfile": profile}

    assert [cause.path[-1] for cause in causes(tree, 37)] == expected


@pytest.mark.parametrize(
    ("indexes", "detail"),
    [
        ("", ""),
        ("0,2", ""),
        ("00-+1,2", ""),
        ("0-3", 'too large index: "3"'),
        ("9223372036854775808", 'cannot convert string to integer for index: "9223372036854775808"'),
        ("1\n", 'cannot convert string to integer for index: "1\\n"'),
        ("\u0661", 'cannot convert string to integer for index: "\u0661"'),
        (
            "0-1-2",
            'the fragment "0-1-2" violates the requirement that an index',
        ),
        ("1,0", "non-increasing order, previous: 1, current: 0"),
    ],
)
def test_indexes_are_read_as_go_reads_them(indexes: str, detail: str) -> None:
    tree = an_indexed_job(successPolicy={"rules": [{"succeededIndexes": indexes}]})
    found = [cause.detail for cause in causes(tree, 37)]

    assert [text[: len(detail) + 32] for text in found] == (
        [f"error parsing succeededIndexes: {detail}"] if detail else []
    )


def test_what_nobody_writes_is_no_wrong_type() -> None:
    tree = an_indexed_job(
        successPolicy={"rules": [None]},
        podFailurePolicy={"rules": [None, {"action": "Count", "onExitCodes": {"operator": "In"}}]},
    )

    assert fields(causes(tree, 37)) == {
        ("spec.successPolicy.rules[0]", "Required value"),
        ("spec.podFailurePolicy.rules[0]", "Invalid value"),
        ("spec.podFailurePolicy.rules[0].action", "Required value"),
        ("spec.podFailurePolicy.rules[1].onExitCodes.values", "Invalid value"),
    }


def test_a_selector_may_be_what_the_server_generates() -> None:
    chosen = {"selector": {"matchLabels": {"job-name": "v"}}}

    assert list(causes(a_job(chosen), 37)) == []
    assert fields(causes(a_job(chosen, name="w"), 37)) == {
        ("spec.selector", "Invalid value"),
        ("spec.template.metadata.labels", "Invalid value"),
    }


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"key": "x", "operator": "In", "values": ["y", "z"]}, []),
        ({"key": "x", "operator": "NotIn", "values": ["y"]}, ["spec.template.metadata.labels"]),
        ({"key": "q", "operator": "NotIn", "values": [None]}, []),
        ({"key": "q", "operator": "In", "values": [None]}, ["spec.template.metadata.labels"]),
        ({"key": "x", "operator": "Exists"}, []),
        ({"key": "x", "operator": "DoesNotExist"}, ["spec.template.metadata.labels"]),
        ({"key": "x", "operator": "In"}, ["spec.selector.matchExpressions[0].values"]),
        ({"key": "x", "operator": "Gt"}, ["spec.selector.matchExpressions[0].operator"]),
    ],
)
def test_a_selector_of_ones_own_selects_the_template(expression: dict[str, Any], expected: list[str]) -> None:
    spec = {"manualSelector": True, "selector": {"matchExpressions": [expression]}}
    tree = a_job(spec, template={"metadata": {"labels": {"x": "y"}}})

    assert [cause.field for cause in causes(tree, 37)] == expected


def test_a_prefix_without_a_schedule_crashes_servers_before_1_35() -> None:
    (old,) = cronjob.schedule({"schedule": "TZ=UTC"}, 34)
    new = list(cronjob.schedule({"schedule": "TZ=UTC"}, 35))

    assert "crashes the API server" in old.detail
    assert [cause.type for cause in new] == ["Invalid value", "Invalid value"]


@pytest.mark.parametrize("value", [None, 7, "x", [], {}, [None], [7], {"x": 7}, True, -1.5])
@pytest.mark.parametrize("minor", [31, 37])
def test_wrong_types_are_for_others_to_find(value: Any, minor: int) -> None:
    tree = an_indexed_job(
        podFailurePolicy={"rules": [{"onExitCodes": {"values": [1]}, "onPodConditions": [{"type": "a"}]}]},
        successPolicy={"rules": [{"succeededIndexes": "0", "succeededCount": 1}]},
        selector={"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "a", "values": ["b"]}]},
        managedBy="a.io/b",
    )
    tree["metadata"] |= {"labels": {"a": "b"}, "annotations": {"a": "b"}, "finalizers": ["a/b"]}
    tree["metadata"] |= {"ownerReferences": [{"kind": "K"}], "generateName": "g"}
    for path in list(_places(tree, ())):
        broken = json.loads(json.dumps(tree))
        _put(broken, path, value)

        assert isinstance(list(_all(broken, minor)), list)


def _all(tree: dict[str, Any], minor: int) -> Iterator[Cause]:
    yield from job.names(tree)
    yield from job.selector(tree)
    yield from metadata.object_meta(tree, minor)
    spec = tree["spec"] if isinstance(tree["spec"], dict) else {}
    template = spec.get("template")
    yield from of_job({**spec, "template": template if isinstance(template, dict) else {}}, IN_JOB)


def _places(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in inner:
        yield (*path, step)
        yield from _places(one, (*path, step))


def _put(tree: Any, path: tuple[Any, ...], value: Any) -> None:
    for step in path[:-1]:
        tree = tree[step]
    tree[path[-1]] = value
