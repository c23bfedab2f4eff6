"""The answers to AdmissionReviews: what is read, skipped, patched, denied and told."""

import json
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from random import Random
from types import FrameType
from typing import Any

import orjson
import pytest
from conftest import folder_of
from hypothesis import given, settings
from hypothesis import strategies as st
from test_written import MANIFESTS, annotated, by_kubectl, by_server, decoded, manifest, manifests, stored

from lint.admission import foretell
from lint.edit import Edit, Set, same
from lint.job import Job
from lint.path import Path
from lint.policy import Mode, Policy, Setting, Webhook
from lint.policy_file import load
from lint.rule import Class, Finding, Fix, Rule, Severity
from webhook.envelope import SKIPS, VERDICTS, Outcome, Request, ReviewError, read, write
from webhook.memory import Memory
from webhook.review import mutate, validate

Tree = dict[str, Any]
Answer = Callable[..., Outcome]
OURS = {"key": "batch", "operator": "Equal", "value": "true", "effect": "NoSchedule"}
OTHER = {"key": "spot", "operator": "Exists"}
REQUESTS = {"cpu": "100m", "memory": "128Mi"}
POOL = {"workload-type": "batch"}


def job(spec: Any = None, pod: Any = None, container: Any = None, **metadata: Any) -> Tree:
    """Make a Job."""
    container = {"name": "main", "image": "main:1", **(container or {})}
    pod = {"restartPolicy": "Never", "containers": [container], **(pod or {})}
    spec = {"template": {"spec": pod}, **(spec or {})}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "main", **metadata}, "spec": spec}


def cronjob(spec: Any = None, pod: Any = None, container: Any = None, **metadata: Any) -> Tree:
    """Make a CronJob of such a Job."""
    tree = job(spec, pod, container, **metadata)
    template = {"schedule": "7 3 * * *", "jobTemplate": {"spec": tree["spec"]}}
    return {**tree, "kind": "CronJob", "spec": template}


NO_TOKEN = {"automountServiceAccountToken": False}
FULL = {"backoffLimit": 3, "activeDeadlineSeconds": 86400, "ttlSecondsAfterFinished": 86400}


def complete(spec: Any = None, pod: Any = None, **metadata: Any) -> Tree:
    """Make a Job in which the default policy finds nothing, but what is said of it."""
    return job(
        {**FULL, **(spec or {})},
        {**NO_TOKEN, **(pod or {})},
        {"resources": {"requests": REQUESTS}},
        **metadata,
    )


def complete_cronjob(spec: Any = None, pod: Any = None, container: Any = None) -> Tree:
    """Make such a CronJob."""
    base = {"backoffLimit": 3, "activeDeadlineSeconds": 86400}
    tree = cronjob(
        {**base, **(spec or {})},
        {**NO_TOKEN, **(pod or {})},
        {"resources": {"requests": REQUESTS}, **(container or {})},
    )
    chosen = {"timeZone": "Etc/UTC", "concurrencyPolicy": "Forbid", "startingDeadlineSeconds": 600}
    return {**tree, "spec": {**tree["spec"], **chosen}}


def body(tree: Any, old: Any = None, **fields: Any) -> bytes:
    """Write an AdmissionReview as an API server does."""
    is_cronjob = isinstance(tree, dict) and tree.get("kind") == "CronJob"
    request = {
        "uid": "u-1",
        "kind": {"group": "batch", "version": "v1", "kind": "Job"},
        "resource": {"group": "batch", "version": "v1", "resource": "cronjobs" if is_cronjob else "jobs"},
        "name": "main",
        "namespace": "default",
        "operation": "CREATE" if old is None else "UPDATE",
        "userInfo": {"username": "alice", "groups": ["system:authenticated"]},
        "object": tree,
        "oldObject": old,
        "dryRun": False,
        "options": {"kind": "CreateOptions"},
        **fields,
    }
    return orjson.dumps({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request})


def review(tree: Any, old: Any = None, **fields: Any) -> Request:
    """Make a request."""
    return read(body(tree, old, **fields))


@cache
def policy(text: str = "", *rules: str, minor: int = 35) -> Policy:
    """Make a policy of a file, of some rules only when they are named."""
    return load(text, "p.yaml").narrowed(frozenset(rules), frozenset(), minor)


def no_failure(rule: str, error: Exception) -> None:
    """Refuse that a rule raises."""
    raise AssertionError(rule) from error


def answer(webhook: Answer, request: Request, of: Policy | None = None, mode: Mode = Mode.ENFORCE) -> Outcome:
    """Answer a request, and check what holds for every answer."""
    outcome = webhook(request, of or policy(), mode, no_failure)
    response = orjson.loads(write(request.uid, outcome))["response"]
    lines = response.get("warnings", [])

    assert response["uid"] == request.uid
    assert ("patch" in response) == ("patchType" in response) == (outcome.verdict == "patched")
    assert response["allowed"] == (outcome.verdict != "denied")
    assert ("status" in response) == (outcome.verdict == "denied")
    assert all(len(line) <= 120 and line.isprintable() for line in lines), lines
    assert sum(len(line.encode()) for line in lines) <= 4096
    assert all("/" not in key and value for key, value in response.get("auditAnnotations", {}).items())
    assert outcome.skipped in ("", *SKIPS)
    assert {verdict for _, verdict in outcome.rules} <= {*VERDICTS}
    return outcome


def mutated(tree: Tree, of: Policy | None = None, **fields: Any) -> Outcome:
    """Answer the mutating webhook's request for a new object."""
    return answer(mutate, review(tree, **fields), of)


def validated(tree: Tree, old: Any = None, of: Policy | None = None, **fields: Any) -> Outcome:
    """Answer the validating webhook's request."""
    return answer(validate, review(tree, old, **fields), of)


def patch_of(outcome: Outcome) -> list[Tree]:
    """Return the operations of a patch, sorted by their paths."""
    if "patch" not in outcome.response:
        return []
    operations: list[Tree] = orjson.loads(b64decode(outcome.response["patch"]))
    return sorted(operations, key=lambda one: str(one["path"]))


def patched(tree: Any, outcome: Outcome) -> Any:
    """Do what a patch says (RFC 6902), independently of the code under test."""
    tree = deepcopy(tree)
    for operation in (
        orjson.loads(b64decode(outcome.response["patch"])) if "patch" in outcome.response else ()
    ):
        *above, last = [
            step.replace("~1", "/").replace("~0", "~") for step in operation["path"].split("/")[1:]
        ]
        place = tree
        for step in above:
            place = place[int(step)] if isinstance(place, list) else place[step]
        key: Any = int(last) if isinstance(place, list) else last
        exists = key < len(place) if isinstance(place, list) else key in place
        assert exists or operation["op"] == "add", operation
        if operation["op"] == "remove":
            del place[key]
            continue
        assert operation["op"] in ("add", "replace")
        assert not exists or not same(place[key], operation["value"]), f"{operation} changes nothing"
        if isinstance(place, list) and operation["op"] == "add":
            assert key <= len(place)
            place.insert(key, operation["value"])
        else:
            place[key] = operation["value"]
    return tree


