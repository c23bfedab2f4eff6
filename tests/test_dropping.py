"""What servers drop without a word is known."""

import json
from typing import TYPE_CHECKING, Any

import pytest
from conftest import folder_of
from hypothesis import given
from hypothesis import strategies as st

from lint.edit import Set, apply
from lint.path import Path as Address
from lint.path import dotted
from lint.validation.decode import decode
from lint.validation.dropping import dropped, without

if TYPE_CHECKING:
    from apiserver import ApiServer

pytest_plugins = ["apiserver"]

ACCEPTED = 201
MINORS = range(31, 38)
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
PORT = {"port": 80}
ITEMS = {"items": [{"key": "k", "path": "p", "user": 1}]}
FIELD = {"path": "p", "fieldRef": {"fieldPath": "metadata.name"}, "user": 1}
CERTIFICATE = {"signerName": "a.b/c", "keyType": "ED25519", "credentialBundlePath": "p"}


def volume(**source: Any) -> tuple[Address, Any]:
    return (*POD, "volumes"), [{"name": "v", **source}]


def projected(**source: Any) -> tuple[Address, Any]:
    return volume(projected={"sources": [source]})


GATED: list[tuple[str, tuple[Address, Any], range]] = [
    ("hostUsers", ((*POD, "hostUsers"), True), range(31, 33)),
    (
        "securityContext.supplementalGroupsPolicy",
        ((*POD, "securityContext"), {"supplementalGroupsPolicy": "Strict"}),
        range(31, 33),
    ),
    (
        "securityContext.seLinuxChangePolicy",
        ((*POD, "securityContext"), {"seLinuxChangePolicy": "Recursive"}),
        range(32, 33),
    ),
    ("resources", ((*POD, "resources"), {"limits": {"cpu": "1"}}), range(32, 34)),
    ("resourceClaims", ((*POD, "resourceClaims"), [{"name": "c", "resourceClaimName": "x"}]), range(31, 34)),
    ("hostnameOverride", ((*POD, "hostnameOverride"), "h"), range(34, 35)),
    ("workloadRef", ((*POD, "workloadRef"), {"name": "w", "podGroup": "g"}), range(35, 36)),
    ("schedulingGroup", ((*POD, "schedulingGroup"), {"podGroupName": "g"}), range(36, 38)),
    ("evictionResponders", ((*POD, "evictionResponders"), [{"name": "a.b/c"}]), range(37, 38)),
    (
        "containers[0].resizePolicy",
        ((*CONTAINER, "resizePolicy"), [{"resourceName": "cpu", "restartPolicy": "NotRequired"}]),
        range(31, 33),
    ),
    (
        "containers[0].lifecycle",
        ((*CONTAINER, "lifecycle"), {"stopSignal": "SIGTERM"}),
        range(33, 38),
    ),
    (
        "containers[0].lifecycle.stopSignal",
        ((*CONTAINER, "lifecycle"), {"stopSignal": "SIGTERM", "preStop": {"tcpSocket": PORT}}),
        range(33, 38),
    ),
    ("containers[0].restartPolicy", ((*CONTAINER, "restartPolicy"), "Always"), range(34, 35)),
    (
        "containers[0].livenessProbe.httpGet.protocol",
        ((*CONTAINER, "livenessProbe"), {"httpGet": {"protocol": "HTTP", **PORT}}),
        range(37, 38),
    ),
    (
        "containers[0].lifecycle.postStart.httpGet.protocol",
        ((*CONTAINER, "lifecycle"), {"postStart": {"httpGet": {"protocol": "HTTP", **PORT}}}),
        range(37, 38),
    ),
    (
        "containers[0].startupProbe.grpc.mode",
        ((*CONTAINER, "startupProbe"), {"grpc": {"mode": "TLS", **PORT}}),
        range(37, 38),
    ),
    ("volumes[0].emptyDir.mode", volume(emptyDir={"mode": 0o777}), range(37, 38)),
    ("volumes[0].secret.defaultUser", volume(secret={"secretName": "s", "defaultUser": 1}), range(37, 38)),
    ("volumes[0].configMap.items[0].user", volume(configMap={"name": "c", **ITEMS}), range(37, 38)),
    (
        "volumes[0].projected.sources[0].downwardAPI.items[0].user",
        projected(downwardAPI={"items": [FIELD]}),
        range(37, 38),
    ),
    (
        "volumes[0].projected.sources[0].serviceAccountToken.user",
        projected(serviceAccountToken={"path": "p", "user": 1}),
        range(37, 38),
    ),
    (
        "volumes[0].projected.sources[0].clusterTrustBundle",
        projected(clusterTrustBundle={"path": "p", "name": "n"}),
        range(31, 37),
    ),
    ("volumes[0].projected.sources[0].podCertificate", projected(podCertificate=CERTIFICATE), range(34, 37)),
    ("volumes[0]", volume(image={"reference": "x"}), range(31, 35)),
]


