"""What somebody wrote is told from what the API server has filled in."""

import json
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from conftest import folder_of
from hypothesis import given, settings
from hypothesis import strategies as st

from lint.compose import DocumentError
from lint.defaults import defaulted
from lint.document import parse
from lint.edit import same
from lint.job import Job
from lint.linter import jobs
from lint.path import dotted
from lint.policy import Policy
from lint.policy_file import load
from lint.source import Broken, pieces
from lint.validation.applying import LAST_APPLIED
from lint.walk import files
from webhook.written import written

if TYPE_CHECKING:
    from apiserver import ApiServer

pytest_plugins = ["apiserver"]

MINOR = 35
Tree = dict[str, Any]


def job(spec: Any = None, pod: Any = None, container: Any = None) -> Tree:
    """Make a Job."""
    container = {"name": "main", "image": "main:1", **(container or {})}
    pod = {"restartPolicy": "Never", "containers": [container], **(pod or {})}
    spec = {"template": {"spec": pod}, **(spec or {})}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "main"}, "spec": spec}


def cronjob(tree: Tree, **spec: Any) -> Tree:
    """Make a CronJob of a Job."""
    spec = {"schedule": "7 3 * * *", "jobTemplate": {"spec": tree["spec"]}, **spec}
    return {**tree, "kind": "CronJob", "spec": spec}


_MAPS = frozenset("annotations labels nodeSelector requests limits matchLabels".split())


def decoded(value: Any) -> Any:
    """Leave out what does not survive decoding: nulls, empty lists and empty maps; structs do."""
    if isinstance(value, list):
        return [decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    items = {key: decoded(item) for key, item in value.items()}
    return {
        key: item
        for key, item in items.items()
        if item not in (None, []) and (item != {} or key not in _MAPS)
    }


def stored(tree: Tree, minor: int = MINOR) -> Tree:
    """Return an object as the API server shows it."""
    return defaulted(decoded(tree), minor)


def annotated(tree: Tree, wrote: Any) -> Tree:
    """Write into an object what `kubectl apply` was given; text is written as it is."""
    text = wrote if isinstance(wrote, str) else json.dumps(wrote, separators=(",", ":")) + "\n"
    metadata = tree["metadata"]
    annotations = {**(metadata.get("annotations") or {}), LAST_APPLIED: text}
    return {**tree, "metadata": {**metadata, "annotations": annotations}}


def managed(tree: Tree, *entries: Any) -> Tree:
    """Write into an object which fields managers have set; the operation is Apply unless they say so."""
    known = [{"operation": "Apply", "fieldsType": "FieldsV1", **entry} for entry in entries]
    return {**tree, "metadata": {**tree["metadata"], "managedFields": known}}


_KEYS = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "ports": ("containerPort", "protocol"),
}
_ATOMIC = frozenset("tolerations nodeSelector command args rules selector schedulingGates".split())


def fields(value: Any, name: str = "") -> Any:
    """Return what managedFields say of a value that was applied (FieldsV1)."""
    if name in _KEYS and isinstance(value, list):
        items = {}
        for item in value:
            key = {one: item.get(one, "TCP") for one in _KEYS[name]}
            items[f"k:{json.dumps(key, separators=(',', ':'))}"] = {".": {}, **fields(item)}
        return items
    if not isinstance(value, dict) or name in _ATOMIC:
        return {}
    empty = [key for key, item in value.items() if item == [] and key in _KEYS]  # nobody owns those
    return {f"f:{key}": fields(item, key) for key, item in value.items() if key not in empty}


def by_kubectl(wrote: Tree, minor: int = MINOR) -> Tree:
    """Return an object that `kubectl apply` has made."""
    return annotated(stored(wrote, minor), wrote)


def by_server(wrote: Tree, minor: int = MINOR) -> Tree:
    """Return an object that a server-side apply has made."""
    return managed(stored(wrote, minor), {"manager": "flux", "fieldsV1": {"f:spec": fields(wrote["spec"])}})