def keeps(new: Any, wrote: Any) -> bool:
    """Tell whether all that was written is still there; a list may have more items at its end.

    The server itself writes the name of the service account over its older name.
    """
    if isinstance(wrote, dict) and isinstance(new, dict):
        return all(
            one is None or key == "serviceAccount" or (key in new and keeps(new[key], one))
            for key, one in wrote.items()
        )
    if isinstance(wrote, list) and isinstance(new, list):
        return len(wrote) <= len(new) and all(map(keeps, new, wrote))
    return same(wrote, new)


def rule(
    name: str,
    *edits: Edit,
    path: Path = ("spec",),
    severity: Severity = Severity.WARNING,
    class_: Class = Class.PRACTICE,
    when: Callable[[Job], bool] = lambda _: True,
) -> Rule[Any]:
    """Make a rule that wants an edit."""

    def check(found: Job, _: None) -> Iterator[Finding]:
        if when(found):
            yield Finding(path, "is odd", Fix(f"mend {name}", edits) if edits else None)

    return Rule(name, "Made up.", severity, class_, None, check, (), ())


def of_rules(*rules: Rule[Any], extends: bool = False) -> Policy:
    """Make a policy of rules that are made up."""
    made = Policy(webhook=Webhook(extend_written=extends))
    made.active = tuple((one, Setting(one.params)) for one in rules)
    return made


# Reading.


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "the body is not JSON: "),
        (b"{", "the body is not JSON: "),
        (b"\xff\xfe", "the body is not JSON: "),
        (b'{"a": NaN}', "the body is not JSON: "),
        (b"[" * 2000 + b"]" * 2000, "the body is not JSON: "),
        (b"null", "no AdmissionReview of admission.k8s.io/v1: the body: "),
        (b"[]", "no AdmissionReview of admission.k8s.io/v1: the body: "),
        (b"{}", "no AdmissionReview of admission.k8s.io/v1: apiVersion: Field required"),
        (
            b'{"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview", "request": {}}',
            "no AdmissionReview of admission.k8s.io/v1: apiVersion: ",
        ),
        (
            b'{"apiVersion": "admission.k8s.io/v1", "kind": "Pod", "request": {}}',
            "no AdmissionReview of admission.k8s.io/v1: kind: ",
        ),
        (
            b'{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}',
            "no AdmissionReview of admission.k8s.io/v1: request: Field required",
        ),
        (
            b'{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": {"uid": "a"}}',
            "no AdmissionReview of admission.k8s.io/v1: request: Field required",
        ),
        (body(job(), uid=""), "no AdmissionReview of admission.k8s.io/v1: request.uid: "),
        (body(job(), uid=5), "no AdmissionReview of admission.k8s.io/v1: request.uid: "),
        (body(job(), operation="PATCH"), "no AdmissionReview of admission.k8s.io/v1: request.operation: "),
        (body(job(), operation=None), "no AdmissionReview of admission.k8s.io/v1: request.operation: "),
        (body(job(), resource="jobs"), "no AdmissionReview of admission.k8s.io/v1: request.resource: "),
        (body(job(), userInfo=5), "no AdmissionReview of admission.k8s.io/v1: request.userInfo: "),
        (body(None), "no AdmissionReview of admission.k8s.io/v1: CREATE without an object"),
        (body("x"), "no AdmissionReview of admission.k8s.io/v1: CREATE without an object"),
        (body([]), "no AdmissionReview of admission.k8s.io/v1: CREATE without an object"),
        (
            body(job(), operation="UPDATE"),
            "no AdmissionReview of admission.k8s.io/v1: UPDATE without an object",
        ),
        (body(job(), 5), "no AdmissionReview of admission.k8s.io/v1: UPDATE without an object"),
        (body(None, job()), "no AdmissionReview of admission.k8s.io/v1: UPDATE without an object"),
    ],
)
def test_what_is_no_review_is_refused_with_the_reason(text: bytes, problem: str) -> None:
    with pytest.raises(ReviewError) as raised:
        read(text)

    assert str(raised.value).startswith(problem)
    assert "\n" not in str(raised.value)


def test_what_a_review_says_more_is_ignored() -> None:
    request = review(job(), somethingNew={"a": 1}, requestKind={"kind": "Job"}, requestSubResource="")

    assert (request.uid, request.kind, request.namespace, request.username) == (
        *("u-1", "Job"),
        *("default", "alice"),
    )


@pytest.mark.parametrize("missing", ["userInfo", "namespace", "name", "dryRun", "oldObject", "options"])
def test_what_a_server_may_leave_out_is_not_missed(missing: str) -> None:
    value = json.loads(body(job()))
    del value["request"][missing]

    assert answer(mutate, read(json.dumps(value).encode())).verdict == "patched"


@pytest.mark.parametrize(
    ("resource", "kind"),
    [
        (("batch", "v1", "jobs"), "Job"),
        (("batch", "v1", "cronjobs"), "CronJob"),
        (("batch", "v1beta1", "cronjobs"), ""),
        (("", "v1", "pods"), ""),
        (("batch.volcano.sh", "v1alpha1", "jobs"), ""),
        (("batch", "v1", "Jobs"), ""),
    ],
)
def test_the_resource_says_what_is_asked_for(resource: tuple[str, str, str], kind: str) -> None:
    named = dict(zip(("group", "version", "resource"), resource, strict=True))

    assert review(job(), resource=named).kind == kind


def test_a_reply_is_a_review() -> None:
    assert json.loads(write("u-1", mutated(stored(complete())))) == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": "u-1", "allowed": True},
    }


# What is not looked at.

POD = {"group": "", "version": "v1", "resource": "pods"}
EXEMPT = Policy(webhook=Webhook(users=frozenset({"robot"}), groups=frozenset({"robots"})))


@pytest.mark.parametrize("webhook", [mutate, validate])
@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (review(job(), resource=POD), "other"),
        (review(job(), subResource="status"), "subresource"),
        (review(job(), job(), subResource="status"), "subresource"),
        (review(None, operation="DELETE"), "operation"),
        (review(None, job(), operation="DELETE"), "operation"),
        (review(None, operation="CONNECT"), "operation"),
        (review(job(), userInfo={"username": "robot"}), "exempt"),
        (review(job(), userInfo={"username": "alice", "groups": ["a", "robots"]}), "exempt"),
        (review(job(deletionTimestamp="2026-01-01T00:00:00Z"), job()), "deleting"),
        (review(cronjob(deletionTimestamp="2026-01-01T00:00:00Z"), cronjob()), "deleting"),
        (review(job(labels={"a": "b"}), job()), "unchanged"),
        (review(job(finalizers=[]), job(finalizers=["batch.kubernetes.io/job-tracking"])), "unchanged"),
        (review(cronjob(annotations={"a": "b"}), cronjob()), "unchanged"),
    ],
)
def test_some_requests_are_not_looked_at(webhook: Answer, request_: Request, reason: str) -> None:
    outcome = answer(webhook, request_, EXEMPT)

    assert outcome == ({"allowed": True}, "skipped", reason, ())


