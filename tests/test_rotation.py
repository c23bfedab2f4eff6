"""Replicas share one certificate, and no API server ever meets one that its caBundle does not verify."""

import asyncio
import logging
import random
import ssl
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from cryptography import x509
from test_cluster import Wire, wait_for

from lint.policy import Mode
from webhook.certs import expires, issue, problem, service_names
from webhook.cluster import MODE_LABEL, Cluster, ClusterError
from webhook.namespaces import Namespaces
from webhook.rotation import (
    MUTATING,
    UNREAD,
    VALIDATING,
    Observer,
    Rotation,
    ca_bundles,
    configuration_path,
    secret_path,
)
from webhook.tls import Certificates

if TYPE_CHECKING:
    from apiserver import ApiServer

pytest_plugins = ["apiserver"]

RBAC = Path(__file__).parents[1] / "manifests" / "base" / "rbac.yaml"
NOW = datetime.now(UTC).replace(microsecond=0)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
KINDS = (MUTATING, VALIDATING)
NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL: in the tests, time flies."""


class Place:
    """A namespace, and webhook configurations of the same name that no request is sent for."""

    def __init__(self, server: "ApiServer") -> None:
        self.server = server
        self.name = server.namespace()
        self.names = service_names("jobwarden", self.name)
        self.cluster = Cluster.connect(str(server.kubeconfig))
        self.secret_path = secret_path(self.name, "jobwarden-tls")
        for kind in KINDS:
            self.make(kind)

    def make(self, kind: str) -> None:
        """Make a configuration, with two webhooks."""
        webhooks = [self._webhook(f"{name}.jobwarden.io") for name in ("one", "two")]
        tree = {"metadata": {"name": self.name, "labels": {"a": "b"}}, "webhooks": webhooks}
        assert self.server.request("POST", configuration_path(kind, "")[:-1], tree).status == 201

    def remove(self, kind: str) -> None:
        """Delete a configuration."""
        self.server.request("DELETE", configuration_path(kind, self.name))

    def rotation(self, cluster: Cluster | None = None, now: Callable[[], datetime] = lambda: NOW) -> Rotation:
        """Return what a replica has."""
        cluster = cluster or self.cluster
        return Rotation(cluster, self.names, self.name, "jobwarden-tls", self.name, self.name, now)

    def configuration(self, kind: str) -> Any:
        """Return a configuration."""
        return self.server.request("GET", configuration_path(kind, self.name)).body

    def installed(self) -> list[bytes]:
        """Return all CA bundles."""
        return [ca for kind in KINDS for _, ca in ca_bundles(self.configuration(kind))]

    def set_ca(self, kind: str, index: int, ca: bytes) -> None:
        """Write a CA bundle."""
        patch = [{"op": "add", "path": f"/webhooks/{index}/clientConfig/caBundle", "value": text(ca)}]
        path, content = configuration_path(kind, self.name), "application/json-patch+json"
        assert self.server.request("PATCH", path, patch, content=content).status == 200

    def secret(self) -> dict[str, bytes]:
        """Return what the Secret holds."""
        data = self.server.request("GET", self.secret_path).body["data"]
        return {key: b64decode(value) for key, value in data.items()}

    def set_secret(self, **data: bytes) -> None:
        """Change what the Secret holds."""
        patch = {"data": {key.replace("_", "."): text(value) for key, value in data.items()}}
        assert self.server.request("PATCH", self.secret_path, patch).status == 200

    def _webhook(self, name: str) -> Any:
        service = {"namespace": self.name, "name": "jobwarden", "path": "/mutate", "port": 443}
        rule = {"apiGroups": ["nobody.example"], "apiVersions": ["v1"], "resources": ["nothing"]}
        return {
            "name": name,
            "clientConfig": {"service": service},
            "rules": [{**rule, "operations": ["CREATE"]}],
            "failurePolicy": "Ignore",
            "sideEffects": "None",
            "timeoutSeconds": 3,
            "admissionReviewVersions": ["v1"],
        }


def text(data: bytes) -> str:
    """Return bytes as JSON has them."""
    return b64encode(data).decode()


@pytest.fixture
def place(apiserver: "ApiServer") -> Iterator[Place]:
    """Return a place of its own for each test."""
    place = Place(apiserver)
    yield place
    for kind in KINDS:
        place.remove(kind)


def refusal(certificates: Certificates, ca_bundle: bytes, name: str) -> str:
    """Shake hands as a client that trusts a CA bundle, and return what it says against the server."""
    try:
        trust = ssl.create_default_context(cadata=ca_bundle.decode())
    except (ssl.SSLError, ValueError) as error:
        return str(error)
    trust.verify_flags |= NO_CHECK_TIME
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = certificates.context.wrap_bio(to_server, to_client, server_side=True)
    client = trust.wrap_bio(to_client, to_server, server_hostname=name)
    try:
        for side in (client, server, client, server):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    return ""


def test_replicas_that_start_at_once_end_up_with_the_same_certificate(place: Place) -> None:
    barrier = threading.Barrier(8)

    def begin(_: int) -> tuple[bytes, bytes]:
        rotation = place.rotation(Cluster.connect(str(place.server.kubeconfig)))
        barrier.wait()
        return rotation.begin().pair

    with ThreadPoolExecutor(8) as pool:
        pairs = {*pool.map(begin, range(8))}

    assert pairs == {(place.secret()["tls.crt"], place.secret()["tls.key"])}


def test_replicas_that_find_nothing_of_use_end_up_with_the_same_certificate(place: Place) -> None:
    place.rotation().begin()
    place.set_secret(tls_key=b"junk")
    barrier = threading.Barrier(8)

    def begin(_: int) -> tuple[bytes, bytes]:
        rotation = place.rotation(Cluster.connect(str(place.server.kubeconfig)))
        barrier.wait()
        return rotation.begin().pair

    with ThreadPoolExecutor(8) as pool:
        pairs = {*pool.map(begin, range(8))}

    assert pairs == {(place.secret()["tls.crt"], place.secret()["tls.key"])}


def test_a_restart_finds_the_same_certificate(place: Place) -> None:
    assert place.rotation().begin().pair == place.rotation().begin().pair


def test_a_secret_of_no_use_is_replaced_and_the_rest_of_it_stays(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.rotation().begin()
    place.set_secret(ca_key=b"junk", mine=b"kept")

    certificates = place.rotation().begin()

    assert place.secret()["tls.crt"] == certificates.pair[0]
    assert place.secret()["mine"] == b"kept"
    assert f"Secret {place.name}/jobwarden-tls holds nothing to be served: replacing it" in caplog.messages


def test_an_empty_secret_is_filled(place: Place) -> None:
    path = secret_path(place.name)
    assert place.server.request("POST", path, {"metadata": {"name": "jobwarden-tls"}}).status == 201

    certificates = place.rotation().begin()

    assert place.secret()["tls.key"] == certificates.pair[1]


def test_before_the_first_round_nobody_is_sure(place: Place) -> None:
    rotation = place.rotation()
    rotation.begin()

    assert rotation.problem == UNREAD


def test_the_first_round_has_every_webhook_trust_the_ca(place: Place) -> None:
    rotation = place.rotation()
    certificates = rotation.begin()

    rotation.go_round()

    assert rotation.problem == ""
    assert place.installed() == [rotation.ca] * 4
    assert refusal(certificates, place.installed()[0], place.names[0]) == ""


def test_nothing_but_the_ca_bundle_is_written(place: Place) -> None:
    before = place.configuration(MUTATING)
    rotation = place.rotation()
    rotation.begin()
    rotation.go_round()

    after = place.configuration(MUTATING)
    for webhook in after["webhooks"]:
        del webhook["clientConfig"]["caBundle"]
    assert after["webhooks"] == before["webhooks"]
    assert after["metadata"]["labels"] == before["metadata"]["labels"]


def test_a_round_with_nothing_to_do_writes_nothing(place: Place) -> None:
    rotation = place.rotation()
    rotation.begin()
    rotation.go_round()
    before = [place.configuration(kind) for kind in KINDS], place.server.request("GET", place.secret_path)

    rotation.go_round()

    after = [place.configuration(kind) for kind in KINDS], place.server.request("GET", place.secret_path)
    assert after == before


@pytest.mark.parametrize("held", [b"", b"junk", issue(["other"], NOW).ca])
def test_a_ca_bundle_that_somebody_has_overwritten_is_restored_and_told(
    place: Place, held: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "webhook")
    rotation = place.rotation()
    rotation.begin()
    rotation.go_round()
    caplog.clear()
    place.set_ca(VALIDATING, 1, held)

    for _ in range(2):
        rotation.go_round()

    before = "another" if held else "empty"
    assert caplog.messages == [f"two.jobwarden.io of the {VALIDATING}: its CA bundle was {before}"]
    assert place.installed() == [rotation.ca] * 4
    assert rotation.problem == ""


def test_a_change_at_the_same_time_is_not_lost(place: Place) -> None:
    class Late(Cluster):
        """Somebody else is faster, once."""

        raced = False

        def merge(self, path: str, body: Any) -> Any:
            if not self.raced:
                self.raced = True
                patch = [
                    {"op": "remove", "path": "/webhooks/0"},
                    {"op": "add", "path": "/metadata/labels/c", "value": "d"},
                ]
                assert (
                    place.server.request("PATCH", path, patch, content="application/json-patch+json").status
                    == 200
                )
            return super().merge(path, body)

    rotation = place.rotation(Late(place.cluster._configuration))  # noqa: SLF001 - its own kind
    rotation.begin()

    rotation.go_round()

    configuration = place.configuration(MUTATING)
    assert dict(ca_bundles(configuration)) == {"two.jobwarden.io": rotation.ca}
    assert configuration["metadata"]["labels"] == {"a": "b", "c": "d"}
    assert rotation.problem == ""


def test_a_missing_configuration_is_told_once_and_the_other_is_served(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.remove(MUTATING)
    rotation = place.rotation()
    rotation.begin()

    for _ in range(2):
        rotation.go_round()

    assert rotation.problem == ""
    assert [ca for _, ca in ca_bundles(place.configuration(VALIDATING))] == [rotation.ca] * 2
    assert caplog.messages == [f"there is no {MUTATING} {place.name}: kubectl apply -k manifests/ makes one"]


def test_without_any_configuration_there_is_a_problem_until_one_comes(place: Place) -> None:
    for kind in KINDS:
        place.remove(kind)
    rotation = place.rotation()
    rotation.begin()
    rotation.go_round()
    assert rotation.problem == (
        f"there is no {MUTATING} {place.name}: kubectl apply -k manifests/ makes one; "
        f"there is no {VALIDATING} {place.name}: kubectl apply -k manifests/ makes one"
    )

    place.make(VALIDATING)
    rotation.go_round()

    assert rotation.problem == ""


def test_a_deleted_secret_is_made_again_and_what_is_served_comes_from_it(place: Place) -> None:
    rotation = place.rotation()
    certificates = rotation.begin()
    rotation.go_round()
    before = certificates.pair
    place.server.request("DELETE", place.secret_path)

    rotation.go_round()

    assert certificates.pair != before
    assert certificates.pair[0] == place.secret()["tls.crt"]
    assert refusal(certificates, place.installed()[0], place.names[0]) == ""
    assert rotation.problem == ""


def test_the_other_replica_follows_a_renewal(place: Place) -> None:
    times = [NOW, NOW]
    replicas = [place.rotation(now=lambda: times[0]), place.rotation(now=lambda: times[1])]
    served = [replica.begin() for replica in replicas]
    times[0] += 61 * DAY

    replicas[0].go_round()
    replicas[1].go_round()

    assert expires(served[0].pair[0]) == NOW + 151 * DAY
    assert served[1].pair == served[0].pair


def test_no_client_ever_refuses_a_replica_while_the_ca_is_renewed(place: Place) -> None:
    chance, clock = random.Random(1), [NOW]
    replicas = [place.rotation(Cluster.connect(str(place.server.kubeconfig)), lambda: clock[0]) for _ in "12"]
    served = [replica.begin() for replica in replicas]
    for days in (0, 3540):
        clock[0] = NOW + days * DAY
        for replica in replicas:
            replica.go_round()
    first, cas, leaves, done = replicas[0].ca, set[bytes](), set[bytes](), threading.Event()
    client = Cluster.connect(str(place.server.kubeconfig))

    def look() -> list[str]:
        """Return why connections were refused by who knows the CA bundle of the moment."""
        told, looks = [], 0
        while not (done.is_set() and looks > 100):
            kind, certificates = KINDS[looks % 2], served[looks // 2 % 2]
            path = configuration_path(kind, place.name)
            for _, ca in ca_bundles(before := client.get(path)):
                why = refusal(certificates, ca, place.names[0])
                why = why or problem(*certificates.pair, ca, place.names[0], clock[0])
                if why and client.get(path) == before:
                    told.append(why)
            looks += 1
        return told

    with ThreadPoolExecutor(3) as pool, ExitStack() as ending:
        ending.callback(done.set)
        told = pool.submit(look)
        while clock[0] < NOW + 3700 * DAY:
            clock[0] += chance.choice([HOUR, 5 * HOUR, 2 * DAY, 9 * DAY])
            rounds = [pool.submit(replica.go_round) for replica in replicas]
            for each in rounds:
                each.result()
            cas.add(replicas[0].ca)
            leaves.add(served[0].pair[0])
            assert [replica.problem for replica in replicas] == ["", ""]

    assert told.result() == []
    assert [len(x509.load_pem_x509_certificates(ca)) for ca in (first, *sorted(cas, key=len))] == [1, 1, 1, 2]
    assert len(leaves) > 2
    replicas[1].go_round()
    assert served[0].pair == served[1].pair


class Halting(Cluster):
    """Refuses to do one thing with validating configurations."""

    halted = ""

    def find(self, path: str) -> Any:
        """Read an object."""
        self._halt("find", path)
        return super().find(path)

    def merge(self, path: str, body: Any) -> Any:
        """Write fields of an object."""
        self._halt("merge", path)
        return super().merge(path, body)

    def _halt(self, method: str, path: str) -> None:
        if method == self.halted and "validating" in path:
            raise ClusterError("not for you", 403)


@pytest.mark.parametrize("method", ["find", "merge"])
def test_the_new_ca_signs_nothing_while_one_configuration_cannot_be_changed(
    place: Place, method: str
) -> None:
    clock = [NOW]
    cluster = Halting(place.cluster._configuration)  # noqa: SLF001 - its own kind
    rotation = place.rotation(cluster, lambda: clock[0])
    certificates = rotation.begin()
    rotation.go_round()
    first, cluster.halted = rotation.ca, method
    for days in range(3540, 3590, 5):
        clock[0] = NOW + days * DAY
        with suppress(ClusterError):
            rotation.go_round()

        assert problem(*certificates.pair, first, place.names[0], clock[0]) == ""
    assert rotation.ca.endswith(first)
    assert rotation.ca != first

    cluster.halted = ""
    for _ in range(3):
        clock[0] += DAY
        rotation.go_round()
    assert "signed by" in problem(*certificates.pair, first, place.names[0], clock[0])
    assert rotation.problem == ""


def test_a_configuration_that_cannot_be_read_does_not_stop_the_rest(place: Place) -> None:
    cluster = Halting(place.cluster._configuration)  # noqa: SLF001 - its own kind
    cluster.halted = "find"
    rotation = place.rotation(cluster)
    rotation.begin()

    with pytest.raises(ClusterError, match="not for you"):
        rotation.go_round()

    assert [ca for _, ca in ca_bundles(place.configuration(MUTATING))] == [rotation.ca] * 2
    assert rotation.problem == UNREAD


def test_what_was_read_before_counts_while_the_api_server_is_away(place: Place, tmp_path: Path) -> None:
    clock = [NOW]
    with closing(Wire(place.server, tmp_path)) as wire:
        rotation = place.rotation(Cluster.connect(wire.kubeconfig), lambda: clock[0])
        rotation.begin()
        rotation.go_round()
        wire.cut()
        with pytest.raises(ClusterError):
            rotation.go_round()
        assert rotation.problem == ""

        clock[0] += 91 * DAY
        with pytest.raises(ClusterError):
            rotation.go_round()

    assert rotation.problem.count("the certificate expired at ") == 4


def test_rounds_go_on_after_failures_which_are_told_once(
    place: Place, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        task = asyncio.create_task(rotation.run(0.05))
        await asyncio.to_thread(wait_for, lambda: rotation.problem == "")
        await asyncio.to_thread(wire.cut)
        await asyncio.to_thread(wait_for, lambda: caplog.messages)
        await asyncio.sleep(2)
        place.set_ca(MUTATING, 0, b"")
        wire.mend()
        await asyncio.to_thread(wait_for, lambda: place.installed() == [rotation.ca] * 4)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    with closing(Wire(place.server, tmp_path)) as wire:
        rotation = place.rotation(Cluster.connect(wire.kubeconfig))
        rotation.begin()
        asyncio.run(run())

    told = [message for message in caplog.messages if message.startswith("the certificates have to be")]
    assert all(one != other for one, other in pairwise(told))  # failures of two kinds may alternate


def rights(place: Place) -> list[Any]:
    """Return the roles that the manifests have, for this place."""
    found = []
    for tree in yaml.safe_load_all(RBAC.read_text()):
        if tree["kind"] == "ServiceAccount":
            continue
        tree["metadata"] = {**tree["metadata"], "name": place.name}
        if "namespace" in tree["metadata"]:
            tree["metadata"]["namespace"] = place.name
        if "roleRef" in tree:
            tree["roleRef"]["name"] = place.name
        for rule in tree.get("rules", ()):
            if rule.get("resourceNames") == ["jobwarden"]:
                rule["resourceNames"] = [place.name]
        found.append(tree)
    return found


@pytest.fixture
def account(place: Place) -> Iterator[Cluster]:
    """Log in as the service account, with the rights that the manifests give to it."""
    trees = yaml.safe_dump_all(rights(place))
    assert place.server.kubectl("apply", "--filename=-", stdin=trees).returncode == 0
    yield Cluster.connect(str(place.server.kubeconfig), "system:serviceaccount:jobwarden:jobwarden")
    assert place.server.kubectl("delete", "--filename=-", stdin=trees).returncode == 0


def test_the_rights_in_the_manifests_are_enough(place: Place, account: Cluster) -> None:
    clock = [NOW]
    rotation, namespaces = place.rotation(account, lambda: clock[0]), Namespaces(account)

    def permitted() -> bool:
        """Tell whether the API server has seen the roles."""
        try:
            rotation.begin()
            rotation.go_round()
        except ClusterError as error:
            assert error.status == 403
            return False
        return True

    wait_for(permitted)
    clock[0] += 61 * DAY
    rotation.go_round()
    namespaces.start()
    wait_for(lambda: namespaces.synced)
    labelled = place.server.namespace(**{MODE_LABEL: "warn"})
    wait_for(lambda: asyncio.run(namespaces.mode(labelled)) == Mode.WARN)
    namespaces.stop()

    assert rotation.problem == ""
    assert expires(place.secret()["tls.crt"]) == NOW + 151 * DAY


def test_a_missing_right_is_told(place: Place) -> None:
    rotation = place.rotation(Cluster.connect(str(place.server.kubeconfig), "alice"))

    with pytest.raises(ClusterError, match=r'secrets "jobwarden-tls" is forbidden: User "alice" cannot get'):
        rotation.begin()


def test_an_observer_says_what_the_ca_bundles_refuse(place: Place) -> None:
    bundle = issue(place.names, NOW)
    certificates = Certificates(bundle.certificate, bundle.key)
    observer = Observer(place.cluster, certificates, place.names[0], place.name, place.name)
    assert observer.problem == UNREAD

    observer.look()
    assert observer.problem.count("but the CA bundle holds no certificate") == 4
    assert observer.problem.startswith(f"one.jobwarden.io of the {MUTATING}: the certificate was signed by ")
    for kind in KINDS:
        for index in (0, 1):
            place.set_ca(kind, index, bundle.ca)
    observer.look()

    assert observer.problem == ""


def test_an_observer_looks_again_and_again_and_writes_nothing(place: Place) -> None:
    bundle = issue(place.names, NOW)
    certificates = Certificates(bundle.certificate, bundle.key)
    observer = Observer(place.cluster, certificates, place.names[0], place.name, place.name)

    async def run() -> None:
        task = asyncio.create_task(observer.run(0.05))
        await asyncio.to_thread(wait_for, lambda: observer.problem not in ("", UNREAD))
        assert place.installed() == [b""] * 4
        for kind in KINDS:
            place.remove(kind)
        await asyncio.to_thread(wait_for, lambda: observer.problem.startswith("there is no"))
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(run())


def test_the_log_has_no_keys(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    rotation = place.rotation()
    rotation.begin()
    rotation.go_round()

    for name in ("ca.key", "tls.key"):
        assert text(place.secret()[name])[:64] not in caplog.text
    assert "PRIVATE" not in caplog.text
