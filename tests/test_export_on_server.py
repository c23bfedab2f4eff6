"""The exported policies, on real API servers, say and set what the webhook does."""

import json
import os
import re
from collections.abc import Iterator
from http.client import RemoteDisconnected
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import pytest
import yaml
from batch import OFF, Manifest, Tree, container, cronjob, folders, job, manifests, path_of
from test_agreement import applied

from lint.export import validating
from lint.export.forms import PARTS, REASONS
from lint.export.settings import Exported, exported
from lint.policy import Mode, Policy
from lint.policy_file import load
from webhook.envelope import Outcome, Request
from webhook.review import validate

if TYPE_CHECKING:
    from apiserver import Answer, ApiServer

pytest_plugins = ["apiserver"]

STRICT = """\
profile: strict
placement: {assign: require}
deadline: {maximum: 172800}
resources: {limits: {memory: 1Gi}}
backoffLimit: {default: 6}
neverIgnore: [ttl-missing]
rules:
  pod-security: {level: restricted}
  image-provenance: {allow: [docker.io/library, registry.local:5000/tools], fanOut: 5}
  idempotency-declared: {required: true}
  priority-or-queue: {requiredNamespaces: ["*"], queue: batch, priorityClasses: [batch]}
"""
OVERRIDDEN = """\
backoffLimit: {maximum: 5}
rules: {backoff-limit: {severity: error}, pod-security: {level: privileged, readOnlyRoot: true}}
exempt: {users: [bob], groups: [operators]}
overrides:
  - match: {name: "retry-*", kind: Job}
    backoffLimit: {maximum: 50}
  - match: {namespace: "test-*"}
    rules: {image-tag: {severity: "off"}, suspended-orphan: {severity: error}}
"""
TOLD = {"jobwarden.io/mode": "warn", "example.com/told": "yes"}
"""Labels of a namespace in which all findings are warnings."""

_WARNING = re.compile(r"Validation failed for ValidatingAdmissionPolicy 'jobwarden-(\w+)' .*?: ([a-z-]+): ")
_SEVERITIES = {"denied": "error", "warned": "warning", "tolerated": "warning", "noted": "info"}

Found: TypeAlias = set[tuple[str, str]]
"""Severities and rules of findings."""


class Installed(NamedTuple):
    """The policies in an API server."""

    server: "ApiServer"
    policy: Policy
    result: Exported
    told: str
    """A namespace in which all findings are warnings."""

    def found(self, tree: Tree) -> Found:
        """Return what the API server finds at the creation of an object."""
        return findings(self.server.dry_run(within(tree, self.told), self.told))

    def expected(self, tree: Tree, old: Tree | None = None) -> Found:
        """Return what the webhook finds, of the rules that are exported."""
        return exact(self, validate(request(within(tree, self.told), old), self.policy, Mode.ENFORCE, raised))


def exact(installed: Installed, outcome: Outcome) -> Found:
    """Return what is denied, warned of and noted, of the rules that are exported and as far as they are."""
    exact = {rule: {one.label for one in severities} for rule, (severities, _) in PARTS.items()}
    every = {(_SEVERITIES[verdict], rule) for rule, verdict in outcome.rules}
    return {
        (severity, rule)
        for severity, rule in every
        if rule in installed.result.rules and severity in exact.get(rule, {severity})
    }


def findings(answer: "Answer") -> Found:
    assert answer.status < 300, answer
    return {(match[1], match[2]) for one in answer.warnings if (match := _WARNING.match(one))}


def within(tree: Tree, namespace: str) -> Tree:
    return {**tree, "metadata": {**(tree.get("metadata") or {}), "namespace": namespace}}


def request(tree: Tree, old: Tree | None = None) -> Request:
    return Request.model_validate(
        {
            "uid": "1",
            "operation": "UPDATE" if old else "CREATE",
            "resource": {"group": "batch", "version": "v1", "resource": f"{tree['kind'].lower()}s"},
            "namespace": tree["metadata"]["namespace"],
            "userInfo": {"username": "admin"},
            "object": tree,
            "oldObject": old,
        }
    )


def raised(rule: str, error: Exception) -> None:
    raise AssertionError(rule) from error


