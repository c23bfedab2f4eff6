"""What the API server says of changed Jobs and CronJobs, but for their Pods: the same without a server."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from test_validation_job import MINORS, NOT_DECODED, a_job, disagreement, fields, kinds, lines, read, said

from lint.defaults import defaulted
from lint.validation.cause import Cause
from lint.validation.dropping import dropped, without
from lint.validation.equality import same
from lint.validation.job import NAME_LABELS, UID, UID_LABELS
from lint.validation.tree import struct
from lint.validation.update import update


def stored(tree: dict[str, Any], minor: int, status: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a new object as the server keeps it."""
    given = defaulted(tree, minor)
    kept: dict[str, Any] = json.loads(json.dumps(without(given, dropped(given, minor))))
    kept["metadata"]["uid"] = UID
    spec = kept["spec"]
    if kept["kind"] == "Job" and spec["manualSelector"] is False:
        labels = spec["template"]["metadata"].setdefault("labels", {})
        for key in (*UID_LABELS, *NAME_LABELS):
            labels.setdefault(key, UID if key in UID_LABELS else kept["metadata"]["name"])
        spec["selector"] = {"matchLabels": {UID_LABELS[1]: UID}}
    return {**kept, "status": status or {}}


def put(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest as clients put it that read before: with what was generated for `old`."""
    was, spec = struct(old, "spec"), struct(new, "spec")
    if old.get("kind") != "Job" or was.get("manualSelector") is True:
        return new
    template = struct(spec, "template")
    metadata = struct(template, "metadata")
    generated = struct(struct(struct(was, "template"), "metadata"), "labels")
    kept = {key: generated[key] for key in (*UID_LABELS, *NAME_LABELS) if key in generated}
    metadata = {**metadata, "labels": {**kept, **struct(metadata, "labels")}}
    template = {**template, "metadata": metadata}
    selector = was.get("selector") if spec.get("selector") is None else spec["selector"]
    return {**new, "spec": {**spec, "selector": selector, "template": template}}


def sent(tree: dict[str, Any], minor: int) -> dict[str, Any]:
    """Return an object as the server has it after decoding; `managedBy` is dropped of new Jobs alone."""
    given = defaulted(tree, minor)
    return without(given, [path for path in dropped(given, minor) if path[-1] != "managedBy"])


def changed(row: dict[str, Any], minor: int) -> Iterator[Cause]:
    """Check a change; the stand-in for the uid is no wrong label."""
    old = stored(row["old"], minor, row.get("oldStatus"))
    new = row["new"] if row.get("raw") else put(old, row["new"])
    return (cause for cause in update(old, sent(new, minor), minor) if cause.value != UID)


@pytest.mark.parametrize("minor", MINORS)
def test_fields_and_types_are_those_of_servers(minor: int) -> None:
    wrong = []
    for row in read("updates.jsonl"):
        verdict = row["verdicts"][f"1.{minor}"]
        if verdict["code"] != NOT_DECODED:
            ours, theirs = fields(changed(row, minor)), kinds(said(verdict))
            wrong += [disagreement(row["id"], ours, theirs)] if ours != theirs else []

    assert wrong == []


def test_words_are_those_of_1_37() -> None:
    wrong = []
    for row in read("updates.jsonl"):
        ours, theirs = lines(changed(row, 37)), said(row["verdicts"]["1.37"])
        wrong += [disagreement(row["id"], ours, theirs)] if ours != theirs else []

    assert wrong == []


def a_cronjob(**spec: Any) -> dict[str, Any]:
    """Make a CronJob that nothing is wrong with."""
    template = {"spec": a_job()["spec"]}
    return {**a_job(), "kind": "CronJob", "spec": {"schedule": "@daily", "jobTemplate": template, **spec}}


def told(
    old: dict[str, Any], new: dict[str, Any], minor: int = 37, status: dict[str, Any] | None = None
) -> list[tuple[str, str]]:
    """Return field and detail of what is said of a manifest that was applied to another."""
    before = stored(old, minor, status)
    found = update(before, sent(put(before, new), minor), minor)
    return [(cause.field, cause.detail) for cause in found if cause.value != UID]


def with_pod(tree: dict[str, Any], **pod: Any) -> dict[str, Any]:
    """Return a Job with other fields in the spec of its Pods."""
    template = tree["spec"]["template"]
    return {**tree, "spec": {**tree["spec"], "template": {**template, "spec": {**template["spec"], **pod}}}}


@pytest.mark.parametrize("minor", range(31, 38))
def test_nothing_is_said_of_what_stays(minor: int) -> None:
    assert told(a_job(), a_job(), minor) == []
    assert told(a_cronjob(), a_cronjob(), minor) == []


def test_a_manifest_that_is_put_as_it_is_lacks_what_was_generated() -> None:
    found = update(stored(a_job(), 37), sent(a_job(), 37), 37)

    assert [(cause.field, cause.message) for cause in found][:3] == [
        ("spec.selector", "Required value"),
        ("spec.template.metadata.labels", "Invalid value: null: `selector` does not match template `labels`"),
        ("spec.selector", "Invalid value: null: field is immutable"),
    ]


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ({"completions": 5, "parallelism": 5}, []),
        ({"completions": 5, "parallelism": 4}, ["can only be modified in tandem with spec.parallelism"]),
        ({"completions": 3, "parallelism": 4}, []),
        ({"parallelism": 3}, ["when completion mode is Indexed"]),
        ({"completions": 5, "completionMode": "NonIndexed"}, ["field is immutable", "field is immutable"]),
    ],
)
def test_completions_change_with_parallelism_in_indexed_jobs(
    new: dict[str, Any], expected: list[str]
) -> None:
    mode = {"completionMode": "Indexed"}
    found = told(a_job({**mode, "completions": 3, "parallelism": 2}), a_job({**mode, **new}))

    assert [detail for _, detail in found] == expected


def test_more_completions_need_a_shorter_name() -> None:
    mode = {"completionMode": "Indexed"}
    old = a_job({**mode, "completions": 10, "parallelism": 10}, name="n" * 61)
    new = a_job({**mode, "completions": 11, "parallelism": 11}, name="n" * 61)

    assert [field for field, _ in told(old, new)] == ["metadata.name"]


@pytest.mark.parametrize(
    ("minor", "status", "expected"),
    [
        (35, {}, []),
        (35, {"startTime": "2026-01-01T00:00:00Z"}, ["spec.template"]),
        (35, {"active": 1}, []),
        (36, {}, []),
        (36, {"active": 1}, ["spec.template"]),
        (36, {"startTime": "2026-01-01T00:00:00Z"}, ["spec.template"]),
        (
            36,
            {
                "startTime": "2026-01-01T00:00:00Z",
                "conditions": [{"type": "Suspended", "status": "True"}],
            },
            [],
        ),
    ],
)
def test_pods_of_a_suspended_job_may_go_elsewhere(
    minor: int, status: dict[str, Any], expected: list[str]
) -> None:
    old = a_job({"suspend": True})

    assert [
        field for field, _ in told(old, with_pod(old, nodeSelector={"a": "b"}), minor, status)
    ] == expected
    assert told(old, old, minor, status) == []


def test_resources_of_a_suspended_job_may_change_since_1_36() -> None:
    old = a_job({"suspend": True})
    containers = [{"name": "c", "image": "x", "resources": {"limits": {"cpu": "1"}}}]
    other = [{"name": "c", "image": "y", "resources": {"limits": {"cpu": "1"}}}]

    assert told(old, with_pod(old, containers=containers), 35) == [("spec.template", "field is immutable")]
    assert told(old, with_pod(old, containers=containers), 36) == []
    assert told(old, with_pod(old, containers=other), 36) == [("spec.template.spec", "field is immutable")]


@pytest.mark.parametrize(
    ("old", "new", "free"),
    [
        (None, {"nodeAffinity": {}}, True),
        ({"nodeAffinity": {}}, None, True),
        ({"nodeAffinity": {}, "podAffinity": {}}, None, False),
        (None, {"podAffinity": {}}, False),
        (None, {}, True),
    ],
)
def test_only_the_affinity_to_nodes_is_free(old: Any, new: Any, *, free: bool) -> None:
    before, after = with_pod(a_job({"suspend": True}), affinity=old), with_pod(a_job(), affinity=new)

    assert (told(before, after) == []) == free


def test_generated_labels_are_not_checked_again_since_1_37() -> None:
    old = a_job({"suspend": True})
    new = a_job(template={"metadata": {"labels": {"job-name": "w"}}})

    assert told(old, new, 36) == [("spec.template.metadata.labels[job-name]", "must be 'v'")]
    assert told(old, new, 37) == []


def test_a_job_that_is_being_deleted_gets_no_more_finalizers() -> None:
    old = stored(a_job(finalizers=["a/b"]), 37)
    old["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    new = put(old, a_job(finalizers=["a/d", "a/b", "a/c"]))

    (cause,) = (cause for cause in update(old, sent(new, 37), 37) if cause.value != UID)

    assert cause.field == "metadata.finalizers"
    assert cause.message.endswith('deleted, found new finalizers []string{"a/c", "a/d"}')


def test_an_old_schedule_may_keep_its_time_zone() -> None:
    old = a_cronjob(schedule="TZ=UTC 0 0 * * *")
    two = "cannot use both timeZone field and TZ or CRON_TZ in schedule"

    assert told(old, a_cronjob(schedule="TZ=UTC 1 0 * * *")) == []
    assert told(old, a_cronjob(schedule="TZ=UTC 1 0 * * *", timeZone="UTC")) == [("spec.schedule", two)]
    assert told(old, a_cronjob(schedule="0 0 * * *", timeZone="UTC")) == []
    assert len(told(a_cronjob(), old)) == 1


def test_a_time_zone_and_a_name_are_not_looked_at_again() -> None:
    old = a_cronjob(timeZone="Mars/Base")
    old["metadata"] = {"name": "n" * 60}

    assert told(old, {**old, "spec": {**old["spec"], "suspend": True}}) == []
    assert [field for field, _ in told(a_cronjob(), a_cronjob(timeZone="Mars/Base"))] == ["spec.timeZone"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"hostNetwork": False, "hostname": "", "nodeSelector": {}, "tolerations": [], "nodeName": None}),
        ({"overhead": {"cpu": "1"}}, {"overhead": {"cpu": "1000m"}}),
        ({"containers": [{"name": "c"}]}, {"containers": [{"name": "c", "resources": {}, "tty": False}]}),
        ({"containers": [None]}, {"containers": [{}]}),
        ({}, {"unknown": 1}),
    ],
)
def test_pods_are_the_same_however_they_are_written(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert same(one, other, "v1.PodSpec")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"hostUsers": False}),
        ({}, {"priority": 0}),
        ({}, {"affinity": {}}),
        ({}, {"resources": {}}),
        ({}, {"runtimeClassName": ""}),
        ({"containers": [{"name": "a"}, {"name": "b"}]}, {"containers": [{"name": "b"}, {"name": "a"}]}),
        ({"overhead": {"cpu": "1"}}, {"overhead": {"cpu": "1", "memory": "0"}}),
    ],
)
def test_an_empty_value_is_not_nothing_where_go_has_a_pointer(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert not same(one, other, "v1.PodSpec")
