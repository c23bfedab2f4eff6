"""What people do with kubectl and other clients meets the policy, on a real API server."""

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from batch import OFF, SHIPPED, STRICT, STRICTEST, Tree, container, cronjob, job, path_of, policies

from webhook.certs import issue
from webhook.tls import Certificates

if TYPE_CHECKING:
    from apiserver import Answer, Done
    from kubernetes.client import ApiClient
    from webhooks import Webhook

pytest_plugins = ["webhooks"]

EVERY_MINOR = pytest.mark.usefixtures("every_minor")

TOLERATION = {"key": "batch", "operator": "Equal", "value": "true", "effect": "NoSchedule"}

REQUESTS = {"cpu": "100m", "memory": "128Mi"}

SET = {
    "backoffLimit": 3,
    "ttl": 86400,
    "deadline": 86400,
    "requests": [REQUESTS],
    "tolerations": [TOLERATION],
}
"""What the policy of manifests/ sets of a Job."""

NOT_SET = {"backoffLimit": 6, "ttl": None, "deadline": None, "requests": [None], "tolerations": None}
"""What the API server makes of the same Job."""

TITLES = [
    "set backoffLimit: 3",
    "set activeDeadlineSeconds: 86400",
    "set ttlSecondsAfterFinished: 86400",
    "set requests cpu: 100m, memory: 128Mi",
    "tolerate batch=true:NoSchedule",
]
"""What the user is told of it."""

KEEP = "backoff-limit: to keep 6, which is the default, annotate jobwarden.io/ignore: backoff-limit"
"""Told where nobody knows whether the default was written."""

DENIAL = "the policy does not allow this Job:\n- backoff-limit: spec.backoffLimit: 50 retries are more than"

BAD = {"backoffLimit": 50, "ttlSecondsAfterFinished": 5}
"""More than the strict policy allows, beside what is missing."""


def settings(tree: Tree) -> Tree:
    """Return the fields that the policy sets, of a Job or of what a CronJob makes."""
    spec = tree["spec"]["jobTemplate"]["spec"] if tree["kind"] == "CronJob" else tree["spec"]
    pod = spec["template"]["spec"]
    return {
        "backoffLimit": spec.get("backoffLimit"),
        "ttl": spec.get("ttlSecondsAfterFinished"),
        "deadline": spec.get("activeDeadlineSeconds"),
        "requests": [one["resources"].get("requests") for one in pod["containers"]],
        "tolerations": pod.get("tolerations"),
    }


def create(webhook: "Webhook", tree: Tree, namespace: str, **options: Any) -> "Answer":
    """Create an object by the API."""
    return webhook.server.request("POST", path_of(tree, namespace), tree, **options)


def change(webhook: "Webhook", tree: Tree, patch: Tree, below: str = "") -> "Answer":
    """Change fields of a stored object."""
    return webhook.server.request("PATCH", path_of(tree) + below, patch)


def before(webhook: "Webhook", tree: Tree) -> Tree:
    """Store an object before the webhook is asked about its namespace; return it."""
    namespace = webhook.server.namespace(**OFF)
    answer = create(webhook, tree, namespace)
    assert answer.status == 201, answer
    webhook.cover(namespace)
    stored: Tree = answer.body
    return stored


def decisions(webhook: "Webhook", name: str = "example") -> list[tuple[str, str]]:
    """Return what was decided about an object since the last time."""
    return [(one["webhook"], one["verdict"]) for one in webhook.decisions() if one["name"] == name]


def kubectl(webhook: "Webhook", namespace: str, words: str, *trees: Tree) -> "Done":
    """Run kubectl in a namespace, with objects on its standard input if there are any."""
    given = ("--filename=-",) if trees else ()
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": trees})
    return webhook.server.kubectl(*words.split(), f"--namespace={namespace}", *given, stdin=text)


def warnings(done: "Done") -> list[str]:
    """Return what kubectl warns of."""
    start = "Warning: "
    return [line.removeprefix(start) for line in done.stderr.splitlines() if line.startswith(start)]


