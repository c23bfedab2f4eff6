"""No admission is lost while certificates rotate and instances restart: two of them, behind a balancer.

The API server has failurePolicy Fail for both webhooks, so that each call that is lost is an error.
"""

import csv
import json
import os
import re
import shutil
import signal
import socket
import ssl
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
import yaml
from cryptography import x509

from webhook import certs
from webhook.rotation import MUTATING, VALIDATING, ca_bundles, configuration_path, secret_data, secret_path

if TYPE_CHECKING:
    from apiserver import ApiServer

pytest_plugins = ["webhooks"]

ROOT = Path(__file__).parents[1]
HAPROXY = shutil.which("haproxy") or "/usr/sbin/haproxy"
SECRET = secret_path("jobwarden", "jobwarden-tls")
NAMES = certs.service_names("jobwarden", "jobwarden")
KINDS = (MUTATING, VALIDATING)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
ENOUGH = 120
"""Requests that are made before, during, or after something happens."""
RATE, THREADS, CROWD = 100, 8, 60
"""Requests a second, connections that make them, and connections that have the API server open new ones.

It keeps 25 of those that it has to an instance, whoever else is there.
"""

_BALANCER = """
global
    nbthread 1
    stats socket ipv4@127.0.0.1:{stats}
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout check 5s
    retries 3
    option redispatch 1
listen webhook
    bind 127.0.0.1:{port}
    balance roundrobin
    option httpchk GET /readyz
    default-server check inter 200ms fall 2 rise 2
"""

# The API server has the real clock, and certificates have to be valid for it: this clock begins months ago.
_CLOCKED = """
import runpy, sys
from datetime import datetime
from webhook import rotation

class Clock(datetime):
    path = sys.argv.pop(1)

    @classmethod
    def now(cls, tz=None):
        with open(cls.path) as file:
            return datetime.fromisoformat(file.read())

rotation.datetime = Clock
rotation.Rotation.run.__defaults__ = (0.5,)
runpy.run_module("webhook", run_name="__main__", alter_sys=True)
"""

_ANSWERS = re.compile(
    r'^apiserver_admission_webhook_request_total{code="200",name="validate[^}]*} (\S+)$', re.MULTILINE
)


class Instance:
    """A process of the webhook, which can be started again."""

    def __init__(self, server: "ApiServer", name: str, ports: list[int], kubeconfig: Path) -> None:
        self.name, self.ports = name, ports
        self._server, self._kubeconfig = server, kubeconfig
        self._running = ExitStack()

    def start(self, clock: Path | None = None) -> None:
        """Start it; with a clock, that is what tells it which certificates are due."""
        how = ("-c", _CLOCKED, str(clock)) if clock else ("-m", "webhook")
        flags = [
            f"--port={self.ports[0]}",
            f"--probe-port={self.ports[1]}",
            f"--kubeconfig={self._kubeconfig}",
        ]
        command = (sys.executable, *how, "serve", "--host=127.0.0.1", "--shutdown-delay=3", *flags)
        self._running.enter_context(self._server.process(self.name, *command))

    def signal(self, number: int) -> int:
        """End it by a signal, and return its exit status."""
        process = self._server.processes[self.name]
        process.send_signal(number)
        status = process.wait(60)
        self.close()
        return status

    def close(self) -> None:
        """End it, if it is there."""
        self._running.close()

    def certificate(self) -> x509.Certificate:
        """Return what it serves to new connections."""
        pem = ssl.get_server_certificate(("127.0.0.1", self.ports[0]), timeout=30)
        return x509.load_pem_x509_certificate(pem.encode())


class Tally(NamedTuple):
    """What became of requests."""

    created: int
    failed: tuple[str, ...]