@pytest.mark.parametrize("webhook", [mutate, validate])
def test_nothing_is_looked_at_in_a_namespace_that_is_off(webhook: Answer) -> None:
    assert answer(webhook, review(job()), mode=Mode.OFF).skipped == "off"


@pytest.mark.parametrize("user", [{}, {"username": ""}, {"username": "Robot", "groups": ["robot"]}])
def test_nobody_else_is_exempt(user: Tree) -> None:
    assert mutated(job(), EXEMPT, userInfo=user).verdict == "patched"


def test_who_is_exempt_is_said_in_the_policy_file() -> None:
    of = policy("exempt: {users: [robot], groups: [robots]}")

    assert mutated(job(), of, userInfo={"username": "robot"}).skipped == "exempt"


def test_an_update_of_a_job_is_not_mutated() -> None:
    assert answer(mutate, review(job({"suspend": True}), job())).skipped == "operation"


def test_a_dry_run_gets_the_same_answer() -> None:
    assert mutated(stored(job()), dryRun=True) == mutated(stored(job()))


# Patches.

DEADLINE = {"op": "add", "path": "/spec/activeDeadlineSeconds", "value": 86400}
TTL = {"op": "add", "path": "/spec/ttlSecondsAfterFinished", "value": 86400}


def test_the_patch_of_a_bare_job_has_an_operation_for_each_value() -> None:
    outcome = mutated(stored(job()))

    assert patch_of(outcome) == [
        DEADLINE,
        {"op": "replace", "path": "/spec/backoffLimit", "value": 3},
        {"op": "add", "path": "/spec/template/spec/containers/0/resources/requests", "value": REQUESTS},
        TTL,
    ]
    assert outcome.response["patchType"] == "JSONPatch"


def test_the_patch_of_a_bare_cronjob_has_an_operation_for_each_value() -> None:
    base = "/spec/jobTemplate/spec"

    assert patch_of(mutated(stored(cronjob()))) == [
        {**DEADLINE, "path": f"{base}/activeDeadlineSeconds"},
        {"op": "add", "path": f"{base}/backoffLimit", "value": 3},
        {
            "op": "add",
            "path": f"{base}/template/spec/containers/0/resources/requests",
            "value": REQUESTS,
        },
    ]


def test_parents_that_are_missing_come_with_the_patch() -> None:
    tree = stored(job(pod={"nodeSelector": POOL}))
    del tree["spec"]["template"]["spec"]["containers"][0]["resources"]

    operations = patch_of(mutated(tree, policy("", "container-resources", "batch-toleration")))

    assert operations == [
        {"op": "add", "path": "/spec/template/spec/containers/0/resources", "value": {"requests": REQUESTS}},
        {"op": "add", "path": "/spec/template/spec/tolerations", "value": [OURS]},
    ]


def test_keys_are_escaped() -> None:
    annotations = ("spec", "template", "metadata", "annotations")
    adds = rule("adds", Set((*annotations, "example.com/c"), "1"))
    tree = stored(job())
    tree["spec"]["template"]["metadata"] = {"annotations": {"x": "y"}}

    assert patch_of(mutated(tree, of_rules(adds))) == [
        {"op": "add", "path": "/spec/template/metadata/annotations/example.com~1c", "value": "1"}
    ]


