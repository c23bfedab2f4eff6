"""Objects are decoded as API servers decode them."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import folder_of
from hypothesis import given
from hypothesis import strategies as st

from lint.edit import Set, apply
from lint.path import Path as Address
from lint.path import pointer
from lint.validation import fields
from lint.validation.decode import Suggestion, decode, suggestion
from lint.validation.fields import known, table
from lint.validation.values import mended, number

if TYPE_CHECKING:
    from apiserver import ApiServer

pytest_plugins = ["apiserver"]

NEWEST = 37
TABLE = Path(fields.__file__).with_suffix(".json")
NOT_DECODED = 400
NOT_ABOUT_FIELDS = ("1.1-0/ns", "7-12/kind", "7-12/apiv", "7-12/cron-apiv")
"""Rows whose namespace, kind or apiVersion is another than that of the request."""

NOT_OF_KUBECTL = ("7-12/neg-zero", "7-12/overflow64", "7-12/two", "7-12/two/cron")
"""Rows that kubectl sends in another way: 2.0 as 2, a large number as a float, fields sorted."""

POD = ("spec", "template", "spec")
CONTAINER = (*POD, "containers", 0)
JOB: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "report"},
    "spec": {
        "template": {
            "spec": {
                "restartPolicy": "Never",
                "containers": [{"name": "report", "image": "report:1.4"}],
            }
        }
    },
}


def having(path: Address, value: Any) -> dict[str, Any]:
    """Return the Job with another value in one place."""
    changed: dict[str, Any] = apply(JOB, [Set(path, value)])
    return changed


def go(value: str, struct: str, path: str, kind: str) -> str:
    return f"json: cannot unmarshal {value} into Go struct field {struct}.{path} of type {kind}"


IN_POD, IN_CONTAINER = "spec.template.spec", "spec.template.spec.containers"
FORMAT = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
DATE = "parsing time"
AS = 'as "2006-01-02T15:04:05Z07:00": cannot parse'
MISTYPED: list[tuple[Address, Any, str]] = [
    (("spec",), "x", go("string", "Job", "spec", "v1.JobSpec")),
    (("spec", "parallelism"), "2", go("string", "JobSpec", "spec.parallelism", "int32")),
    (("spec", "parallelism"), 1.5, go("number 1.5", "JobSpec", "spec.parallelism", "int32")),
    (("spec", "parallelism"), True, go("bool", "JobSpec", "spec.parallelism", "int32")),
    (("spec", "parallelism"), 1 << 31, go("number 2147483648", "JobSpec", "spec.parallelism", "int32")),
    (("spec", "parallelism"), 1e21, go("number 1e+21", "JobSpec", "spec.parallelism", "int32")),
    (("spec", "suspend"), 1, go("number", "JobSpec", "spec.suspend", "bool")),
    (
        ("spec", "podFailurePolicy"),
        [],
        go("array", "JobSpec", "spec.podFailurePolicy", "v1.PodFailurePolicy"),
    ),
    (("metadata", "labels"), [], go("array", "ObjectMeta", "metadata.labels", "map[string]string")),
    (("metadata", "labels"), {"a": 1}, go("number", "ObjectMeta", "metadata.labels", "string")),
    ((*POD, "containers"), {}, go("object", "PodSpec", IN_CONTAINER, "[]v1.Container")),
    ((*POD, "containers"), ["x"], go("string", "PodSpec", IN_CONTAINER, "v1.Container")),
    ((*POD, "restartPolicy"), 1, go("number", "PodSpec", f"{IN_POD}.restartPolicy", "v1.RestartPolicy")),
    ((*CONTAINER, "command"), "x", go("string", "Container", f"{IN_CONTAINER}.command", "[]string")),
    ((*CONTAINER, "command"), [1], go("number", "Container", f"{IN_CONTAINER}.command", "string")),
    (
        (*CONTAINER, "resources"),
        {"limits": []},
        go("array", "ResourceRequirements", f"{IN_CONTAINER}.resources.limits", "v1.ResourceList"),
    ),
    ((*CONTAINER, "resources"), {"limits": {"cpu": True}}, FORMAT),
    ((*CONTAINER, "resources"), {"limits": {"cpu": ""}}, FORMAT),
    ((*CONTAINER, "resources"), {"limits": {"cpu": "1gi"}}, FORMAT),
    ((*CONTAINER, "resources"), {"limits": {"cpu": "1K"}}, "unable to parse quantity's suffix"),
    ((*CONTAINER, "resources"), {"limits": {"cpu": ".Pi"}}, "unable to parse numeric part of quantity"),
    (
        (*CONTAINER, "livenessProbe"),
        {"httpGet": {"port": 1.5}},
        go("number 1.5", "HTTPGetAction", f"{IN_CONTAINER}.livenessProbe.ProbeHandler.httpGet.port", "int32"),
    ),
    (
        (*CONTAINER, "env"),
        [{"name": "A", "valueFrom": {"secretKeyRef": {"name": 1}}}],
        go(
            "number",
            "SecretKeySelector",
            f"{IN_CONTAINER}.env.valueFrom.secretKeyRef.LocalObjectReference.name",
            "string",
        ),
    ),
    (
        (*POD, "volumes"),
        [{"configMap": 1}],
        go("number", "Volume", f"{IN_POD}.volumes.VolumeSource.configMap", "v1.ConfigMapVolumeSource"),
    ),
    (
        ("metadata", "creationTimestamp"),
        1,
        go("number", "ObjectMeta", "metadata.creationTimestamp", "string"),
    ),
    (("metadata", "creationTimestamp"), "now", f'{DATE} "now" {AS} "now" as "2006"'),
    (("metadata", "creationTimestamp"), "", f'{DATE} "" {AS} "" as "2006"'),
    (("metadata", "creationTimestamp"), "2024-01-01", f'{DATE} "2024-01-01" {AS} "" as "T"'),
    (("metadata", "creationTimestamp"), "2024-13-01T", f'{DATE} "2024-13-01T": month out of range'),
    (
        ("metadata", "creationTimestamp"),
        "2023-02-29T00:00:00Z",
        f'{DATE} "2023-02-29T00:00:00Z": day out of range',
    ),
    (
        ("metadata", "creationTimestamp"),
        "2024-01-01T00:00:00Z?",
        f'{DATE} "2024-01-01T00:00:00Z?": extra text: "?"',
    ),
    (
        ("metadata", "creationTimestamp"),
        "2024-01-01T00:00:00+25:00",
        f'{DATE} "2024-01-01T00:00:00+25:00": time zone offset hour out of range',
    ),
    (
        ("metadata", "creationTimestamp"),
        "2024-01-01T00:00:00é",
        rf'{DATE} "2024-01-01T00:00:00\xc3\xa9" {AS} "\xc3\xa9" as "Z07:00"',
    ),
]


@pytest.mark.parametrize(("path", "value", "text"), MISTYPED)
def test_a_wrong_type_is_told_in_the_words_of_the_server(path: Address, value: Any, text: str) -> None:
    assert [cause.message for cause in decode(having(path, value), NEWEST).causes] == [text]


def test_the_server_says_the_same_of_wrong_types(every_apiserver: "ApiServer") -> None:
    told = {}
    for path, value, _ in MISTYPED:
        job = having(path, value)
        answer, ours = every_apiserver.dry_run(job).body["message"], decode(job, every_apiserver.minor)
        if answer != ours.status_message("Job"):
            told[pointer(path), str(value)] = answer, ours.status_message("Job")

    assert told == {}


def test_a_cause_is_at_the_value_with_the_wrong_type() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": 2}]

    (cause,) = decode(having((*CONTAINER, "env"), env), NEWEST).causes

    assert cause.path == (*CONTAINER, "env", 1, "value")


def test_embedded_structs_have_a_name_since_1_35() -> None:
    job = having((*POD, "volumes"), [{"emptyDir": 1}])
    named = {minor: decode(job, minor).causes[0].message.split()[8] for minor in (34, 35)}

    assert named == {
        34: "Volume.spec.template.spec.volumes.emptyDir",
        35: "Volume.spec.template.spec.volumes.VolumeSource.emptyDir",
    }


def test_all_wrong_types_are_found_and_the_server_names_the_first() -> None:
    decoded = decode(having(("spec", "suspend"), 1) | {"metadata": {"name": 1}}, NEWEST)

    assert [cause.path for cause in decoded.wrong] == [("metadata", "name"), ("spec", "suspend")]
    assert decoded.status_message("Job").endswith("field ObjectMeta.metadata.name of type string")


def test_a_value_that_is_a_language_of_its_own_comes_first() -> None:
    decoded = decode(having((*CONTAINER, "resources"), {"limits": {"cpu": "x"}}) | {"metadata": []}, NEWEST)

    assert [cause.message for cause in decoded.wrong] == [
        FORMAT,
        "json: cannot unmarshal array into Go struct field Job.metadata of type v1.ObjectMeta",
    ]


def test_unknown_fields_are_all_named() -> None:
    decoded = decode(having((*CONTAINER, "nmae"), "x") | {"foo": None, 'b"r': 1}, NEWEST)

    assert decoded.status_message("Job") == (
        'Job in version "v1" cannot be handled as a Job: strict decoding error: unknown field'
        r' "b\"r", unknown field "foo", unknown field "spec.template.spec.containers[0].nmae"'
    )
    assert decoded.causes[-1].path == (*CONTAINER, "nmae")


def test_unknown_fields_are_not_named_beside_a_wrong_type() -> None:
    decoded = decode(having(("spec", "suspend"), "no") | {"foo": 1}, NEWEST)

    assert "foo" not in decoded.status_message("Job")
    assert [cause.path for cause in decoded.causes] == [("spec", "suspend"), ("foo",)]


def test_the_server_lists_a_hundred_unknown_fields() -> None:
    decoded = decode(JOB | {f"x{number}": 1 for number in range(120)}, NEWEST)

    assert decoded.status_message("Job").count("unknown field") == 100
    assert len(decoded.causes) == 120


def test_case_matters() -> None:
    assert decode(having(("spec", "backofflimit"), 1), NEWEST).unknown


def test_a_field_is_known_since_some_minor() -> None:
    job = having((*POD, "resources"), {})

    assert [minor for minor in range(31, 38) if decode(job, minor).causes] == [31]


def test_a_field_may_go_again() -> None:
    job = having((*POD, "workloadRef"), {"name": "w", "podGroup": "g"})

    assert [minor for minor in range(31, 38) if not decode(job, minor).causes] == [35]


def test_what_is_fine_is_the_same_object() -> None:
    assert decode(JOB, NEWEST).tree is JOB


def test_what_does_not_change_is_shared() -> None:
    tree = decode(JOB | {"metadata": {"creationTimestamp": None}}, NEWEST).tree

    assert tree == JOB | {"metadata": {}}
    assert tree["spec"] is JOB["spec"]


def test_null_is_unset_but_in_lists_and_maps() -> None:
    job = having((*CONTAINER, "args"), ["a", None])
    job = apply(job, [Set((*CONTAINER, "env"), [None]), Set((*CONTAINER, "stdin"), None)])
    job = apply(job, [Set((*CONTAINER, "resources"), {"limits": {"cpu": None}})])
    job["metadata"] = {"labels": {"a": None}}

    tree = decode(job, NEWEST).tree

    container = tree["spec"]["template"]["spec"]["containers"][0]
    assert tree["metadata"] == {"labels": {"a": ""}}
    assert container == JOB["spec"]["template"]["spec"]["containers"][0] | {
        "args": ["a", ""],
        "env": [{}],
        "resources": {"limits": {"cpu": "0"}},
    }


def test_whole_numbers_lose_their_point() -> None:
    spec = decode(having(("spec", "parallelism"), 2.0), NEWEST).tree["spec"]

    assert isinstance(spec["parallelism"], int)


def test_a_large_number_has_the_digits_that_kubectl_sends() -> None:
    assert mended(1234567890123456768.0) == 1234567890123456800


@pytest.mark.parametrize(
    ("value", "written"),
    [(1.5, "1.5"), (0.00001, "0.00001"), (1e-7, "1e-7"), (1.5e-10, "1.5e-10"), (1e21, "1e+21"), (-3, "-3")],
)
def test_numbers_are_written_as_go_writes_them(value: float, written: str) -> None:
    assert number(value) == written


def test_what_has_a_wrong_type_stays_as_it_is() -> None:
    assert decode(having(("spec", "suspend"), "no"), NEWEST).tree["spec"]["suspend"] == "no"


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    text = (folder_of("JOBWARDEN_VECTORS") / "validation.jsonl").read_text("utf-8")
    read = [json.loads(line) for line in text.splitlines()]
    return [row for row in read if row["id"] not in (*NOT_ABOUT_FIELDS, *NOT_OF_KUBECTL)]


@pytest.mark.parametrize("minor", [31, 34, 37])
def test_servers_refused_to_decode_the_same(rows: list[dict[str, Any]], minor: int) -> None:
    told = {}
    for row in rows:
        verdict, job = row["verdicts"][f"1.{minor}"], row["object"]
        theirs = verdict["message"] if verdict["code"] == NOT_DECODED else ""
        if theirs != (ours := decode(job, minor).status_message(job["kind"])):
            told[row["id"]] = theirs, ours

    assert told == {}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PLACES = [
    ("spec",),
    ("metadata", "labels"),
    ("metadata", "creationTimestamp"),
    ("spec", "parallelism"),
    POD,
    CONTAINER,
    (*CONTAINER, "env"),
    (*CONTAINER, "command"),
    (*CONTAINER, "resources"),
    (*POD, "volumes"),
    (*POD, "tolerations"),
]


@given(path=st.sampled_from(PLACES), value=VALUES, minor=st.integers(30, 38))
def test_nothing_is_raised(path: Address, value: Any, minor: int) -> None:
    decoded = decode(having(path, value), minor)

    assert bool(decoded.status_message("Job")) == bool(decoded.causes)


@given(key=st.sampled_from(PLACES), name=st.text(max_size=12), minor=st.integers(30, 38))
def test_nothing_is_raised_by_suggestions(key: Address, name: str, minor: int) -> None:
    assert isinstance(suggestion("Job", key, name, minor), Suggestion)


def at(*path: str | int) -> Suggestion:
    return Suggestion(place=path)


IN_CRON = ("spec", "jobTemplate", "spec")


@pytest.mark.parametrize(
    ("kind", "place", "key", "expected"),
    [
        ("Job", ("spec",), "backofLimit", Suggestion(spelling="backoffLimit")),
        ("Job", ("spec",), "backofflimit", Suggestion(spelling="backoffLimit")),
        ("Job", CONTAINER, "imagePullpolicy", Suggestion(spelling="imagePullPolicy")),
        ("Job", ("spec",), "restartPolicy", at(*POD, "restartPolicy")),
        ("Job", ("spec", "template"), "restartPolicy", at(*POD, "restartPolicy")),
        ("Job", POD, "ttlSecondsAfterFinished", at("spec", "ttlSecondsAfterFinished")),
        ("Job", CONTAINER, "backoffLimit", at("spec", "backoffLimit")),
        ("Job", CONTAINER, "limits", at(*CONTAINER, "resources", "limits")),
        (
            "Job",
            (*POD, "containers", 2, "env", 1),
            "fieldRef",
            at(*POD, "containers", 2, "env", 1, "valueFrom", "fieldRef"),
        ),
        ("Job", ("spec",), "containers", at(*POD, "containers")),
        ("CronJob", ("spec",), "containers", at(*IN_CRON, "template", "spec", "containers")),
        ("CronJob", ("spec",), "backoffLimit", at(*IN_CRON, "backoffLimit")),
        ("CronJob", ("spec", "jobTemplate"), "schedule", at("spec", "schedule")),
        ("CronJob", IN_CRON, "concurrencyPolicy", at("spec", "concurrencyPolicy")),
        ("CronJob", IN_CRON, "timeZone", at("spec", "timeZone")),
        ("Job", POD, "workloadRef", Suggestion(since=35, until=35)),
        ("Job", ("spec",), "labels", Suggestion()),  # of the Job, or of its Pods?
        ("Job", POD, "name", Suggestion()),
        ("Job", POD, "image", Suggestion()),  # of which container?
        ("Job", ("metadata", "labels"), "app", Suggestion()),
        ("Job", ("spec",), "conditions", Suggestion()),
    ],
)
def test_suggestions(kind: str, place: Address, key: str, expected: Suggestion) -> None:
    assert suggestion(kind, place, key, NEWEST) == expected


def test_a_field_of_a_later_minor_is_told_as_such() -> None:
    assert suggestion("Job", CONTAINER, "restartPolicyRules", 33) == Suggestion(since=34)


def test_the_table_is_sorted_and_small() -> None:
    text = TABLE.read_text()

    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")) + "\n"
    assert len(text) < 30_000


def test_every_type_in_the_table_can_be_read() -> None:
    job, cron_job = ({"kind": kind} | filled(f"v1.{kind}") for kind in ("Job", "CronJob"))

    assert [decode(job, NEWEST), decode(cron_job, NEWEST)] == [(job, (), ()), (cron_job, (), ())]


def filled(struct: str) -> dict[str, Any]:
    """Return a struct with every field of the newest minor."""
    return {key: example(field.type) for key, field in known(struct, NEWEST).items()} | (
        {"kind": struct[3:]} if "kind" in known(struct, NEWEST) else {}
    )


def example(kind: str) -> Any:
    kind = table().named.get(kind, kind)
    if kind in table().structs:
        return filled(kind)
    if kind.startswith("[]"):
        return [example(kind[2:])]
    if kind.startswith("map["):
        return {"key": example(kind.partition("]")[2])}
    simple = {
        "bool": True,
        "int32": 1,
        "int64": 1,
        "resource.Quantity": "1",
        "v1.Time": "2024-01-01T00:00:00Z",
    }
    return simple.get(kind, "text")


def test_the_table_has_the_fields_that_the_server_tells(every_apiserver: "ApiServer") -> None:
    schemas = every_apiserver.request("GET", "/openapi/v3/apis/batch/v1").body["components"]["schemas"]
    ours = {name.partition(".")[2]: {*known(name, every_apiserver.minor)} for name in table().structs}
    theirs: dict[str, set[str]] = {}
    open_ = ["io.k8s.api.batch.v1.Job", "io.k8s.api.batch.v1.CronJob"]
    while open_:
        schema = open_.pop()
        properties = schemas[schema].get("properties", {})
        if theirs.setdefault(schema.rpartition(".")[2], {*properties}) == set(properties):
            found = re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(properties))
            open_ += (one for one in found if one.rpartition(".")[2] not in theirs)

    opaque = {"Quantity", "IntOrString", "Time", "FieldsV1"}
    assert {name: some for name, some in theirs.items() if name not in opaque} == {
        name: some for name, some in ours.items() if some or name in theirs
    }