def titles(told: list[str], start: str = "jobwarden: ") -> list[str]:
    """Return what was set, of the warnings that say so."""
    lines = "\n".join(told).replace("\n  ", " ").split("\n")  # a long one goes on, indented
    return [title for line in lines if line.startswith(start) for title in line[len(start) :].split("; ")]


def python_client(webhook: "Webhook") -> "ApiClient":
    """Return the official client, logged in."""
    from kubernetes.client import ApiClient, Configuration

    server = webhook.server
    configuration = Configuration(host=server.url)
    configuration.ssl_ca_cert = str(server.ca_file)
    configuration.api_key["authorization"] = f"Bearer {server.tokens['admin']}"
    return ApiClient(configuration)


# Ways to make a Job, and the policy of manifests/.


@SHIPPED
@EVERY_MINOR
@pytest.mark.parametrize("words", ["apply", "apply --server-side"])
def test_an_applied_job_gets_what_the_policy_sets(webhook: "Webhook", words: str) -> None:
    done = kubectl(webhook, webhook.server.namespace(), f"{words} --output=json", job())

    assert settings(json.loads(done.stdout)) == SET
    assert titles(warnings(done)) == TITLES
    assert KEEP not in warnings(done)


@SHIPPED
@EVERY_MINOR
@pytest.mark.parametrize("words", ["create --filename=-", "create job example --image=main:1"])
def test_a_created_job_gets_what_the_policy_sets_and_is_told_how_to_keep_a_default(
    webhook: "Webhook", words: str
) -> None:
    namespace = webhook.server.namespace()

    done = webhook.server.kubectl(
        *words.split(), "--output=json", f"--namespace={namespace}", stdin=json.dumps(job())
    )

    assert settings(json.loads(done.stdout)) == SET
    assert titles(warnings(done)) == TITLES
    assert KEEP in warnings(done)


@SHIPPED
@EVERY_MINOR
@pytest.mark.parametrize("words", ["apply", "apply --server-side", "create"])
def test_a_dry_run_by_the_server_shows_what_the_policy_sets_and_stores_nothing(
    webhook: "Webhook", words: str
) -> None:
    namespace = webhook.server.namespace()

    done = kubectl(webhook, namespace, f"{words} --dry-run=server --output=json", job())

    assert settings(json.loads(done.stdout)) == SET
    assert webhook.server.request("GET", path_of(job(), namespace)).body["items"] == []


@SHIPPED
@EVERY_MINOR
def test_a_cronjob_gets_all_but_the_time_to_live(webhook: "Webhook") -> None:
    done = kubectl(webhook, webhook.server.namespace(), "apply --output=json", cronjob())

    assert settings(json.loads(done.stdout)) == {**SET, "ttl": None}


@SHIPPED
@EVERY_MINOR
def test_a_replaced_cronjob_gets_what_the_policy_sets(webhook: "Webhook") -> None:
    old = before(webhook, cronjob())
    assert settings(old) == {**NOT_SET, "backoffLimit": None}

    done = kubectl(
        webhook, old["metadata"]["namespace"], "replace --output=json", cronjob(schedule="5 4 * * *")
    )

    assert settings(json.loads(done.stdout)) == {**SET, "ttl": None}
    assert warnings(done) != []


@SHIPPED
@EVERY_MINOR
def test_a_job_made_of_a_cronjob_by_hand_gets_what_the_cronjob_has_not(webhook: "Webhook") -> None:
    namespace = before(webhook, cronjob())["metadata"]["namespace"]

    done = kubectl(webhook, namespace, "create job by-hand --from=cronjob/example --output=json")

    assert settings(json.loads(done.stdout)) == {**SET, "ttl": None}


@SHIPPED
def test_the_python_client_gets_what_the_policy_sets(webhook: "Webhook") -> None:
    from kubernetes.client import BatchV1Api

    body: Any = job()  # a dictionary will do, whatever the types say
    with python_client(webhook) as client:
        created: Any = BatchV1Api(client).create_namespaced_job(webhook.server.namespace(), body)

    assert created.spec.active_deadline_seconds == 86400
    assert created.spec.template.spec.containers[0].resources.requests == REQUESTS


