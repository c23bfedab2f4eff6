"""Kubernetes' own controllers do their work with the webhook in front of them, whatever its policy."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from batch import OFF, STRICTEST, Tree, cronjob, job, path_of, policies

if TYPE_CHECKING:
    from apiserver import ApiServer
    from webhooks import Webhook

pytest_plugins = ["webhooks"]

EVERY_MINOR = pytest.mark.usefixtures("every_minor")

BRIEF = policies(brief="ttl: {default: 1, minimum: 0}")
"""Has finished Jobs deleted at once."""

BAD = {"backoffLimit": 50}
"""More than the strict policy allows, beside all that is missing."""

CRONJOB_CONTROLLER = "system:serviceaccount:kube-system:cronjob-controller"

TRACKING = "batch.kubernetes.io/job-tracking"


@pytest.fixture(scope="module")
def controlled(webhook: "Webhook") -> Iterator["Webhook"]:
    """Run the controllers, as long as the webhook is there; each is a user of its own."""
    with webhook.server.controllers("--use-service-account-credentials"):
        yield webhook


def before(webhook: "Webhook", tree: Tree) -> Tree:
    """Store an object before the webhook is asked about its namespace; return it."""
    stored = create(webhook.server, tree, webhook.server.namespace(**OFF))
    webhook.cover(stored["metadata"]["namespace"])
    return stored


def create(server: "ApiServer", tree: Tree, namespace: str) -> Tree:
    """Create an object, and return it."""
    answer = server.request("POST", path_of(tree, namespace), tree)
    assert answer.status == 201, answer
    created: Tree = answer.body
    return created


def get(server: "ApiServer", tree: Tree) -> Tree:
    """Return an object as it is."""
    answer = server.request("GET", path_of(tree))
    assert answer.status == 200, answer
    found: Tree = answer.body
    return found


def make_due(server: "ApiServer", tree: Tree) -> None:
    """Have the controller believe that a CronJob has missed its last runs: it makes the next at once."""
    past = (datetime.now(UTC) - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    answer = server.request("PATCH", f"{path_of(tree)}/status", {"status": {"lastScheduleTime": past}})
    assert answer.status == 200, answer


def made(server: "ApiServer", tree: Tree) -> Tree:
    """Wait for the Job that a CronJob makes, the first of its namespace, and return it."""

    def found() -> list[Tree]:
        items = server.request("GET", path_of(job(), tree["metadata"]["namespace"])).body["items"]
        return [{"kind": "Job", **one} for one in items]  # items of a list do not say it

    return server.wait("a Job of the CronJob", found)[0]


def pods(server: "ApiServer", tree: Tree) -> list[Tree]:
    """Return the Pods of a Job."""
    path = f"/api/v1/namespaces/{tree['metadata']['namespace']}/pods"
    items: list[Tree] = server.request("GET", path).body["items"]
    return [one for one in items if one["metadata"]["labels"]["job-name"] == tree["metadata"]["name"]]


def succeed(server: "ApiServer", tree: Tree) -> Tree:
    """Wait for the Pod of a Job, have it end well as the kubelet does, and return it as it was."""
    pod = server.wait("a Pod", lambda: pods(server, tree))[0]
    metadata = pod["metadata"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/status"
    answer = server.request("PATCH", path, {"status": {"phase": "Succeeded"}})
    assert answer.status == 200, answer
    return pod


def complete(server: "ApiServer", tree: Tree) -> None:
    """Wait until a Job is complete."""
    server.wait("a complete Job", lambda: get(server, tree)["status"].get("completionTime"))


@BRIEF
@EVERY_MINOR
def test_a_cronjob_makes_jobs_of_what_the_policy_has_set(controlled: "Webhook") -> None:
    server = controlled.server
    tree = create(server, cronjob(schedule="* * * * *"), server.namespace())

    make_due(server, tree)

    spec = made(server, tree)["spec"]
    assert spec["backoffLimit"] == 3
    assert spec["activeDeadlineSeconds"] == 86400
    assert "ttlSecondsAfterFinished" not in spec
    requests = spec["template"]["spec"]["containers"][0]["resources"]["requests"]
    assert requests == {"cpu": "100m", "memory": "128Mi"}


@BRIEF
@EVERY_MINOR
def test_a_mended_job_is_completed_and_its_pod_let_go(controlled: "Webhook") -> None:
    server = controlled.server
    tree = create(server, job(ttlSecondsAfterFinished=3600), server.namespace())

    pod = succeed(server, tree)
    complete(server, tree)

    assert pod["metadata"]["finalizers"] == [TRACKING]
    assert pod["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "100m", "memory": "128Mi"}
    assert [one["metadata"].get("finalizers") for one in pods(server, tree)] == [None]


@BRIEF
@EVERY_MINOR
def test_a_mended_job_is_deleted_when_its_time_is_over(controlled: "Webhook") -> None:
    server = controlled.server
    tree = create(server, job(), server.namespace())
    assert tree["spec"]["ttlSecondsAfterFinished"] == 1

    succeed(server, tree)

    server.wait("a Job that is deleted", lambda: server.request("GET", path_of(tree)).status == 404)
    server.wait("its Pods, too", lambda: not pods(server, tree))


@STRICTEST
@EVERY_MINOR
def test_a_bad_cronjob_from_before_makes_its_jobs(controlled: "Webhook") -> None:
    server = controlled.server
    tree = before(controlled, cronjob(schedule="* * * * *", of=job(**BAD)))

    controlled.decisions()
    make_due(server, tree)

    run = made(server, tree)
    assert {one["user"] for one in controlled.decisions()} == {CRONJOB_CONTROLLER}
    assert run["spec"]["backoffLimit"] == 50
    assert "activeDeadlineSeconds" not in run["spec"]
    succeed(server, run)
    complete(server, run)


@STRICTEST
@EVERY_MINOR
def test_a_bad_job_from_before_is_completed_and_its_pod_let_go(controlled: "Webhook") -> None:
    server = controlled.server
    tree = before(controlled, job(**BAD))

    pod = succeed(server, tree)
    complete(server, tree)

    assert pod["metadata"]["finalizers"] == [TRACKING]
    assert [one["metadata"].get("finalizers") for one in pods(server, tree)] == [None]
    assert get(server, tree)["spec"] == tree["spec"]


@STRICTEST
@EVERY_MINOR
def test_a_queue_can_place_a_bad_job_again_and_again(controlled: "Webhook") -> None:
    server = controlled.server
    tree = before(controlled, job(**BAD, suspend=True))

    for flavor in ("spot", "standard"):
        wanted = json.loads(json.dumps(get(server, tree)))
        wanted["spec"]["suspend"] = False
        wanted["spec"]["template"]["spec"]["nodeSelector"] = {"example.com/flavor": flavor}
        assert server.request("PUT", path_of(tree), wanted).status == 200
        pod = server.wait("a Pod", lambda: pods(server, tree))[0]
        assert pod["spec"]["nodeSelector"] == {"example.com/flavor": flavor}
        if server.minor < 36:
            break  # a Job that has started stays where it is
        assert server.request("PATCH", path_of(tree), {"spec": {"suspend": True}}).status == 200
        server.wait("no Pods", lambda: not pods(server, tree))
        server.wait("a suspended Job", lambda: is_suspended(get(server, tree)))


def is_suspended(tree: Tree) -> bool:
    """Tell whether the controller has seen that a Job is suspended."""
    conditions = tree["status"].get("conditions", [])
    return any(one["type"] == "Suspended" and one["status"] == "True" for one in conditions)


@STRICTEST
def test_a_namespace_with_bad_jobs_can_be_deleted(controlled: "Webhook") -> None:
    server = controlled.server
    namespace = server.namespace(**OFF)
    trees = [create(server, tree, namespace) for tree in (job(**BAD), cronjob(of=job(**BAD)))]
    controlled.cover(namespace)
    server.wait("a Pod", lambda: pods(server, trees[0]))
    controlled.decisions()

    assert server.request("DELETE", f"/api/v1/namespaces/{namespace}").status == 200

    def gone() -> bool:  # the namespace itself goes ten seconds later
        return all(server.request("GET", path_of(tree)).status == 404 for tree in trees)

    server.wait("Jobs that are deleted", gone)
    assert {one["verdict"] for one in controlled.decisions()} <= {"allowed", "skipped"}