def admitted(server: "ApiServer", tree: Tree, namespace: str) -> Tree | None:
    """Return what the API server would store; None if it rejects the object."""
    try:
        answer = server.dry_run(within(tree, namespace), namespace)
    except RemoteDisconnected:
        return None
    return answer.body if answer.status == 201 else None


def told_as_well(objects: list[Tree]) -> Iterator[Tree]:
    """Have notes told as warnings in namespaces with the label."""
    yield from objects
    for one in objects:
        if one["metadata"]["name"] == "jobwarden-info-audit":
            selector = {"matchLabels": {"example.com/told": "yes"}}
            yield {
                **one,
                "metadata": {"name": "told"},
                "spec": {
                    "policyName": "jobwarden-info",
                    "validationActions": ["Warn"],
                    "matchResources": {"namespaceSelector": selector},
                },
            }


@pytest.fixture(scope="module")
def installed(every_apiserver: "ApiServer", request: pytest.FixtureRequest) -> Iterator[Installed]:
    server = every_apiserver
    if server.minor < 34:
        pytest.skip("API servers before 1.34 can crash on such policies, and none are made for them")
    policy = load(request.param, "jobwarden.yaml").replaced(minor=server.minor)
    result = exported(policy)
    objects = list(told_as_well(list(validating.policies(result.looked, policy, "test"))))
    apply(server, objects)
    namespace = server.namespace(**TOLD)
    canary = job("a.b", activeDeadlineSeconds=0, completions=0)
    wanted = {one["metadata"]["name"][10:] for one in objects if "validations" in one["spec"]}
    one = Installed(server, policy, result, namespace)
    server.wait("policies that are asked", lambda: {level for level, _ in one.found(canary)} >= wanted)
    yield one
    delete(server, objects)
    server.wait("policies that are not asked", lambda: not one.found(canary))


def apply(server: "ApiServer", objects: list[Tree]) -> None:
    done = server.kubectl("apply", "--server-side", "--filename=-", stdin=yaml.safe_dump_all(objects))
    assert done.returncode == 0, done.stderr


def delete(server: "ApiServer", objects: list[Tree]) -> None:
    done = server.kubectl("delete", "--filename=-", stdin=yaml.safe_dump_all(objects))
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    """Return the examples of all rules, and the corpus."""
    return list(manifests(folders(tmp_path_factory.mktemp("rules"))))


def disagreements(installed: Installed, forms: list[tuple[str, Tree]]) -> list[str]:
    """Compare what both say of objects, in which each rule has to find something."""
    server, free, wrong, rules = installed.server, installed.server.namespace(**OFF), [], set()
    for name, tree in forms:
        stored = admitted(server, tree, free)
        if stored is None:
            continue
        wrong += [f"{name}: {rule} finds something" for rule in idle(installed, stored)]
        expected, found = installed.expected(stored), installed.found(tree)
        rules |= {rule for _, rule in found}
        if found != expected:
            wrong.append(f"{name}: missing {sorted(expected - found)}, too many {sorted(found - expected)}")
    return wrong + [f"{rule} finds nothing" for rule in installed.result.rules if rule not in rules]


def idle(installed: Installed, tree: Tree) -> set[str]:
    """Return what the webhook finds by rules that are not exported since it finds nothing by them."""
    outcome = validate(request(within(tree, installed.told)), installed.policy, Mode.ENFORCE, raised)
    nothing = {REASONS["cron-syntax"], REASONS["duplicate-key"], REASONS["shared-volume"]}
    return {rule for rule, _ in outcome.rules if REASONS.get(rule) in nothing}


def names(one: Manifest) -> str:
    return f"{Path(one.file).name}:{one.line}"


@pytest.mark.parametrize("installed", [""], ids=["default"], indirect=True)
def test_says_what_the_webhook_says(installed: Installed, written: list[Manifest]) -> None:
    wrong = disagreements(installed, [(names(one), applied(one.tree, installed.told)) for one in written])

    assert not wrong, f"{len(wrong)} of {len(written)}\n" + "\n".join(wrong[:40])


