"""What manifests/ ships is what real API servers take, and sends them to the webhook when it should."""

import json
import os
import re
import subprocess
from argparse import ArgumentParser
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from lint.policy_file import load
from lint.version import VERSION
from webhook.settings import add_arguments

if TYPE_CHECKING:
    from apiserver import ApiServer

pytest_plugins = ["apiserver"]

MANIFESTS = Path(__file__).parents[1] / "manifests"
OVERLAYS = sorted(path.parent.name for path in MANIFESTS.glob("overlays/*/kustomization.yaml"))
SHIPPED = ["base", *(f"overlays/{name}" for name in OVERLAYS)]
CONFIGURATIONS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
FOREIGN = ("cert-manager.io/", "monitoring.coreos.com/")
"""What test servers have no CRDs for."""

EXCLUDED = ["kube-system", "kube-node-lease", "jobwarden"]
"""Namespaces that a cluster, or Jobwarden, needs to come back."""

SHUTDOWN = timedelta(seconds=5 + 10)
"""How long the webhook takes to end: the delay, and the time for open requests."""

CONTROLLERS = [
    "system:serviceaccount:kube-system:job-controller",
    "system:serviceaccount:kube-system:cronjob-controller",
    "system:serviceaccount:kube-system:ttl-after-finished-controller",
    "system:serviceaccount:kube-system:generic-garbage-collector",
    "system:kube-controller-manager",
]
JOB_SPEC = {
    "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "work", "image": "example:1"}]}}
}


def test_every_object_passes_strict_validation(every_apiserver: "ApiServer") -> None:
    every = [one for name in SHIPPED for one in rendered(every_apiserver, name) if not is_foreign(one)]
    texts = sorted({json.dumps(one) for one in every})
    every_apiserver.kubectl("create", "namespace", "jobwarden")  # a dry run makes none for the others
    flags = ["--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict"]

    done = every_apiserver.kubectl("apply", *flags, "--filename=-", stdin="\n".join(texts))

    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == len(texts) > len(rendered(every_apiserver, "base"))


def test_foreign_kinds_are_few_and_have_the_usual_shape(apiserver: "ApiServer") -> None:
    found = {
        (one["apiVersion"], one["kind"], one["metadata"]["namespace"], bool(one["spec"]))
        for name in SHIPPED
        for one in rendered(apiserver, name)
        if is_foreign(one)
    }

    assert found == {
        ("cert-manager.io/v1", "Issuer", "jobwarden", True),
        ("cert-manager.io/v1", "Certificate", "jobwarden", True),
        ("monitoring.coreos.com/v1", "ServiceMonitor", "jobwarden", True),
        ("monitoring.coreos.com/v1", "PrometheusRule", "jobwarden", True),
    }


def test_the_folder_above_is_the_base(apiserver: "ApiServer") -> None:
    assert rendered(apiserver, ".") == rendered(apiserver, "base")


def test_every_kubectl_renders_the_same(apiserver: "ApiServer", every_apiserver: "ApiServer") -> None:
    for name in SHIPPED:
        assert rendered(every_apiserver, name) == rendered(apiserver, name)


def test_components_go_together(apiserver: "ApiServer", tmp_path: Path) -> None:
    together = ["cert-manager", "enforce", "extend-written", "monitoring"]
    up = os.path.relpath(MANIFESTS, tmp_path.resolve())
    components = [f"{up}/components/{one}" for one in together]
    kustomization = {"resources": [f"{up}/base"], "components": components}
    (tmp_path / "kustomization.yaml").write_text(json.dumps(kustomization))

    objects = render(apiserver.assets / "kubectl", tmp_path)

    assert container(objects)["args"][2:] == [
        "--tls-cert=/etc/jobwarden-tls/tls.crt",
        "--tls-key=/etc/jobwarden-tls/tls.key",
        "--default-mode=enforce",
    ]
    assert webhook(objects, "MutatingWebhookConfiguration")["rules"][0]["operations"] == ["CREATE", "UPDATE"]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_object_is_labelled(apiserver: "ApiServer", name: str) -> None:
    for one in rendered(apiserver, name):
        assert one["metadata"]["labels"]["app.kubernetes.io/name"] == "jobwarden", one["metadata"]["name"]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_image_is_that_of_this_version(apiserver: "ApiServer", name: str) -> None:
    template = one_of(rendered(apiserver, name), "Deployment")["spec"]["template"]

    assert template["spec"]["containers"][0]["image"] == f"ghcr.io/jobwarden/jobwarden:{VERSION}"
    assert template["metadata"]["labels"]["app.kubernetes.io/version"] == VERSION