class Load:
    """Threads that create Jobs, though not for good, each over a connection that it keeps."""

    def __init__(self, server: "ApiServer") -> None:
        self.server = server
        self._context = ssl.create_default_context(cafile=str(server.ca_file))
        self._lock, self._done = threading.Lock(), threading.Event()
        self._created, self._failed = 0, list[str]()
        self._before = Tally(0, ())
        container = {"name": "main", "image": "main:1"}
        spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}
        tree = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"generateName": "load-"}, "spec": spec}
        self._body = json.dumps(tree).encode()

    def tally(self) -> Tally:
        """Return what became of all requests so far."""
        with self._lock:
            return Tally(self._created, tuple(self._failed))

    def go_on(self, count: int = ENOUGH) -> None:
        """Wait until more requests have been answered."""
        before = self.answered()
        self.server.wait(f"{count} more requests", lambda: self.answered() >= before + count)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Create Jobs until the block ends."""
        self._done.clear()
        self._before = self.tally()
        threads = [threading.Thread(target=self._run, args=(one,)) for one in range(THREADS)]
        with ExitStack() as ending:
            for thread in threads:
                thread.start()
                ending.callback(thread.join)
            ending.callback(self._done.set)
            self.go_on()
            yield

    def probe(self) -> bool:
        """Create a single Job, though not for good, and tell whether that was possible."""
        before = self.tally().created
        connection = self._connect()
        self._create(connection)
        connection.close()
        return self.tally().created > before

    def lost(self) -> tuple[str, ...]:
        """Return what failed since the last beginning."""
        return self.tally().failed[len(self._before.failed) :]

    def crowd(self) -> None:
        """Have many requests at once."""
        barrier = threading.Barrier(CROWD)

        def create() -> None:
            connection = self._connect()
            barrier.wait()
            self._create(connection)
            connection.close()

        threads = [threading.Thread(target=create) for _ in range(CROWD)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def answered(self) -> int:
        """Return how many requests have got an answer, whichever."""
        tally = self.tally()
        return tally.created + len(tally.failed)

    def _run(self, number: int) -> None:
        connection, due = self._connect(), time.monotonic() + number / RATE
        while not self._done.wait(max(0, due - time.monotonic())):
            self._create(connection)
            due = max(due + THREADS / RATE, time.monotonic() - 1)
        connection.close()

    def _connect(self) -> HTTPSConnection:
        return HTTPSConnection(self.server.url.removeprefix("https://"), context=self._context, timeout=60)

    def _create(self, connection: HTTPSConnection) -> None:
        headers = {
            "Authorization": f"Bearer {self.server.tokens['admin']}",
            "Content-Type": "application/json",
        }
        try:
            connection.request(
                "POST", "/apis/batch/v1/namespaces/default/jobs?dryRun=All", self._body, headers
            )
            answer = connection.getresponse()
            status, text = answer.status, answer.read().decode()
        except (OSError, HTTPException) as error:
            connection.close()
            status, text = 0, repr(error)
        with self._lock:
            if status == 201:
                self._created += 1
            else:
                self._failed.append(f"{status} {text}")


class Site:
    """An API server, a balancer, and two instances behind it."""

    def __init__(self, server: "ApiServer", folder: Path) -> None:
        from apiserver import SERVICE_ACCOUNT, free_ports

        self.server, self.load = server, Load(server)
        self.clock = folder / "clock"
        kubeconfig = folder / "webhook.kubeconfig"
        config = json.loads(server.kubeconfig.read_text())
        kubeconfig.write_text(json.dumps({**config, "current-context": SERVICE_ACCOUNT}))
        self.port, self._stats, *ports = free_ports(6)
        self.instances = [
            Instance(server, "one", ports[:2], kubeconfig),
            Instance(server, "two", ports[2:], kubeconfig),
        ]
        servers = [
            f"    server {one.name} 127.0.0.1:{one.ports[0]} port {one.ports[1]}" for one in self.instances
        ]
        self.configuration = folder / "haproxy.cfg"
        balancer = _BALANCER.format(port=self.port, stats=self._stats)
        self.configuration.write_text("\n".join([balancer.rstrip(), *servers, ""]))

    def install(self) -> None:
        """Apply the manifests, with another address, and no mercy."""
        done = self.server.kubectl("kustomize", str(ROOT / "manifests" / "base"))
        assert done.returncode == 0, done.stderr
        trees = list(yaml.safe_load_all(done.stdout))
        for tree in trees:
            for webhook in tree.get("webhooks", ()):
                service = webhook["clientConfig"].pop("service")
                webhook["clientConfig"]["url"] = f"https://127.0.0.1:{self.port}{service['path']}"
                webhook |= {"failurePolicy": "Fail", "timeoutSeconds": 15}
        done = self.server.kubectl("apply", "--filename=-", stdin=yaml.safe_dump_all(trees))
        assert done.returncode == 0, done.stderr

    @contextmanager
    def running(self, clock: Path | None = None) -> Iterator[None]:
        """Run both instances until the block ends."""
        with ExitStack() as ending:
            for instance in self.instances:
                ending.callback(instance.close)
                instance.start(clock)
            self.wait_until("UP", *self.instances)
            self.server.wait("CA bundles that count", self.load.probe)
            yield

    def balanced(self) -> bool:
        """Tell whether the balancer runs."""
        with suppress(ConnectionRefusedError):
            return bool(self.sessions())
        return False

    def stats(self, instance: Instance) -> dict[str, str]:
        """Return what the balancer knows of an instance."""
        with socket.create_connection(("127.0.0.1", self._stats), 30) as connection:
            connection.sendall(b"show stat\n")
            with connection.makefile(encoding="ascii") as lines:
                rows = list(csv.DictReader(lines))
        return next(row for row in rows if row["svname"] == instance.name)

    def wait_until(self, status: str, *instances: Instance) -> None:
        """Wait until the balancer believes something of instances."""
        names = [instance.name for instance in instances]

        def holds() -> bool:
            return {self.stats(each)["status"] for each in instances} == {status}

        self.server.wait(f"{names} are {status}", holds)

    def sessions(self) -> list[int]:
        """Return how often the API server has connected to each instance."""
        return [int(self.stats(instance)["stot"]) for instance in self.instances]

    def installed(self) -> list[list[x509.Certificate]]:
        """Return the CAs of each webhook, newest first."""
        found = [self.server.request("GET", configuration_path(kind, "jobwarden")).body for kind in KINDS]
        bundles = [ca for configuration in found for _, ca in ca_bundles(configuration)]
        return [x509.load_pem_x509_certificates(ca) if ca else [] for ca in bundles]

    def served(self) -> set[x509.Certificate]:
        """Return what the instances serve: one certificate, if they agree."""
        return {instance.certificate() for instance in self.instances}

    def stored(self) -> x509.Certificate:
        """Return the certificate of the Secret."""
        data = secret_data(self.server.request("GET", SECRET).body)
        return x509.load_pem_x509_certificate(data["tls.crt"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run an API server and a balancer; other tests are not to meet them."""
    from apiserver import WITHOUT_ACCOUNTS, needed, serving

    assets = needed(Path(os.environ.get("KUBEBUILDER_ASSETS", "")))
    if not os.access(HAPROXY, os.X_OK):
        pytest.skip("there is no haproxy: apt-get install haproxy")
    folder = tmp_path_factory.mktemp("rollout")
    with serving(assets, folder, WITHOUT_ACCOUNTS) as server:
        site = Site(server, folder)
        site.install()
        with server.process("haproxy", HAPROXY, "-db", "-f", str(site.configuration)):
            site.server.wait("a balancer", site.balanced)
            site.wait_until("DOWN", *site.instances)
            yield site


