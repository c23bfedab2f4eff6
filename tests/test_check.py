"""The command `check` says what is wrong with an installation, and what to do about it."""

import argparse
import json
import re
import socket
import threading
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from test_cluster import wait_for

from webhook.app import FAILED
from webhook.certs import Bundle, issue, service_names, to_secret
from webhook.check import add_arguments, check
from webhook.cluster import MODE_LABEL
from webhook.installation import HEALING
from webhook.rotation import MUTATING, VALIDATING, configuration_path, secret_path
from webhook.tls import Certificates

if TYPE_CHECKING:
    from apiserver import ApiServer

pytest_plugins = ["apiserver"]

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
PATCH = [{"op": "add", "path": "/spec/ttlSecondsAfterFinished", "value": 86400}]
TOLD = "jobwarden: ttlSecondsAfterFinished 86400"


class Server:
    """A webhook at a URL that always answers the same."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.bundle = issue([host], NOW)
        self.certificates = Certificates(self.bundle.certificate, self.bundle.key)
        self.response: dict[str, Any] = {}
        config = uvicorn.Config(
            self._answer, host, 0, interface="asgi3", lifespan="off", ws="none", log_config=None,
            ssl_context_factory=lambda _config, _default: self.certificates.context,
        )  # fmt: skip
        self.uvicorn = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.uvicorn.run)
        self.thread.start()
        wait_for(lambda: self.uvicorn.started)
        self.port = self.uvicorn.servers[0].sockets[0].getsockname()[1]

    def close(self) -> None:
        """End it."""
        self.uvicorn.should_exit = True
        self.thread.join(10)

    def setting(self, *warnings: str) -> None:
        """Answer with a patch."""
        patch = b64encode(json.dumps(PATCH).encode()).decode()
        self.response = {"patchType": "JSONPatch", "patch": patch, "warnings": [*warnings]}

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        review = json.loads(body)
        response = self.response if scope["path"] == "/mutate" else {}
        review["response"] = {"uid": review.pop("request")["uid"], "allowed": True, **response}
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(review).encode()})


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    """Run a webhook."""
    server = Server("127.0.0.1")
    yield server
    server.close()


@pytest.fixture
def outside() -> Iterator[Server]:
    """Run one that is no loopback address, as Pods have none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            pytest.skip("this machine has no network")
        host = probe.getsockname()[0]
    server = Server(host)
    yield server
    server.close()