@SHIPPED
def test_a_written_default_is_kept_where_it_shows(webhook: "Webhook") -> None:
    for words in ("apply", "apply --server-side"):
        done = kubectl(webhook, webhook.server.namespace(), f"{words} --output=json", job(backoffLimit=6))

        assert json.loads(done.stdout)["spec"]["backoffLimit"] == 6


# Names, fields and sizes.


@SHIPPED
@pytest.mark.parametrize("options", [{}, {"dryRun": "All"}], ids=["stored", "dry run"])
def test_a_job_with_a_name_to_be_generated_gets_what_the_policy_sets(
    webhook: "Webhook", options: Tree
) -> None:
    tree = {**job(), "metadata": {"generateName": "generated-"}}
    webhook.decisions()

    answer = create(webhook, tree, webhook.server.namespace(), **options)

    assert answer.status == 201, answer
    assert settings(answer.body) == SET
    name = answer.body["metadata"]["name"]
    assert name.startswith("generated-")
    asked = [(one["webhook"], one["name"]) for one in webhook.decisions()]
    assert asked == [("mutate", "generated-"), ("validate", name)]


@SHIPPED
@pytest.mark.parametrize("metadata", [{}, {"name": ""}], ids=["none", "empty"])
def test_a_job_without_a_name_is_rejected_by_the_server_and_not_by_us(
    webhook: "Webhook", metadata: Tree
) -> None:
    answer = create(webhook, {**job(), "metadata": metadata}, webhook.server.namespace())

    assert answer.status == 422
    assert answer.body["message"] == (
        'Job.batch "" is invalid: metadata.name: Required value: name or generateName is required'
    )


@SHIPPED
@EVERY_MINOR
def test_an_unknown_field_is_dropped_by_the_server_as_ever(webhook: "Webhook") -> None:
    namespace, tree = webhook.server.namespace(), job(backofLimit=1)
    answers = {
        validation: create(webhook, tree, namespace, dryRun="All", fieldValidation=validation)
        for validation in ("Ignore", "Warn", "Strict")
    }

    assert settings(answers["Ignore"].body) == SET
    assert titles(answers["Ignore"].warnings) == TITLES
    assert settings(answers["Warn"].body) == SET
    assert answers["Warn"].warnings == ['unknown field "spec.backofLimit"', *answers["Ignore"].warnings]
    assert answers["Strict"].status == 400
    assert answers["Strict"].warnings == []


@SHIPPED
def test_a_thousand_containers_are_all_mended_in_time(webhook: "Webhook") -> None:
    containers = [container(f"main-{number}") for number in range(1000)]

    answer = create(webhook, job(pod={"containers": containers}), webhook.server.namespace())

    assert answer.status == 201, answer
    assert settings(answer.body)["requests"] == [REQUESTS] * 1000