def begin_months_ago(site: Site) -> datetime:
    """Write a Secret whose CA has 91 days left by the clock of the webhook, and 15 minutes by all others.

    Whatever takes its place, too, is valid by all clocks.
    """
    end = datetime.now(UTC).replace(microsecond=0) + 15 * MINUTE
    start = end - 91 * DAY
    site.clock.write_text(start.isoformat())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certs, "LEAF_LIFE", 91 * DAY - MINUTE)  # it has to be valid by all clocks as well
        bundle = certs.renewed(certs.issue(NAMES, end - certs.CA_LIFE), NAMES, start, ())
    data = {key: b64encode(value).decode() for key, value in certs.to_secret(bundle).items()}
    secret = {"type": "kubernetes.io/tls", "metadata": {"name": "jobwarden-tls"}, "data": data}
    answer = site.server.request("POST", secret_path("jobwarden"), secret)
    assert answer.status == 201, answer
    return start


def change(site: Site, now: datetime, what: str, holds: Callable[[], bool]) -> None:
    """Have it be another time for both instances at once; what comes of it finds many new connections."""
    other = site.clock.with_name("clock.new")
    other.write_text(now.isoformat())
    other.replace(site.clock)

    def probe() -> bool:
        site.load.crowd()
        return holds()

    site.server.wait(what, probe)


