"""The server as a process, from its first line to its end."""

import asyncio
import hashlib
import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cached_property
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any, cast
from urllib.error import HTTPError, URLError

import pytest
from reviews import review

from webhook.certs import issue
from webhook.identity import Identity, Task
from webhook.serve import obstacles, run
from webhook.tls import Certificates

BUNDLE = issue(["localhost"], datetime.now(UTC))
JSON = {"content-type": "application/json"}
Entry = dict[str, Any]
SERVE = ("serve", "--no-cluster", "--host=127.0.0.1")
ATTENTIVE = """
import webhook.identity, webhook.serve
from webhook.cli import main
assert webhook.identity._SECONDS == webhook.serve._SECONDS == 10
webhook.identity._SECONDS = webhook.serve._SECONDS = 0.1
raise SystemExit(main())
"""
"""The command with more looks at files."""


class Process:
    """A server that runs."""

    def __init__(self, *flags: str, command: tuple[str, ...] = ("-m", "webhook")) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *command, *SERVE, "--port=0", "--probe-port=0", *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).parents[1],
        )
        self.entries: list[Entry] = []
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        wait_for(lambda: bool(self.entries))
        self.port, self.probe_port = self.entries[0]["port"], self.entries[0]["probePort"]
        wait_for(lambda: self.page("readyz")[0] == 200)

    def read(self) -> None:
        """Read the log, each line of which is JSON."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.entries.append(json.loads(line))

    @cached_property
    def trusting(self) -> ssl.SSLContext:
        """Return what a client trusts who has read the log."""
        (ca,) = (entry["ca"] for entry in self.entries if "ca" in entry)
        return ssl.create_default_context(cadata=ca)

    def page(self, name: str) -> tuple[int, str]:
        """Ask the other port; nobody answers with status 0."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://127.0.0.1:{self.probe_port}/{name}", timeout=30) as response:
                return response.status, response.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except (URLError, ConnectionError):
            return 0, ""

    def connect(self) -> ssl.SSLSocket:
        """Connect to the webhooks."""
        plain = socket.create_connection(("127.0.0.1", self.port), 30)
        return self.trusting.wrap_socket(plain, server_hostname="localhost")

    def connection(self) -> HTTPSConnection:
        """Return a connection that lives on from request to request."""
        return HTTPSConnection("127.0.0.1", self.port, context=self.trusting, timeout=30)

    def messages(self) -> list[str]:
        """Return what was logged so far."""
        return [entry["message"] for entry in self.entries]

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait for the end, and return the exit status."""
        status = self.process.wait(60)
        self.reader.join(30)
        return status

    def errors(self) -> str:
        """Return what was written that is no log."""
        assert self.process.stderr
        return self.process.stderr.read().decode()

    def close(self) -> None:
        """End it in any case."""
        self.process.kill()
        self.end()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream
            stream.close()


Start = Callable[..., Process]


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is the case."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def ask(connection: HTTPSConnection, body: bytes, path: str = "/validate?timeout=3s") -> tuple[int, bytes]:
    """Send a body, and return status and body of the answer."""
    connection.request("POST", path, body, JSON)
    response = connection.getresponse()
    return response.status, response.read()


def receive(connection: socket.socket) -> HTTPResponse:
    """Read an answer."""
    response = HTTPResponse(connection)
    response.begin()
    return response


@pytest.fixture
def start() -> Iterator[Start]:
    """Start servers, which end with the test."""
    started = []

    def run(*flags: str) -> Process:
        started.append(Process("--tls-self-signed", "--shutdown-delay=0", *flags))
        return started[-1]

    yield run
    for process in started:
        process.close()


@pytest.fixture(scope="module")
def running() -> Iterator[Process]:
    """Return a server for tests that do not end it."""
    process = Process("--tls-self-signed")
    yield process
    process.close()


def test_the_first_line_of_the_log_names_the_ports(running: Process) -> None:
    entry = running.entries[0]

    assert (entry["level"], entry["logger"]) == ("info", "webhook.serve")
    assert (
        entry["message"] == f"listening on port {running.port} (HTTPS) and port {running.probe_port} (HTTP)"
    )


def test_a_review_is_answered_and_logged(running: Process) -> None:
    connection = running.connection()
    status, body = ask(connection, review(uid="logged"))
    connection.close()

    assert status == 200
    assert json.loads(body)["response"]["uid"] == "logged"
    wait_for(lambda: any(entry.get("uid") == "logged" for entry in running.entries))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"NaN",
        b"\xff",
        b"\x1f\x8b" + bytes(100),
        b"[" * 10_000,
        b'{"a":' * 10_000,
        review()[:-1],
        review().replace(b"/v1", b"/v1beta1"),
        review(uid=None),
        review(object=[]),
    ],
)
def test_malformed_bodies_leave_the_connection_in_order(running: Process, body: bytes) -> None:
    connection = running.connection()
    refused, _ = ask(connection, body)
    opened = connection.sock
    answered, _ = ask(connection, review())

    assert (refused, answered) == (400, 200)
    assert connection.sock is opened
    connection.close()


@pytest.mark.parametrize("announced", [True, False])
def test_who_sends_too_much_gets_to_read_why(running: Process, announced: bool) -> None:  # noqa: FBT001
    connection = running.connect()
    size = b"content-length: 20000000" if announced else b"transfer-encoding: chunked"
    head = b"POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n" + size + b"\r\n\r\n"
    connection.sendall(head)
    for _ in range(80):
        connection.sendall(
            (b"" if announced else b"19000\r\n") + b" " * 0x19000 + (b"" if announced else b"\r\n")
        )
    response = receive(connection)

    assert (response.status, response.getheader("connection")) == (413, "close")
    assert response.read() == b"an AdmissionReview has up to 7340032 bytes\n"
    response.close()
    connection.close()


def test_who_asks_before_sending_too_much_is_told_at_once(running: Process) -> None:
    connection = running.connect()
    connection.sendall(
        b"POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        b"content-length: 20000000\r\nexpect: 100-continue\r\n\r\n"
    )

    assert receive(connection).status == 413
    connection.close()


def test_plain_http_is_no_way_in(running: Process) -> None:
    with socket.create_connection(("127.0.0.1", running.port), 30) as connection:
        connection.sendall(b"GET /mutate HTTP/1.1\r\nhost: x\r\n\r\n")
        data = b""
        try:
            while chunk := connection.recv(1000):
                data += chunk
        except ConnectionError:
            pass

    assert b"HTTP" not in data


def test_what_is_no_http_is_refused(running: Process) -> None:
    connection = running.connect()
    connection.sendall(b"hello\r\n\r\n")

    assert receive(connection).status == 400
    connection.close()


def test_the_metrics_know_the_certificate(running: Process) -> None:
    status, text = running.page("metrics")

    assert status == 200
    assert 'jobwarden_certificate_expiry_timestamp_seconds{certificate="leaf"} ' in text
    assert 'jobwarden_certificate_expiry_timestamp_seconds{certificate="ca"} ' in text
    assert "jobwarden_ca_bundle_verifies" not in text


def test_nothing_is_written_beside_the_log(start: Start) -> None:
    process = start()
    connection = process.connection()
    ask(connection, b"no")
    connection.close()
    process.signal()

    assert process.end() == 0
    assert process.errors() == ""


def test_a_signal_ends_it_in_good_order(start: Start) -> None:
    ending = []
    for number in (signal.SIGTERM, signal.SIGINT):
        process = start()
        ending.append((process, process.connect()))
        process.signal(number)

    for process, idle in ending:
        assert process.end() == 0
        assert process.messages()[-1] == "shut down"
        idle.close()


def test_a_request_under_way_is_answered_before_the_end(start: Start) -> None:
    process = start()
    body = review(uid="last")
    connection = process.connect()
    head = (
        b"POST /validate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    )
    connection.sendall(head % len(body) + body[:100])
    time.sleep(0.2)
    process.signal()
    wait_for(lambda: closed(process.port))
    connection.sendall(body[100:])
    response = receive(connection)

    assert (response.status, response.getheader("connection")) == (200, "close")
    assert json.loads(response.read())["response"]["uid"] == "last"
    response.close()
    connection.close()
    assert process.end() == 0


def closed(port: int) -> bool:
    """Tell whether nobody listens."""
    try:
        socket.create_connection(("127.0.0.1", port), 30).close()
    except ConnectionError:
        return True
    return False


def test_it_goes_on_for_a_while_not_ready_any_more(start: Start) -> None:
    process = start("--shutdown-delay=60")
    process.signal()
    wait_for(lambda: process.page("readyz") == (503, "shutting down\n"))
    connection = process.connection()
    status, _ = ask(connection, review())
    connection.close()

    assert status == 200
    assert process.page("healthz") == (200, "ok\n")


def test_meanwhile_it_asks_clients_to_connect_elsewhere(start: Start) -> None:
    process = start("--shutdown-delay=60")
    connection = process.connection()
    ask(connection, review())
    before = connection.sock
    process.signal()
    wait_for(lambda: process.page("readyz")[0] == 503)
    ask(connection, review())

    assert before
    assert not connection.sock  # the client heard `Connection: close`
    connection.close()


def test_a_second_signal_ends_it_at_once(start: Start) -> None:
    process = start("--shutdown-delay=60")
    process.signal()
    wait_for(lambda: process.page("readyz")[0] == 503)
    process.signal()

    assert process.end() == 128 + signal.SIGTERM


def test_a_port_that_is_taken_is_told(running: Process) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "webhook", *SERVE, "--tls-self-signed", f"--port={running.port}"],
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[1],
        text=True,
    )

    assert done.returncode == 2
    line = f"cannot listen on 127.0.0.1, port {running.port}: address already in use"
    assert done.stderr == f"jobwarden-webhook: {line}\n"


@pytest.fixture(scope="module")
def from_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, Path]]:
    """Run a server with its certificate and its policy in a folder."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "tls.crt").write_bytes(BUNDLE.certificate)
    (folder / "tls.key").write_bytes(BUNDLE.key)
    (folder / "jobwarden.yaml").write_text("mode: warn\n")
    files = f"--tls-cert={folder}/tls.crt", f"--tls-key={folder}/tls.key", f"--policy={folder}/jobwarden.yaml"
    process = Process(*files, command=("-c", ATTENTIVE))
    yield process, folder
    process.close()