def of_containers(owned: Tree) -> Tree:
    """Return an entry that owns something of containers."""
    return {"fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": owned}}}}}


APPLIES = pytest.mark.parametrize("apply", [by_kubectl, by_server])
Apply = Callable[..., Tree]


def raw(tree: Tree, minor: int = MINOR) -> Tree:
    """Return the spec of an object as it was written."""
    spec: Tree = written(tree, minor).tree["spec"]
    return spec


# What nobody wrote.


@pytest.mark.parametrize("wrote", [job(), cronjob(job())])
def test_defaults_are_not_written(wrote: Tree) -> None:
    assert written(stored(wrote), MINOR) == (wrote, False)


def test_without_a_hint_a_value_that_is_the_default_is_nobodys_choice() -> None:
    wrote = job({"backoffLimit": 6, "suspend": False}, container={"imagePullPolicy": "IfNotPresent"})

    assert written(stored(wrote), MINOR) == (job(), False)


def test_without_a_hint_a_value_that_is_not_the_default_is_written() -> None:
    wrote = job({"backoffLimit": 5, "parallelism": 2}, {"terminationGracePeriodSeconds": 0})

    assert raw(stored(wrote)) == wrote["spec"]


def test_what_a_cronjob_says_of_its_jobs_is_always_written() -> None:
    wrote = cronjob(job({"backoffLimit": 6, "suspend": False, "completions": 1, "parallelism": 1}))

    assert raw(stored(wrote)) == wrote["spec"]


def test_an_object_that_says_nothing_of_its_spec_is_left_alone() -> None:
    tree = {"kind": "Job", "metadata": {"name": "main"}}

    assert written(tree, MINOR) == (tree, False)


# What a hint tells.

WRITTEN = {
    "backoffLimit": {"backoffLimit": 6},
    "several": {"suspend": False, "completionMode": "NonIndexed", "parallelism": 1, "completions": 1},
}


@APPLIES
@pytest.mark.parametrize("spec", WRITTEN.values(), ids=WRITTEN.keys())
def test_a_written_default_is_written(apply: Apply, spec: Tree) -> None:
    tree, known = written(apply(job(spec)), MINOR)

    assert tree["spec"] == job(spec)["spec"]
    assert known


@APPLIES
def test_an_unwritten_default_is_not(apply: Apply) -> None:
    assert raw(apply(job())) == job()["spec"]


@APPLIES
def test_written_defaults_are_told_apart_in_pods_and_containers(apply: Apply) -> None:
    wrote = job(
        pod={"terminationGracePeriodSeconds": 30, "securityContext": {}},
        container={
            "imagePullPolicy": "IfNotPresent",
            "ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53}],
            "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
            "livenessProbe": {"httpGet": {"port": 80, "path": "/"}, "periodSeconds": 10},
        },
    )

    assert raw(apply(wrote)) == wrote["spec"]


@APPLIES
def test_written_defaults_of_a_cronjob_are_told_apart(apply: Apply) -> None:
    wrote = cronjob(job(pod={"dnsPolicy": "ClusterFirst"}), concurrencyPolicy="Allow", suspend=False)

    assert raw(apply(wrote)) == wrote["spec"]


@APPLIES
@pytest.mark.parametrize(
    "wrote",
    [
        job({"ttlSecondsAfterFinished": None, "activeDeadlineSeconds": None}),
        job({"completions": None, "parallelism": 3}),
        job({"podFailurePolicy": None}),
        job(pod={"tolerations": None, "nodeSelector": None, "volumes": None}),
        job(container={"resources": {"requests": None, "limits": None}}),
        job(container={"args": None}),
        cronjob(job({"ttlSecondsAfterFinished": None}, {"tolerations": None})),
    ],
)
def test_a_written_null_comes_back(apply: Apply, wrote: Tree) -> None:
    assert raw(apply(wrote)) == wrote["spec"]