def phase(site: Site) -> None:
    """Go on until the API server has shaken hands with both instances once more."""
    site.load.go_on()  # nobody has to know of a change at once
    before = site.sessions()

    def connected() -> bool:
        site.load.crowd()
        return all(after > earlier for after, earlier in zip(site.sessions(), before, strict=True))

    site.server.wait("new connections to both instances", connected)
    site.load.go_on()


@pytest.fixture
def load(site: Site) -> Load:
    """Have the next instances make a certificate of their own, and count what they miss."""
    assert site.server.request("DELETE", SECRET).status in (200, 404)
    return site.load


def test_no_admission_fails_while_the_ca_and_the_certificate_rotate(site: Site, load: Load) -> None:
    start = begin_months_ago(site)
    with site.running(site.clock), load.running():
        ((old,), _), first = site.installed(), site.stored()
        phase(site)

        due = start + 2 * DAY
        change(site, due, "two CAs", lambda: [len(held) for held in site.installed()] == [2, 2])
        new = site.installed()[0][0]
        phase(site)
        assert site.served() == {first}

        settled = due + 2 * HOUR
        change(site, settled, "another certificate", lambda: site.served() == {site.stored()} != {first})
        second = site.stored()
        phase(site)
        assert (second.issuer, site.served()) == (new.subject, {second})
        assert site.installed() == [[new, old]] * 2

        expired = start + 91 * DAY + MINUTE
        change(site, expired, "one CA", lambda: site.installed() == [[new]] * 2)
        site.server.wait("a third certificate", lambda: site.served() == {site.stored()} != {second})
        phase(site)

    assert load.lost() == ()


def test_no_admission_fails_while_one_instance_after_the_other_is_restarted(site: Site, load: Load) -> None:
    with site.running(), load.running():
        for instance in site.instances:
            load.crowd()
            before = load.answered()
            assert instance.signal(signal.SIGTERM) == 0
            assert load.answered() > before + ENOUGH
            load.go_on()  # all by the other one
            instance.start()
            site.wait_until("UP", instance)
            load.go_on()

    assert load.lost() == ()


def test_only_requests_under_way_fail_when_an_instance_is_killed(site: Site, load: Load) -> None:
    with site.running(), load.running():
        for instance in site.instances:
            load.crowd()  # the API server keeps its connections, and needs no more
            before, connections = len(load.lost()), int(site.stats(instance)["scur"])
            instance.signal(signal.SIGKILL)
            site.wait_until("DOWN", instance)
            noticed = len(load.lost())
            load.go_on()
            assert 0 < connections >= noticed - before
            assert len(load.lost()) == noticed
            instance.start()
            site.wait_until("UP", instance)
            load.go_on()
            assert len(load.lost()) == noticed


def test_the_api_server_has_let_nothing_pass_and_counts_as_many_failures_as_clients(site: Site) -> None:
    from webhooks import failures

    counted = failures(site.server)

    assert [line for line in counted if "fail_open" in line] == []
    assert sum(float(line.rpartition(" ")[2]) for line in counted) == len(site.load.tally().failed)


def test_the_api_server_counts_an_answer_for_each_job_that_it_created(site: Site) -> None:
    lines = _ANSWERS.findall(site.server.request("GET", "/metrics").body)

    assert sum(map(float, lines)) == site.load.tally().created
