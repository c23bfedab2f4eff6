"""What the linter foretells is what the API server does with the webhook, which takes nothing away."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from http.client import RemoteDisconnected
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import pytest
from batch import OFF, SHIPPED, Manifest, Tree, container, cronjob, folders, job, manifests, path_of, policies

from lint.edit import same
from lint.path import Path as Steps
from lint.path import dotted
from lint.view import MISSING, View

if TYPE_CHECKING:
    from apiserver import ApiServer
    from webhooks import Webhook

pytest_plugins = ["webhooks"]

EVERY_MINOR = pytest.mark.usefixtures("every_minor")

OTHERS = policies(
    strict="profile: strict\nplacement: {assign: require}\nresources: {limits: {memory: 1Gi}}",
    warn="mode: warn\nprofile: strict",
    invalid="denyInvalid: true",
    extending="placement: {assign: require}\nextendWritten: true",
)

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

DENIED = 'admission webhook "validate.jobwarden.io" denied the request: '

DIFFERENT = {
    "a null among quantities": ("cpu", None, "the API server makes 0 of it, and we see that"),
    "a fraction of a byte": ("ephemeral-storage", 1.5, "the API server makes 1500m of it, and we see that"),
}
"""Quantities about which linter and webhook do not agree, with the reason."""

PANICS = "it panics"

GENERATED = frozenset(
    "controller-uid job-name batch.kubernetes.io/controller-uid batch.kubernetes.io/job-name".split()
)
"""Labels that the API server adds; whether to the Job as well depends on whether any webhook changes it."""


class Outcome(NamedTuple):
    """What becomes of an object."""

    verdict: str
    """`allowed`, `patched`, `denied` by the policy, or `rejected` by the API server."""

    message: str
    warnings: list[str]
    tree: Any
    """What would be stored; None if it is nothing."""

    asked: bool = False
    """The webhook was asked."""


class Comparison(NamedTuple):
    """What becomes of one manifest."""

    manifest: Manifest
    foretold: Outcome
    admitted: Outcome
    """With the webhook."""

    alone: Outcome
    """Without it."""

    sent: Outcome
    """What the API server, without the webhook, makes of what the linter says is admitted."""


Alone: TypeAlias = list[tuple[Manifest, Outcome]]


def applied(tree: Tree, namespace: str) -> Tree:
    """Return what kubectl sends to apply an object for the first time."""
    metadata = {**(tree.get("metadata") or {}), "namespace": namespace}
    own = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != LAST_APPLIED}
    bare = {**tree, "metadata": {**metadata, "annotations": own}}
    text = json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":  # as Go does
        text = text.replace(character, f"\\u{ord(character):04x}")
    return {**bare, "metadata": {**bare["metadata"], "annotations": {**own, LAST_APPLIED: text + "\n"}}}


def outcome(server: "ApiServer", tree: Tree) -> Outcome:
    """Have the API server create an object, though not for good."""
    namespace = tree["metadata"]["namespace"]
    try:
        answer = server.dry_run(tree, namespace, fieldManager="kubectl-client-side-apply")
    except RemoteDisconnected:
        return Outcome("rejected", PANICS, [], None)
    if answer.status == 201:
        return Outcome("allowed", "", answer.warnings, comparable(answer.body))
    before, ours, message = answer.body["message"].partition(DENIED)
    verdict, message = ("denied", message) if ours else ("rejected", before)
    return Outcome(verdict, message, answer.warnings, None)


def comparable(tree: Tree) -> Tree:
    """Leave out what the API server generates, and where the object is."""
    metadata = dict(tree["metadata"])
    for key in "uid creationTimestamp managedFields generation namespace".split():
        metadata.pop(key, None)
    if "generateName" in metadata:
        metadata.pop("name")
    annotations = {
        key: value for key, value in metadata.get("annotations", {}).items() if key != LAST_APPLIED
    }
    result = {**tree, "metadata": {**metadata, "annotations": annotations}}
    if tree["kind"] == "Job" and not tree["spec"].get("manualSelector"):
        template = tree["spec"]["template"]
        spec = {key: value for key, value in tree["spec"].items() if key != "selector"}
        spec["template"] = {**template, "metadata": unlabelled(template.get("metadata") or {})}
        result = {**result, "metadata": unlabelled(result["metadata"]), "spec": spec}
    return result


def unlabelled(metadata: Tree) -> Tree:
    """Leave out the labels that are generated."""
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key not in GENERATED}
    return {**metadata, "labels": labels}


def foretell(webhook: "Webhook", paths: list[str]) -> dict[tuple[str, int], Outcome]:
    """Run the linter."""
    version = f"1.{webhook.server.minor}"
    command = [sys.executable, "-m", "lint", "lint", "--as-admission", "--format=json"]
    command += [f"--policy={webhook.policy_file}", f"--kubernetes-version={version}", *paths]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode in (0, 1), done.stderr
    return {
        (one["file"], one["line"]): Outcome(
            one["verdict"], one["message"], list(one["warnings"]), one["admitted"]
        )
        for one in json.loads(done.stdout)["admissions"]
    }


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return where the manifests are."""
    return folders(tmp_path_factory.mktemp("rules"))