@pytest.mark.parametrize(
    "wrote",
    [
        job({"backoffLimit": None, "suspend": None}),
        job(pod={"tolerations": [], "nodeSelector": {}, "volumes": []}),
        job(container={"resources": None}),
        job(container={"resources": {}, "env": []}),
        job(container={"resources": {"requests": {}, "limits": {}}}),
        job(pod={"initContainers": []}),
        job({"template": {"metadata": {"labels": {}}, **job()["spec"]["template"]}}),
        cronjob(job(pod={"tolerations": [], "nodeSelector": {}})),
        cronjob(job(), jobTemplate={"metadata": {}, **job()}),
    ],
)
def test_kubectl_tells_whether_a_written_nothing_was_empty_or_null(wrote: Tree) -> None:
    assert raw(by_kubectl(wrote)) == wrote["spec"]


def test_a_server_side_apply_tells_of_an_empty_list_or_map_as_of_a_null() -> None:
    wrote = job(pod={"tolerations": [], "nodeSelector": {}}, container={"resources": {"requests": {}}})
    expected = job(
        pod={"tolerations": None, "nodeSelector": None}, container={"resources": {"requests": None}}
    )

    assert raw(by_server(wrote)) == expected["spec"]


def test_a_server_side_apply_does_not_tell_a_null_from_the_default_in_its_place() -> None:
    assert raw(by_server(job({"backoffLimit": None})))["backoffLimit"] == 6


@APPLIES
def test_fields_that_the_server_does_not_know_come_to_nothing(apply: Apply) -> None:
    tree = apply(job({"backofLimit": 3}, {"toleration": []}))
    del tree["spec"]["backofLimit"]
    tree["spec"]["template"]["spec"].pop("toleration", None)

    assert raw(tree).get("backofLimit") is None


# What other webhooks have changed before.


def with_proxy(tree: Tree, key: str = "containers") -> Tree:
    """Put a container in front."""
    proxy = stored(job(container={"name": "proxy", "image": "proxy:1"}))["spec"]["template"]["spec"][
        "containers"
    ][0]
    copy = deepcopy(tree)
    pod = copy["spec"]["template"]["spec"]
    pod[key] = [proxy, *pod.get(key, [])]
    return copy


@APPLIES
def test_containers_are_matched_by_name(apply: Apply) -> None:
    container = {"imagePullPolicy": "IfNotPresent", "resources": {"requests": None}}

    tree = raw(with_proxy(apply(job(container=container))))

    assert tree["template"]["spec"]["containers"] == [
        {"name": "proxy", "image": "proxy:1"},
        {"name": "main", "image": "main:1", **container},
    ]


@APPLIES
def test_init_containers_are_matched_by_name(apply: Apply) -> None:
    init = {"name": "init", "image": "init:1", "terminationMessagePolicy": "File"}

    tree = raw(with_proxy(apply(job(pod={"initContainers": [init]})), "initContainers"))

    assert tree["template"]["spec"]["initContainers"] == [{"name": "proxy", "image": "proxy:1"}, init]


@APPLIES
def test_a_container_that_another_webhook_took_away_is_of_no_matter(apply: Apply) -> None:
    second = {"name": "second", "image": "second:1", "resources": {"requests": None}}
    tree = apply(job(pod={"containers": [{"name": "main", "image": "main:1", "args": None}, second]}))
    del tree["spec"]["template"]["spec"]["containers"][0]

    assert raw(tree)["template"]["spec"]["containers"] == [second]


@APPLIES
def test_a_list_that_another_webhook_has_filled_is_written_as_it_is(apply: Apply) -> None:
    tree = apply(job(pod={"tolerations": []}))
    tree["spec"]["template"]["spec"]["tolerations"] = [{"operator": "Exists"}]

    assert raw(tree)["template"]["spec"]["tolerations"] == [{"operator": "Exists"}]


# Annotations that tell nothing, or something else.


@pytest.mark.parametrize("text", ["", "{", "null", "kubectl", "\0", '{"spec":', "[" * 5000])
def test_an_annotation_that_cannot_be_read_tells_nothing(text: str) -> None:
    assert written(annotated(stored(job()), text), MINOR).known is False
    assert raw(annotated(stored(job()), text)) == job()["spec"]


