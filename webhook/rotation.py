"""Certificates in a cluster: one Secret for all replicas, and the CA bundles of the webhook configurations.

Others write these as well, at any time. So each round reads them all, does what is due, and starts over if
something was written since it was read.
"""

import asyncio
import logging
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar

from webhook.certs import Bundle, CertificateError, expires, from_secret, issue, problem, renewed, to_secret
from webhook.cluster import CONFLICT, Cluster, ClusterError, pause
from webhook.tls import Certificates

MUTATING, VALIDATING = "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"
UNREAD = "the CA bundles have not been read yet"

_LOG = logging.getLogger(__name__)
_ATTEMPTS = 10
_LONGEST = 60  # seconds between two failures
_T = TypeVar("_T")


def _now() -> datetime:
    return datetime.now(UTC)


def configuration_path(kind: str, name: str) -> str:
    """Return where a webhook configuration is."""
    return f"/apis/admissionregistration.k8s.io/v1/{kind.lower()}s/{name}"


def secret_path(namespace: str, name: str = "") -> str:
    """Return where a Secret is, or all of them."""
    return f"/api/v1/namespaces/{namespace}/secrets/{name}".removesuffix("/")


def ca_bundles(configuration: Any) -> Iterator[tuple[str, bytes]]:
    """Iterate over the webhooks of a configuration: name and CA bundle."""
    for webhook in configuration.get("webhooks") or ():
        yield webhook["name"], b64decode(webhook["clientConfig"].get("caBundle") or "")


def secret_data(secret: Any) -> dict[str, bytes]:
    """Return what a Secret holds."""
    return {key: b64decode(value) for key, value in (secret.get("data") or {}).items()}


class Configurations:
    """Both webhook configurations, as they were when they were last read."""

    def __init__(self, cluster: Cluster, mutating: str, validating: str) -> None:
        self._cluster = cluster
        self._names = {MUTATING: mutating, VALIDATING: validating}
        self._found: dict[str, Any] = {}
        """By kind; None if there is none."""
        self._fresh: set[str] = set()
        """The kinds that the last look has read."""

    def read(self) -> list[ClusterError]:
        """Read both, and return what went wrong."""
        self._fresh.clear()
        return [*self._each(self._read)]

    def installed(self) -> Iterator[bytes]:
        """Iterate over all CA bundles; where they are not known, nothing can be said to be installed."""
        for kind in self._names:
            if kind not in self._fresh:
                yield b""
            elif found := self._found[kind]:
                yield from (ca for _, ca in ca_bundles(found))

    def install(self, ca: bytes) -> list[ClusterError]:
        """Write a CA bundle wherever there is another one, and return what went wrong."""
        return [*self._each(lambda kind: self._install(kind, ca))]

    def problem(self, pair: tuple[bytes, bytes], name: str, now: datetime) -> str:
        """Say why API servers refuse a certificate and its key; nothing if none does.

        If one configuration is missing (deleting it is the way out when webhooks go wrong), the other counts.
        """
        if len(self._found) < len(self._names):
            return UNREAD
        if not any(self._found.values()):
            return "; ".join(map(self._missing, self._names))
        held = [(kind, *each) for kind, found in self._found.items() for each in ca_bundles(found or {})]
        reasons = [(kind, webhook, problem(*pair, ca, name, now)) for kind, webhook, ca in held]
        return "; ".join(f"{webhook} of the {kind}: {reason}" for kind, webhook, reason in reasons if reason)

    def _each(self, do: Callable[[str], None]) -> Iterator[ClusterError]:
        """Do something with each kind, whatever becomes of the other."""
        for kind in self._names:
            try:
                do(kind)
            except ClusterError as error:
                yield error

    def _read(self, kind: str) -> None:
        found = self._cluster.find(configuration_path(kind, self._names[kind]))
        if found is None and self._found.get(kind, True):
            _LOG.warning("%s", self._missing(kind))
        self._found[kind] = found
        self._fresh.add(kind)

    def _install(self, kind: str, ca: bytes) -> None:
        """Patch the CA bundles; with the version that was read, for else it could bring back a webhook."""
        if kind not in self._fresh or not (found := self._found[kind]):
            return
        others = {webhook: held for webhook, held in ca_bundles(found) if held != ca}
        if not others:
            return
        encoded = b64encode(ca).decode()
        webhooks = [{"name": webhook, "clientConfig": {"caBundle": encoded}} for webhook in others]
        version = {"resourceVersion": found["metadata"]["resourceVersion"]}
        path = configuration_path(kind, self._names[kind])
        self._found[kind] = self._cluster.merge(path, {"metadata": version, "webhooks": webhooks})
        for webhook, held in others.items():
            _LOG.info("%s of the %s: its CA bundle was %s", webhook, kind, "another" if held else "empty")

    def _missing(self, kind: str) -> str:
        return f"there is no {kind} {self._names[kind]}: kubectl apply -k manifests/ makes one"