@pytest.mark.parametrize("name", SHIPPED)
def test_the_pods_are_restricted(every_apiserver: "ApiServer", name: str) -> None:
    objects = rendered(every_apiserver, name)
    labels = one_of(objects, "Namespace")["metadata"]["labels"]
    levels = {key: value for key, value in labels.items() if key.startswith("pod-security.kubernetes.io/")}
    template = one_of(objects, "Deployment")["spec"]["template"]
    pod = {**template, "metadata": {**template["metadata"], "name": "webhook"}}
    namespace = every_apiserver.namespace(**levels)

    answer = every_apiserver.request(
        "POST", f"/api/v1/namespaces/{namespace}/pods", pod, dryRun="All", fieldValidation="Strict"
    )

    assert levels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert (answer.status, answer.warnings) == (201, []), answer.body


@pytest.mark.parametrize("name", SHIPPED)
def test_the_root_cannot_be_written_to(apiserver: "ApiServer", name: str) -> None:
    assert container(rendered(apiserver, name))["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize("name", SHIPPED)
def test_one_replica_may_go_and_one_has_to_stay(apiserver: "ApiServer", name: str) -> None:
    objects = rendered(apiserver, name)
    deployment, budget = one_of(objects, "Deployment")["spec"], one_of(objects, "PodDisruptionBudget")["spec"]

    assert 1 <= budget["minAvailable"] < deployment["replicas"]
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_who_selects_pods_selects_those_of_the_deployment(apiserver: "ApiServer") -> None:
    objects = rendered(apiserver, "overlays/monitoring")
    pods = one_of(objects, "Deployment")["spec"]
    wanted = {"app.kubernetes.io/name": "jobwarden", "app.kubernetes.io/component": "webhook"}

    assert wanted.items() <= pods["template"]["metadata"]["labels"].items()
    assert pods["selector"]["matchLabels"] == wanted
    assert [each["labelSelector"] for each in pods["template"]["spec"]["topologySpreadConstraints"]] == [
        {"matchLabels": wanted}
    ] * 2
    assert one_of(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == wanted
    assert one_of(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == wanted
    assert [one["spec"]["selector"] for one in objects if one["kind"] == "Service"] == [wanted] * 2


@pytest.mark.parametrize("name", SHIPPED)
def test_there_is_time_to_end(apiserver: "ApiServer", name: str) -> None:
    pod = one_of(rendered(apiserver, name), "Deployment")["spec"]["template"]["spec"]

    assert timedelta(seconds=pod["terminationGracePeriodSeconds"]) > SHUTDOWN


@pytest.mark.parametrize("name", SHIPPED)
def test_the_service_is_not_taken_for_settings(apiserver: "ApiServer", name: str) -> None:
    pod = one_of(rendered(apiserver, name), "Deployment")["spec"]["template"]["spec"]

    assert pod["enableServiceLinks"] is False


@pytest.mark.parametrize("name", SHIPPED)
def test_memory_is_limited_and_cpu_is_not(apiserver: "ApiServer", name: str) -> None:
    resources = container(rendered(apiserver, name))["resources"]

    assert resources["requests"].keys() == {"cpu", "memory"}
    assert resources["limits"].keys() == {"memory"}


@pytest.mark.parametrize("name", SHIPPED)
def test_an_edited_policy_reaches_running_pods(apiserver: "ApiServer", name: str) -> None:
    objects = rendered(apiserver, name)
    (mount,) = (each for each in container(objects)["volumeMounts"] if each["name"] == "policy")
    volumes = one_of(objects, "Deployment")["spec"]["template"]["spec"]["volumes"]

    assert {"name": "policy", "configMap": {"name": "jobwarden-policy"}} in volumes
    assert "subPath" not in mount
    assert f"--policy={mount['mountPath']}/jobwarden.yaml" in container(objects)["args"]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_policy_can_be_loaded(apiserver: "ApiServer", name: str) -> None:
    policy = load(policy_text(rendered(apiserver, name)), "jobwarden.yaml")

    assert policy.settings["batch-toleration"].params.assign == "tolerate"


def test_what_the_policy_suggests_can_be_loaded() -> None:
    text = (MANIFESTS / "base/jobwarden.yaml").read_text()

    load(re.sub(r"^( *)#(?! |$)", r"\1", text, flags=re.MULTILINE), "jobwarden.yaml")


def test_only_one_overlay_extends_what_was_written(apiserver: "ApiServer") -> None:
    for name in SHIPPED:
        policy = yaml.safe_load(policy_text(rendered(apiserver, name)))

        assert policy.get("extendWritten", False) == (name == "overlays/extend-written")


@pytest.mark.parametrize("mode", ["audit", "warn", "enforce"])
def test_an_overlay_sets_the_mode_of_namespaces_without_one(apiserver: "ApiServer", mode: str) -> None:
    base, overlay = (container(rendered(apiserver, name))["args"] for name in ("base", f"overlays/{mode}"))

    assert overlay == [*base, f"--default-mode={mode}"]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_webhook_knows_its_flags(apiserver: "ApiServer", name: str) -> None:
    parser = ArgumentParser()
    add_arguments(parser)

    command, *flags = container(rendered(apiserver, name))["args"]

    assert command == "serve"
    assert parser.parse_known_args(flags)[1] == []


@pytest.mark.parametrize("name", SHIPPED)
def test_the_rights_are_these_and_no_more(apiserver: "ApiServer", name: str) -> None:
    writes = name != "overlays/cert-manager"
    objects = rendered(apiserver, name)
    rights = {one["kind"]: one["rules"] for one in objects if one["kind"] in ("Role", "ClusterRole")}

    assert rights.pop("ClusterRole") == [
        {
            "apiGroups": ["admissionregistration.k8s.io"],
            "resources": ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"],
            "resourceNames": ["jobwarden"],
            "verbs": ["get", "patch"] if writes else ["get"],
        },
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list", "watch"]},
    ]
    secrets = {"apiGroups": [""], "resources": ["secrets"]}
    certificate = {**secrets, "resourceNames": ["jobwarden-tls"], "verbs": ["get", "update"]}
    assert rights.pop("Role", []) == ([certificate, {**secrets, "verbs": ["create"]}] if writes else [])
    assert not rights


@pytest.mark.parametrize("name", SHIPPED)
def test_the_rights_are_those_of_one_account(apiserver: "ApiServer", name: str) -> None:
    objects = rendered(apiserver, name)
    bindings = [one for one in objects if one["kind"].endswith("RoleBinding")]
    account = one_of(objects, "ServiceAccount")

    for binding in bindings:
        assert binding["roleRef"]["name"] == "jobwarden"
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": "jobwarden", "namespace": "jobwarden"}
        ]
    assert account["automountServiceAccountToken"] is False
    pod = one_of(objects, "Deployment")["spec"]["template"]["spec"]
    assert (pod["serviceAccountName"], pod["automountServiceAccountToken"]) == ("jobwarden", True)


@pytest.mark.parametrize("name", SHIPPED)
def test_only_what_is_judged_is_sent(apiserver: "ApiServer", name: str) -> None:
    objects = rendered(apiserver, name)
    sent = {
        (kind, resource, operation)
        for kind in CONFIGURATIONS
        for rule in webhook(objects, kind)["rules"]
        for resource in rule["resources"]
        for operation in rule["operations"]
        if (rule["apiGroups"], rule["apiVersions"], rule["scope"]) == (["batch"], ["v1"], "Namespaced")
    }

    mutating, validating = CONFIGURATIONS
    assert sent == {
        (mutating, "jobs", "CREATE"),
        *([(mutating, "jobs", "UPDATE")] if name == "overlays/extend-written" else []),
        (mutating, "cronjobs", "CREATE"),
        (mutating, "cronjobs", "UPDATE"),
        (validating, "jobs", "CREATE"),
        (validating, "jobs", "UPDATE"),
        (validating, "cronjobs", "CREATE"),
        (validating, "cronjobs", "UPDATE"),
    }
    assert sum(len(webhook(objects, kind)["rules"]) for kind in CONFIGURATIONS) == 3


@pytest.mark.parametrize("name", SHIPPED)
def test_both_webhooks_are_sent_the_same_namespaces_and_changes(apiserver: "ApiServer", name: str) -> None:
    mutating, validating = (webhook(rendered(apiserver, name), kind) for kind in CONFIGURATIONS)

    for key in ("namespaceSelector", "matchConditions"):
        assert mutating[key] == validating[key]


@pytest.mark.parametrize("name", SHIPPED)
def test_calls_are_short_and_fail_open(apiserver: "ApiServer", name: str) -> None:
    told = {
        kind: (each["failurePolicy"], each["timeoutSeconds"], each["sideEffects"])
        for kind in CONFIGURATIONS
        for each in [webhook(rendered(apiserver, name), kind)]
    }

    assert told == {
        "MutatingWebhookConfiguration": ("Ignore", 3, "None"),
        "ValidatingWebhookConfiguration": ("Fail" if name == "overlays/enforce" else "Ignore", 5, "None"),
    }


@pytest.mark.parametrize("kind", CONFIGURATIONS)
def test_a_webhook_calls_the_service(apiserver: "ApiServer", kind: str) -> None:
    objects = rendered(apiserver, "base")
    service, one = one_of(objects, "Service"), webhook(objects, kind)

    verb = one["name"].partition(".")[0]
    assert one["name"] == f"{verb}.jobwarden.io"
    assert one["clientConfig"] == {
        "service": {
            "name": service["metadata"]["name"],
            "namespace": service["metadata"]["namespace"],
            "path": f"/{verb}",
            "port": service["spec"]["ports"][0]["port"],
        }
    }


def test_cert_manager_is_told_where_the_ca_goes(apiserver: "ApiServer") -> None:
    objects = rendered(apiserver, "overlays/cert-manager")
    leaf = next(one for one in objects if one["kind"] == "Certificate" and not one["spec"].get("isCA"))
    annotation = f"{leaf['metadata']['namespace']}/{leaf['metadata']['name']}"
    volumes = one_of(objects, "Deployment")["spec"]["template"]["spec"]["volumes"]

    assert leaf["spec"]["dnsNames"] == ["jobwarden.jobwarden.svc"]
    assert leaf["spec"]["secretName"] in [
        volume["secret"]["secretName"] for volume in volumes if "secret" in volume
    ]
    for kind in CONFIGURATIONS:
        annotations = one_of(objects, kind)["metadata"]["annotations"]
        assert annotations["cert-manager.io/inject-ca-from"] == annotation


def test_cert_manager_does_not_wait_for_itself(apiserver: "ApiServer") -> None:
    for kind in CONFIGURATIONS:
        names, _ = webhook(rendered(apiserver, "overlays/cert-manager"), kind)["namespaceSelector"][
            "matchExpressions"
        ]

        assert "cert-manager" in names["values"]


def test_metrics_are_scraped_from_pods_that_are_not_ready(apiserver: "ApiServer") -> None:
    objects = rendered(apiserver, "overlays/monitoring")
    monitor = one_of(objects, "ServiceMonitor")["spec"]
    services = [
        one
        for one in objects
        if one["kind"] == "Service"
        and monitor["selector"]["matchLabels"].items() <= one["metadata"]["labels"].items()
    ]

    (service,) = (one["spec"] for one in services)
    assert service["publishNotReadyAddresses"] is True
    assert [port["name"] for port in service["ports"]] == [each["port"] for each in monitor["endpoints"]]


@pytest.mark.parametrize("kind", CONFIGURATIONS)
@pytest.mark.parametrize("name", SHIPPED)
def test_the_server_compiles_the_conditions(every_apiserver: "ApiServer", name: str, kind: str) -> None:
    configuration = one_of(rendered(every_apiserver, name), kind)
    path = place(kind)
    tried = {**configuration, "metadata": {"generateName": "jobwarden-test-"}}
    tried["webhooks"][0]["namespaceSelector"]["matchLabels"] = {"jobwarden-test": "nobody"}

    answer = every_apiserver.request("POST", path, tried, fieldValidation="Strict")
    if answer.status == 201:
        every_apiserver.request("DELETE", f"{path}/{answer.body['metadata']['name']}")

    assert (answer.status, answer.warnings) == (201, []), answer.body


@pytest.mark.parametrize("kind", CONFIGURATIONS)
def test_applying_again_leaves_the_ca_bundle(every_apiserver: "ApiServer", kind: str) -> None:
    configuration = one_of(rendered(every_apiserver, "base"), kind)
    configuration["metadata"]["name"] = f"jobwarden-test-{kind.lower()}"
    configuration["webhooks"][0]["namespaceSelector"]["matchLabels"] = {"jobwarden-test": "nobody"}
    path, text = f"{place(kind)}/{configuration['metadata']['name']}", json.dumps(configuration)
    bundle = b64encode(b"a CA").decode()
    written = {"name": configuration["webhooks"][0]["name"], "clientConfig": {"caBundle": bundle}}
    try:
        every_apiserver.kubectl("apply", "--filename=-", stdin=text)
        every_apiserver.request(
            "PATCH", path, {"webhooks": [written]}, content="application/strategic-merge-patch+json"
        )
        for flags in ([], ["--server-side", "--force-conflicts"], ["--server-side"]):
            done = every_apiserver.kubectl("apply", *flags, "--filename=-", stdin=text)
            (found,) = every_apiserver.request("GET", path).body["webhooks"]

            assert done.returncode == 0, done.stderr
            assert found["clientConfig"]["caBundle"] == bundle
            assert found["clientConfig"]["service"]["name"] == "jobwarden"
    finally:
        every_apiserver.request("DELETE", path)


class Sending:
    """A server that sends what it should to webhooks that nobody runs; such a request fails."""

    def __init__(self, server: "ApiServer", kind: str) -> None:
        self.server, self.kind = server, kind
        self.label = {"jobwarden-test": kind}
        self.namespace = server.namespace(**self.label)
        objects = rendered(server, "base")
        self.configuration = one_of(objects, kind)
        self.configuration["metadata"] = {"name": f"jobwarden-test-{kind.lower()}"}
        ours = self.configuration["webhooks"][0]
        ours["namespaceSelector"]["matchLabels"] = self.label
        ours["clientConfig"] = {"url": "https://127.0.0.1:9/"}  # no port of ours, and one that nobody takes
        ours["failurePolicy"] = "Fail"

    def label_excluded(self, label: dict[str, str] | dict[str, None]) -> None:
        """Label the namespaces that are excluded by their names."""
        for name in EXCLUDED:
            self.server.request("PATCH", f"/api/v1/namespaces/{name}", {"metadata": {"labels": label}})

    def jobs(self, namespace: str = "", resource: str = "jobs") -> str:
        """Return the path of all Jobs, or CronJobs, of a namespace."""
        return f"/apis/batch/v1/namespaces/{namespace or self.namespace}/{resource}"

    def sends(self, method: str, path: str, body: Any) -> bool:
        """Tell whether a request is sent to the webhook; it changes nothing."""
        answer = self.server.request(method, path, body, dryRun="All")
        failed = f'failed calling webhook "{self.configuration["webhooks"][0]["name"]}"'
        if answer.status == 500:
            assert failed in answer.body["message"]
            return True
        assert answer.status in (200, 201), answer
        return False

    def sends_as(self, user: str, *arguments: str, stdin: str = "") -> bool:
        """Tell the same of a command of kubectl, on behalf of somebody."""
        whom = [f"--as={user}", "--as-group=system:masters", f"--namespace={self.namespace}"]
        done = self.server.kubectl(*arguments, *whom, "--dry-run=server", stdin=stdin)
        if done.returncode:
            assert "failed calling webhook" in done.stderr
        return done.returncode != 0


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def sending(every_apiserver: "ApiServer", request: pytest.FixtureRequest) -> Iterator[Sending]:
    """Have a server send Jobs to where nobody is, and give it one of each kind before."""
    one = Sending(every_apiserver, request.param)
    every_apiserver.request("POST", one.jobs(), job("old"))
    every_apiserver.request("POST", one.jobs(), job("deleted", finalizers=["jobwarden.io/test"]))
    every_apiserver.request("DELETE", f"{one.jobs()}/deleted", {"propagationPolicy": "Background"})
    every_apiserver.request("POST", one.jobs(resource="cronjobs"), cronjob("old"))
    every_apiserver.request("POST", one.jobs(resource="cronjobs"), cronjob("huge", 4000))
    path = place(one.kind)
    every_apiserver.kubectl("create", "namespace", "jobwarden")
    try:
        one.label_excluded(one.label)
        assert every_apiserver.request("POST", path, one.configuration).status == 201
        every_apiserver.wait("the webhook", lambda: one.sends("POST", one.jobs(), job("new")))
        yield one
    finally:
        every_apiserver.request("DELETE", f"{path}/{one.configuration['metadata']['name']}")
        one.label_excluded(dict.fromkeys(one.label))


def test_whatever_is_created_is_sent(sending: Sending) -> None:
    assert sending.sends("POST", sending.jobs(), job("new"))
    assert sending.sends("POST", sending.jobs(resource="cronjobs"), cronjob("new"))


def test_nobody_creates_unseen(sending: Sending) -> None:
    for user in CONTROLLERS:
        assert sending.sends_as(user, "create", "--filename=-", stdin=json.dumps(job("new"))), user


def test_a_changed_spec_is_sent(sending: Sending) -> None:
    updates = sending.kind == "ValidatingWebhookConfiguration"  # the other one is not told of updated Jobs

    assert sending.sends("PATCH", f"{sending.jobs()}/old", {"spec": {"parallelism": 2}}) == updates
    assert sending.sends("PATCH", f"{sending.jobs()}/deleted", {"spec": {"parallelism": 2}}) == updates
    assert sending.sends("PATCH", f"{sending.jobs(resource='cronjobs')}/old", {"spec": {"suspend": True}})


@pytest.mark.parametrize("what", ["jobs/old", "jobs/deleted", "cronjobs/old", "cronjobs/huge"])
def test_changed_metadata_are_not_sent(sending: Sending, what: str) -> None:
    resource, _, name = what.partition("/")

    assert not sending.sends(
        "PATCH",
        f"{sending.jobs(resource=resource)}/{name}",
        {"metadata": {"finalizers": None, "labels": {"seen": "yes"}}},
    )


@pytest.mark.parametrize("resource", ["jobs", "cronjobs"])
def test_a_status_is_not_sent(sending: Sending, resource: str) -> None:
    path = f"{sending.jobs(resource=resource)}/old/status"

    assert not sending.sends("PATCH", path, {"status": {"active": 1 if resource == "jobs" else []}})


@pytest.mark.parametrize("user", CONTROLLERS)
def test_updates_by_built_in_controllers_are_not_sent(sending: Sending, user: str) -> None:
    patch = '{"spec": {"suspend": true}}'

    assert not sending.sends_as(user, "patch", "cronjob/old", "--type=merge", f"--patch={patch}")


def test_a_name_like_that_of_a_controller_is_not_enough(sending: Sending) -> None:
    user, patch = "system:serviceaccount:default:job-controller", '{"spec": {"suspend": true}}'

    assert sending.sends_as(user, "patch", "cronjob/old", "--type=merge", f"--patch={patch}")


@pytest.mark.parametrize("name", EXCLUDED)
def test_what_a_cluster_needs_to_come_back_is_not_sent(sending: Sending, name: str) -> None:
    assert not sending.sends("POST", sending.jobs(name), job("new"))


@pytest.mark.parametrize("mode", ["off", "audit", "warn", "enforce"])
def test_only_a_namespace_that_is_off_is_not_sent(sending: Sending, mode: str) -> None:
    namespace = sending.server.namespace(**{**sending.label, "jobwarden.io/mode": mode})

    assert sending.sends("POST", sending.jobs(namespace), job("new")) == (mode != "off")


def test_the_server_counts_calls_and_failures(sending: Sending) -> None:
    sending.sends("POST", sending.jobs(), job("new"))

    name = sending.configuration["webhooks"][0]["name"]
    found = counted(sending.server, "rejection_count", name)
    assert any(one["error_type"] == "calling_webhook_error" for one in found)
    assert counted(sending.server, "admission_duration_seconds_bucket", name)


@pytest.mark.parametrize("kind", CONFIGURATIONS)
def test_jobs_pass_while_nobody_answers_and_the_server_counts_it(
    every_apiserver: "ApiServer", kind: str
) -> None:
    label = {"jobwarden-test": f"{kind}-open"}
    namespace, configuration = (
        every_apiserver.namespace(**label),
        one_of(rendered(every_apiserver, "base"), kind),
    )
    configuration["metadata"]["name"] = f"jobwarden-test-open-{kind.lower()}"
    configuration["webhooks"][0]["namespaceSelector"]["matchLabels"] = label
    name = configuration["webhooks"][0]["name"]

    def counts() -> bool:
        answer = every_apiserver.dry_run(job("new"), namespace)
        assert answer.status == 201, answer
        return bool(counted(every_apiserver, "fail_open_count", name))

    try:
        assert every_apiserver.request("POST", place(kind), configuration).status == 201
        every_apiserver.wait("the count of what passed", counts)
    finally:
        every_apiserver.request("DELETE", f"{place(kind)}/{configuration['metadata']['name']}")


@cache
def text_of(kubectl: Path, folder: Path) -> str:
    """Render a kustomization."""
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False, env={})
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def render(kubectl: Path, folder: Path) -> list[Any]:
    """Return the objects of a kustomization, for the caller to keep and change."""
    return list(yaml.load_all(text_of(kubectl, folder), yaml.CSafeLoader))


def rendered(server: "ApiServer", name: str) -> list[Any]:
    """Return the objects that a folder of manifests/ ships."""
    return render(server.assets / "kubectl", MANIFESTS / name)


def is_foreign(one: Any) -> bool:
    """Tell whether test servers do not know a kind."""
    return bool(one["apiVersion"].startswith(FOREIGN))


def one_of(objects: list[Any], kind: str) -> Any:
    """Return the first object of a kind."""
    return next(one for one in objects if one["kind"] == kind)


def container(objects: list[Any]) -> Any:
    """Return the only container."""
    (only,) = one_of(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return only


def webhook(objects: list[Any], kind: str) -> Any:
    """Return the only webhook of a configuration."""
    (only,) = one_of(objects, kind)["webhooks"]
    return only


def policy_text(objects: list[Any]) -> str:
    """Return the policy file."""
    return str(
        next(one for one in objects if "jobwarden.yaml" in one.get("data", {}))["data"]["jobwarden.yaml"]
    )


def place(kind: str) -> str:
    """Return the path of all configurations of a kind."""
    return f"/apis/admissionregistration.k8s.io/v1/{kind.lower()}s"


def counted(server: "ApiServer", metric: str, name: str) -> list[dict[str, str]]:
    """Return the labels of what a server has counted about a webhook."""
    text = server.request("GET", "/metrics").body
    lines = re.findall(rf"^apiserver_admission_webhook_{metric}{{(.*)}}", text, re.MULTILINE)
    return [dict(re.findall(r'(\w+)="([^"]*)"', line)) for line in lines if f'name="{name}"' in line]


def job(name: str, **metadata: Any) -> dict[str, Any]:
    """Return a Job."""
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, **metadata}, "spec": JOB_SPEC}


def cronjob(name: str, variables: int = 0) -> dict[str, Any]:
    """Return a CronJob, with any number of environment variables."""
    template: Any = json.loads(json.dumps(JOB_SPEC))
    template["template"]["spec"]["containers"][0]["env"] = [
        {"name": f"NUMBER_{number}", "value": "x" * 50} for number in range(variables)
    ]
    spec = {"schedule": "0 3 * * *", "jobTemplate": {"spec": template}}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name}, "spec": spec}