@pytest.mark.parametrize(
    "text",
    [
        *("5", "true", '"spec"', "[]", "{}", '{"spec":null}', '{"spec":[]}', '{"spec":{"template":5}}'),
        '{"spec":{"template":{"spec":{"containers":{}}}}}',
        '{"spec":{"template":{"spec":{"containers":[null,5,"main",[],{"name":5},{"name":null}]}}}}',
        '{"spec":{"template":{"spec":{"containers":[{"name":"main","resources":[]},{"name":"main"}]}}}}',
        '{"spec":{"template":{"spec":{"containers":null,"initContainers":5}}}}',
        '{"spec":{"jobTemplate":{"spec":{"template":{"spec":{"containers":[]}}}}}}',
        '{"spec":' + '{"a":' * 900 + "null" + "}" * 901,
        '{"spec":' + '{"template":' * 900 + "null" + "}" * 901,
        '{"spec":' + "[" * 900 + "]" * 900 + "}",
    ],
)
def test_an_annotation_of_something_else_does_no_harm(text: str) -> None:
    wrote = job()
    tree = annotated(stored(wrote), text)

    assert same(decoded(raw(tree)), wrote["spec"])


def test_an_annotation_that_is_no_text_tells_nothing() -> None:
    tree = stored(job())
    tree["metadata"] = {"annotations": {LAST_APPLIED: {"spec": {"backoffLimit": 6}}}}

    assert written(tree, MINOR).known is False


def test_a_stale_annotation_has_nothing_to_say_of_values_that_are_there() -> None:
    old = job({"ttlSecondsAfterFinished": None}, {"tolerations": []}, {"name": "old", "resources": None})
    wrote = job({"ttlSecondsAfterFinished": 400}, {"tolerations": [{"operator": "Exists"}]})

    assert raw(annotated(stored(wrote), old)) == wrote["spec"]


# Managers of fields.


def test_the_fields_of_an_update_say_nothing() -> None:
    wrote = job({"backoffLimit": 6})
    update = {
        "operation": "Update",
        "manager": "kubectl-create",
        "fieldsV1": {"f:spec": fields(stored(wrote)["spec"])},
    }

    assert written(managed(stored(wrote), update), MINOR).known is False
    assert raw(managed(stored(wrote), update)) == job()["spec"]


def test_several_managers_have_written_together() -> None:
    retries = {"manager": "a", "fieldsV1": {"f:spec": {"f:backoffLimit": {}}}}
    others = {"manager": "b", "fieldsV1": {"f:spec": fields(job({"suspend": False})["spec"])}}
    nothings = {"manager": "c", "fieldsV1": {"f:spec": {"f:ttlSecondsAfterFinished": {}}}}
    update = {"manager": "d", "operation": "Update", "fieldsV1": {"f:spec": {"f:completionMode": {}}}}

    assert raw(managed(stored(job()), retries, update, others, nothings)) == {
        **job()["spec"],
        "backoffLimit": 6,
        "suspend": False,
        "ttlSecondsAfterFinished": None,
    }


def test_several_managers_have_written_one_container_together() -> None:
    def owns(*names: str) -> Tree:
        main: Tree = {".": {}, **{f"f:{name}": {} for name in names}}
        return of_containers({'k:{"name":"main"}': main})

    tree = managed(stored(job()), owns("name", "image"), owns("imagePullPolicy", "args"))

    assert raw(tree)["template"]["spec"]["containers"] == [
        {"name": "main", "image": "main:1", "imagePullPolicy": "IfNotPresent", "args": None}
    ]


def test_annotation_and_managers_tell_together() -> None:
    tree = annotated(stored(job()), job({"backoffLimit": 6, "ttlSecondsAfterFinished": None}))
    tree = managed(tree, {"fieldsV1": {"f:spec": {"f:suspend": {}, "f:activeDeadlineSeconds": {}}}})

    assert raw(tree) == {
        **job()["spec"],
        "backoffLimit": 6,
        "suspend": False,
        "ttlSecondsAfterFinished": None,
        "activeDeadlineSeconds": None,
    }