class Installation:
    """Two configurations, for one namespace; their name is its name."""

    def __init__(self, api: "ApiServer", server: Server, capsys: pytest.CaptureFixture[str]) -> None:
        self.api, self.server, self._capsys = api, server, capsys
        self.name = api.namespace()
        self.ca = server.bundle.ca
        self.bundle = issue(service_names("jobwarden", self.name), NOW)

    def called_at(self, path: str) -> Any:
        """Return how the URL is called."""
        return {"url": f"https://127.0.0.1:{self.server.port}{path}", "caBundle": encoded(self.ca)}

    def called_by_service(self, path: str) -> Any:
        """Return how the Service is called."""
        service = {"namespace": self.name, "name": "jobwarden", "path": path}
        return {"service": service, "caBundle": encoded(self.ca)}

    def install_service(self) -> None:
        """Make configurations that call the Service, and trust its CA."""
        self.ca = self.bundle.ca
        self.install(client=self.called_by_service)

    def route(self, server: Server) -> None:
        """Make a Service of a server, which seems to be a Pod."""
        pod = {"kind": "Pod", "name": "jobwarden", "namespace": self.name}
        addresses = [{"ip": server.host, "targetRef": pod}]
        subsets = [{"addresses": addresses, "ports": [{"name": "https", "port": server.port}]}]
        self._make("services", spec={"ports": [{"name": "https", "port": 443}]})
        self._make("pods", spec={"containers": [{"name": "webhook", "image": "webhook:1"}]})
        self._make("endpoints", subsets=subsets)  # older API servers look here, and not at slices
        self.make_endpoints({server.host: True}, server.port)
        status = {"status": {"podIP": server.host, "podIPs": [{"ip": server.host}]}}
        path = f"/api/v1/namespaces/{self.name}/pods/jobwarden/status"
        assert self.api.request("PATCH", path, status).status == 200

    def _make(self, plural: str, **tree: Any) -> None:
        path = f"/api/v1/namespaces/{self.name}/{plural}"
        assert self.api.request("POST", path, {"metadata": {"name": "jobwarden"}, **tree}).status == 201

    def install(self, *kinds: str, client: Any = None, **changes: Any) -> None:
        """Make configurations."""
        for kind in kinds or (MUTATING, VALIDATING):
            verb = kind.partition("ating")[0].lower()
            webhook = {
                "name": f"{verb}ate.jobwarden.io",
                "clientConfig": (client or self.called_at)(f"/{verb}ate"),
                "rules": [
                    {
                        "apiGroups": ["batch"],
                        "apiVersions": ["v1"],
                        "resources": ["jobs"],
                        "operations": ["CREATE"],
                    }
                ],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.name}},
                "failurePolicy": "Ignore",
                "sideEffects": "None",
                "timeoutSeconds": 3,
                "admissionReviewVersions": ["v1"],
                **changes,
            }
            tree = {"metadata": {"name": self.name}, "webhooks": [webhook]}
            assert self.api.request("POST", configuration_path(kind, "")[:-1], tree).status == 201

    def remove(self) -> None:
        """Delete the configurations."""
        for kind in (MUTATING, VALIDATING):
            self.api.request("DELETE", configuration_path(kind, self.name))

    def make_secret(self, bundle: Bundle) -> None:
        """Make the Secret with the certificate."""
        data = {key: encoded(value) for key, value in to_secret(bundle).items()}
        tree = {"metadata": {"name": "jobwarden-tls"}, "data": data}
        assert self.api.request("POST", secret_path(self.name), tree).status == 201

    def make_endpoints(self, ready: dict[str, bool], port: int = 8443) -> None:
        """Make what is behind the Service."""
        pod = {"kind": "Pod", "name": "jobwarden", "namespace": self.name}
        tree = {
            "metadata": {"generateName": "jobwarden-", "labels": {"kubernetes.io/service-name": "jobwarden"}},
            "addressType": "IPv4",
            "endpoints": [
                {"addresses": [host], "conditions": {"ready": one}, "targetRef": pod}
                for host, one in ready.items()
            ],
            "ports": [{"name": "https", "port": port}],
        }
        path = f"/apis/discovery.k8s.io/v1/namespaces/{self.name}/endpointslices"
        assert self.api.request("POST", path, tree).status == 201

    def check(self, *arguments: str, user: str = "admin") -> tuple[int, str]:
        """Run the command; return the exit status and what is printed, with nothing that changes in it."""
        parser = argparse.ArgumentParser(allow_abbrev=False)
        add_arguments(parser)
        flags = [
            "--namespace",
            "--service-namespace",
            "--mutating-configuration",
            "--validating-configuration",
        ]
        named = [f"{flag}={self.name}" for flag in flags]
        access = [f"--kubeconfig={self.api.kubeconfig}", f"--context={user}"]
        status = check(parser.parse_args([*access, *named, *arguments]))
        printed = self._capsys.readouterr().out
        for value, name in (
            (self.name, "NAME"),
            (self.api.url, "URL"),
            (f":{self.server.port}", ":PORT"),
            (f"1.{self.api.minor}", "1.N"),
        ):
            printed = printed.replace(value, name)
        return status, re.sub(r"CN=Jobwarden CA \w+", "CN=CA", printed)

    def settled(self, *arguments: str, until: str) -> tuple[int, str]:
        """Run the command until the API server has taken over what changed."""
        found = [(-1, "")]

        def probe() -> bool:
            found[0] = self.check(*arguments)
            return until in found[0][1]

        wait_for(probe)
        return found[0]


def encoded(data: bytes) -> str:
    """Return bytes as JSON has them."""
    return b64encode(data).decode()


@pytest.fixture
def installation(
    apiserver: "ApiServer", running: Server, capsys: pytest.CaptureFixture[str]
) -> Iterator[Installation]:
    """Return an installation whose configurations have yet to be made."""
    running.setting(TOLD)
    running.certificates.swap(running.bundle.certificate, running.bundle.key)
    installation = Installation(apiserver, running, capsys)
    yield installation
    installation.remove()


