"""What a Job lacks is filled in as the API server does it."""

import copy
import json
from typing import Any

import pytest
import yaml
from conftest import folder_of
from hypothesis import given
from hypothesis import strategies as st

from lint.defaults import defaulted, undefaulted
from lint.edit import Remove, apply, same
from lint.path import Path
from lint.quantity import parse

MINORS = (31, 34, 37)
CONTAINER = {"name": "a", "image": "busybox:1"}
DEFAULTS = yaml.safe_load("""
cronjob: {concurrencyPolicy: Allow, suspend: false, successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1}
job:
  {backoffLimit: 6, completionMode: NonIndexed, completions: 1, manualSelector: false, parallelism: 1,
  podReplacementPolicy: TerminatingOrFailed, suspend: false}
pod:
  {dnsPolicy: ClusterFirst, restartPolicy: Always, schedulerName: default-scheduler, securityContext: {},
  terminationGracePeriodSeconds: 30}
container:
  {imagePullPolicy: IfNotPresent, resources: {}, terminationMessagePath: /dev/termination-log,
  terminationMessagePolicy: File}
""")


def job(spec: Any = None, pod: Any = None, container: Any = None) -> dict[str, Any]:
    """Make a Job with one container."""
    pod = {"containers": [CONTAINER | (container or {})]} | (pod or {})
    return {"kind": "Job", "metadata": {"name": "v"}, "spec": {"template": {"spec": pod}} | (spec or {})}


def cronjob(spec: Any = None) -> dict[str, Any]:
    """Make a CronJob of such a Job."""
    return {
        "kind": "CronJob",
        "metadata": {"name": "v"},
        "spec": {"jobTemplate": {"spec": job(spec)["spec"]}},
    }


def pod_of(tree: dict[str, Any], minor: int = 35) -> Any:
    """Return the Pod's spec with its defaults."""
    return defaulted(tree, minor)["spec"]["template"]["spec"]


def container_of(container: dict[str, Any]) -> Any:
    """Return the only container of a Job with its defaults."""
    return pod_of(job(container=container))["containers"][0]


@pytest.mark.parametrize("minor", MINORS)
def test_a_minimal_object_gets_everything(minor: int) -> None:
    pod = {"containers": [CONTAINER | DEFAULTS["container"]]} | DEFAULTS["pod"]
    template = {"metadata": {}, "spec": pod}

    assert defaulted(job(), minor)["spec"] == {"template": template} | DEFAULTS["job"]
    untouched = {"metadata": {}, "spec": {"template": template}}
    assert defaulted(cronjob(), minor)["spec"] == {"jobTemplate": untouched} | DEFAULTS["cronjob"]


def test_a_job_template_makes_a_cronjob_whatever_the_kind() -> None:
    tree = {"spec": cronjob()["spec"]}

    assert defaulted(tree, 35)["spec"] == defaulted(cronjob(), 35)["spec"]


@pytest.mark.parametrize(
    ("spec", "filled"),
    [
        ({"parallelism": 3}, {"parallelism": 3, "completions": None}),
        ({"completions": 3}, {"parallelism": 1, "completions": 3}),
        ({"completions": 0, "parallelism": None}, {"parallelism": 1, "completions": 0}),
        ({"completions": None, "parallelism": None}, {"parallelism": 1, "completions": 1}),
        ({"backoffLimitPerIndex": 0}, {"backoffLimit": 2147483647}),
        ({"backoffLimitPerIndex": 1, "backoffLimit": 6}, {"backoffLimit": 6}),
        ({"backoffLimit": 0}, {"backoffLimit": 0}),
        ({"podFailurePolicy": {"rules": []}}, {"podReplacementPolicy": "Failed"}),
        ({"podFailurePolicy": None}, {"podReplacementPolicy": "TerminatingOrFailed"}),
        ({"suspend": None, "completionMode": ""}, {"suspend": False, "completionMode": ""}),
    ],
)
def test_what_a_job_sets_decides_what_is_filled_in(spec: dict[str, Any], filled: dict[str, Any]) -> None:
    result = defaulted(job(spec), 35)["spec"]

    assert {key: result.get(key) for key in filled} == filled