@pytest.mark.parametrize(
    "entry",
    [
        {"fieldsV1": {"f:metadata": {"f:labels": {"f:team": {}}}}},
        {"subresource": "status", "fieldsV1": {"f:status": {"f:ready": {}}}},
        {"fieldsV1": {}},
        {"fieldsV1": None},
        {},
    ],
)
def test_who_applied_nothing_of_the_spec_says_nothing_of_it(entry: Tree) -> None:
    assert raw(managed(stored(job({"backoffLimit": 6})), entry)) == job()["spec"]


def test_what_is_owned_as_a_whole_is_written_as_a_whole() -> None:
    wrote = job(pod={"tolerations": [{"operator": "Exists"}], "nodeSelector": {"disk": "ssd"}})

    assert raw(by_server(wrote)) == wrote["spec"]


def test_items_are_told_apart_by_all_fields_of_their_key() -> None:
    ports = [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP"}]
    tree = stored(job(container={"ports": ports}))
    key = 'k:{"containerPort":53,"protocol":"TCP"}'
    main: Tree = {"f:ports": {key: {".": {}, "f:protocol": {}, "f:name": {}, "f:containerPort": {}}}}
    tree = managed(tree, of_containers({'k:{"name":"main"}': main}))

    (container,) = raw(tree)["template"]["spec"]["containers"]

    assert container["ports"] == [
        {"containerPort": 53, "protocol": "UDP"},
        {"containerPort": 53, "protocol": "TCP", "name": None},
    ]


@pytest.mark.parametrize(
    "entries",
    [
        5,
        [None, 5, [], "x"],
        [{"operation": "Apply", "fieldsV1": 5}],
        [{"operation": "Apply", "fieldsV1": {"f:spec": 5}}],
        [{"operation": "Apply", "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": []}}}}}],
        [{"operation": ["Apply"], "fieldsV1": {"f:spec": {"f:backoffLimit": {}}}}],
    ],
)
def test_managers_of_other_types_do_no_harm(entries: Any) -> None:
    tree = stored(job())
    tree["metadata"] = {"name": "main", "managedFields": entries}

    assert decoded(stored({"kind": "Job", "metadata": {}, "spec": raw(tree)})["spec"]) == tree["spec"]


@pytest.mark.parametrize("key", ["k:", "k:{", "k:5", "k:{}", 'k:{"name":["main"]}', "v:5", "i:0", "", "f:"])
def test_keys_of_items_that_cannot_be_read_do_no_harm(key: str) -> None:
    owned: Tree = {key: {"f:imagePullPolicy": {}}, 'k:{"name":"main"}': {".": {}, "f:name": {}, "f:args": {}}}

    (container,) = raw(managed(stored(job()), of_containers(owned)))["template"]["spec"]["containers"]

    assert container == {"name": "main", "image": "main:1", "args": None}


def test_a_container_that_another_webhook_gave_another_name_is_nobodys() -> None:
    owned: Tree = {'k:{"name":"old"}': {".": {}, "f:name": {}, "f:image": {}}}

    assert raw(managed(stored(job()), of_containers(owned))) == job()["spec"]


@APPLIES
def test_the_object_stays_as_it_is(apply: Apply) -> None:
    tree = apply(job({"backoffLimit": None}, {"tolerations": []}, {"resources": None}))
    before = deepcopy(tree)
    written(tree, MINOR)

    assert same(tree, before)


# The rules say the same of an object as of its manifest.