CONFIGURED = """\
ok    Kubernetes 1.N at URL
ok    MutatingWebhookConfiguration NAME: mutate.jobwarden.io is called at https://127.0.0.1:PORT/mutate
ok    ValidatingWebhookConfiguration NAME: validate.jobwarden.io is called at https://127.0.0.1:PORT/validate
"""
VERIFIED = f"""\
{CONFIGURED}\
ok    mutate.jobwarden.io: the CA in its caBundle expires in 3649 days
ok    validate.jobwarden.io: the CA in its caBundle expires in 3649 days
ok    mutate.jobwarden.io: 127.0.0.1:PORT answers, and its certificate is verified
ok    validate.jobwarden.io: 127.0.0.1:PORT answers, and its certificate is verified
"""
APPLY = "      apply the manifests: kubectl apply -k manifests/\n"
UNTOUCHED = "a Job in namespace NAME comes back as it was sent"


def test_nothing_is_wrong_with_a_healthy_installation(installation: Installation) -> None:
    installation.install()

    status, printed = installation.settled(until=TOLD)

    assert printed == f"{VERIFIED}ok    a Job in namespace NAME is answered:\n      {TOLD}\n"
    assert status == 0


def test_a_policy_that_leaves_nothing_to_set_is_no_failure(installation: Installation) -> None:
    installation.install()
    installation.settled(until=TOLD)
    installation.server.response = {}

    status, printed = installation.check()

    told = f"{UNTOUCHED}, and the webhook, asked directly, agrees: the policy leaves nothing to set"
    assert printed == f"{VERIFIED}skip  {told}\n"
    assert status == 0


@pytest.mark.parametrize("label", ["off", "audit"])
def test_a_namespace_that_is_left_alone_is_no_failure(installation: Installation, label: str) -> None:
    path = f"/api/v1/namespaces/{installation.name}"
    installation.api.request("PATCH", path, {"metadata": {"labels": {MODE_LABEL: label}}})
    installation.install()
    installation.settled(until=TOLD)
    installation.server.response = {}

    status, printed = installation.check()

    told = f"a Job in namespace NAME: not a word, as the namespace has the label jobwarden.io/mode={label}"
    assert printed == f"{VERIFIED}skip  {told}\n      give another --namespace\n"
    assert status == 0


def test_a_job_that_the_policy_denies_is_a_good_sign(installation: Installation) -> None:
    installation.install()
    installation.settled(until=TOLD)
    installation.server.response = {"allowed": False, "status": {"code": 403, "message": "no:\n- never"}}

    status, printed = installation.check()

    told = 'the API server refuses (403): admission webhook "mutate.jobwarden.io" denied the request: no:'
    assert printed == f"{VERIFIED}ok    a Job in namespace NAME: {told}\n      - never\n"
    assert status == 0


def test_a_bug_of_the_webhook_is_a_failure(installation: Installation) -> None:
    installation.install()
    installation.server.setting(FAILED)

    status, printed = installation.settled(until=FAILED)

    told = f"a Job in namespace NAME is answered:\n      {FAILED}\n"
    assert printed == f"{VERIFIED}FAIL  {told}      please report the bug that the log shows\n"
    assert status == 1


def test_a_missing_configuration_is_told(installation: Installation) -> None:
    installation.install(MUTATING)

    status, printed = installation.settled(until=TOLD)

    assert "FAIL  there is no ValidatingWebhookConfiguration NAME\n" + APPLY in printed
    assert status == 1


def test_without_any_configuration_nobody_is_called(installation: Installation) -> None:
    status, printed = installation.check()

    assert (
        printed
        == f"""\
ok    Kubernetes 1.N at URL
FAIL  there is no MutatingWebhookConfiguration NAME
{APPLY}\
FAIL  there is no ValidatingWebhookConfiguration NAME
{APPLY}\
FAIL  {UNTOUCHED}
      there is no mutating webhook, or you may not look at it
"""
    )
    assert status == 1


def test_another_ca_is_told(installation: Installation) -> None:
    installation.ca = issue(["other"], NOW).ca
    installation.install()

    status, printed = installation.check()

    start = "FAIL  mutate.jobwarden.io: 127.0.0.1:PORT answers, but the API server does not trust it: "
    assert start + "[SSL: CERTIFICATE_VERIFY_FAILED] " in printed
    assert (
        f"FAIL  {UNTOUCHED}\n      failurePolicy Ignore lets Jobs through when nobody answers; asked"
        in printed
    )
    assert status == 1


