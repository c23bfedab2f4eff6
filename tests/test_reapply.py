"""Whoever applies an unchanged manifest again finds nothing changed, with the webhook and when it is gone."""

import json
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import RemoteDisconnected
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import pytest
from batch import OFF, SHIPPED, Tree, container, cronjob, folders, job, manifests, path_of, policies

if TYPE_CHECKING:
    from webhooks import Webhook

pytest_plugins = ["webhooks"]

TOLERATION = {"key": "batch", "operator": "Equal", "value": "true", "effect": "NoSchedule"}

EVERY_MINOR = pytest.mark.usefixtures("every_minor")

WAYS = ("client-side", "server-side")
"""How objects are applied: kubectl merges them with what is there, or the API server does."""

Key: TypeAlias = tuple[str, str, str]
"""Kind, namespace and name."""


class Pass(NamedTuple):
    """What came of applying objects once."""

    errors: list[str]
    stored: dict[Key, tuple[int, Tree]]
    """Generation and spec of each."""


def accepted(webhook: "Webhook", trees: Iterable[Tree]) -> list[Tree]:
    """Return the objects that the API server would take, from either side, and that the policy allows."""
    without, guarded = webhook.server.namespace(**OFF), webhook.server.namespace()
    found = []
    for tree in trees:
        try:
            created = webhook.server.dry_run(placed(tree, without), without).status == 201
        except RemoteDisconnected:  # it panics
            continue
        if created and not server_side(webhook, placed(tree, without), dryRun="All"):
            answer = webhook.server.dry_run(placed(tree, guarded), guarded)
            if answer.status == 201 or "validate.jobwarden.io" not in answer.body["message"]:
                found.append(tree)
    return found


def placed(tree: Tree, namespace: str) -> Tree:
    """Put an object into a namespace."""
    return {**tree, "metadata": {**tree["metadata"], "namespace": namespace}}


def spread(webhook: "Webhook", trees: Iterable[Tree]) -> list[Tree]:
    """Put objects into as many namespaces as it takes to keep their names."""
    namespaces: list[str] = []
    seen: dict[tuple[str, str], int] = {}
    result = []
    for tree in trees:
        name = tree["kind"], tree["metadata"]["name"]
        number = seen[name] = seen.get(name, -1) + 1
        if number == len(namespaces):
            namespaces.append(webhook.server.namespace(test="reapply"))
        result.append(placed(tree, namespaces[number]))
    return result


def apply(webhook: "Webhook", way: str, trees: list[Tree]) -> Pass:
    """Apply objects."""
    if way == "server-side":
        errors = [server_side(webhook, tree) for tree in trees]
    else:  # no kubectl asks more than 50 times a second
        many = range(0, len(trees), 120)
        with ThreadPoolExecutor(len(many)) as pool:
            errors = list(pool.map(lambda start: client_side(webhook, trees[start : start + 120]), many))
    return Pass([error for error in errors if error], dict(stored(webhook, trees)))


def server_side(webhook: "Webhook", tree: Tree, **options: Any) -> str:
    """Have the API server apply an object, and return what is wrong with it."""
    answer = webhook.server.request(
        "PATCH", path_of(tree), tree,
        content="application/apply-patch+yaml", fieldManager="test", fieldValidation="Strict", **options,
    )  # fmt: skip
    return "" if answer.status in (200, 201) else f"{path_of(tree)}: {answer.body['message']}"


def client_side(webhook: "Webhook", trees: list[Tree]) -> str:
    """Have kubectl apply objects, and return what is wrong with them."""
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": trees})
    done = webhook.server.kubectl("apply", "--filename=-", stdin=text)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("Warning: ")]
    return "\n".join(lines) if done.returncode else ""


def stored(webhook: "Webhook", trees: Iterable[Tree]) -> Iterator[tuple[Key, tuple[int, Tree]]]:
    """Iterate over what there is of objects."""
    wanted = {(tree["kind"], tree["metadata"]["namespace"], tree["metadata"]["name"]) for tree in trees}
    for kind in ("Job", "CronJob"):
        for item in webhook.server.request("GET", f"/apis/batch/v1/{kind.lower()}s").body["items"]:
            metadata = item["metadata"]
            key = kind, metadata["namespace"], metadata["name"]
            if key in wanted:
                yield key, (metadata["generation"], item["spec"])


def all_passes(webhook: "Webhook", *by_way: list[Tree]) -> dict[str, list[Pass]]:
    """Apply objects, some in each way, twice with the webhook, and once when it is gone."""
    sets = {way: spread(webhook, trees) for way, trees in zip(WAYS, by_way, strict=True)}
    found = {way: [apply(webhook, way, sets[way]) for _ in range(2)] for way in WAYS}
    with webhook.removed():
        for way in WAYS:
            found[way].append(apply(webhook, way, sets[way]))
    return found


