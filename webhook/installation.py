"""An installation as it can be seen in the cluster: what is wrong with it, part by part."""

import ssl
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from http.client import HTTPSConnection
from typing import Any, Literal, NamedTuple
from urllib.parse import SplitResult, urlsplit

from webhook.certs import CertificateError, expires, problem
from webhook.cluster import Cluster
from webhook.rotation import (
    MUTATING,
    VALIDATING,
    ca_bundles,
    configuration_path,
    secret_data,
    secret_path,
)

_PATHS = {MUTATING: "/mutate", VALIDATING: "/validate"}
_PATIENCE = 5  # seconds
_SOON = 20  # days; what is renewed in time has 30 left
_APPLY = "apply the manifests: kubectl apply -k manifests/"
HEALING = "the webhook (or cert-manager) mends that within a minute or so; else its log says what hinders it"


class Line(NamedTuple):
    """What was seen, and what to do about it."""

    status: Literal["ok", "warn", "skip", "FAIL"]
    text: str
    advice: str = ""


class Webhook(NamedTuple):
    """A webhook as its configuration has it."""

    kind: str
    tree: Any
    ca: bytes

    @property
    def name(self) -> str:
        """What the API server calls it."""
        return str(self.tree["name"])

    @property
    def service(self) -> Any:
        """The Service that is called, unless it is a URL."""
        return self.tree["clientConfig"].get("service")

    @property
    def url(self) -> SplitResult:
        """Where it is called; the host is what the certificate has to be for."""
        if service := self.service:
            host = f"{service['name']}.{service['namespace']}.svc"
            return urlsplit(f"https://{host}:{service.get('port', 443)}{service.get('path', '/')}")
        return urlsplit(str(self.tree["clientConfig"]["url"]))

    def connection(self) -> HTTPSConnection:
        """Return a connection that trusts whom API servers do: without a caBundle, whom the system trusts."""
        context = ssl.create_default_context(cadata=self.ca.decode("ascii", "replace") or None)
        lenient = ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags = lenient  # as Go is, but not Python since 3.13
        return HTTPSConnection(self.url.hostname or "", self.url.port, timeout=_PATIENCE, context=context)


def webhooks(cluster: Cluster, kind: str, name: str) -> list[Webhook] | None:
    """Return the webhooks of a configuration; None if there is none."""
    found = cluster.find(configuration_path(kind, name))
    if found is None:
        return None
    pairs = zip(found.get("webhooks") or (), ca_bundles(found), strict=True)
    return [Webhook(kind, tree, ca) for tree, (_, ca) in pairs]


def look_at_configuration(kind: str, name: str, found: list[Webhook] | None) -> Iterator[Line]:
    """Look at what is called, and when nobody answers."""
    if not found:
        what = f"there is no {kind} {name}" if found is None else f"{kind} {name} has no webhooks"
        yield Line("FAIL", what, _APPLY)
        return
    for webhook in found:
        yield Line("ok", f"{kind} {name}: {webhook.name} is called at {webhook.url.geturl()}")
        if webhook.url.path != _PATHS[kind]:
            yield Line("FAIL", f"{webhook.name} answers at {_PATHS[kind]}, not at {webhook.url.path}", _APPLY)
        if webhook.tree.get("failurePolicy") == "Fail":
            yield Line(
                "warn", f"{webhook.name}: while nobody answers, no Job is let through: failurePolicy Fail"
            )
        if (seconds := webhook.tree.get("timeoutSeconds", 10)) > _PATIENCE:
            yield Line(
                "warn", f"{webhook.name}: while nobody answers, each Job waits: timeoutSeconds {seconds}"
            )


def look_at_servers(found: list[Webhook]) -> Iterator[Line]:
    """Look whether it is one server that is called."""
    servers = sorted({webhook.url.netloc for webhook in found})
    if len(servers) > 1:
        yield Line("FAIL", f"more than one server is called: {', '.join(servers)}", _APPLY)


def look_at_ca_bundle(webhook: Webhook, now: datetime) -> Iterator[Line]:
    """Look at whom the API server trusts."""
    if webhook.ca:
        try:
            yield _life(f"{webhook.name}: the CA in its caBundle", expires(webhook.ca), now)
        except CertificateError as error:
            yield Line("FAIL", f"{webhook.name}: its caBundle is of no use: {error}", HEALING)
    elif webhook.service:
        yield Line("FAIL", f"{webhook.name}: its caBundle is empty, so no API server trusts it", HEALING)


def look_at_endpoints(cluster: Cluster, namespace: str, name: str) -> Iterator[Line]:
    """Look at what is behind a Service."""
    path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    slices = cluster.get(path, labelSelector=f"kubernetes.io/service-name={name}")["items"]
    endpoints = [each for one in slices for each in one.get("endpoints") or ()]
    ready = [each for each in endpoints if (each.get("conditions") or {}).get("ready", True)]
    text = f"Service {namespace}/{name}: {len(ready)} of {len(endpoints)} endpoints are ready"
    advice = f"kubectl --namespace {namespace} get pods; why one is not ready, /readyz and its log say"
    yield Line("ok", text) if ready else Line("FAIL", text, advice)


def look_at_secret(
    cluster: Cluster, namespace: str, name: str, found: list[Webhook], now: datetime
) -> Iterator[Line]:
    """Look at the certificate that is served, as an API server does."""
    what = f"Secret {namespace}/{name}"
    secret = cluster.find(secret_path(namespace, name))
    if secret is None:
        advice = (
            "name another: --service-namespace and --secret; with cert-manager it is jobwarden-certificate"
        )
        yield Line("FAIL", f"there is no {what}", advice)
        return
    certificate, key = (secret_data(secret).get(field, b"") for field in ("tls.crt", "tls.key"))
    for webhook in found:
        if webhook.service and webhook.ca:
            reason = problem(certificate, key, webhook.ca, webhook.url.hostname or "", now)
            verified = Line("ok", f"{webhook.name}: its caBundle verifies the certificate of {what}")
            yield Line("FAIL", f"{webhook.name}: {what}: {reason}", HEALING) if reason else verified
    with suppress(CertificateError):
        yield _life(f"the certificate of {what}", expires(certificate), now)


def look_at_server(webhook: Webhook) -> Iterator[Line]:
    """Look at who answers at a URL."""
    what = f"{webhook.name}: {webhook.url.netloc}"
    try:
        connection = webhook.connection()
    except ssl.SSLError:  # no certificate in the caBundle, which was told
        return
    try:
        connection.connect()
        yield Line("ok", f"{what} answers, and its certificate is verified")
    except ssl.SSLError as error:
        yield Line("FAIL", f"{what} answers, but the API server does not trust it: {error}", HEALING)
    except OSError as error:
        yield Line("FAIL", f"{what} does not answer from here: {error}", "is it running?")
    finally:
        connection.close()


def _life(what: str, end: datetime, now: datetime) -> Line:
    days = (end - now).days
    if end <= now:
        return Line("FAIL", f"{what} expired at {end:%F %R} UTC", HEALING)
    return Line("warn" if days < _SOON else "ok", f"{what} expires in {days} days")
