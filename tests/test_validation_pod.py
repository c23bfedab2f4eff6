"""What is said of the spec of Pods is what API servers say."""

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pod_causes import AT, MINORS, NEWEST, answered, cases, disagreements, found, in_short, job

from lint.validation.networking import ip
from lint.validation.pod import pod
from lint.validation.scheduling import annotated_tolerations

if TYPE_CHECKING:
    from apiserver import ApiServer

pytest_plugins = ["apiserver"]

PODS = cases("pods.txt")

TOLERATIONS = "scheduler.alpha.kubernetes.io/tolerations"
STRUCT = "<object>"
"""Stands for a whole struct in the messages of the vectors."""


@pytest.mark.parametrize(("spec", "expected"), PODS, ids=str)
def test_a_pod_has_the_causes_that_the_server_finds(spec: dict[str, Any], expected: str) -> None:
    assert in_short(found(job(spec)), AT) == expected


def test_every_server_agrees_about_pods(every_apiserver: "ApiServer") -> None:
    assert disagreements(every_apiserver, [job(spec) for spec, _ in PODS]) == []


@pytest.mark.parametrize("minor", MINORS)
def test_fields_and_types_are_those_of_the_vectors(minor: int) -> None:
    wrong = [
        (in_short(theirs, ""), in_short(ours, ""))
        for tree, theirs in answered(minor)
        if in_short(theirs, "") != in_short(ours := found(tree, minor), "")
    ]

    assert not wrong


def test_words_are_those_of_the_newest_server() -> None:
    wrong = [
        (theirs, ours)
        for tree, theirs in answered(NEWEST)
        for ours in (found(tree),)
        if {one.message for one in theirs} != {one.message for one in ours}
        and STRUCT not in "".join(one.message for one in theirs)
    ]

    assert not wrong


@pytest.mark.parametrize(
    ("minor", "address", "wrong"),
    [
        (35, "010.0.0.1", []),
        (36, "010.0.0.1", ["must not have leading 0s"]),
        (35, "::ffff:1.2.3.4", []),
        (36, "::ffff:1.2.3.4", ["must not be an IPv4-mapped IPv6 address"]),
        (36, "::ffff:01.2.3.4", ["must not have leading 0s"]),
        (36, "FE80:0:0:0:0:0:0:0abc", []),
        (36, "1:2:3:4:5:6:7::", []),
        (31, "1:2:3:4:5:6:7:8::", ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]),
    ],
)
def test_addresses_are_read_as_the_server_of_a_minor_reads_them(
    minor: int, address: str, wrong: list[str]
) -> None:
    assert ip(address, minor) == wrong


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("[]", ""),
        ("null", ""),
        ('[{"key": "k", "operator": "Exists"}]', ""),
        ('[{"KEY": "k"}]', ""),
        ('[{"tolerationSeconds": 5, "key": "k"}]', f"annotations.{TOLERATIONS}[0].effect Invalid"),
        ("[null]", f"annotations.{TOLERATIONS}[0].operator Invalid"),
        ('[{"key": 1}]', "annotations Invalid"),
        ("{}", "annotations Invalid"),
        ("x", "annotations Invalid"),
    ],
)
def test_tolerations_in_an_annotation_are_checked_as_well(annotation: str, expected: str) -> None:
    tree = job({})
    tree["spec"]["template"]["metadata"] = {"annotations": {TOLERATIONS: annotation}}

    assert in_short(found(tree), "spec.template") == expected


def test_pods_of_a_cronjob_are_below_its_job_template() -> None:
    spec = job({"hostname": "a.b"})["spec"]
    cronjob = {"kind": "CronJob", "spec": {"schedule": "@daily", "jobTemplate": {"spec": spec}}}

    assert [cause.field for cause in found(cronjob)] == ["spec.jobTemplate.spec.template.spec.hostname"]


KEYS = st.sampled_from(sorted(set(re.findall("[a-zA-Z]{2,}", json.dumps([spec for spec, _ in PODS])))))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3) | KEYS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(KEYS, JSON, max_size=4), st.sampled_from(MINORS))
def test_no_tree_is_too_odd(tree: dict[str, Any], minor: int) -> None:
    list(pod(tree, ("spec",), minor))
    list(annotated_tolerations({"metadata": tree}, ("spec",), minor))