@pytest.fixture(scope="module")
def passes(webhook: "Webhook", tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Pass]]:
    """Apply all manifests that can be applied; with kubectl, which takes its time, only those of people."""
    *by_people, of_rules = folders(tmp_path_factory.mktemp("rules"))
    by_way = [accepted(webhook, named(each)) for each in (by_people, [*by_people, of_rules])]
    print(*map(len, by_way), "objects can be applied")  # noqa: T201 - pytest -rP shows it
    return all_passes(webhook, *by_way)


def named(paths: list[str]) -> Iterator[Tree]:
    """Iterate over what can have been applied; kubectl itself refuses a null among quantities."""
    for number, (_, _, tree) in enumerate(manifests(paths)):
        if '"cpu": null' not in json.dumps(tree):
            yield {**tree, "metadata": {"name": f"unnamed-{number}", **(tree.get("metadata") or {})}}


@SHIPPED
@pytest.mark.parametrize("way", WAYS)
def test_all_that_the_server_takes_can_be_applied(passes: dict[str, list[Pass]], way: str) -> None:
    first = passes[way][0]

    assert first.errors == []
    assert len(first.stored) > 100


@SHIPPED
@pytest.mark.parametrize("way", WAYS)
def test_the_second_time_changes_nothing(passes: dict[str, list[Pass]], way: str) -> None:
    first, second, _ = passes[way]

    assert second.errors == []
    assert second.stored == first.stored


@SHIPPED
@pytest.mark.parametrize("way", WAYS)
def test_all_can_be_applied_when_the_webhook_is_gone_and_no_job_changes(
    passes: dict[str, list[Pass]], way: str
) -> None:
    _, second, third = passes[way]

    assert third.errors == []
    jobs = [{key: one for key, one in each.stored.items() if key[0] == "Job"} for each in (second, third)]
    assert jobs[1] == jobs[0]


# From one way to the other, as kubectl does it: it hands all fields of kubectl-client-side-apply over to the
# new manager, defaults included, and what was set in their place goes. manifests/README.md says so.


def moved(webhook: "Webhook", tree: Tree) -> list[tuple[int, Tree]]:
    """Apply an object client-side, and then server-side, twice; return what is stored each time."""
    namespace = webhook.server.namespace()
    found = []
    for words in ("apply", "apply --server-side", "apply --server-side"):
        done = webhook.server.kubectl(
            *words.split(), "--filename=-", f"--namespace={namespace}", stdin=json.dumps(tree)
        )
        assert done.returncode == 0, done.stderr
        found += [one for _, one in stored(webhook, [placed(tree, namespace)])]
    return found


@SHIPPED
@EVERY_MINOR
@pytest.mark.xfail(
    reason="the new manager gets `f:resources: {}`, hence removes the requests: field is immutable",
    strict=True,
)
def test_a_job_can_be_moved_to_server_side_apply(webhook: "Webhook") -> None:
    moved(webhook, job())


@SHIPPED
@EVERY_MINOR
@pytest.mark.xfail(
    reason="the new manager gets `f:backoffLimit`, hence removes ours, and the default is back", strict=True
)
def test_a_job_that_is_moved_to_server_side_apply_keeps_what_was_set(webhook: "Webhook") -> None:
    requests = {"requests": {"cpu": "1", "memory": "1Gi"}}

    before, *after = moved(webhook, job(pod={"containers": [container(resources=requests)]}))

    assert after == [before, before]


@SHIPPED
@EVERY_MINOR
def test_a_cronjob_can_be_moved_to_server_side_apply(webhook: "Webhook") -> None:
    before, *after = moved(webhook, cronjob())

    assert after == [before, before]


# Manifests that say something, or say that there is nothing, where the policy would like to set something.

REQUIRE = policies(require="placement: {assign: require}\nresources: {limits: {memory: 1Gi}}")
"""Sets more than any other."""

OWN_TOLERATION = {"key": "own", "operator": "Exists", "effect": "NoSchedule"}

