"""The exported MutatingAdmissionPolicy, on real API servers, sets what the webhook sets."""

import json
import os
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from batch import OFF, Manifest, Tree, container, folders, job, manifests
from test_agreement import applied, comparable, differences
from test_export_on_server import admitted, apply, delete, raised, request, within

from lint.edit import same
from lint.export import mutating
from lint.patch import patched
from lint.path import dotted
from lint.policy import Mode, Policy
from lint.policy_file import load
from webhook.review import mutate

if TYPE_CHECKING:
    from apiserver import ApiServer

pytest_plugins = ["apiserver"]

REQUIRE = """\
placement: {assign: require, selector: {example.com/pool: batch}}
resources: {limits: {memory: 1Gi}}
deadline: {default: 3600}
rules: {ttl-missing: {mutate: false}}
"""
BETA = (
    "--feature-gates=MutatingAdmissionPolicy=true",
    "--runtime-config=admissionregistration.k8s.io/v1beta1=true",
)
"""What switches the policies on where they are not yet v1."""


class Installed(NamedTuple):
    """The policy in an API server."""

    server: "ApiServer"
    policy: Policy
    namespace: str


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests with one API server after the other."""
    if "server" in metafunc.fixturenames:
        from apiserver import minors

        names, folders_ = zip(*minors().items(), strict=True)
        metafunc.parametrize("server", folders_, ids=names, indirect=True, scope="module")


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator["ApiServer"]:
    """Run an API server that has these policies."""
    from apiserver import WITHOUT_ACCOUNTS, needed, serving

    folder = needed(request.param)
    minor = int(folder.name.partition("-")[0].split(".")[1])
    if minor < 34:
        pytest.skip("before 1.34 the policies are alpha")
    flags = () if minor >= 36 else BETA
    with serving(folder, tmp_path_factory.mktemp("apiserver"), WITHOUT_ACCOUNTS, *flags) as running:
        yield running


@pytest.fixture(scope="module", params=["", REQUIRE], ids=["default", "require"])
def installed(request: pytest.FixtureRequest, server: "ApiServer") -> Iterator[Installed]:
    policy = load(request.param, "jobwarden.yaml").replaced(minor=server.minor)
    _, patches = mutating.fixes(policy)
    objects = list(mutating.policies(patches, policy, "test"))
    apply(server, objects)
    namespace = server.namespace()

    def mutates() -> bool:
        return "activeDeadlineSeconds" in server.dry_run(within(job(), namespace), namespace).body["spec"]

    server.wait("a policy that is asked", mutates)
    yield Installed(server, policy, namespace)
    delete(server, objects)
    server.wait("a policy that is not asked", lambda: not mutates())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    """Return the examples of all rules, and the corpus."""
    return list(manifests(folders(tmp_path_factory.mktemp("rules"))))


def by_webhook(installed: Installed, tree: Tree, alone: Tree) -> Tree:
    """Return an object as the webhook admits it; `alone` is what the API server makes of it without."""
    view = within(comparable(alone), installed.namespace)
    view["metadata"]["annotations"] = tree["metadata"]["annotations"]
    review = request(view)
    response = mutate(review, installed.policy, Mode.ENFORCE, raised).response
    if "patch" not in response:
        return view
    mutated: Tree = patched(review.object, json.loads(b64decode(response["patch"])))
    return mutated


def test_sets_what_the_webhook_sets(installed: Installed, written: list[Manifest]) -> None:
    server, wrong, changed = installed.server, [], 0
    free = server.namespace(**OFF)
    corpus = os.environ.get("JOBWARDEN_CORPUS", "none")
    examples = installed.policy.settings["batch-placement"].params.assign == "require"
    some = [one for one in written if one.file.startswith(corpus) != examples]
    for one in some or written:
        tree = applied(one.tree, installed.namespace)
        alone = admitted(server, tree, free)
        if alone is None:
            continue
        ours, theirs = (
            admitted(server, tree, installed.namespace),
            admitted(server, by_webhook(installed, tree, alone), free),
        )
        if ours is None or theirs is None:
            wrong.append(
                f"{Path(one.file).name}:{one.line}: {'ours' if ours is None else 'theirs'} is rejected"
            )
            continue
        ours, theirs = comparable(ours), comparable(theirs)
        changed += not same(ours, comparable(alone))
        if not same(ours, theirs):
            paths = ", ".join(dotted(path) for path in differences(ours, theirs))
            wrong.append(f"{Path(one.file).name}:{one.line}: {paths}")

    assert not wrong, f"{len(wrong)} of {len(written)}\n" + "\n".join(wrong[:40])
    assert changed > len(some) / 2


WRITTEN: dict[str, Tree] = {
    "nothing": {},
    "numbers": {"backoffLimit": 6, "ttlSecondsAfterFinished": 60, "activeDeadlineSeconds": 600},
    "nulls": {"backoffLimit": None, "ttlSecondsAfterFinished": None, "activeDeadlineSeconds": None},
    "tolerations": {"pod": {"tolerations": [{"key": "a", "operator": "Exists"}]}},
    "no tolerations": {"pod": {"tolerations": []}},
    "a node selector": {"pod": {"nodeSelector": {"disk": "ssd"}}},
    "no node selector": {"pod": {"nodeSelector": {}}},
    "no resources": {"pod": {"containers": [container(resources={})]}},
    "null resources": {"pod": {"containers": [container(resources=None), container("b")]}},
    "null requests": {"pod": {"containers": [container(resources={"requests": None})]}},
    "a null request": {"pod": {"containers": [container(resources={"requests": {"cpu": None}})]}},
    "some requests": {"pod": {"containers": [container(resources={"requests": {"cpu": "1"}})]}},
}
"""What manifests say, or leave empty."""


@pytest.mark.parametrize("flag", ["--server-side=false", "--server-side=true"])
def test_a_second_apply_of_the_same_manifest_changes_nothing(installed: Installed, flag: str) -> None:
    server, namespace = installed.server, installed.server.namespace()
    trees = [
        within(
            {**job(), "metadata": {"name": name.replace(" ", "-")}, "spec": job(**spec)["spec"]}, namespace
        )
        for name, spec in WRITTEN.items()
    ]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": trees})
    done = [server.kubectl("apply", flag, "--validate=false", "--filename=-", stdin=text) for _ in "12"]
    stored = server.request("GET", f"/apis/batch/v1/namespaces/{namespace}/jobs").body["items"]

    assert [one.returncode for one in done] == [0, 0], done
    assert [one["metadata"]["generation"] for one in stored] == [1] * len(WRITTEN)