@pytest.fixture(scope="module")
def alone(guarded: "ApiServer", paths: list[str]) -> Alone:
    """Ask the API server about all manifests, without the webhook."""
    return unguarded(guarded, paths)


def unguarded(server: "ApiServer", paths: list[str]) -> Alone:
    """Ask the API server about manifests, without the webhook."""
    namespace = server.namespace(**OFF)
    return [(one, outcome(server, applied(one.tree, namespace))) for one in manifests(paths)]


@pytest.fixture(scope="module")
def compared(webhook: "Webhook", paths: list[str], alone: Alone) -> list[Comparison]:
    """Ask the API server with the webhook, and the linter; DIFFERENT has a test of its own."""
    known = [json.dumps({key: value})[1:-1] for key, value, _ in DIFFERENT.values()]
    every = compare(webhook, paths, alone)
    return [one for one in every if not any(text in json.dumps(one.manifest.tree) for text in known)]


def compare(webhook: "Webhook", paths: list[str], alone: Alone) -> list[Comparison]:
    """Ask the API server with the webhook, and the linter."""
    foretold = foretell(webhook, paths)
    assert len(alone) == len(foretold)
    guarded, free = webhook.server.namespace(), webhook.server.namespace(**OFF)
    found = []
    for one, without in alone:
        said = foretold[one.file, one.line]
        webhook.decisions()
        done = outcome(webhook.server, applied(one.tree, guarded))
        decided = {str(each["verdict"]) for each in webhook.decisions()}
        if done.verdict == "allowed" and "patched" in decided:
            done = done._replace(verdict="patched")
        sent = without if same(said.tree, one.tree) else outcome(webhook.server, applied(said.tree, free))
        found.append(Comparison(one, said, done._replace(asked=bool(decided)), without, sent))
    return found


def place(one: Comparison) -> str:
    """Return where a manifest is."""
    return f"{Path(one.manifest.file).name}:{one.manifest.line}"


# Each of these iterates over what is wrong.


def counts_a_name_to_be_generated(one: Comparison) -> bool:
    """Tell whether the length of a name is the matter, which is generated when the webhook is asked."""
    generated = "generateName" in (one.manifest.tree.get("metadata") or {})
    return generated and "name-budget" in one.foretold.message + "".join(one.foretold.warnings)


def verdicts(compared: list[Comparison]) -> Iterator[str]:
    """Compare the verdicts; of some rejections by the API server the linter knows nothing."""
    unknown: Counter[str] = Counter()
    for one in compared:
        said, done = one.foretold.verdict, one.admitted.verdict
        if one.alone.verdict == done == "rejected" != said:
            unknown[re.sub(r'"[^"]*"', "_", one.alone.message)[:150]] += 1
        elif said != done:
            yield f"{place(one)}: foretold {said}, {done}: {one.foretold.message}{one.admitted.message}"
    known = [f"{number:4} {message}" for message, number in unknown.most_common()]
    known.insert(0, f"{len(compared)} objects; the linter knows nothing of {unknown.total()} rejections:")
    print(*known, sep="\n")  # noqa: T201 - pytest -rP shows it


def messages(compared: list[Comparison]) -> Iterator[str]:
    """Compare why objects are denied."""
    for one in compared:
        said, done = one.foretold, one.admitted
        if counts_a_name_to_be_generated(one):
            continue
        if said.verdict == done.verdict == "denied" and said.message != done.message:
            yield f"{place(one)}: foretold {said.message!r}, but {done.message!r}"


def warnings(compared: list[Comparison]) -> Iterator[str]:
    """Compare what the user is told by us; what the API server cannot read at all, it asks nobody about."""
    for one in compared:
        if not one.admitted.asked or one.admitted.message == PANICS:
            continue
        told = list(one.admitted.warnings)
        for of_the_server in one.alone.warnings:
            told.remove(of_the_server)
        known = one.foretold.verdict == "rejected" or one.alone.verdict != "rejected"
        if known and told != one.foretold.warnings and not counts_a_name_to_be_generated(one):
            yield f"{place(one)}: foretold {one.foretold.warnings}, but {told}"


def admissions(compared: list[Comparison]) -> Iterator[str]:
    """Compare what would be stored."""
    for one in compared:
        done, sent = one.admitted, one.sent
        if (
            done.tree is not None
            and one.foretold.verdict in ("allowed", "patched")
            and not same(done.tree, sent.tree)
        ):
            changed = [dotted(path) for path in differences(done.tree, sent.tree)]
            yield f"{place(one)}: {sent.verdict} {sent.message}: {', '.join(changed)}"