AMOUNTS: tuple[Any, ...] = ({}, {"cpu": "1"}, {"memory": "128Mi"}, {"cpu": "100m", "memory": "1Gi"})
RESOURCES: tuple[Any, ...] = (
    *(None, {}, {"requests": None}, {"requests": {}, "limits": None}, {"limits": {}}),
    *({"requests": one, "limits": other} for one in AMOUNTS for other in AMOUNTS),
    *({"limits": one} for one in AMOUNTS),
)
IGNORE = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}
FAIL = {"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [0]}}
CHOICES: dict[str, dict[str, tuple[Any, ...]]] = {
    "container": {
        "env": (None, [], [{"name": "A"}], [{"name": "I", "value": "$(JOB_COMPLETION_INDEX)"}]),
        "resources": RESOURCES,
        "imagePullPolicy": (None, "IfNotPresent", "Always"),
        "terminationMessagePolicy": (None, "File"),
        "command": (None, [], ["sh", "-c", "work --shard=$JOB_COMPLETION_INDEX"]),
        "securityContext": (None, {}),
    },
    "pod": {
        "restartPolicy": ("Never", "Never", "Never", "OnFailure"),
        "tolerations": (None, [], [{"operator": "Exists"}], [{"key": "spot", "operator": "Exists"}]),
        "nodeSelector": (None, {}, {"disk": "ssd"}, {"workload-type": "batch"}),
        "terminationGracePeriodSeconds": (None, 30, 5),
        "securityContext": (None, {}),
        "affinity": (None, {}),
        "volumes": (None, [], [{"name": "a", "emptyDir": {}}, {"name": "b"}]),
        "activeDeadlineSeconds": (None, 60),
        "schedulingGates": (None, [], [{"name": "x.io/a"}]),
        "initContainers": (None, []),
    },
    "job": {
        "backoffLimit": (None, 0, 3, 6, 50),
        "completions": (None, 1, 3),
        "parallelism": (None, 1, 3),
        "completionMode": (None, "NonIndexed", "Indexed"),
        "suspend": (None, False, True),
        "manualSelector": (None, False),
        "ttlSecondsAfterFinished": (None, 0, 400, 9999999),
        "activeDeadlineSeconds": (None, 60, 90000),
        "podReplacementPolicy": (None, "TerminatingOrFailed", "Failed"),
        "podFailurePolicy": (None, {"rules": []}, {"rules": [IGNORE]}, {"rules": [FAIL, IGNORE]}),
        "backoffLimitPerIndex": (None, None, 1),
        "managedBy": (None, "kubernetes.io/job-controller", "example.com/mine"),
    },
    "cronjob": {
        "concurrencyPolicy": (None, "Allow", "Forbid"),
        "suspend": (None, False),
        "failedJobsHistoryLimit": (None, 1),
    },
    "metadata": {
        "labels": (None, {}, {"team": "a"}, {"kueue.x-k8s.io/queue-name": "q"}),
        "annotations": (None, {}, {"helm.sh/hook": "test"}, {"jobwarden.io/ignore": "ttl-missing"}),
    },
    "template": {"metadata": (None, {}, {"labels": {}}, {"labels": {"app": "a"}})},
}


def manifest(random: Random) -> Tree:
    """Make a Job or CronJob with a few of the fields that rules ask for, nulls and empties among them."""

    def some(part: str, **required: Any) -> Tree:
        odds = random.random()
        chosen = {
            key: deepcopy(random.choice(values))
            for key, values in CHOICES[part].items()
            if random.random() < odds
        }
        return {**required, **chosen}

    def containers(*names: str) -> list[Tree]:
        images = ("main:1", "main", "main:latest")
        return [some("container", name=name, image=random.choice(images)) for name in names]

    names = random.choice((("main",), ("main", "istio-proxy"), ("main", "second", "third")))
    pod = some("pod", restartPolicy="Never", containers=containers(*names))
    if random.random() < 0.3:
        pod["initContainers"] = containers("init")
    spec = some("job", template=some("template", spec=pod))
    head = {"apiVersion": "batch/v1", "metadata": some("metadata", name="main")}
    if random.random() < 0.6:
        return {**head, "kind": "Job", "spec": spec}
    template = some("template", spec=spec)
    return {
        **head,
        "kind": "CronJob",
        "spec": some("cronjob", schedule="7 3 * * *", jobTemplate=template),
    }


MANIFESTS = st.integers(0, 2**32).map(Random).map(manifest)
MINORS = st.sampled_from((31, 34, 37))


@cache
def every_fix(minor: int) -> Policy:
    """Return a policy under which all rules with values to set have something to say."""
    text = "{placement: {assign: require}, resources: {limits: {memory: 1Gi}}}"
    return load(text, "p.yaml").narrowed(frozenset(), frozenset(), minor)


def said(job_: Job) -> list[tuple[str, str]]:
    """Return the findings of all rules, with their paths."""
    job_.left_to_server = True  # which has generated things by then that nobody wrote
    return sorted((one.rule, dotted(one.path)) for one in every_fix(job_.minor).check(job_))


def rules(findings: list[tuple[str, str]]) -> list[str]:
    """Return the rules alone."""
    return [rule for rule, _ in findings]


@given(MANIFESTS, MINORS)
@settings(deadline=None, max_examples=60)
def test_the_rules_say_the_same_of_what_kubectl_applied(wrote: Tree, minor: int) -> None:
    tree = by_kubectl(wrote, minor)

    assert said(Job(written(tree, minor).tree, minor, seen=tree)) == said(Job(wrote, minor))


def without_defaulted_nulls(tree: Tree) -> Tree:
    """Leave out the nulls that a server-side apply does not tell from the default in their place."""
    filled = stored(tree)["spec"]
    return {
        **tree,
        "spec": {key: one for key, one in tree["spec"].items() if one is not None or key not in filled},
    }


@given(MANIFESTS.map(without_defaulted_nulls), MINORS)
@settings(deadline=None, max_examples=60)
def test_the_rules_say_the_same_of_a_server_side_apply(wrote: Tree, minor: int) -> None:
    tree = by_server(wrote, minor)

    assert rules(said(Job(written(tree, minor).tree, minor, seen=tree))) == rules(said(Job(wrote, minor)))


@given(MANIFESTS, MINORS, st.sampled_from((stored, by_kubectl, by_server)))
@settings(deadline=None)
def test_the_defaults_of_what_was_written_are_those_of_the_object(
    wrote: Tree, minor: int, apply: Apply
) -> None:
    tree = apply(wrote, minor)

    assert same(stored(written(tree, minor).tree, minor)["spec"], tree["spec"])


# The same on a real API server.

NOTHINGS = job(
    {
        "backoffLimit": 6,
        "completions": None,
        "parallelism": 1,
        "ttlSecondsAfterFinished": None,
        "podFailurePolicy": None,
    },
    {
        "nodeSelector": {},
        "tolerations": [],
        "securityContext": {},
        "affinity": {},
        "volumes": None,
        "initContainers": [{"name": "init", "image": "init:1", "resources": {"limits": {}}}],
    },
    {
        "imagePullPolicy": "IfNotPresent",
        "resources": {"requests": None, "limits": {"cpu": "1"}},
        "args": None,
        "ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP"}],
    },
)


