"""What we say of containers is what real API servers say of them."""

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from conftest import folder_of

from lint.defaults import defaulted
from lint.validation.cause import Cause
from lint.validation.containers import containers
from lint.validation.dropping import dropped, without
from lint.validation.metadata import template_meta

if TYPE_CHECKING:
    from apiserver import ApiServer

pytest_plugins = ["apiserver"]

MINORS = (31, 34, 37)
DECODED = (201, 422)
OURS = r"spec\.(jobTemplate\.spec\.)?template\.spec\.(initC|c)ontainers(\[.*)?"
STRUCT = "<object>"
"""Stands for a whole struct in the messages of the vectors."""

Said = list[dict[str, str]]

VOLUMES = [{"name": "w", "emptyDir": {}}, {"name": "p", "persistentVolumeClaim": {"claimName": "c"}}]


def one(**fields: Any) -> dict[str, Any]:
    """Return a Pod with one container."""
    return {"containers": [{"name": "a", "image": "x:1", **fields}], "volumes": VOLUMES}


def first(**fields: Any) -> dict[str, Any]:
    """Return a Pod with an init container."""
    return {**one(), "initContainers": [{"name": "i", "image": "x:1", **fields}]}


def variables(source: str, field: str, /, *values: Any, **others: Any) -> dict[str, Any]:
    """Return a Pod with variables that differ in a field of their source."""
    return one(env=[{"name": "A", "valueFrom": {source: {field: value, **others}}} for value in values])