def test_what_the_server_rejects_is_left_to_it() -> None:
    tree = stored(job(container={"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}))

    assert mutated(tree, policy("", "resources-coherence")).verdict == "allowed"
    assert validated(tree, of=policy("", "resources-coherence")).verdict == "allowed"


def test_a_limit_of_an_extended_resource_is_escaped() -> None:
    resources = {"requests": {"x.io/gpu": "1", **REQUESTS}, "limits": {"memory": "1Gi"}}
    tree = stored(job(container={"resources": resources}))

    assert patch_of(mutated(tree, policy("", "resources-coherence"))) == [
        {
            "op": "add",
            "path": "/spec/template/spec/containers/0/resources/limits/x.io~1gpu",
            "value": "1",
        }
    ]


def test_what_the_server_rejects_is_denied_where_the_policy_says_so() -> None:
    tree = stored(job(container={"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}))

    outcome = mutated(tree, policy("denyInvalid: true", "resources-coherence"))

    assert outcome.verdict == "denied"
    assert outcome.response["status"]["code"] == 422
    assert (
        'resources.requests: Invalid value: "2": must be less than' in outcome.response["status"]["message"]
    )


def test_an_item_that_is_appended_has_its_index() -> None:
    tree = stored(cronjob(pod={"nodeSelector": POOL, "tolerations": [OTHER]}))

    assert patch_of(mutated(tree, policy("", "batch-toleration"))) == [
        {"op": "add", "path": "/spec/jobTemplate/spec/template/spec/tolerations/1", "value": OURS}
    ]


def test_a_complete_job_gets_no_patch() -> None:
    assert mutated(stored(complete())) == ({"allowed": True}, "allowed", "", ())


def test_a_policy_default_that_is_the_servers_gives_neither_patch_nor_warning() -> None:
    of = policy("backoffLimit: {default: 6}", "backoff-limit")

    assert mutated(stored(job()), of) == ({"allowed": True}, "allowed", "", ())
    assert validated(stored(job()), of=of) == ({"allowed": True}, "allowed", "", ())


def test_the_object_stays_as_it_came() -> None:
    request = review(stored(job()))
    before = deepcopy(request.object)
    answer(mutate, request)
    answer(validate, request)

    assert same(request.object, before)


def test_fields_that_nobody_knows_stay() -> None:
    tree = stored(job({"fieldOfTheFuture": {"a": [1, None, {"b": 2.5}]}}))

    assert patched(tree, mutated(tree))["spec"]["fieldOfTheFuture"] == {"a": [1, None, {"b": 2.5}]}


def test_a_fix_that_would_not_work_is_told_and_not_made() -> None:
    fails = rule("fails", Set(("spec", "suspend"), value=True))
    hole = rule("hole", class_=Class.HOLE, when=lambda one: one.spec.at("suspend").value is True)

    outcome = mutated(stored(job()), of_rules(fails, hole))

    assert outcome.verdict == "allowed"
    assert outcome.response["warnings"] == ["jobwarden: nothing was set, for it would not work: hole: is odd"]


def test_in_mode_audit_nobody_is_told_why_a_fix_is_not_made() -> None:
    fails = rule("fails", Set(("spec", "suspend"), value=True))
    hole = rule("hole", class_=Class.HOLE, when=lambda one: one.spec.at("suspend").value is True)

    outcome = answer(mutate, review(stored(job())), of_rules(fails, hole), Mode.AUDIT)

    assert "warnings" not in outcome.response


def test_why_a_fix_is_not_made_is_told_in_lines_that_the_server_passes_on() -> None:
    fails = rule("fails", Set(("spec", "suspend"), value=True))
    hole = rule("hole-" * 20, class_=Class.HOLE, when=lambda one: one.spec.at("suspend").value is True)

    mutated(stored(job()), of_rules(fails, hole))


# Defaults that no longer fit are removed: the server fills them in again after each patch.

FAILURE_POLICY: Tree = {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]}


def adding(key: str, value: Any) -> Policy:
    """Make a policy that sets a field of the Job's spec where nobody wrote it."""
    sets = rule("adds", Set(("spec", key), value), when=lambda one: one.spec.at(key).missing)
    return of_rules(sets)


def test_a_failure_policy_takes_the_default_replacement_policy_away() -> None:
    tree = stored(job())
    outcome = mutated(tree, adding("podFailurePolicy", FAILURE_POLICY))

    assert patch_of(outcome) == [
        {"op": "add", "path": "/spec/podFailurePolicy", "value": FAILURE_POLICY},
        {"op": "remove", "path": "/spec/podReplacementPolicy"},
    ]
    assert stored(patched(tree, outcome))["spec"]["podReplacementPolicy"] == "Failed"


def test_a_limit_for_each_index_takes_the_default_limit_away() -> None:
    tree = stored(job({"completionMode": "Indexed", "completions": 3}))
    outcome = mutated(tree, adding("backoffLimitPerIndex", 1))

    assert patch_of(outcome) == [
        {"op": "remove", "path": "/spec/backoffLimit"},
        {"op": "add", "path": "/spec/backoffLimitPerIndex", "value": 1},
    ]
    assert stored(patched(tree, outcome))["spec"]["backoffLimit"] == 2147483647


@pytest.mark.parametrize("apply", [by_kubectl, by_server])
def test_a_default_that_somebody_wrote_stays(apply: Callable[[Tree], Tree]) -> None:
    tree = apply(job({"completionMode": "Indexed", "completions": 3, "backoffLimit": 6}))

    assert patch_of(mutated(tree, adding("backoffLimitPerIndex", 1))) == [
        {"op": "add", "path": "/spec/backoffLimitPerIndex", "value": 1}
    ]


def test_a_value_that_is_not_the_default_stays() -> None:
    tree = stored(job({"completionMode": "Indexed", "completions": 3, "backoffLimit": 5}))

    assert patch_of(mutated(tree, adding("backoffLimitPerIndex", 1))) == [
        {"op": "add", "path": "/spec/backoffLimitPerIndex", "value": 1}
    ]


def test_a_written_null_makes_room_for_the_default_that_fits() -> None:
    tree = by_kubectl(job({"podReplacementPolicy": None}))

    assert patch_of(mutated(tree, adding("podFailurePolicy", FAILURE_POLICY))) == [
        {"op": "add", "path": "/spec/podFailurePolicy", "value": FAILURE_POLICY},
        {"op": "remove", "path": "/spec/podReplacementPolicy"},
    ]


def test_parallelism_alone_takes_the_default_completions_away() -> None:
    tree = stored(job())
    outcome = mutated(tree, adding("parallelism", 3))

    assert stored(patched(tree, outcome))["spec"].get("completions") is None


def test_an_image_that_moves_takes_the_default_pull_policy_away() -> None:
    tree = stored(job())
    helper = {"name": "helper", "image": "helper:1"}
    path: Path = ("spec", "template", "spec", "initContainers", 0)
    adds = rule("adds", Set(path, helper), when=lambda one: not one.init_containers)

    outcome = mutated(tree, of_rules(adds))

    assert patch_of(outcome) == [
        {"op": "add", "path": "/spec/template/spec/initContainers", "value": [helper]}
    ]


# What the user is told of it.


def test_what_was_set_is_told_and_noted() -> None:
    outcome = mutated(by_kubectl(job()), policy("", "ttl-missing", "backoff-limit"))

    assert outcome.response["warnings"] == [
        "jobwarden: set backoffLimit: 3; set ttlSecondsAfterFinished: 86400"
    ]
    assert outcome.response["auditAnnotations"] == {
        "patched": "set backoffLimit: 3; set ttlSecondsAfterFinished: 86400"
    }
    assert outcome.rules == (("backoff-limit", "patched"), ("ttl-missing", "patched"))


KEEPING = "backoff-limit: to keep 6, which is the default, annotate jobwarden.io/ignore: backoff-limit"


def test_where_nobody_knows_what_was_written_it_is_told_how_to_keep_a_default() -> None:
    lines = mutated(stored(job()), policy("", "backoff-limit", "ttl-missing")).response["warnings"]

    assert lines == ["jobwarden: set backoffLimit: 3; set ttlSecondsAfterFinished: 86400", KEEPING]


def test_the_annotation_keeps_the_default() -> None:
    tree = stored(job({"backoffLimit": 6}, annotations={"jobwarden.io/ignore": "backoff-limit"}))

    assert mutated(tree, policy("", "backoff-limit", "unused-suppression")).verdict == "allowed"
    assert (
        validated(tree, of=policy("", "backoff-limit", "unused-suppression")).response.get("warnings") is None
    )


@pytest.mark.parametrize("apply", [by_kubectl, by_server])
def test_a_written_default_stays_without_a_word(apply: Callable[[Tree], Tree]) -> None:
    outcome = mutated(apply(job({"backoffLimit": 6})), policy("", "backoff-limit"))

    assert outcome == ({"allowed": True}, "allowed", "", ())


def test_a_cronjob_is_not_told_how_to_keep_what_is_no_default() -> None:
    assert mutated(stored(cronjob()), policy("", "backoff-limit")).response["warnings"] == [
        "jobwarden: set backoffLimit: 3"
    ]


@pytest.mark.parametrize(
    ("mode", "response"),
    [
        (
            Mode.WARN,
            {
                "warnings": ["jobwarden would: set ttlSecondsAfterFinished: 86400"],
                "auditAnnotations": {"would-patch": "set ttlSecondsAfterFinished: 86400"},
            },
        ),
        (Mode.AUDIT, {"auditAnnotations": {"would-patch": "set ttlSecondsAfterFinished: 86400"}}),
    ],
)
def test_below_enforce_nothing_is_changed_and_only_told(mode: Mode, response: Tree) -> None:
    outcome = answer(mutate, review(stored(job())), policy("", "ttl-missing"), mode)

    assert outcome == ({"allowed": True, **response}, "allowed", "", ())


# Validation.


def test_a_job_without_findings_is_allowed() -> None:
    assert validated(stored(complete())) == ({"allowed": True}, "allowed", "", ())


def test_a_warning_is_told_and_noted() -> None:
    outcome = validated(stored(complete({"backoffLimit": 50})))

    assert outcome.response["allowed"]
    assert outcome.response["warnings"] == [
        "backoff-limit: spec.backoffLimit: 50 retries are more than the 10 that the policy allows"
    ]
    assert outcome.response["auditAnnotations"] == {"warned": "backoff-limit"}
    assert outcome.rules == (("backoff-limit", "warned"),)


def test_a_long_warning_at_the_end_does_not_exceed_the_limit() -> None:
    containers = [container(f"c{index}") for index in range(15)]
    containers[0]["image"] = f"example.com/{'x' * 250}"
    tree = stored(complete(pod={"containers": containers}))

    assert len(validated(tree).response["warnings"]) <= 17


def test_warnings_of_another_script_do_not_exceed_the_limit() -> None:
    validated(stored(complete(annotations={"jobwarden.io/ignore": "日本" * 1200})))


def test_a_rule_is_named_once_in_an_annotation() -> None:
    tree = stored(complete(pod={"containers": [{"name": name, "image": f"{name}:1"} for name in "abc"]}))

    outcome = validated(tree)

    assert outcome.response["auditAnnotations"] == {"warned": "container-resources"}
    assert len(outcome.response["warnings"]) == 3


DENIAL = (
    "the policy does not allow this Job:\n"
    "- backoff-limit: spec.backoffLimit: 50 retries are more than the 10 that the policy allows"
    " (jobwarden explain backoff-limit)"
)


def test_an_error_denies() -> None:
    outcome = validated(stored(complete({"backoffLimit": 50})), of=policy("profile: strict"))

    assert outcome == (
        {
            "allowed": False,
            "status": {"code": 403, "reason": "Forbidden", "message": DENIAL},
            "auditAnnotations": {"denied": "backoff-limit"},
        },
        "denied",
        "",
        (("backoff-limit", "denied"),),
    )


PRACTICE = rule("practice", severity=Severity.ERROR)
HOLE = rule("hole", severity=Severity.ERROR, class_=Class.HOLE)


@pytest.mark.parametrize(
    ("rules", "status"),
    [
        ((PRACTICE,), (403, "Forbidden")),
        ((HOLE,), (422, "Invalid")),
        ((HOLE, PRACTICE), (403, "Forbidden")),
    ],
)
def test_what_can_never_work_is_invalid_and_everything_else_forbidden(
    rules: tuple[Rule[Any], ...], status: tuple[int, str]
) -> None:
    found = validated(stored(job()), of=of_rules(*rules)).response["status"]

    assert (found["code"], found["reason"]) == status


def test_the_default_policy_denies_a_cronjob_that_can_never_make_a_job() -> None:
    tree = stored(complete_cronjob({"completionMode": "Indexed", "completions": 3}))
    tree["metadata"]["name"] = "a.b"

    outcome = validated(tree)

    assert outcome.response["status"]["code"] == 422
    assert "- name-budget: metadata.name: " in outcome.response["status"]["message"]


@pytest.mark.parametrize(
    ("mode", "verdict"),
    [(Mode.ENFORCE, "denied"), (Mode.WARN, "warned"), (Mode.AUDIT, "noted")],
)
def test_the_mode_caps_the_consequence(mode: Mode, verdict: str) -> None:
    request = review(stored(complete({"backoffLimit": 50})))

    outcome = answer(validate, request, policy("profile: strict"), mode)

    assert outcome.rules == (("backoff-limit", verdict),)
    assert outcome.response["auditAnnotations"] == {verdict: "backoff-limit"}
    assert outcome.response["allowed"] == (mode != Mode.ENFORCE)
    assert ("warnings" in outcome.response) == (mode == Mode.WARN)


def test_a_rule_that_raises_costs_only_itself() -> None:
    def raises(_found: Job, _: None) -> Iterator[Finding]:
        raise RuntimeError("a bug")

    broken = Rule("broken", "Made up.", Severity.ERROR, Class.PRACTICE, None, raises, (), ())
    failures = []

    outcome = validate(
        review(stored(job())), of_rules(broken, PRACTICE), Mode.ENFORCE, lambda name, _: failures.append(name)
    )

    assert outcome.rules == (("practice", "denied"),)
    assert failures == ["broken"]


@pytest.mark.parametrize(
    "metadata",
    [
        {"ownerReferences": [{"kind": "JobSet", "name": "a", "uid": "u", "controller": True}]},
        {"ownerReferences": [{"kind": "CronJob", "name": "a", "uid": "u", "controller": True}]},
    ],
)
def test_a_controller_is_never_denied_but_a_person_is(metadata: Tree) -> None:
    tree, of = stored(complete({"backoffLimit": 50}, **metadata)), policy("profile: strict", "backoff-limit")
    controller = {"username": "system:serviceaccount:batch:controller"}

    assert validated(tree, of=of, userInfo=controller).rules == (("backoff-limit", "warned"),)
    assert validated(tree, of=of, userInfo={"username": "alice"}).rules == (("backoff-limit", "denied"),)


def test_a_generated_name_is_judged_like_any_other() -> None:
    tree = stored(complete({"backoffLimit": 50}, generateName="main-"))
    del tree["metadata"]["name"]

    assert mutated(tree, name="").verdict == "allowed"
    assert validated(tree, of=policy("profile: strict"), name="").verdict == "denied"


# Ratchets: only what an update brings is denied.

STRICT = policy("{profile: strict, rules: {backoff-limit: {mutate: false}}}")


def container(name: str, **fields: Any) -> Tree:
    """Make a container."""
    return {"name": name, "image": f"{name}:1", **fields}


FINE = {"resources": {"requests": REQUESTS}}


def test_a_violation_that_a_cronjob_had_before_is_tolerated() -> None:
    old = stored(complete_cronjob({"backoffLimit": 50}))
    new = stored(complete_cronjob({"backoffLimit": 50, "parallelism": 2, "completions": 2}))

    outcome = validated(new, old, STRICT)

    assert outcome.rules == (("backoff-limit", "tolerated"),)
    assert outcome.response["auditAnnotations"] == {"tolerated": "backoff-limit"}
    (line,) = outcome.response["warnings"]
    assert line.startswith("backoff-limit: spec.jobTemplate.spec.backoffLimit: 50 retries are more than")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([container("a"), container("b", **FINE)], [container("b", **FINE), container("a")]),
        ([container("a")], [container("b", **FINE), container("a")]),
        ([container("a"), container("b")], [container("b")]),
        ([container("a")], [container("a", args=["x"])]),
    ],
)
def test_containers_may_change_places(before: list[Tree], after: list[Tree]) -> None:
    old, new = (stored(complete_cronjob(pod={"containers": one})) for one in (before, after))

    assert {verdict for _, verdict in validated(new, old, STRICT).rules} == {"tolerated"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([container("a")], [container("a"), container("b")]),
        ([container("a")], [container("b")]),
        ([container("a"), container("b", **FINE)], [container("a", **FINE), container("b")]),
        ([container("a", resources={"requests": {"cpu": "1"}})], [container("a")]),
    ],
)
def test_a_violation_that_is_new_to_a_container_is_denied(before: list[Tree], after: list[Tree]) -> None:
    old, new = (stored(complete_cronjob(pod={"containers": one})) for one in (before, after))

    assert ("container-resources", "denied") in validated(new, old, STRICT).rules


def test_a_violation_that_was_there_may_move_in_its_list() -> None:
    index = "$(JOB_COMPLETION_INDEX)"
    old, new = (
        stored(complete_cronjob(container={"args": args})) for args in (["-v", index], ["-v", "-q", index])
    )

    assert validated(new, old).rules == (("index-without-indexed", "tolerated"),)


def test_a_violation_of_an_item_without_a_name_may_move_as_well() -> None:
    of = policy("rules: {failure-policy-semantics: {severity: error}}")
    killed = {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [137]}}
    first = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}
    old, new = (
        stored(complete_cronjob({"podReplacementPolicy": "Failed", "podFailurePolicy": {"rules": rules}}))
        for rules in ([killed], [first, killed])
    )

    assert validated(new, old, of).rules == (("failure-policy-semantics", "tolerated"),)