def kubectl_applied(server: "ApiServer", tree: Tree) -> Tree:
    """Return what `kubectl apply` makes of a manifest."""
    done = server.kubectl("apply", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(tree))
    assert done.returncode == 0, done.stderr
    found: Tree = json.loads(done.stdout)
    return found


def server_side_applied(server: "ApiServer", tree: Tree) -> Tree | None:
    """Return what a server-side apply makes of a manifest; None: it is refused."""
    kind, name = tree["kind"].lower(), tree["metadata"]["name"]
    answer = server.request(
        "PATCH",
        f"/apis/batch/v1/namespaces/default/{kind}s/{name}",
        json.dumps(tree),
        content="application/apply-patch+yaml",
        fieldManager="flux",
        force="true",
        dryRun="All",
    )
    return answer.body if answer.status == 201 else None


def generated(spec: Tree) -> Tree:
    """Leave out what a server generates for a Job."""
    template = {key: value for key, value in spec["template"].items() if key != "metadata"}
    return {key: value for key, value in spec.items() if key != "selector"} | {"template": template}


def test_kubectl_tells_a_server_what_was_written(apiserver: "ApiServer") -> None:
    tree = kubectl_applied(apiserver, NOTHINGS)

    assert generated(raw(tree, apiserver.minor)) == NOTHINGS["spec"]