def test_the_status_of_a_pod_condition_is_filled_in_in_cronjobs_since_1_34() -> None:
    rules = [{"onPodConditions": [{"type": "DisruptionTarget"}]}]
    filled = {"rules": [{"onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]}
    of_job, of_cronjob = (make({"podFailurePolicy": {"rules": rules}}) for make in (job, cronjob))

    def policy(minor: int) -> Any:
        return defaulted(of_cronjob, minor)["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]

    assert defaulted(of_job, 31)["spec"]["podFailurePolicy"] == filled
    assert policy(33) == {"rules": rules}
    assert policy(34) == filled


@pytest.mark.parametrize("sha", ["@sha256:" + "a" * 64, "@sha512:" + "a" * 128])
def test_latest_is_always_pulled_and_what_is_no_image_is_not(sha: str) -> None:
    always = ["x", "x:latest", "localhost:5000/a/x", "[::1]:5/x", "A.com/a__b-c.d:latest", "x:latest" + sha]
    others = ["x:1", "x" + sha, "x:1" + sha, "x:latest@sha256:a", "x:", "X:latest", "{{ image }}", "", None]

    for image in always + others:
        for policy in (None, ""):
            filled = container_of({"image": image, "imagePullPolicy": policy})["imagePullPolicy"]
            assert filled == ("Always" if image in always else "IfNotPresent"), image
        assert container_of({"image": image, "imagePullPolicy": "Never"})["imagePullPolicy"] == "Never"


def test_image_volumes_have_a_pull_policy_since_1_35() -> None:
    image = {"reference": "a:1"}
    tree = job(pod={"volumes": [{"name": "a", "image": image}]})

    assert pod_of(tree, 34)["volumes"] == [{"name": "a", "image": image}]
    assert pod_of(tree, 35)["volumes"] == [{"name": "a", "image": image | {"pullPolicy": "IfNotPresent"}}]


def test_zero_is_unset_only_where_go_has_no_pointer() -> None:
    pod = pod_of(job(pod={"terminationGracePeriodSeconds": 0, "dnsPolicy": "", "restartPolicy": None}))
    probe = {"timeoutSeconds": 0, "periodSeconds": False, "failureThreshold": 9, "grpc": {"service": None}}
    filled = {"timeoutSeconds": 1, "successThreshold": 1, "grpc": {"service": ""}}

    assert pod == {**DEFAULTS["pod"], "terminationGracePeriodSeconds": 0, "containers": pod["containers"]}
    assert container_of({"livenessProbe": probe})["livenessProbe"] == probe | filled


def test_requests_are_not_filled_in_from_limits() -> None:
    resources = {"limits": {"cpu": "1000m"}}

    assert container_of({"resources": resources})["resources"] is resources


@pytest.mark.parametrize(("labels", "filled"), [(None, "b"), ({}, "b"), ({"c": "d"}, None)])
def test_a_job_without_labels_takes_those_of_its_template(labels: Any, filled: str | None) -> None:
    tree = job()
    tree["metadata"]["labels"] = labels
    tree["spec"]["template"]["metadata"] = {"labels": {"a": "b"}}

    assert defaulted(tree, 35)["metadata"]["labels"].get("a") == filled


@pytest.mark.parametrize("names", [("x", None), (None, "x"), ("", "x"), ("x", "y")])
def test_a_service_account_has_two_names(names: tuple[str | None, str | None]) -> None:
    pod = pod_of(job(pod={"serviceAccountName": names[0], "serviceAccount": names[1]}))

    assert (pod["serviceAccountName"], pod["serviceAccount"]) == ("x", "x")


def test_untouched_parts_are_shared() -> None:
    env = [{"name": "A", "value": "1"}]
    tree = job(container={"env": env})

    assert defaulted(tree, 35)["metadata"] is tree["metadata"]
    assert pod_of(tree)["containers"][0]["env"] is env


RICH = yaml.safe_load("""
kind: Job
metadata: {name: v}
spec:
  completions: 3
  podFailurePolicy: {rules: [{onPodConditions: [{type: DisruptionTarget}]}]}
  template:
    metadata: {labels: {a: b}}
    spec:
      serviceAccount: x
      initContainers: [{name: i, image: x, restartPolicy: Always}]
      containers:
      - name: a
        env: [{name: A, value: "1"}, {name: B, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
        ports: [{containerPort: 80}]
        livenessProbe: {httpGet: {port: 80}, timeoutSeconds: 5}
        lifecycle: {preStop: {httpGet: {port: 80}}}
        resources: {limits: {cpu: 1}}
      volumes:
      - {name: none}
      - {name: c, configMap: {name: c}}
      - {name: p, projected: {sources: [{serviceAccountToken: {path: t}}]}}
      - {name: d, downwardAPI: {items: [{path: p, resourceFieldRef: {resource: limits.cpu}}]}}
      - {name: e, ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce]}}}}
      - {name: i, image: {reference: x}}
""")
RICH_CRONJOB = {"kind": "CronJob", "spec": {"jobTemplate": {"spec": RICH["spec"]}}}
ONE_IN_20 = st.integers(0, 19)
KEYS = st.sampled_from(["spec", "template", "name", "image", "labels"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 1) | st.floats() | st.sampled_from(["", "a", "CronJob"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def spoiled(draw: st.DrawFn, tree: Any) -> Any:
    """Copy a tree with something else in a few places."""

    def spoil(value: Any) -> Any:
        if draw(ONE_IN_20) == 0:
            return draw(ANYTHING)
        if isinstance(value, dict):
            return {key: spoil(item) for key, item in value.items()}
        return [spoil(item) for item in value] if isinstance(value, list) else value

    return spoil(tree)


def keeps(filled: Any, written: Any) -> bool:
    """Tell whether all that was written is still there, but what Go takes for unset."""
    if isinstance(written, dict) and isinstance(filled, dict):
        return all(key == "serviceAccount" or keeps(filled[key], item) for key, item in written.items())
    if isinstance(written, list) and isinstance(filled, list):
        return len(written) == len(filled) and all(map(keeps, filled, written))
    return filled is written or written is None or (type(written) in (str, int) and not written)


@given(spoiled(RICH) | spoiled(RICH_CRONJOB), st.sampled_from(MINORS))
def test_wrong_types_are_left_alone(tree: Any, minor: int) -> None:
    before = copy.deepcopy(tree)
    result = defaulted(tree, minor)

    assert repr(tree) == repr(before)
    assert keeps(result, tree)
    assert defaulted(result, minor) is result


@st.composite
def pruned(draw: st.DrawFn, tree: Any) -> Any:
    """Copy a tree without some of its fields, or with other numbers in them."""

    def prune(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: prune(item) for key, item in value.items() if draw(ONE_IN_20) > 2}
        if isinstance(value, list):
            return [prune(item) for item in value if draw(ONE_IN_20) > 2]
        return draw(st.integers(1, 7)) if isinstance(value, int) else value

    return {**prune(tree), "kind": tree["kind"]}


@given(pruned(defaulted(RICH, 37)) | pruned(defaulted(RICH_CRONJOB, 37)), st.sampled_from(MINORS))
def test_what_is_bared_can_be_filled_again(tree: Any, minor: int) -> None:
    filled = defaulted(tree, minor)
    before = copy.deepcopy(filled)
    bare = undefaulted(filled, minor)

    assert same(filled, before)
    assert same(defaulted(bare, minor), filled)
    assert undefaulted(bare, minor) is bare
    assert undefaulted(filled, minor, filled) is filled
    assert same(undefaulted(filled, minor, bare), bare)


@given(spoiled(RICH) | spoiled(RICH_CRONJOB), st.sampled_from(MINORS))
def test_baring_never_raises(tree: Any, minor: int) -> None:
    before = copy.deepcopy(tree)
    undefaulted(tree, minor)

    assert repr(tree) == repr(before)


def test_a_work_queue_stays_one() -> None:
    tree = {"kind": "Job", "spec": {"parallelism": 1}}
    filled = defaulted(tree, 37)

    assert "completions" not in filled["spec"]
    assert undefaulted(filled, 37) == tree


POD: Path = ("spec", "template", "spec")
RESTART = tuple((*POD, "containers", 0, key) for key in ("restartPolicy", "restartPolicyRules"))
GATED: dict[str, tuple[tuple[int, ...], tuple[Path, ...]]] = {
    # What the server drops when it stores the object, for the feature gate is off in these minors. The rows
    # wait for a rule about such fields; a webhook still sees them.
    "managedby": ((31,), (("spec", "managedBy"),)),  # in a CronJob it stays
    **dict.fromkeys(("scheduling", "scheduling/cron"), ((37,), (("spec", "scheduling"),))),
    **dict.fromkeys(("container-restart", "container-restart/cron"), ((34,), RESTART)),
    **dict.fromkeys(("volumes", "volumes/cron"), ((31, 34), ((*POD, "volumes", 8),))),  # an image volume
}
GENERATED = frozenset(
    "controller-uid job-name batch.kubernetes.io/controller-uid batch.kubernetes.io/job-name".split()
)
MAPS = frozenset("annotations labels matchLabels nodeSelector selector".split())
"""These vanish when they are empty, being maps in Go or generated; structs such as `resources` do not."""


def tidy(value: Any, name: str = "") -> Any:
    """Take away what is generated, and what does not survive decoding: nulls, empty lists, empty maps."""
    if isinstance(value, list):
        return [tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    if name in ("requests", "limits"):
        return {key: parse(item) for key, item in value.items()}
    items = {key: tidy(item, key) for key, item in value.items() if key not in GENERATED}
    if "generateName" in items:
        items.pop("name", None)
    return {
        key: item for key, item in items.items() if item not in (None, []) and (item != {} or key not in MAPS)
    }


@pytest.mark.parametrize("minor", MINORS)
def test_api_servers_agree(minor: int) -> None:
    lines = (folder_of("JOBWARDEN_VECTORS") / "defaults.jsonl").read_text("utf-8").splitlines()
    rows = {row["id"]: row for row in map(json.loads, lines)}
    assert GATED.keys() <= rows.keys()
    for name, row in rows.items():
        answer = row["outputs"][f"1.{minor}"]
        if "code" in answer:  # refused
            continue
        result = defaulted(row["input"], minor)
        minors, paths = GATED.get(name, ((), ()))
        if minor in minors:
            assert tidy(result) != tidy(answer), f"{name} need not wait"
            base = ("spec", "jobTemplate") if name.endswith("/cron") else ()
            result = apply(result, tuple(Remove((*base, *path)) for path in paths))
        assert tidy(result) == tidy(answer), name
        assert same(tidy(result), tidy(answer)), name  # types too
        assert same(tidy(defaulted(undefaulted(answer, minor), minor)), tidy(answer)), name