@dataclass(eq=False)
class Rotation:
    """Keeps certificates in a Secret, renews them, and has API servers trust them."""

    cluster: Cluster
    names: tuple[str, ...]
    """What the certificate is for; API servers ask for the first."""
    namespace: str
    secret: str
    mutating: str
    """The name of the configuration, as for `validating`."""
    validating: str
    now: Callable[[], datetime] = _now
    problem: str = field(default=UNREAD, init=False)
    """Why API servers refuse what is served; empty if they do not."""
    ca: bytes = field(default=b"", init=False)
    """The CA certificates, newest first."""

    def __post_init__(self) -> None:
        self._configurations = Configurations(self.cluster, self.mutating, self.validating)
        self._certificates: Certificates

    def begin(self) -> Certificates:
        """Read the Secret, or make it, and return what is to be served; blocks.

        Raises:
            ClusterError: that is not possible.
        """
        _, bundle = _undisturbed(self._read)
        self.ca = bundle.ca
        self._certificates = Certificates(bundle.certificate, bundle.key)
        return self._certificates

    async def run(self, seconds: float = 60) -> NoReturn:
        """Go round after round, without an end."""
        await _repeat(self.go_round, seconds)

    def go_round(self) -> None:
        """Do what is due; blocks.

        Raises:
            ClusterError: something is not done, and has to be tried again; the rest is.
        """
        try:
            _undisturbed(self._go_round)
        finally:
            pair = self._certificates.pair
            self.problem = self._configurations.problem(pair, self.names[0], self.now())

    def _go_round(self) -> None:
        now = self.now()
        secret, bundle = self._read()
        failures = self._configurations.read()
        later = renewed(bundle, self.names, now, self._configurations.installed())
        if later is not bundle:
            self._write(secret, later)
        self._serve(later)
        failures += self._configurations.install(later.ca)
        if failures:
            raise failures[0]

    def _read(self) -> tuple[Any, Bundle]:
        """Return the Secret and what it holds; what is missing is made."""
        secret = self.cluster.find(secret_path(self.namespace, self.secret))
        if secret and (bundle := from_secret(secret_data(secret))):
            return secret, bundle
        if secret:
            _LOG.warning("Secret %s/%s holds nothing to be served: replacing it", self.namespace, self.secret)
        bundle = issue(self.names, self.now())
        blank = {"type": "kubernetes.io/tls", "metadata": {"name": self.secret}}
        return self._write(secret or blank, bundle), bundle

    def _write(self, secret: Any, bundle: Bundle) -> Any:
        """Write a Secret, unless somebody else has since it was read."""
        data = {key: b64encode(value).decode() for key, value in to_secret(bundle).items()}
        secret = {**secret, "data": {**(secret.get("data") or {}), **data}}
        if "resourceVersion" in secret["metadata"]:
            secret = self.cluster.put(secret_path(self.namespace, self.secret), secret)
        else:
            secret = self.cluster.post(secret_path(self.namespace), secret).body
        _LOG.info("Secret %s/%s is written", self.namespace, self.secret)
        return secret

    def _serve(self, bundle: Bundle) -> None:
        pair = bundle.certificate, bundle.key
        if pair != self._certificates.pair:
            self._certificates.swap(*pair)
            _LOG.info("serving a certificate that expires at %s", expires(bundle.certificate))
        self.ca = bundle.ca


class Observer:
    """Watches whether API servers trust a certificate, for which somebody else is to see."""

    def __init__(
        self, cluster: Cluster, certificates: Certificates, name: str, mutating: str, validating: str
    ) -> None:
        self.problem = UNREAD
        """Why API servers refuse what is served; empty if they do not."""
        self._certificates, self._name = certificates, name
        self._configurations = Configurations(cluster, mutating, validating)

    async def run(self, seconds: float = 30) -> NoReturn:
        """Look again and again, without an end."""
        await _repeat(self.look, seconds)

    def look(self) -> None:
        """Read and judge; blocks.

        Raises:
            ClusterError: something could not be read.
        """
        failures = self._configurations.read()
        self.problem = self._configurations.problem(self._certificates.pair, self._name, _now())
        if failures:
            raise failures[0]


async def _repeat(do: Callable[[], None], seconds: float) -> NoReturn:
    """Do something again and again; after a failure, which is told once, sooner."""
    failures, told = 0, ""
    while True:
        try:
            await asyncio.to_thread(do)
            failures, told = 0, ""
        except (ClusterError, CertificateError) as error:
            failures += 1
            if str(error) != told:
                _LOG.warning("the certificates have to be looked at again: %s", error)
            told = str(error)
        await asyncio.sleep(pause(failures, seconds, _LONGEST))


def _undisturbed(do: Callable[[], _T]) -> _T:
    """Do something, and do it anew if somebody else was faster."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return do()
        except ClusterError as error:
            if error.status != CONFLICT:
                raise
    return do()