def test_an_expired_certificate_at_a_url_is_told(installation: Installation) -> None:
    old = issue(["127.0.0.1"], NOW - 100 * DAY)
    installation.server.certificates.swap(old.certificate, old.key)
    installation.ca = old.ca
    installation.install()

    status, printed = installation.check()

    assert (
        "does not trust it: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has exp"
        in printed
    )
    assert status == 1


def test_a_ca_bundle_without_certificates_is_told(installation: Installation) -> None:
    installation.ca = b"junk"
    installation.install()

    status, printed = installation.check()

    why = "its caBundle is of no use: the certificate cannot be read: Unable to load PEM file"
    assert f"FAIL  mutate.jobwarden.io: {why}\n      {HEALING}\n" in printed
    assert status == 1


@pytest.mark.parametrize(("days", "told"), [(3700, "FAIL"), (3640, "warn")])
def test_the_end_of_a_ca_is_told(installation: Installation, days: int, told: str) -> None:
    installation.ca = issue(["127.0.0.1"], NOW - days * DAY).ca
    installation.install()

    _, printed = installation.check()

    assert f"{told}  mutate.jobwarden.io: the CA in its caBundle expire" in printed


def test_a_webhook_that_does_not_answer_is_told(installation: Installation) -> None:
    installation.install(client=lambda path: {"url": f"https://127.0.0.1:1{path}"})

    status, printed = installation.check()

    refused = "[Errno 111] Connection refused"
    assert f"FAIL  mutate.jobwarden.io: 127.0.0.1:1 does not answer from here: {refused}\n" in printed
    assert printed.endswith(f"asked directly: {refused}\n")
    assert status == 1


def test_what_is_called_at_the_wrong_place_is_told(installation: Installation) -> None:
    installation.install(MUTATING, client=lambda _: installation.called_at("/validate"))
    installation.install(VALIDATING, client=installation.called_by_service)

    _, printed = installation.check()

    assert f"FAIL  mutate.jobwarden.io answers at /mutate, not at /validate\n{APPLY}" in printed
    servers = "127.0.0.1:PORT, jobwarden.NAME.svc:443"
    assert f"FAIL  more than one server is called: {servers}\n{APPLY}" in printed


def test_settings_that_make_an_outage_worse_are_told(installation: Installation) -> None:
    installation.install(failurePolicy="Fail", timeoutSeconds=10)

    status, printed = installation.settled(until=TOLD)

    assert "warn  mutate.jobwarden.io: while nobody answers, each Job waits: timeoutSeconds 10\n" in printed
    assert (
        "warn  validate.jobwarden.io: while nobody answers, no Job is let through: failurePolicy F" in printed
    )
    assert status == 0


def test_a_job_that_fails_with_the_webhook_is_told(installation: Installation) -> None:
    installation.install(client=lambda path: {"url": f"https://127.0.0.1:1{path}"}, failurePolicy="Fail")

    status, printed = installation.settled(until="failed calling webhook")

    assert "FAIL  a Job in namespace NAME: the API server refuses (500): Internal error occurred: " in printed
    assert status == 1


def test_a_service_is_looked_at_from_its_endpoints_to_its_certificate(installation: Installation) -> None:
    installation.install_service()
    installation.make_secret(installation.bundle)
    installation.make_endpoints({"10.1.0.1": True, "10.1.0.2": False})

    _, printed = installation.check()

    service = "https://jobwarden.NAME.svc:443"
    assert printed.startswith(f"""\
ok    Kubernetes 1.N at URL
ok    MutatingWebhookConfiguration NAME: mutate.jobwarden.io is called at {service}/mutate
ok    ValidatingWebhookConfiguration NAME: validate.jobwarden.io is called at {service}/validate
ok    mutate.jobwarden.io: the CA in its caBundle expires in 3649 days
ok    validate.jobwarden.io: the CA in its caBundle expires in 3649 days
ok    Service NAME/jobwarden: 1 of 2 endpoints are ready
ok    mutate.jobwarden.io: its caBundle verifies the certificate of Secret NAME/jobwarden-tls
ok    validate.jobwarden.io: its caBundle verifies the certificate of Secret NAME/jobwarden-tls
ok    the certificate of Secret NAME/jobwarden-tls expires in 89 days
""")