def test_a_violation_that_comes_a_second_time_is_denied() -> None:
    index = "$(JOB_COMPLETION_INDEX)"
    old, new = (stored(complete_cronjob(container={"args": args})) for args in ([index], [index, index]))

    assert ("index-without-indexed", "denied") in validated(new, old).rules


@pytest.mark.parametrize("before", [3, 20])
def test_a_violation_that_gets_worse_is_denied(before: int) -> None:
    old, new = (stored(complete_cronjob({"backoffLimit": one})) for one in (before, 50))

    assert ("backoff-limit", "denied") in validated(new, old, STRICT).rules


def test_a_new_violation_beside_an_old_one_is_denied_alone() -> None:
    old = stored(complete_cronjob({"backoffLimit": 50}))
    new = stored(complete_cronjob({"backoffLimit": 50}, container={"resources": {}}))

    outcome = validated(new, old, STRICT)

    assert outcome.rules == (("container-resources", "denied"), ("backoff-limit", "tolerated"))
    assert "backoff-limit" not in outcome.response["status"]["message"]


def test_a_suppression_that_goes_away_does_not_hide_what_it_hid() -> None:
    old = stored(complete_cronjob({"backoffLimit": 50}))
    old["metadata"]["annotations"] = {"jobwarden.io/ignore": "backoff-limit"}
    new = stored(complete_cronjob({"backoffLimit": 50, "suspend": True}))

    assert ("backoff-limit", "denied") in validated(new, old, STRICT).rules