PODS: dict[str, dict[str, Any]] = {
    "names are shared": {"containers": [{"name": "a"}, {"name": "a"}, {}], "initContainers": [{"name": "a"}]},
    "nulls are empty": {"containers": [None, {"env": [None], "ports": [None], "volumeMounts": [None]}]},
    "a port of the host is taken": one(ports=[{"containerPort": port, "hostPort": 2} for port in (1, 3)]),
    "the host's network": {**one(ports=[{"containerPort": 1, "hostPort": 2}]), "hostNetwork": True},
    "names of ports": one(ports=[{"containerPort": 1, "name": name} for name in ("80", "a--b", "p", "p")]),
    "names of variables": one(env=[{"name": name} for name in ("A", "a b", "a=b", "", "..", "\n")]),
    "value and source": one(env=[{"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]),
    "fields": variables("fieldRef", "fieldPath", "spec.host", "metadata.labels['a b']", "metadata.name['x']"),
    "keys": variables("secretKeyRef", "key", "a", "", "a b", "..", "k" * 254, name="s"),
    "divisors": variables("resourceFieldRef", "divisor", "1024Ki", 1000, "1e3", 0, resource="limits.memory"),
    "variables in files": variables("fileKeyRef", "volumeName", "w", "p", "z", path="a/../b", key="K"),
    "maps of variables": one(envFrom=[{"configMapRef": {"name": "a_-"}}, {"secretRef": {"name": "a_"}}, {}]),
    "a volume twice": one(
        volumeMounts=[{"name": "w", "mountPath": "/a"}, {"name": "p", "mountPath": "/d"}],
        volumeDevices=[{"name": "p", "devicePath": "/d"}, {"name": "w", "devicePath": "/../a"}],
    ),
    "mounts": one(
        volumeMounts=[
            {"name": "w", "mountPath": "/a", "subPath": "../b", "mountPropagation": "Bidirectional"},
            {"name": "w", "mountPath": "/a", "recursiveReadOnly": "Enabled"},
            {"name": "x", "mountPropagation": "x"},
        ]
    ),
    "other users": {**one(volumeDevices=[{"name": "p", "devicePath": "/d"}]), "hostUsers": False},
    "a billionth too much": one(resources={"requests": {"cpu": "1000000001n"}, "limits": {"cpu": 1}}),
    "thousandths": one(resources={"requests": {"cpu": "0.1m"}, "limits": {"cpu": "1m"}}),
    "amounts": one(
        resources={"requests": {"cpu": "1.5", "memory": "1536Ki"}, "limits": {"cpu": 1, "memory": 0}}
    ),
    "resources": one(resources={"limits": {"foo": 1, "storage": 1, "a/b/c": 1, "k8s.io/x": "-0.5", "": 1}}),
    "huge pages": one(resources={"limits": {"hugepages-2Mi": "3Mi", "hugepages-0": 1}}),
    "devices": one(
        resources={"requests": {"a.b/c": 1}, "limits": {"a.b/e": "1" + "0" * 19, "a.b/f": "1e20"}}
    ),
    "claims": {
        **one(
            resources={
                "claims": [{"name": "c"}, {"name": "c", "request": "A"}, {"name": "d", "request": "A"}]
            }
        ),
        "resourceClaims": [{"name": "c", "resourceClaimName": "x"}],
    },
    "probes": one(
        livenessProbe={"exec": {}, "successThreshold": -1, "terminationGracePeriodSeconds": 0},
        readinessProbe={"grpc": {"port": 1}, "successThreshold": 3, "terminationGracePeriodSeconds": 1},
        startupProbe={"httpGet": {"scheme": "http", "port": "80"}, "grpc": {"port": 1}},
    ),
    "headers": one(livenessProbe={"httpGet": {"httpHeaders": [{"name": "a b", "value": ""}]}}),
    "sleep": one(lifecycle={"postStart": {"sleep": {"seconds": 0}}, "preStop": {"sleep": {"seconds": 31}}}),
    "an init container that ends": first(lifecycle={}, readinessProbe={}, restartPolicy="OnFailure"),
    "a sidecar": first(lifecycle={"preStop": {}}, readinessProbe={"exec": {}}, restartPolicy="Always"),
    "rules of a container": one(restartPolicyRules=[{}]),
    "rules of an init container": first(restartPolicyRules=[{}]),
    "resizing": first(resizePolicy=[{"resourceName": "cpu", "restartPolicy": "RestartContainer"}] * 2),
    "privileges": one(
        securityContext={"privileged": True, "allowPrivilegeEscalation": False, "runAsUser": -1}
    ),
    "profiles": one(
        securityContext={
            "seccompProfile": {"type": "Unconfined", "localhostProfile": "a"},
            "appArmorProfile": {"type": "Localhost", "localhostProfile": " "},
            "procMount": "Unmasked",
        }
    ),
    "Windows": {**one(securityContext={"runAsUser": 1, "runAsNonRoot": True}), "os": {"name": "windows"}},
    "not Windows": {**one(securityContext={"windowsOptions": {}}), "os": {"name": "linux"}},
    "a user of Windows": one(securityContext={"windowsOptions": {"runAsUserName": ".a\\b c:"}}),
}


def job(pod: dict[str, Any]) -> dict[str, Any]:
    """Return a Job that makes such Pods."""
    template = {"spec": {"restartPolicy": "Never", **pod}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {"template": template},
    }


def causes(tree: dict[str, Any], minor: int, refused: frozenset[int] = frozenset()) -> list[Cause]:
    """Say what is wrong with the containers of a Job or CronJob."""
    filled = defaulted(tree, minor)
    filled = without(filled, dropped(filled, minor))
    at = ("spec", *(("jobTemplate", "spec") if tree["kind"] == "CronJob" else ()), "template")
    template: Any = filled
    for key in at:
        template = template.get(key) or {}
    found = list(containers(template.get("spec") or {}, (*at, "spec"), minor, refused))
    return found + [cause for cause in template_meta(template, at) if re.fullmatch(OURS, cause.field)]


def of_containers(said: Said) -> Said:
    """Choose from what a server says."""
    return [one for one in said if re.fullmatch(OURS, one["field"])]


def types(said: Said) -> set[tuple[str, str]]:
    """Return what is compared on every server."""
    return {(one["field"], one["message"].partition(":")[0]) for one in said}


def short(found: list[Cause]) -> list[str]:
    """Write what we say in a few words."""
    return sorted({f"{one.field.removeprefix('spec.template.spec.')}: {one.type}" for one in found})


def answered(minor: int) -> Iterator[tuple[str, Said, list[Cause]]]:
    """Pair what a server said of each object with what we say."""
    text = (folder_of("JOBWARDEN_VECTORS") / "validation.jsonl").read_text("utf-8")
    for row in map(json.loads, text.splitlines()):
        verdict = row["verdicts"][f"1.{minor}"]
        if verdict["code"] in DECODED:
            said: Said = verdict.get("causes", [])
            volumes = re.findall(r"spec\.volumes\[(\d+)\]", " ".join(one["field"] for one in said))
            yield row["id"], of_containers(said), causes(row["object"], minor, frozenset(map(int, volumes)))


@pytest.mark.parametrize("minor", MINORS)
def test_fields_and_types_are_those_of_the_server(minor: int) -> None:
    wrong = [
        (name, said, found)
        for name, said, found in answered(minor)
        if types(said) != {(one.field, one.type) for one in found}
    ]

    assert not wrong


def test_words_are_those_of_the_newest_server() -> None:
    wrong = [
        (name, said, found)
        for name, said, found in answered(37)
        if {one["message"] for one in said if STRUCT not in one["message"]}
        != {one.message for one in found if not isinstance(one.value, dict)}
    ]

    assert not wrong


def test_the_server_says_the_same(every_apiserver: "ApiServer") -> None:
    minor, wrong = every_apiserver.minor, []
    for what, pod in PODS.items():
        answer = every_apiserver.dry_run(job(pod))
        if answer.status not in DECODED:
            continue  # an older server does not know all fields
        said, found = of_containers(answer.body.get("details", {}).get("causes", [])), causes(job(pod), minor)
        same = types(said) == {(one.field, one.type) for one in found}
        if minor == MINORS[-1]:
            words = {(one["field"], one["message"]) for one in said}
            same = same and words == {(one.field, one.message) for one in found}
        if not same:
            wrong.append((what, said, found))

    assert not wrong


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("a port of the host is taken", ["containers[0].ports[1].hostPort: Duplicate value"]),
        ("divisors", ["containers[0].env[2].valueFrom.resourceFieldRef.divisor: Invalid value"]),
        ("other users", ["containers[0].volumeDevices: Forbidden"]),
        ("a billionth too much", ["containers[0].resources.requests: Invalid value"]),
        ("thousandths", []),
        (
            "devices",
            [
                "containers[0].resources.limits: Required value",
                "containers[0].resources.limits[a.b/e]: Invalid value",
            ],
        ),
        (
            "an init container that ends",
            ["initContainers[0].lifecycle: Forbidden", "initContainers[0].readinessProbe: Forbidden"],
        ),
        ("Windows", ["containers[0].securityContext.runAsUser: Forbidden"]),
    ],
)
def test_what_is_wrong_is_named_as_the_server_names_it(what: str, expected: list[str]) -> None:
    assert short(causes(job(PODS[what]), 37)) == expected


def test_the_path_is_the_true_place_where_the_server_names_another() -> None:
    (found,) = causes(job(first(ports=[{"containerPort": 1, "hostPort": 2}] * 2)), 37)

    assert found.path[-5:] == ("initContainers", 0, "ports", 1, "hostPort")

    (found,) = causes(job(one(volumeMounts=[{"name": "w", "mountPath": "/a", "subPath": "/b"}])), 37)

    assert found.path[-3:] == ("volumeMounts", 0, "subPath")
    assert found.field.endswith("containers[0].volumeMounts.subPath")


def test_a_volume_that_is_refused_is_not_found() -> None:
    mounted = job(one(volumeMounts=[{"name": "w", "mountPath": "/a"}]))

    assert not causes(mounted, 37)
    assert short(causes(mounted, 37, frozenset({0}))) == ["containers[0].volumeMounts[0].name: Not found"]