def test_an_empty_ca_bundle_is_told(installation: Installation) -> None:
    installation.ca = b""
    installation.install(client=installation.called_by_service)

    status, printed = installation.check()

    for name in ("mutate", "validate"):
        told = (
            f"FAIL  {name}.jobwarden.io: its caBundle is empty, so no API server trusts it\n      {HEALING}\n"
        )
        assert told in printed
    assert status == 1


def test_endpoints_that_are_not_ready_are_told(installation: Installation) -> None:
    installation.install_service()
    installation.make_endpoints({"10.1.0.1": False, "10.1.0.2": False})

    _, printed = installation.check()

    assert (
        "FAIL  Service NAME/jobwarden: 0 of 2 endpoints are ready\n      kubectl --namespace NAME get"
        in printed
    )


def test_a_missing_secret_is_told(installation: Installation) -> None:
    installation.install_service()

    _, printed = installation.check()

    assert "FAIL  there is no Secret NAME/jobwarden-tls\n      name another: --service-namespace" in printed


@pytest.mark.parametrize(
    ("born", "why"),
    [
        (NOW, "the certificate was signed by CN=CA, but the CA bundle holds CN=CA"),
        (NOW - 91 * DAY, f"the certificate expired at {NOW - DAY:%Y-%m-%dT%H:%M:%SZ}"),
    ],
    ids=["another CA", "expired"],
)
def test_a_certificate_that_api_servers_refuse_is_told(
    installation: Installation, born: datetime, why: str
) -> None:
    installation.install_service()
    installation.make_secret(issue(service_names("jobwarden", installation.name), born))

    status, printed = installation.check()

    assert f"FAIL  mutate.jobwarden.io: Secret NAME/jobwarden-tls: {why}\n      {HEALING}\n" in printed
    assert status == 1


def test_a_late_renewal_is_told(installation: Installation) -> None:
    installation.install_service()
    installation.make_secret(issue(service_names("jobwarden", installation.name), NOW - 80 * DAY))

    _, printed = installation.check()

    assert "warn  the certificate of Secret NAME/jobwarden-tls expires in 9 days\n" in printed


def test_the_webhook_is_asked_through_its_service_when_api_servers_do_not(
    installation: Installation, outside: Server
) -> None:
    installation.install_service()
    installation.route(outside)
    outside.setting(TOLD)

    told = f"FAIL  {UNTOUCHED}\n      asked directly, the webhook has something to say. "
    installation.settled(until=told)
    outside.response = {}
    _, printed = installation.check()

    assert f"skip  {UNTOUCHED}, and the webhook, asked directly, agrees" in printed


def test_what_somebody_may_not_see_is_skipped(installation: Installation) -> None:
    installation.install()

    status, printed = installation.check(user="alice")

    lines = printed.splitlines()
    assert [line[:4] for line in lines] == ["ok  ", "skip", "skip", "skip", "    "]
    assert 'User "alice" cannot get resource "mutatingwebhookconfigurations"' in lines[1]
    assert 'User "alice" cannot create resource "jobs"' in lines[3]
    assert status == 2


def test_a_namespace_that_is_not_there_is_told(installation: Installation) -> None:
    installation.install()

    status, printed = installation.check("--namespace=nowhere")

    assert (
        'FAIL  a Job in namespace nowhere: the API server refuses (404): namespaces "nowhere" not f'
        in printed
    )
    assert status == 1


def test_without_a_cluster_there_is_nothing_to_say(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)

    assert check(parser.parse_args(["--kubeconfig=/nowhere"])) == 2

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("jobwarden-webhook: kubeconfig /nowhere: ")


def test_without_a_flag_the_kubeconfig_is_that_of_kubectl(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBECONFIG", f"/nowhere:{installation.api.kubeconfig}")
    parser = argparse.ArgumentParser()
    add_arguments(parser)

    check(parser.parse_args([]))

    assert capsys.readouterr().out.startswith("ok    Kubernetes 1.")