def having(*values: tuple[Address, Any]) -> dict[str, Any]:
    """Return the Job with other values in some places."""
    changed: dict[str, Any] = apply(JOB, [Set(*value) for value in values])
    return changed


def in_cron_job(job: dict[str, Any]) -> dict[str, Any]:
    return {**job, "kind": "CronJob", "spec": {"schedule": "@daily", "jobTemplate": {"spec": job["spec"]}}}


def fields(tree: dict[str, Any], minor: int) -> list[str]:
    return [dotted(path) for path in dropped(tree, minor)] if not decode(tree, minor).causes else []


@pytest.mark.parametrize(("field", "value", "minors"), GATED, ids=[field for field, *_ in GATED])
def test_a_field_is_dropped_while_its_gate_is_off(
    field: str, value: tuple[Address, Any], minors: range
) -> None:
    job = having(value)

    assert {minor: told for minor in MINORS if (told := fields(job, minor))} == {
        minor: [f"spec.template.spec.{field}"] for minor in minors
    }
    assert {minor: told for minor in MINORS if (told := fields(in_cron_job(job), minor))} == {
        minor: [f"spec.jobTemplate.spec.template.spec.{field}"] for minor in minors
    }


def test_servers_drop_the_same(every_apiserver: "ApiServer") -> None:
    minor, told = every_apiserver.minor, {}
    for field, value, minors in GATED:
        job = having(value)
        answer = every_apiserver.dry_run(job)
        kept = {dotted(path) for path in places(answer.body, ())}
        if answer.status == ACCEPTED and (f"spec.template.spec.{field}" in kept) == (minor in minors):
            told[field] = minor

    assert told == {}


def places(value: Any, path: Address) -> list[Address]:
    """Return the places of all that is in a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in items for place in places(one, (*path, key)))]


def test_a_cron_job_keeps_what_its_jobs_lose() -> None:
    job = having((("spec", "managedBy"), "a.b/c"))

    assert {minor: told for minor in MINORS if (told := fields(job, minor))} == {31: ["spec.managedBy"]}
    assert not [minor for minor in MINORS if fields(in_cron_job(job), minor)]


def test_scheduling_is_dropped_in_both() -> None:
    job = having((("spec", "scheduling"), {}))

    assert fields(job, 37) == ["spec.scheduling"]
    assert fields(in_cron_job(job), 37) == ["spec.jobTemplate.spec.scheduling"]


def test_a_sidecar_stays_one() -> None:
    containers = [{"name": "a", "restartPolicy": "Always"}, {"name": "b", "restartPolicy": "Never"}]
    job = having(((*POD, "initContainers"), containers))

    assert fields(job, 34) == ["spec.template.spec.initContainers[1].restartPolicy"]


def test_what_mounts_an_image_goes_with_it() -> None:
    mounts = [{"name": "image", "mountPath": "/a"}, {"name": "data", "mountPath": "/b"}]
    volumes = [{"name": "image", "image": {"reference": "x"}}, {"name": "data", "emptyDir": {}}]
    job = having(((*POD, "volumes"), volumes), ((*CONTAINER, "volumeMounts"), mounts))

    left = without(job, dropped(job, 34))

    assert left == having(((*POD, "volumes"), volumes[1:]), ((*CONTAINER, "volumeMounts"), mounts[1:]))


def test_nothing_changes_where_nothing_is_dropped() -> None:
    assert all(without(JOB, dropped(JOB, minor)) is JOB for minor in MINORS)


def test_null_is_nothing_to_drop() -> None:
    assert not fields(having((("spec", "managedBy"), None), ((*POD, "hostUsers"), None)), 31)


@pytest.mark.parametrize("minor", [31, 34, 37])
def test_dropped_fields_are_missing_in_what_servers_returned(minor: int) -> None:
    text = (folder_of("JOBWARDEN_VECTORS") / "defaults.jsonl").read_text("utf-8")
    told = {}
    for row in map(json.loads, text.splitlines()):
        output = row["outputs"][f"1.{minor}"]
        if "spec" in output and not decode(row["input"], minor).causes:
            kept = set(places(output, ()))
            ours = {*dropped(row["input"], minor)}
            told[row["id"]] = [dotted(path) for path in ours & kept if path[-1] != "procMount"]

    assert told
    assert not any(told.values()), told


NAMES = (
    "containers volumes image name volumeMounts lifecycle stopSignal restartPolicy initContainers projected"
    " sources emptyDir mode secret items user livenessProbe httpGet protocol env valueFrom fileKeyRef claims"
).split()
VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(pod=VALUES, minor=st.integers(30, 38))
def test_nothing_is_raised(pod: Any, minor: int) -> None:
    tree = having((POD, pod))

    assert isinstance(without(tree, dropped(tree, minor)), dict)