def test_a_rule_that_is_not_suppressed_any_more_is_no_matter_of_metadata_alone() -> None:
    old = stored(complete_cronjob({"backoffLimit": 50}))
    new = deepcopy(old)
    old["metadata"]["annotations"] = {"jobwarden.io/ignore": "backoff-limit"}

    assert validated(new, old, STRICT).skipped == "unchanged"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"backoffLimit": 3}, {"backoffLimit": 50}),
        ({"backoffLimit": 20}, {"backoffLimit": 50}),
        ({}, {"ttlSecondsAfterFinished": 0}),
        ({}, {"ttlSecondsAfterFinished": 9999999}),
        ({"ttlSecondsAfterFinished": 400}, {"ttlSecondsAfterFinished": None}),
        ({"activeDeadlineSeconds": 400}, {"activeDeadlineSeconds": None}),
    ],
)
def test_a_person_who_changes_a_job_for_the_worse_is_denied(before: Tree, after: Tree) -> None:
    old, new = (stored(complete(one)) for one in (before, after))

    assert validated(new, old, STRICT).verdict == "denied"


def lacking(spec: Any = None, pod: Any = None) -> Tree:
    """Make a Job that breaks many rules of the strict profile."""
    return stored(job({"backoffLimit": 50, "ttlSecondsAfterFinished": 0, **(spec or {})}, pod))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (lacking({"suspend": True}), lacking({"suspend": False})),
        (lacking({"suspend": False}), lacking({"suspend": True})),
        (lacking({"parallelism": 1}), lacking({"parallelism": 7})),
        (lacking({"suspend": True}), lacking({"suspend": False}, {"nodeSelector": POOL})),
        (lacking({"suspend": True}), lacking({"suspend": False}, {"tolerations": [OTHER]})),
        (
            lacking({"suspend": True}),
            lacking(
                {"suspend": True}, {"containers": [container("main", resources={"limits": {"cpu": "1"}})]}
            ),
        ),
        (stored(complete({"suspend": True})), stored(complete({"suspend": False}, {"nodeSelector": POOL}))),
        (
            stored(complete({"suspend": True})),
            stored(complete({"suspend": False, "parallelism": 9, "completions": 1})),
        ),
        (lacking(), lacking({"activeDeadlineSeconds": 60})),
        (lacking(), lacking({"selector": {"matchLabels": {"a": "b"}}})),
        (lacking(), lacking({"managedBy": "x.io/a"})),
    ],
)
def test_schedulers_and_queues_are_never_denied(old: Tree, new: Tree) -> None:
    assert validated(new, old, STRICT).verdict == "allowed"


def test_what_a_queue_brings_is_told() -> None:
    old, new = (stored(complete({"suspend": True}, pod)) for pod in ({}, {"nodeSelector": POOL}))

    assert ("batch-toleration", "tolerated") in validated(new, old, STRICT).rules


def test_a_job_that_gets_better_in_one_field_is_not_denied_for_another() -> None:
    old = lacking()
    new = lacking({"ttlSecondsAfterFinished": 400})

    assert validated(new, old, STRICT).verdict == "allowed"


# What was extended is put back.

EXTENDS = policy("{extendWritten: true, placement: {assign: require}}")


def created(wrote: Tree) -> Tree:
    """Return a Job as it is stored after its creation under a policy that extends."""
    tree = by_kubectl(wrote)
    return stored(patched(tree, mutated(tree, EXTENDS)))


WROTE = job(pod={"tolerations": [OTHER], "nodeSelector": {"disk": "ssd"}})


def applied_again(old: Tree, wrote: Tree) -> Tree:
    """Return what an apply of a manifest makes of a stored Job: it replaces lists as a whole."""
    new = deepcopy(old)
    for key in ("tolerations", "nodeSelector"):
        new["spec"]["template"]["spec"][key] = wrote["spec"]["template"]["spec"][key]
    return new


def test_a_job_is_extended_where_the_policy_says_so() -> None:
    pod = created(WROTE)["spec"]["template"]["spec"]

    assert pod["tolerations"] == [OTHER, OURS]
    assert pod["nodeSelector"] == {"disk": "ssd", **POOL}


def test_what_was_extended_is_put_back_when_the_manifest_is_applied_again() -> None:
    old = created(WROTE)
    new = applied_again(old, WROTE)

    outcome = answer(mutate, review(new, old), EXTENDS)

    assert same(patched(new, outcome)["spec"], old["spec"])
    assert patch_of(outcome) == [
        {"op": "add", "path": "/spec/template/spec/nodeSelector/workload-type", "value": "batch"},
        {"op": "add", "path": "/spec/template/spec/tolerations/1", "value": OURS},
    ]


def test_what_is_put_back_is_told_to_nobody() -> None:
    old = created(WROTE)

    assert answer(mutate, review(applied_again(old, WROTE), old), EXTENDS).response["warnings"] == []