WRITTEN: dict[str, Tree] = {
    "own tolerations": job(pod={"tolerations": [OWN_TOLERATION]}),
    "own nodeSelector": job(pod={"nodeSelector": {"disk": "ssd"}}),
    "nodeSelector of the pool": job(pod={"nodeSelector": {"workload-type": "batch"}}),
    "tolerations and nodeSelector": job(
        pod={"tolerations": [OWN_TOLERATION], "nodeSelector": {"disk": "ssd"}}
    ),
    "nodeSelector and no tolerations": job(
        pod={"tolerations": [], "nodeSelector": {"workload-type": "batch"}}
    ),
    "empty tolerations": job(pod={"tolerations": []}),
    "null tolerations": job(pod={"tolerations": None}),
    "empty nodeSelector": job(pod={"nodeSelector": {}}),
    "null nodeSelector": job(pod={"nodeSelector": None}),
    "empty affinity": job(pod={"affinity": {}}),
    "null affinity": job(pod={"affinity": None}),
    "empty resources": job(pod={"containers": [container(resources={})]}),
    "null resources": job(pod={"containers": [container(resources=None)]}),
    "empty requests": job(pod={"containers": [container(resources={"requests": {}})]}),
    "null requests": job(pod={"containers": [container(resources={"requests": None})]}),
    "empty limits": job(pod={"containers": [container(resources={"limits": {}})]}),
    "null limits": job(pod={"containers": [container(resources={"limits": None})]}),
    "requests without memory": job(pod={"containers": [container(resources={"requests": {"cpu": "0.5"}})]}),
    "limits without memory": job(pod={"containers": [container(resources={"limits": {"cpu": "0.5"}})]}),
    "resources of one of two": job(
        pod={"containers": [container("one", resources={"requests": {"cpu": 1}}), container("two")]}
    ),
    "initContainers": job(pod={"initContainers": [container("init", resources=None), container("second")]}),
    "empty initContainers": job(pod={"initContainers": []}),
    "null ttlSecondsAfterFinished": job(ttlSecondsAfterFinished=None),
    "null activeDeadlineSeconds": job(activeDeadlineSeconds=None),
    "null backoffLimit": job(backoffLimit=None),
    "default backoffLimit": job(backoffLimit=6),
    "suspended": job(suspend=True),
    "all defaults": job(
        backoffLimit=6, completions=1, parallelism=1, completionMode="NonIndexed", suspend=False,
        podReplacementPolicy="TerminatingOrFailed",
        pod={"dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler", "securityContext": {}},
    ),
    "podFailurePolicy": job(
        podFailurePolicy={"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1]}}]}
    ),
    "backoffLimitPerIndex": job(completionMode="Indexed", completions=3, backoffLimitPerIndex=1),
    "null annotations": {**job(), "metadata": {"name": "example", "annotations": None, "labels": None}},
}  # fmt: skip
WRITTEN |= {
    f"CronJob of {name}": cronjob(of=tree) for name, tree in WRITTEN.items() if name != "null annotations"
}


WRITTEN = {re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-"): tree for name, tree in WRITTEN.items()}
"""By the names of the objects."""

EVERY_CASE = pytest.mark.parametrize("name", WRITTEN)
EVERY_WAY = pytest.mark.parametrize("way", WAYS)


@pytest.fixture(scope="module")
def written(webhook: "Webhook") -> dict[str, list[Pass]]:
    """Apply what is written here."""
    trees = [{**tree, "metadata": {**tree["metadata"], "name": name}} for name, tree in WRITTEN.items()]
    return all_passes(webhook, trees, trees)


def of(name: str, one: Pass) -> tuple[list[str], list[tuple[int, Tree]]]:
    """Return what became of one object."""
    errors = [line for error in one.errors for line in error.splitlines() if f'"{name}"' in line]
    return errors, [found for key, found in one.stored.items() if key[2] == name]


@REQUIRE
@EVERY_MINOR
@EVERY_WAY
@EVERY_CASE
def test_applying_what_is_written_here_a_second_time_changes_nothing(
    written: dict[str, list[Pass]], way: str, name: str
) -> None:
    first, second, _ = written[way]

    assert of(name, second) == of(name, first)
    assert of(name, second)[0] == []


@REQUIRE
@EVERY_MINOR
@EVERY_WAY
@EVERY_CASE
def test_what_is_written_here_can_be_applied_when_the_webhook_is_gone(
    written: dict[str, list[Pass]], way: str, name: str
) -> None:
    _, second, third = written[way]

    assert of(name, third)[0] == []
    if WRITTEN[name]["kind"] == "Job":
        assert of(name, third) == of(name, second)


@REQUIRE
@EVERY_WAY
def test_what_nobody_wrote_is_set(written: dict[str, list[Pass]], way: str) -> None:
    _, stored = of("suspended", written[way][0])

    pod = stored[0][1]["template"]["spec"]
    assert pod["nodeSelector"] == {"workload-type": "batch"}
    assert pod["tolerations"] == [TOLERATION]
    assert pod["containers"][0]["resources"] == {
        "requests": {"cpu": "100m", "memory": "128Mi"},
        "limits": {"memory": "1Gi"},
    }


# With `extendWritten: true`, and the updates of Jobs sent to the webhook as well.

EXTENDING = policies(extending="placement: {assign: require}\nextendWritten: true")


@EXTENDING
@EVERY_WAY
def test_what_a_manifest_wrote_is_extended(written: dict[str, list[Pass]], way: str) -> None:
    _, stored = of("tolerations-and-nodeselector", written[way][0])

    pod = stored[0][1]["template"]["spec"]
    assert pod["nodeSelector"] == {"disk": "ssd", "workload-type": "batch"}
    assert pod["tolerations"] == [OWN_TOLERATION, TOLERATION]


@EXTENDING
@EVERY_WAY
@EVERY_CASE
def test_what_was_extended_is_mended_when_it_is_applied_again(
    written: dict[str, list[Pass]], way: str, name: str
) -> None:
    first, second, _ = written[way]

    assert of(name, second) == of(name, first)
    assert of(name, second)[0] == []


@EXTENDING
@EVERY_WAY
def test_what_was_extended_cannot_be_applied_when_the_webhook_is_gone(
    written: dict[str, list[Pass]], way: str
) -> None:
    errors, _ = of("own-tolerations", written[way][2])

    assert "field is immutable" in "".join(errors)