def served(process: Process, ca: bytes) -> bytes:
    """Return the certificate that somebody gets who trusts a CA."""
    process.trusting = ssl.create_default_context(cadata=ca.decode())
    with process.connect() as connection:
        return ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True) or b"").encode()


def test_certificates_come_from_files_and_follow_them(from_files: tuple[Process, Path]) -> None:
    process, folder = from_files
    other = issue(["localhost"], datetime.now(UTC))

    assert served(process, BUNDLE.ca) == BUNDLE.certificate
    (folder / "tls.crt").write_bytes(other.certificate)
    (folder / "tls.key").write_bytes(other.key)
    wait_for(lambda: served(process, BUNDLE.ca + other.ca) == other.certificate)


def test_the_policy_follows_its_file(from_files: tuple[Process, Path]) -> None:
    process, folder = from_files
    (folder / "jobwarden.yaml").write_text("mode: audit\n")
    name = hashlib.sha256(b"mode: audit\n").hexdigest()[:12]

    wait_for(lambda: f'jobwarden_policy_info{{hash="{name}"}} 1.0' in process.page("metrics")[1])


def test_without_a_cluster_its_client_is_not_loaded() -> None:
    script = "import sys, webhook.serve; print('kubernetes' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[1],
        text=True,
    )

    assert done.stdout == "False\n"