def test_a_change_beside_the_template_is_kept() -> None:
    old = created(WROTE)
    new = applied_again(old, WROTE)
    new["spec"]["suspend"] = True

    assert patched(new, answer(mutate, review(new, old), EXTENDS))["spec"] == {**old["spec"], "suspend": True}


def test_nothing_is_invented_on_an_update() -> None:
    old = by_kubectl(WROTE)
    new = deepcopy(old)
    new["spec"]["suspend"] = True

    assert answer(mutate, review(new, old), EXTENDS).verdict == "allowed"


def test_a_template_that_somebody_changes_is_left_to_the_server() -> None:
    old = created(WROTE)
    new = applied_again(old, WROTE)
    new["spec"]["template"]["spec"]["containers"][0]["image"] = "main:2"

    assert answer(mutate, review(new, old), EXTENDS).verdict == "allowed"


def test_a_value_that_somebody_took_away_is_not_put_back() -> None:
    old = created(WROTE)
    new = deepcopy(old)
    del new["spec"]["ttlSecondsAfterFinished"]
    del new["spec"]["activeDeadlineSeconds"]

    assert answer(mutate, review(new, old), EXTENDS).verdict == "allowed"


@pytest.mark.parametrize("mode", [Mode.WARN, Mode.AUDIT])
def test_below_enforce_nothing_is_put_back(mode: Mode) -> None:
    old = created(WROTE)

    assert answer(mutate, review(applied_again(old, WROTE), old), EXTENDS, mode).skipped == "operation"


def test_a_cronjob_is_extended_at_each_update() -> None:
    wrote = cronjob(pod={"nodeSelector": POOL, "tolerations": [OTHER]})
    old = by_kubectl(wrote)
    new = by_kubectl(cronjob({"suspend": True}, {"nodeSelector": POOL, "tolerations": [OTHER]}))

    outcome = answer(mutate, review(new, old))

    pod = patched(new, outcome)["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["tolerations"] == [OTHER, OURS]


# What holds for every object.

POLICIES = (
    policy(),
    policy("{profile: strict, placement: {assign: require}, resources: {limits: {memory: 1Gi}}}"),
    policy("{extendWritten: true, placement: {assign: tolerate}, backoffLimit: {default: 6}}"),
    STRICT,
    policy("{mode: warn, profile: strict}"),
)
APPLIES = (stored, by_kubectl, by_server)


def mode_of(of: Policy) -> Mode:
    """Return the mode of a policy."""
    return of.webhook.mode


@given(MANIFESTS, st.sampled_from(POLICIES), st.sampled_from(APPLIES))
@settings(deadline=None, max_examples=60)
def test_a_patch_keeps_what_was_written_and_is_made_once(
    wrote: Tree, of: Policy, apply: Callable[[Tree], Tree]
) -> None:
    tree = apply(wrote)
    new = patched(tree, answer(mutate, review(tree), of, mode_of(of)))

    assert keeps(new, decoded(wrote) if apply is not stored else stored_as_told(wrote))
    assert patch_of(answer(mutate, review(stored(new)), of, mode_of(of))) == []


def stored_as_told(wrote: Tree) -> Any:
    """Leave out what is the default in its place: nobody knows that it was written."""
    spec = {key: one for key, one in wrote["spec"].items() if key != "backoffLimit" or one != 6}
    return decoded({**wrote, "spec": spec})


@given(MANIFESTS, st.sampled_from(POLICIES))
@settings(deadline=None, max_examples=40)
def test_what_the_linter_foretells_becomes_true(wrote: Tree, of: Policy) -> None:
    mode, foretold = mode_of(of), foretell(Job(wrote), of)
    tree = by_kubectl(wrote)
    first = answer(mutate, review(tree), of, mode)
    final = stored(patched(tree, first))
    second = answer(validate, review(final), of, mode)

    if foretold.verdict == "rejected":
        return
    verdict = second.verdict if second.verdict == "denied" else first.verdict
    lines = [*first.response.get("warnings", []), *second.response.get("warnings", [])]
    assert foretold.verdict == verdict
    assert list(foretold.warnings) == [*dict.fromkeys(lines)]
    assert foretold.message == second.response.get("status", {}).get("message", "")
    assert verdict == "denied" or same(stored(foretold.tree)["spec"], final["spec"])


def test_real_manifests_are_patched_once_and_keep_what_they_say() -> None:
    found = manifests(folder_of("JOBWARDEN_CORPUS") / "visible")
    for wrote in found:
        metadata = {"name": "main", **(wrote.get("metadata") or {})}
        tree = by_kubectl({**wrote, "metadata": metadata})
        for of in POLICIES[:2]:
            new = patched(tree, answer(mutate, review(tree), of))
            assert keeps(new, decoded({**wrote, "metadata": metadata}))
            assert patch_of(answer(mutate, review(stored(new)), of)) == []

    assert len(found) > 200


ANYTHING: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, 1.5, -0.0, 1e308, "", "a", "\0", "日本", "a/b~c", "$patch"),
    *([], [None], [[]], [{}], [{"name": None}], [{"name": []}], {}, {"": None}, {"a": {}}, {"name": 5}),
    *("{{x}}", "${X}", "1Gi", "x" * 300),
)
NAMES = ("a/b", "~", "日本", "", "$patch", "name", "containers", "spec", "env", "limits", "metadata")


def spoiled(random: Random, value: Any, odds: float) -> Any:
    """Copy a tree with something else in a few places."""
    if random.random() < odds:
        return deepcopy(random.choice(ANYTHING))
    if isinstance(value, dict):
        more = {random.choice(NAMES): random.choice(ANYTHING)} if random.random() < odds else {}
        return {key: spoiled(random, item, odds) for key, item in value.items()} | deepcopy(more)
    if isinstance(value, list):
        more_items = [deepcopy(random.choice(ANYTHING))] if random.random() < odds else []
        return [spoiled(random, item, odds) for item in value] + more_items
    return value


def strange(random: Random) -> Tree:
    """Make something that looks like a Job here and there."""
    tree = random.choice(APPLIES)(manifest(random))
    value = spoiled(random, tree, random.choice((0.005, 0.02, 0.05, 0.2)))
    return value if isinstance(value, dict) else {"spec": value}


@given(st.integers(0, 2**32), st.sampled_from(POLICIES), st.sampled_from([*Mode]))
@settings(deadline=None, max_examples=200)
def test_wrong_types_anywhere_never_raise(seed: int, of: Policy, mode: Mode) -> None:
    random = Random(seed)
    new, old = strange(random), strange(random) if random.random() < 0.5 else None
    resource = {"group": "batch", "version": "v1", "resource": random.choice(("jobs", "cronjobs"))}
    request = review(new, old, resource=resource)

    for webhook in (mutate, validate):
        answer(webhook, request, of, mode)