def test_a_server_side_apply_tells_a_server_what_was_written(apiserver: "ApiServer") -> None:
    tree = server_side_applied(apiserver, NOTHINGS)
    nothings: Tree = {"nodeSelector": None, "tolerations": None}
    init = {"name": "init", "image": "init:1", "resources": {"limits": None}}
    pod = {**NOTHINGS["spec"]["template"]["spec"], **nothings, "initContainers": [init]}

    assert tree is not None
    assert generated(raw(tree, apiserver.minor)) == {**NOTHINGS["spec"], "template": {"spec": pod}}


def test_a_null_in_requests_comes_back(apiserver: "ApiServer") -> None:
    wrote = job(container={"resources": {"requests": {"cpu": None, "memory": "1Gi"}}})
    tree, minor = kubectl_applied(apiserver, wrote), apiserver.minor

    assert generated(raw(tree, minor)) == wrote["spec"]


def test_of_a_created_object_nothing_is_known(apiserver: "ApiServer") -> None:
    answer = apiserver.dry_run(NOTHINGS)

    assert answer.status == 201, answer
    assert written(answer.body, apiserver.minor).known is False


@pytest.mark.parametrize("key", ["resources", "livenessProbe", "env"])
def test_what_a_server_side_apply_does_not_tell_is_no_loss(apiserver: "ApiServer", key: str) -> None:
    value: Any = [] if key == "env" else {} if key == "resources" else None
    tree = server_side_applied(apiserver, job(container={key: value}))

    assert tree is not None
    (container,) = raw(tree, apiserver.minor)["template"]["spec"]["containers"]
    assert container.get(key) in (None, {})


def agree(server: "ApiServer", wrote: Tree) -> None:
    """Check that the rules say the same of a manifest and of what a server makes of it.

    Without its feature gate a server drops `managedBy` of a Job, on which many rules depend.
    """
    minor = server.minor
    if minor < 32 and wrote["kind"] == "Job":
        wrote = {**wrote, "spec": {key: one for key, one in wrote["spec"].items() if key != "managedBy"}}
    expected = said(Job(wrote, minor))
    answer = server.dry_run(annotated(wrote, wrote), fieldValidation="Ignore")
    if answer.status == 201:
        tree = answer.body
        assert said(Job(written(tree, minor).tree, minor, seen=tree)) == expected
    plain = without_defaulted_nulls(wrote)
    applied = server_side_applied(server, plain)
    if applied is not None:
        found = said(Job(written(applied, minor).tree, minor, seen=applied))
        assert rules(found) == rules(said(Job(plain, minor)))


@given(wrote=MANIFESTS)
@settings(deadline=None, max_examples=50)
def test_the_rules_say_the_same_on_a_server(apiserver: "ApiServer", wrote: Tree) -> None:
    agree(apiserver, wrote)


def manifests(folder: Path) -> list[Tree]:
    """Return the Jobs and CronJobs of a folder that are whole."""
    found = []
    for path in files([str(folder)]):
        for piece in pieces(Path(path).read_bytes()) if isinstance(path, str) else ():
            if isinstance(piece, Broken):
                continue
            try:
                document = parse(piece.text, json=piece.json)
            except DocumentError:
                continue
            trees = [job_.object.value for _, job_ in jobs(document, Policy()) if not job_.guards.partial]
            found += [one for one in trees if one["apiVersion"] == "batch/v1"]
    return found


def test_the_rules_say_the_same_of_real_manifests(apiserver: "ApiServer") -> None:
    found = manifests(folder_of("JOBWARDEN_CORPUS") / "visible")
    for wrote in found:
        metadata = {key: one for key, one in (wrote.get("metadata") or {}).items() if key != "namespace"}
        metadata.setdefault("name", "main")
        agree(apiserver, {**wrote, "metadata": metadata})

    assert len(found) > 200