async def failing() -> None:
    """End because of a bug."""
    raise KeyError("lost")


async def ending() -> None:
    """End without a word."""


async def endless() -> None:
    """Go on."""
    await asyncio.sleep(3600)


@pytest.mark.parametrize("task", [failing, ending])
def test_a_task_that_ends_ends_the_server(task: Task, caplog: pytest.LogCaptureFixture) -> None:
    status = asyncio.run(run([], [endless, task], asyncio.Event(), 0))

    assert status == 3
    assert "a bug of Jobwarden" in caplog.messages[0]
    assert ("KeyError" in caplog.text) == (task is failing)


class Namespaces:
    """What is known of namespaces."""

    synced = False


def test_all_obstacles_are_told() -> None:
    stopping = asyncio.Event()
    identity = Identity(
        Certificates(BUNDLE.certificate, BUNDLE.key), problem=lambda: "the caBundle is another"
    )
    stopping.set()

    assert list(obstacles(stopping, identity, cast("Any", Namespaces()))) == [
        "shutting down",
        "the labels of namespaces are not known yet",
        "the caBundle is another",
    ]


def test_who_knows_no_cluster_has_no_obstacles() -> None:
    identity = Identity(Certificates(BUNDLE.certificate, BUNDLE.key))

    assert list(obstacles(asyncio.Event(), identity, None)) == []