SHAPES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=5) | st.sampled_from(["spec", "metadata", "kind"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(SHAPES, SHAPES, st.sampled_from(["CREATE", "UPDATE", "DELETE", "CONNECT", "PATCH", "", None]))
@settings(deadline=None, max_examples=200)
def test_a_review_of_any_shape_is_answered_or_refused(tree: Any, old: Any, operation: Any) -> None:
    resource = {"group": "batch", "version": "v1", "resource": "jobs"}
    value = {"uid": "u-1", "operation": operation, "resource": resource, "object": tree, "oldObject": old}
    text = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": value})
    try:
        request = read(text.encode())
    except ReviewError:
        return

    for webhook in (mutate, validate):
        answer(webhook, request, STRICT)


IDENTITIES = ("a", "report-28930000", "x" * 40, "x" * 41, "x" * 60, "a.b", "A", "-a", "", 5)


def renamed(random: Random, tree: Tree) -> Tree:
    """Copy an object with another identity."""
    identity = {"name": random.choice(IDENTITIES), "uid": str(random.random()), "resourceVersion": "1"}
    metadata = {**tree["metadata"], **identity}
    if random.random() < 0.5:
        generated = {"job-name": "a", "controller-uid": identity["uid"]}
        metadata["labels"] = {**(metadata.get("labels") or {}), **generated}
    return {**tree, "metadata": metadata}


@given(st.integers(0, 2**32), st.sampled_from(POLICIES))
@settings(deadline=None, max_examples=60)
def test_an_answer_from_memory_is_the_answer(seed: int, of: Policy) -> None:
    random = Random(seed)
    tree = random.choice(APPLIES)(manifest(random))
    for webhook in (mutate, validate):
        memory = Memory[Outcome]()
        for request in (review(renamed(random, tree)) for _ in range(4)):
            remembered = webhook(request, of, Mode.ENFORCE, no_failure, memory)
            assert remembered == webhook(request, of, Mode.ENFORCE, no_failure)


@pytest.mark.parametrize(
    "metadata",
    [
        {"managedFields": 5},
        {"managedFields": "x"},
        {"managedFields": [None]},
        {"managedFields": ["x"]},
        {"managedFields": {"a": 1}},
        {"deep": json.loads('{"a":' * 900 + "1" + "}" * 900)},
    ],
)
def test_a_memory_never_raises(metadata: Tree) -> None:
    value = json.loads(body(stored(job())))
    value["request"]["object"]["metadata"] |= metadata

    request = read(json.dumps(value).encode())
    mutate(request, policy(), Mode.ENFORCE, no_failure, Memory())


def deep(levels: int) -> Any:
    """Make maps in maps."""
    value: Any = None
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize("webhook", [mutate, validate])
@pytest.mark.parametrize("place", ["metadata", "spec", "template", "pod", "container", "resources"])
def test_a_tree_of_900_levels_is_answered(webhook: Answer, place: str) -> None:
    tree, old = stored(job()), stored(job({"suspend": True}))
    pod = tree["spec"]["template"]["spec"]
    spot = {
        "metadata": tree["metadata"],
        "spec": tree["spec"],
        "template": tree["spec"]["template"],
        "pod": pod,
        "container": pod["containers"][0],
        "resources": pod["containers"][0].setdefault("resources", {}),
    }[place]
    spot["deep"] = deep(900)
    text = json.dumps({**json.loads(body({}, old)), "request": None}).encode()
    request = json.loads(body({}, old))["request"] | {"object": tree}
    text = json.dumps({**json.loads(text), "request": request}).encode()

    answer(webhook, read(text), EXTENDS)


@pytest.mark.parametrize("webhook", [mutate, validate])
def test_an_annotation_of_900_levels_is_answered(webhook: Answer) -> None:
    for key in ("a", "template", "spec"):
        text = '{"spec":' + f'{{"{key}":' * 900 + "null" + "}" * 901
        answer(webhook, review(annotated(stored(job()), text)))


def test_a_huge_annotation_is_answered() -> None:
    tree = stored(complete(annotations={"note": "x" * 2**20, "日本": "\U0001f600" * 1000}))

    assert mutated(tree).verdict == "allowed"


@pytest.mark.parametrize("metadata", [{}, {"name": ""}, {"name": "", "generateName": "main-"}, None])
def test_an_object_without_a_name_is_answered(metadata: Any) -> None:
    tree = {**stored(job()), "metadata": metadata}

    assert mutated(tree, name="").verdict == "patched"


def steps(webhook: Answer, tree: Tree) -> int:
    """Count the instructions of Python that an answer takes: unlike seconds, the same each time."""
    request, of, number = review(tree), policy(), 0
    _ = of.active

    def count(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal number
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        number += event == "opcode"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        webhook(request, of, Mode.ENFORCE, no_failure)
    finally:
        sys.settrace(before)
    return number


def with_containers(number: int) -> Tree:
    """Make a Job with many containers."""
    return job(pod={"containers": [container(f"a{index}") for index in range(number)]})


def with_env(number: int) -> Tree:
    """Make a Job with many variables that have no value."""
    env = [{"name": f"A{index}", "value": "$(JOB_COMPLETION_INDEX)"} for index in range(number)]
    return stored(job(container={"env": env}))


def with_rules(number: int) -> Tree:
    """Make a Job with more rules than the server takes: it asks the webhook first."""
    types = [f"T{index}" for index in range(number)]
    rules = [{"action": "Ignore", "onPodConditions": [{"type": one, "status": "True"}]} for one in types]
    return stored(job({"podFailurePolicy": {"rules": rules}}))


def with_ignores(number: int) -> Tree:
    """Make a Job that ignores many rules that there are not."""
    names = " ".join(f"rule-{index}" for index in range(number))
    return stored(job(annotations={"jobwarden.io/ignore": names}))


LARGE = {
    "containers": lambda number: stored(with_containers(number)),
    "containers applied by kubectl": lambda number: by_kubectl(with_containers(number)),
    "containers applied by the server": lambda number: by_server(with_containers(number)),
    "variables": with_env,
    "rules": with_rules,
    "ignores": with_ignores,
}


@pytest.mark.parametrize("webhook", [mutate, validate])
@pytest.mark.parametrize("make", LARGE.values(), ids=LARGE.keys())
def test_four_times_as_much_takes_about_four_times_as_long(
    webhook: Answer, make: Callable[[int], Tree]
) -> None:
    few, many = (steps(webhook, make(number)) for number in (50, 200))

    assert many < 6 * few


def test_a_thousand_containers_are_patched() -> None:
    tree = stored(job(pod={"containers": [container(f"a{index}") for index in range(1000)]}))
    outcome = mutated(tree, policy("", "container-resources"))

    assert len(patch_of(outcome)) == 1000
    assert outcome.response["warnings"] == ["jobwarden: set requests cpu: 100m, memory: 128Mi"]


def test_the_limits_of_a_hundred_containers_are_told_in_few_lines() -> None:
    def large(index: int) -> Tree:
        return container(f"a{index}", resources={"requests": {"cpu": "1", "memory": f"{2000 + index}Mi"}})

    tree = stored(job(pod={"containers": [large(index) for index in range(100)]}))
    outcome = mutated(tree, policy("resources: {limits: {memory: 1Gi}}", "container-resources"))

    assert sum(len(line) for line in outcome.response["warnings"]) < 4096