def losses(compared: list[Comparison]) -> Iterator[str]:
    """Find objects that the webhook has the API server reject."""
    for one in compared:
        if one.alone.tree is not None and one.admitted.verdict == "rejected":
            yield f"{place(one)}: {one.admitted.message}"


def changes(compared: list[Comparison]) -> Iterator[str]:
    """Find values of manifests that the webhook has changed; empty resources may be filled."""
    for one in compared:
        if one.alone.tree is None or one.admitted.tree is None:
            continue
        for path in written(one.manifest.tree, ()):
            before, after = (View(each.tree).at(*path).value for each in (one.alone, one.admitted))
            empty = View(one.manifest.tree).at(*path).value == {} and "resources" in path
            if not (empty or before is after is MISSING or same(before, after)):
                yield f"{place(one)}: {dotted(path)}: {before} became {after}"


def written(tree: Any, path: Steps) -> Iterator[Steps]:
    """Iterate over the paths of what is written: numbers, texts, nulls and empties."""
    below = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    if not below:
        yield path
    for step, value in below:
        if (*path, step) != ("metadata", "creationTimestamp"):
            yield from written(value, (*path, step))


def differences(left: Any, right: Any, path: Steps = ()) -> Iterator[Steps]:
    """Iterate over the paths at which two trees differ."""
    if isinstance(left, dict) and isinstance(right, dict):
        for key in left.keys() | right.keys():
            yield from differences(left.get(key, MISSING), right.get(key, MISSING), (*path, key))
    elif not (left is right or same(left, right)):
        yield path


def told(compared: list[Comparison], check: Any) -> None:
    """Fail with all that is wrong."""
    wrong = list(check(compared))
    assert not wrong, "\n".join(wrong)


CHECKS = [verdicts, messages, warnings, admissions, losses, changes]


@SHIPPED
@EVERY_MINOR
@pytest.mark.parametrize("check", CHECKS)
def test_linter_and_webhook_agree(compared: list[Comparison], check: Any) -> None:
    told(compared, check)


@OTHERS
@pytest.mark.parametrize("check", CHECKS)
def test_linter_and_webhook_agree_with_other_policies(compared: list[Comparison], check: Any) -> None:
    told(compared, check)


def agree(webhook: "Webhook", folder: Path, tree: Tree) -> None:
    """Compare what both say of one object."""
    (folder / "odd.json").write_text(json.dumps(tree))
    found = compare(webhook, [str(folder)], unguarded(webhook.server, [str(folder)]))

    for check in CHECKS:
        told(found, check)


@SHIPPED
@pytest.mark.parametrize("name", DIFFERENT)
def test_linter_and_webhook_agree_about_odd_quantities(
    webhook: "Webhook", tmp_path: Path, name: str, request: pytest.FixtureRequest
) -> None:
    key, value, reason = DIFFERENT[name]
    request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    resources = {"requests": {key: value, "memory": "256Mi"}}

    agree(webhook, tmp_path, job(pod={"containers": [container(resources=resources)]}))


@SHIPPED
def test_linter_and_webhook_agree_about_an_owner_that_a_person_names(
    webhook: "Webhook", tmp_path: Path
) -> None:
    owner = {
        "apiVersion": "example.com/v1",
        "kind": "Owner",
        "name": "owner",
        "uid": "1",
        "controller": True,
    }

    agree(webhook, tmp_path, {**job(), "metadata": {"name": "example", "ownerReferences": [owner]}})


@SHIPPED
@EVERY_MINOR
@pytest.mark.parametrize("what", ["managedBy", "a condition without a status"])
def test_linter_and_webhook_agree_about_what_older_servers_do_not_have(
    webhook: "Webhook", tmp_path: Path, what: str, request: pytest.FixtureRequest
) -> None:
    tree = job(managedBy="example.com/controller")
    if what != "managedBy":
        policy = {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]}
        tree = cronjob(of=job(podFailurePolicy=policy))
        if webhook.server.minor < 34:
            reason = 'the status of a CronJob is "" for us: it is nothing, and the linter would set it'
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    (tmp_path / "old.json").write_text(json.dumps(tree))

    for one in compare(webhook, [str(tmp_path)], unguarded(webhook.server, [str(tmp_path)])):
        assert one.foretold.verdict == one.admitted.verdict
        assert one.foretold.warnings == one.admitted.warnings


@SHIPPED
def test_what_is_sent_is_what_kubectl_sends(webhook: "Webhook") -> None:
    odd = job(pod={"containers": [container(args=["<&>", "\u2028", "é", '"', "\\", "\x7f"], env=[])]})
    namespace = webhook.server.namespace()

    done = webhook.server.kubectl("apply", "--filename=-", f"--namespace={namespace}", stdin=json.dumps(odd))

    assert done.returncode == 0, done.stderr
    stored = webhook.server.request("GET", f"{path_of(odd, namespace)}/example").body
    wanted = applied(odd, namespace)["metadata"]["annotations"]
    assert stored["metadata"]["annotations"] == wanted