@pytest.mark.parametrize("installed", [STRICT], ids=["strict"], indirect=True)
def test_says_what_the_webhook_says_of_objects_that_nobody_applied(
    installed: Installed, written: list[Manifest]
) -> None:
    corpus = os.environ.get("JOBWARDEN_CORPUS", "none")
    forms = [(names(one), one.tree) for one in written if not one.file.startswith(corpus)]
    wrong = disagreements(installed, forms)

    assert not wrong, f"{len(wrong)} of {len(forms)}\n" + "\n".join(wrong[:40])


def store(server: "ApiServer", tree: Tree, namespace: str) -> Tree:
    """Create an object for good, and return it."""
    tree = within(tree, namespace)
    answer = server.request("POST", path_of(tree, namespace), tree)
    assert answer.status == 201, answer
    stored: Tree = answer.body
    return stored


def changed(tree: Tree, path: str, value: Any) -> Tree:
    """Return a copy with another value, None for nothing."""
    copy: Tree = json.loads(json.dumps(tree))
    *steps, last = path.split(".")
    place: Any = copy
    for step in steps:
        place = place[int(step) if step.isdigit() else step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return copy


LONG = job("long", backoffLimit=40, activeDeadlineSeconds=60, ttlSecondsAfterFinished=60)
NIGHTLY = cronjob("nightly", of=job(backoffLimit=40, pod={"containers": [container("a"), container("b")]}))
_JOB, _POD = "spec.jobTemplate.spec", "spec.jobTemplate.spec.template.spec"
UPDATES: dict[str, tuple[Tree, dict[str, Any], bool]] = {
    "a Job is suspended": (LONG, {"spec.suspend": True}, False),
    "a Job is labelled": (LONG, {"metadata.labels": {"team": "data"}}, False),
    "another number that is too high": (LONG, {"spec.backoffLimit": 41}, True),
    "a number that is right": (LONG, {"spec.backoffLimit": 4}, False),
    "a deadline is taken away": (LONG, {"spec.activeDeadlineSeconds": None}, True),
    "a time to live is taken away": (LONG, {"spec.ttlSecondsAfterFinished": None}, True),
    "a CronJob is suspended": (NIGHTLY, {"spec.suspend": True}, False),
    "a CronJob keeps what is wrong": (NIGHTLY, {f"{_JOB}.activeDeadlineSeconds": 60}, False),
    "a CronJob gets another number": (NIGHTLY, {f"{_JOB}.backoffLimit": 41}, True),
    "its containers change places": (
        NIGHTLY,
        {f"{_POD}.containers": [container("b"), container("a")]},
        False,
    ),
    "a container is added": (
        NIGHTLY,
        {f"{_POD}.containers": [container("a"), container("b"), container("c")]},
        True,
    ),
}
"""An object, what changes of it, and whether that is denied under the strict profile."""


@pytest.mark.parametrize("installed", ["profile: strict"], ids=["strict"], indirect=True)
def test_denies_of_an_update_what_it_brings(installed: Installed) -> None:
    server, wrong = installed.server, []
    for name, (tree, changes, denied) in UPDATES.items():
        old = store(server, {**tree, "metadata": {"generateName": "it-"}}, installed.told)
        new = old
        for path, value in changes.items():
            new = changed(new, path, value)
        said = findings(server.request("PUT", path_of(new), new, dryRun="All"))
        expected = exact(installed, validate(request(new, old), installed.policy, Mode.ENFORCE, raised))
        if said != expected or any(severity == "error" for severity, _ in said) != denied:
            wrong.append(f"{name}: {sorted(said)}, the webhook {sorted(expected)}")

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("installed", ["profile: strict"], ids=["strict"], indirect=True)
def test_goes_as_far_as_the_mode_of_the_namespace(installed: Installed) -> None:
    server, verdicts, message = installed.server, {}, ""
    for mode in ("enforce", "warn", "audit", "off", "enforced", ""):
        namespace = server.namespace(**({"jobwarden.io/mode": mode} if mode else {}))
        answer = server.dry_run(within(LONG, namespace), namespace)
        verdicts[mode] = (answer.status, len(answer.warnings) > 0)
        if mode == "enforce":
            message = answer.body["message"]

    denied, quiet = (403, True), (201, False)
    assert verdicts == {
        "enforce": denied, "warn": (201, True), "audit": quiet, "off": quiet, "enforced": denied, "": denied,
    }  # fmt: skip
    assert message.endswith(
        "denied request: backoff-limit: spec.backoffLimit: "
        "40 retries are more than the 10 that the policy allows"
    )


@pytest.mark.parametrize("installed", ["profile: strict\nmode: audit"], ids=["strict"], indirect=True)
def test_has_the_mode_of_the_policy_where_there_is_no_label(installed: Installed) -> None:
    namespaces = {
        mode: installed.server.namespace(**({"jobwarden.io/mode": mode} if mode else {}))
        for mode in ("enforce", "other", "")
    }
    statuses = {
        mode: installed.server.dry_run(within(LONG, namespace), namespace).status
        for mode, namespace in namespaces.items()
    }

    assert statuses == {"enforce": 403, "other": 403, "": 201}


@pytest.mark.parametrize("installed", ["profile: strict"], ids=["strict"], indirect=True)
def test_spares_what_a_controller_makes(installed: Installed) -> None:
    server = installed.server
    namespace = server.namespace()
    owner = {"apiVersion": "example.com/v1", "kind": "Owner", "name": "a", "uid": "1", "controller": True}
    tree = {**LONG, "metadata": {"name": "owned", "namespace": namespace, "ownerReferences": [owner]}}
    done = {
        user: server.kubectl(
            "create", "--filename=-", "--dry-run=server", f"--as={user}", "--as-group=system:masters",
            stdin=json.dumps(tree),
        )
        for user in ("alice", "system:serviceaccount:kube-system:job-controller")
    }  # fmt: skip

    assert [one.returncode for one in done.values()] == [1, 0]
    assert "'jobwarden-warning-warn': backoff-limit: " in done.popitem()[1].stderr


@pytest.mark.parametrize("installed", [OVERRIDDEN], ids=["overrides"], indirect=True)
def test_knows_overrides_and_who_is_exempt(installed: Installed) -> None:
    server, wrong = installed.server, []
    named = [
        {
            **LONG,
            "metadata": {"name": name, "labels": {"jobwarden.io/trigger": "api"}},
            "spec": {**LONG["spec"], "suspend": True},
        }
        for name in ("retry-it", "other", "retry-")
        if name[-1] != "-"
    ]
    generated = {**LONG, "metadata": {"generateName": "retry-"}}
    for tree in (*named, generated, {**NIGHTLY, "metadata": {"name": "retry-nightly"}}):
        stored = admitted(server, tree, server.namespace(**OFF))
        assert stored is not None
        if (said := installed.found(tree)) != (expected := installed.expected(stored)):
            wrong.append(f"{tree['metadata']}: {sorted(said)}, the webhook {sorted(expected)}")
    exempt = server.kubectl(
        "create", "--filename=-", "--dry-run=server", "--as=bob", "--as-group=system:masters",
        stdin=json.dumps(within(LONG, installed.told)),
    )  # fmt: skip

    assert not wrong, "\n".join(wrong)
    assert (exempt.returncode, exempt.stderr) == (0, "")


def large(containers: int) -> Tree:
    """Make a Job with much in it: two failure rules, and containers with long lists."""
    words = [f"--option-number-{number}=a-value-of-some-length" for number in range(20)]
    every = [
        container(
            f"c{number}",
            image=f"registry.example.com/a-team/{'x' * 40}{number}",
            args=words,
            env=[{"name": f"VARIABLE_{each}", "value": "a value of some length"} for each in range(30)],
        )
        for number in range(containers)
    ]
    rules = [
        {"action": "Ignore", "onExitCodes": {"operator": operator, "values": [*range(first, first + 40)]}}
        for first, operator in enumerate(("NotIn", "In", "NotIn", "In", "In"), 1)
    ]
    tolerations = [{"key": f"k{number}", "operator": "Exists"} for number in range(100)]
    half = containers // 2
    pod = {"initContainers": every[:half], "containers": every[half:], "tolerations": tolerations}
    return job(
        "large", podFailurePolicy={"rules": rules}, podReplacementPolicy="Failed", parallelism=9, pod=pod
    )


@pytest.mark.parametrize("installed", [STRICT], ids=["strict"], indirect=True)
def test_large_objects_are_within_the_budget(installed: Installed) -> None:
    stored = admitted(installed.server, large(64), installed.server.namespace(**OFF))

    assert stored is not None
    assert installed.found(large(64)) == installed.expected(stored)