@SHIPPED
@pytest.mark.parametrize(
    ("size", "options"), [(2_000_000, {"dryRun": "All"}), (1_400_000, {})], ids=["2.0 MB", "1.4 MB, stored"]
)
def test_a_very_large_job_gets_what_the_policy_sets(webhook: "Webhook", size: int, options: Tree) -> None:
    large = container(args=["x" * 100_000] * (size // 100_000))

    answer = create(webhook, job(pod={"containers": [large]}), webhook.server.namespace(), **options)

    assert answer.status == 201, answer
    assert settings(answer.body) == SET


@SHIPPED
def test_an_update_of_a_very_large_cronjob_gets_what_the_policy_sets(webhook: "Webhook") -> None:
    large = container(args=["x" * 100_000] * 14)
    old = before(webhook, cronjob(of=job(pod={"containers": [large]})))

    answer = change(webhook, old, {"spec": {"schedule": "5 4 * * *"}})

    assert answer.status == 200, answer
    assert settings(answer.body) == {**SET, "ttl": None}


@SHIPPED
def test_slashes_and_tildes_in_keys_stay_where_they_are(webhook: "Webhook") -> None:
    attributes = {"a/b~c": "d", "~1": "~0", "/": "", "~": "/"}
    volumes = [{"name": "data", "csi": {"driver": "csi.example.com", "volumeAttributes": attributes}}]
    tree = job(pod={"volumes": volumes})
    tree["metadata"]["annotations"] = {"example.com/a": "~1"}

    answer = create(webhook, tree, webhook.server.namespace())

    assert settings(answer.body) == SET
    assert answer.body["spec"]["template"]["spec"]["volumes"] == volumes
    assert answer.body["metadata"]["annotations"] == {"example.com/a": "~1"}


# Namespaces and their modes.


@SHIPPED
@EVERY_MINOR
def test_in_mode_enforce_a_job_gets_what_the_policy_sets(webhook: "Webhook") -> None:
    answer = create(webhook, job(), webhook.server.namespace(**{"jobwarden.io/mode": "enforce"}))

    assert settings(answer.body) == SET


@SHIPPED
@EVERY_MINOR
def test_in_mode_warn_a_job_stays_as_it_is_and_its_user_is_told(webhook: "Webhook") -> None:
    answer = create(webhook, job(), webhook.server.namespace(**{"jobwarden.io/mode": "warn"}))

    assert settings(answer.body) == NOT_SET
    assert titles(answer.warnings, "jobwarden would: ") == TITLES


@SHIPPED
@EVERY_MINOR
def test_in_mode_audit_a_job_stays_as_it_is_and_nobody_is_told(webhook: "Webhook") -> None:
    webhook.decisions()

    answer = create(webhook, job(), webhook.server.namespace(**{"jobwarden.io/mode": "audit"}))

    assert settings(answer.body) == NOT_SET
    assert answer.warnings == []
    assert decisions(webhook) == [("mutate", "allowed"), ("validate", "allowed")]


@SHIPPED
@EVERY_MINOR
def test_in_mode_off_nobody_is_asked(webhook: "Webhook") -> None:
    webhook.decisions()

    answer = create(webhook, job(), webhook.server.namespace(**OFF))

    assert settings(answer.body) == NOT_SET
    assert answer.warnings == []
    assert decisions(webhook) == []


@SHIPPED
def test_a_mode_that_there_is_not_is_taken_for_enforce(webhook: "Webhook") -> None:
    answer = create(webhook, job(), webhook.server.namespace(**{"jobwarden.io/mode": "enforced"}))

    assert settings(answer.body) == SET


@SHIPPED
def test_another_mode_is_in_force_soon(webhook: "Webhook") -> None:
    namespace = webhook.server.namespace()
    path, labels = f"/api/v1/namespaces/{namespace}", {"jobwarden.io/mode": "warn"}

    assert settings(create(webhook, job(), namespace, dryRun="All").body) == SET
    webhook.server.request("PATCH", path, {"metadata": {"labels": labels}})

    def is_warned() -> bool:
        return settings(create(webhook, job(), namespace, dryRun="All").body) == NOT_SET

    assert webhook.server.wait("a namespace in another mode", is_warned)


@SHIPPED
@EVERY_MINOR
@pytest.mark.parametrize("mode", ["warn", "audit", "off", "enforce"])
def test_a_namespace_and_its_first_job_can_be_applied_together(webhook: "Webhook", mode: str) -> None:
    name = f"together-{mode}"
    labels = {"jobwarden.io/mode": mode}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}

    done = kubectl(webhook, name, "apply", namespace, job())

    assert done.returncode == 0, done.stderr
    stored = webhook.server.request("GET", f"{path_of(job(), name)}/example").body
    assert settings(stored) == (SET if mode == "enforce" else NOT_SET)


# What the audit log has.


def audited(webhook: "Webhook", tree: Tree, namespace: str) -> Tree:
    """Create an object, the first of a namespace, and return the annotations that the audit log has of it."""
    from webhooks import AUDITED

    create(webhook, tree, namespace, token=webhook.server.tokens[AUDITED])

    def found() -> list[Tree]:
        events = map(json.loads, webhook.audit_log.read_text().splitlines())
        return [one.get("annotations", {}) for one in events if one["objectRef"]["namespace"] == namespace]

    return webhook.server.wait("an event in the audit log", found)[0]


def rounds(annotations: Tree) -> Tree:
    """Return the rounds in which webhooks were asked, and whether they changed something."""
    start = "mutation.webhook.admission.k8s.io/"
    values = {key: json.loads(value) for key, value in annotations.items() if key.startswith(start)}
    return {key.removeprefix(start): (one["webhook"], one["mutated"]) for key, one in values.items()}


@SHIPPED
@EVERY_MINOR
def test_the_audit_log_has_what_was_set_and_the_one_round_that_did_it(webhook: "Webhook") -> None:
    annotations = audited(webhook, job(), webhook.server.namespace())

    assert annotations["mutate.jobwarden.io/patched"] == "; ".join(TITLES)
    assert rounds(annotations) == {"round_0_index_0": ("mutate.jobwarden.io", True)}


@SHIPPED
@EVERY_MINOR
def test_the_audit_log_has_what_would_be_set_in_mode_audit(webhook: "Webhook") -> None:
    namespace = webhook.server.namespace(**{"jobwarden.io/mode": "audit"})
    annotations = audited(webhook, job(), namespace)

    assert annotations["mutate.jobwarden.io/would-patch"] == "; ".join(TITLES)
    assert "active-deadline-missing" in annotations["validate.jobwarden.io/noted"].split(",")
    assert rounds(annotations) == {"round_0_index_0": ("mutate.jobwarden.io", False)}


class Injector(BaseHTTPRequestHandler):
    """A webhook that adds a container to whatever it is asked about."""

    patch = json.dumps(
        [{"op": "add", "path": "/spec/template/spec/containers/-", "value": container("added")}]
    )

    def do_POST(self) -> None:
        """Answer a review."""
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        response = {"uid": review.pop("request")["uid"], "allowed": True, "patchType": "JSONPatch"}
        review["response"] = {**response, "patch": b64encode(self.patch.encode()).decode()}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(review).encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def injecting(webhook: "Webhook", namespace: str) -> Iterator[None]:
    """Have another webhook add a container to the Jobs of a namespace, after ours, until the block ends."""
    bundle = issue(["127.0.0.1"], datetime.now(UTC))
    with ThreadingHTTPServer(("127.0.0.1", 0), Injector) as server:
        context = Certificates(bundle.certificate, bundle.key).context
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        configuration = {
            "name": "added.example.com",
            "clientConfig": {
                "url": f"https://127.0.0.1:{server.server_port}",
                "caBundle": b64encode(bundle.ca).decode(),
            },
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "rules": [
                {
                    "apiGroups": ["batch"],
                    "apiVersions": ["v1"],
                    "resources": ["jobs"],
                    "operations": ["CREATE"],
                }
            ],
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
        }
        path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
        tree = {"metadata": {"name": "later-than-jobwarden"}, "webhooks": [configuration]}
        assert webhook.server.request("POST", path, tree).status == 201

        def adds() -> bool:
            return "added" in str(create(webhook, job(), namespace, dryRun="All").body)

        webhook.server.wait("a webhook that adds a container", adds)
        yield
        webhook.server.request("DELETE", f"{path}/later-than-jobwarden")
        webhook.server.wait("a webhook that adds nothing any more", lambda: not adds())
        server.shutdown()


@SHIPPED
def test_a_container_that_a_later_webhook_adds_is_mended_in_a_second_round(webhook: "Webhook") -> None:
    namespace = webhook.server.namespace()

    with injecting(webhook, namespace):
        annotations = audited(webhook, job("mended-twice"), namespace)

    stored = webhook.server.request("GET", f"{path_of(job(), namespace)}/mended-twice").body
    assert settings(stored) == {**SET, "requests": [REQUESTS] * 2}
    assert rounds(annotations) == {
        "round_0_index_0": ("mutate.jobwarden.io", True),
        "round_0_index_1": ("added.example.com", True),
        "round_1_index_0": ("mutate.jobwarden.io", True),
    }


# Exempt users and groups.

EXEMPT = policies(exempt="exempt: {users: [alice], groups: [exempt]}")


@EXEMPT
def test_an_exempt_user_gets_what_the_server_makes_of_a_job(webhook: "Webhook") -> None:
    alice = webhook.server.tokens["alice"]

    answer = create(webhook, job(), webhook.server.namespace(), token=alice)

    assert settings(answer.body) == NOT_SET
    assert answer.warnings == []


@EXEMPT
def test_a_user_of_an_exempt_group_gets_what_the_server_makes_of_a_job(webhook: "Webhook") -> None:
    groups = "--as=bob --as-group=exempt --as-group=system:masters"

    done = kubectl(webhook, webhook.server.namespace(), f"create --output=json {groups}", job())

    assert settings(json.loads(done.stdout)) == NOT_SET
    assert warnings(done) == []


@EXEMPT
def test_everybody_else_gets_what_the_policy_sets(webhook: "Webhook") -> None:
    answer = create(webhook, job(), webhook.server.namespace())

    assert settings(answer.body) == {**SET, "tolerations": None}


# Denials, by a policy with `profile: strict`.


@STRICT
@EVERY_MINOR
@pytest.mark.parametrize("words", ["apply", "apply --server-side", "create", "create --dry-run=server"])
def test_kubectl_shows_why_a_job_is_denied(webhook: "Webhook", words: str) -> None:
    namespace = webhook.server.namespace()

    done = kubectl(webhook, namespace, words, job(activeDeadlineSeconds=60, backoffLimit=50))

    assert done.returncode == 1
    assert "Error from server (Forbidden): " in done.stderr
    assert DENIAL in done.stderr
    assert webhook.server.request("GET", path_of(job(), namespace)).body["items"] == []


@STRICT
def test_kubectl_create_job_shows_why_a_job_is_denied(webhook: "Webhook") -> None:
    done = kubectl(webhook, webhook.server.namespace(), "create job example --image=main:1")

    assert done.returncode == 1
    assert "- active-deadline-missing: spec.activeDeadlineSeconds: " in done.stderr


@STRICT
def test_a_job_made_of_a_bad_cronjob_by_hand_is_denied(webhook: "Webhook") -> None:
    namespace = before(webhook, cronjob(of=job(**BAD)))["metadata"]["namespace"]

    done = kubectl(webhook, namespace, "create job by-hand --from=cronjob/example")

    assert done.returncode == 1
    assert "- backoff-limit: spec.backoffLimit: 50 retries are more than the 10" in done.stderr


@STRICT
def test_a_bad_cronjob_is_denied_in_place_of_a_good_one(webhook: "Webhook") -> None:
    good = cronjob(of=job(activeDeadlineSeconds=60))
    namespace = webhook.server.namespace()
    assert create(webhook, good, namespace).status == 201

    done = kubectl(webhook, namespace, "replace", cronjob(of=job(activeDeadlineSeconds=60, backoffLimit=50)))

    assert done.returncode == 1
    assert "- backoff-limit: spec.jobTemplate.spec.backoffLimit: 50 retries" in done.stderr


@STRICT
def test_the_python_client_is_told_why_a_job_is_denied(webhook: "Webhook") -> None:
    from kubernetes.client import ApiException, BatchV1Api

    body: Any = job()
    with (
        python_client(webhook) as client,
        pytest.raises(ApiException, match="active-deadline-missing") as told,
    ):
        BatchV1Api(client).create_namespaced_job(webhook.server.namespace(), body)

    assert told.value.status == 403


@STRICT
def test_a_job_with_a_name_to_be_generated_is_denied(webhook: "Webhook") -> None:
    tree = {**job(), "metadata": {"generateName": "generated-"}}

    answer = create(webhook, tree, webhook.server.namespace())

    assert answer.status == 403
    assert "- active-deadline-missing: " in answer.body["message"]


@STRICT
@EVERY_MINOR
@pytest.mark.parametrize("mode", ["enforce", "warn", "audit", "off"])
def test_a_mode_below_enforce_denies_nothing(webhook: "Webhook", mode: str) -> None:
    answer = create(webhook, job(), webhook.server.namespace(**{"jobwarden.io/mode": mode}))

    assert answer.status == (403 if mode == "enforce" else 201)
    warned = [line for line in answer.warnings if line.startswith("active-deadline-missing: ")]
    assert len(warned) == (mode == "warn")


@STRICT
def test_the_audit_log_has_the_rules_that_denied_a_job(webhook: "Webhook") -> None:
    annotations = audited(webhook, job(), webhook.server.namespace())

    assert annotations["validate.jobwarden.io/denied"] == "active-deadline-missing"


@STRICT
def test_a_label_with_a_slash_is_added_to_the_node_selector_of_a_cronjob(webhook: "Webhook") -> None:
    selecting = job(activeDeadlineSeconds=60, pod={"nodeSelector": {"kubernetes.io/arch": "arm64"}})

    answer = create(webhook, cronjob(of=selecting), webhook.server.namespace())

    assert answer.status == 201, answer
    pod = answer.body["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"kubernetes.io/arch": "arm64", "example.com/pool": "batch"}


# Updates of what was there before the policy, and breaks it in every way.


def unchanged_but(old: Tree, new: Tree, **changes: Any) -> None:
    """Check that of the spec nothing else is changed."""
    assert new["spec"] == {**old["spec"], **changes}


def untouched(webhook: "Webhook") -> bool:
    """Tell whether nothing was denied or patched since the last time."""
    return all(verdict in ("allowed", "skipped") for _, verdict in decisions(webhook))


@STRICTEST
@EVERY_MINOR
def test_the_last_finalizer_of_a_job_being_deleted_can_be_removed(webhook: "Webhook") -> None:
    bad = job(**BAD)
    bad["metadata"]["finalizers"] = ["example.com/keep"]
    old = before(webhook, bad)
    webhook.decisions()

    assert webhook.server.request("DELETE", path_of(old), propagationPolicy="Background").status == 200
    dying = webhook.server.request("GET", path_of(old)).body
    answer = change(webhook, old, {"metadata": {"finalizers": None}})

    assert dying["metadata"]["deletionTimestamp"]
    assert answer.status == 200, answer
    assert webhook.server.request("GET", path_of(old)).status == 404
    assert untouched(webhook)


@STRICTEST
@EVERY_MINOR
@pytest.mark.parametrize("make", [job, lambda **spec: cronjob(of=job(**spec))], ids=["Job", "CronJob"])
def test_a_bad_object_can_be_deleted(webhook: "Webhook", make: Any) -> None:
    old = before(webhook, make(**BAD))
    webhook.decisions()

    answer = webhook.server.request("DELETE", path_of(old), propagationPolicy="Background")

    assert answer.status == 200, answer
    assert decisions(webhook) == []


@STRICTEST
@EVERY_MINOR
def test_the_status_of_a_bad_job_can_be_written(webhook: "Webhook") -> None:
    old = before(webhook, job(**BAD))
    webhook.decisions()

    answer = change(webhook, old, {"status": {"active": 1, "ready": 1}}, "/status")

    assert answer.status == 200, answer
    assert answer.body["status"]["active"] == 1
    unchanged_but(old, answer.body)
    assert decisions(webhook) == []


@STRICTEST
@EVERY_MINOR
def test_labels_annotations_and_owners_of_a_bad_job_can_be_changed(webhook: "Webhook") -> None:
    old = before(webhook, job(**BAD))
    owner = {"apiVersion": "example.com/v1", "kind": "Owner", "name": "owner", "uid": "1"}
    webhook.decisions()

    metadata = {"labels": {"a": "b"}, "annotations": {"c": "d"}, "ownerReferences": [owner]}
    answer = change(webhook, old, {"metadata": metadata})

    assert answer.status == 200, answer
    unchanged_but(old, answer.body)
    assert decisions(webhook) == []


@STRICTEST
@EVERY_MINOR
def test_a_bad_job_can_be_scaled(webhook: "Webhook") -> None:
    old = before(webhook, job(**BAD, parallelism=1, completions=9))
    webhook.decisions()

    answer = change(webhook, old, {"spec": {"parallelism": 5}})

    assert answer.status == 200, answer
    unchanged_but(old, answer.body, parallelism=5)
    assert untouched(webhook)


@STRICTEST
@EVERY_MINOR
def test_a_bad_job_can_be_suspended_and_resumed(webhook: "Webhook") -> None:
    old = before(webhook, job(**BAD))
    webhook.decisions()

    for suspend in (True, False):
        answer = change(webhook, old, {"spec": {"suspend": suspend}})

        assert answer.status == 200, answer
        unchanged_but(old, answer.body, suspend=suspend)
    assert untouched(webhook)


@STRICTEST
@EVERY_MINOR
def test_a_queue_places_a_job_as_it_resumes_it(webhook: "Webhook") -> None:
    old = before(webhook, job(**BAD, suspend=True))
    wanted = json.loads(json.dumps(old))
    pod = wanted["spec"]["template"]["spec"]
    wanted["spec"]["suspend"] = False
    pod["nodeSelector"] = {"example.com/flavor": "spot"}
    pod["tolerations"] = [{"key": "spot", "operator": "Exists", "effect": "NoSchedule"}]
    if webhook.server.minor >= 36:
        pod["containers"][0]["resources"] = {"requests": {"cpu": "2"}}
    webhook.decisions()

    answer = webhook.server.request("PUT", path_of(old), wanted)

    assert answer.status == 200, answer
    unchanged_but(wanted, answer.body)
    assert untouched(webhook)


@STRICTEST
@EVERY_MINOR
def test_a_job_that_the_policy_has_mended_is_placed_by_its_queue_as_well(webhook: "Webhook") -> None:
    queued = job(activeDeadlineSeconds=60, suspend=True)
    queued["metadata"]["labels"] = {"kueue.x-k8s.io/queue-name": "queue"}
    made = create(webhook, queued, webhook.server.namespace())
    assert made.status == 201, made
    assert "nodeSelector" not in made.body["spec"]["template"]["spec"]
    wanted = json.loads(json.dumps(made.body))
    wanted["spec"]["suspend"] = False
    wanted["spec"]["template"]["spec"]["nodeSelector"] = {"example.com/flavor": "spot"}

    answer = webhook.server.request("PUT", path_of(made.body), wanted)

    assert answer.status == 200, answer
    unchanged_but(wanted, answer.body)


@STRICTEST
@EVERY_MINOR
def test_a_bad_job_can_be_applied_again(webhook: "Webhook") -> None:
    namespace = webhook.server.namespace(**OFF)
    assert kubectl(webhook, namespace, "apply", job(**BAD)).returncode == 0
    old = webhook.server.request("GET", f"{path_of(job(), namespace)}/example").body
    webhook.cover(namespace)

    done = kubectl(webhook, namespace, "apply", job(**BAD))

    assert done.stdout == "job.batch/example unchanged\n"
    assert webhook.server.request("GET", path_of(old)).body == old


@STRICT
def test_a_bad_job_can_get_better_but_not_worse(webhook: "Webhook") -> None:
    old = before(webhook, job(**BAD))

    better = change(webhook, old, {"spec": {"ttlSecondsAfterFinished": 600}})
    worse = change(webhook, old, {"spec": {"backoffLimit": 60}})

    assert better.status == 200, better
    assert worse.status == 403
    assert (
        worse.body["message"].partition("\n")[2].startswith("- backoff-limit: spec.backoffLimit: 60 retries")
    )
    assert worse.body["message"].count("\n") == 1


@STRICT
def test_a_bad_cronjob_can_be_changed_where_it_is_not_bad_and_is_warned_of_the_rest(
    webhook: "Webhook",
) -> None:
    old = before(webhook, cronjob(of=job(**BAD)))

    answer = change(webhook, old, {"spec": {"suspend": True}})

    assert answer.status == 200, answer
    assert answer.body["spec"]["suspend"] is True
    assert [line for line in answer.warnings if line.startswith("backoff-limit: ")] != []
