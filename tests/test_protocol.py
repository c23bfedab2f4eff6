"""Clients that drag their feet, or send without an end, are cut off; others are not."""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from http.client import HTTPException, HTTPResponse

import pytest
import uvloop
from starlette.types import Receive, Scope, Send

from webhook.certs import issue
from webhook.protocol import RECEIVED, DeadlineProtocol
from webhook.server import Server, listen
from webhook.tls import Certificates

BUNDLE = issue(["localhost"], datetime.now(UTC))
TRUSTING = ssl.create_default_context(cadata=BUNDLE.ca.decode())
HEAD = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n"
BODY = b"0123456789"
FACTORIES = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


class Impatient(DeadlineProtocol):
    """Has a deadline that a test can wait for, and small limits."""

    receipt = 1.0
    head = 10_000
    message = 1_000_000
    most = 20


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the size of the body, and with the age of the request."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    text = b"%d after %.1f" % (size, time.perf_counter() - scope[RECEIVED])
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]}
    )
    await send({"type": "http.response.body", "body": text})


class Running:
    """A server in a thread."""

    def __init__(self, loop: str, protocol: type[DeadlineProtocol]) -> None:
        listening = listen("127.0.0.1", 0)
        self.port = listening.getsockname()[1]
        self.server = Server(echo, listening, Certificates(BUNDLE.certificate, BUNDLE.key), protocol)
        self.server.config.timeout_keep_alive = 2
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(FACTORIES[loop],))
        self.thread.start()

    def end(self) -> None:
        """Wait for the end."""
        self.stop.set()
        self.thread.join(30)
        assert not self.thread.is_alive()

    def run(self, factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
        """Serve until the end."""

        async def serve() -> None:
            await self.server.startup()
            await asyncio.to_thread(self.stop.wait)
            await self.server.shutdown()

        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(serve())

    def plain(self) -> socket.socket:
        """Connect, without TLS."""
        return socket.create_connection(("127.0.0.1", self.port), 30)

    def connect(self) -> ssl.SSLSocket:
        """Connect."""
        return TRUSTING.wrap_socket(self.plain(), server_hostname="localhost")


@pytest.fixture(scope="module")
def impatient() -> Iterator[dict[str, Running]]:
    """Run an impatient server on each event loop."""
    servers = {loop: Running(loop, Impatient) for loop in FACTORIES}
    yield servers
    for server in servers.values():
        server.end()


@pytest.fixture(params=list(FACTORIES))
def running(request: pytest.FixtureRequest, impatient: dict[str, Running]) -> Running:
    """Return the impatient server of an event loop."""
    return impatient[request.param]


@pytest.fixture(scope="module", params=list(FACTORIES))
def patient(request: pytest.FixtureRequest) -> Iterator[Running]:
    """Run a server as it is."""
    server = Running(request.param, DeadlineProtocol)
    yield server
    server.end()


def read(connection: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    data = b""
    with connection, suppress(ConnectionError, ssl.SSLError):
        while chunk := connection.recv(65_536):
            data += chunk
    return data


def answer(connection: socket.socket) -> bytes:
    """Read the body of one answer."""
    response = HTTPResponse(connection)
    response.begin()
    assert response.status == 200
    return response.read()


def stop(sent: bytes, server: Running) -> None:
    """Send no whole request."""
    connection = server.connect()
    connection.sendall(sent)
    assert read(connection) == b""


def go_byte_by_byte(server: Running) -> None:
    """Send each byte of a request well within the deadline."""
    with server.connect() as connection, suppress(ConnectionError, ssl.SSLError):
        for byte in HEAD + BODY:
            connection.sendall(bytes([byte]))
            time.sleep(0.1)


def never_send(server: Running) -> None:
    """Connect."""
    assert read(server.connect()) == b""


def go_without_tls(server: Running) -> None:
    """Connect, without TLS."""
    assert read(server.plain()) == b""


def end_a_line(server: Running) -> None:
    """Send no more than the end of a line after a request."""
    connection = server.connect()
    connection.sendall(HEAD + BODY)
    answer(connection)
    connection.sendall(b"\r\n")
    assert read(connection) == b""


def ask_again_and_again(server: Running) -> None:
    """Ask now and then, in all for longer than a request may take."""
    with server.connect() as connection:
        for _ in range(4):
            connection.sendall(HEAD + BODY)
            assert answer(connection).startswith(b"10 after")
            time.sleep(0.4)


HALVES = b"P", HEAD[:20], HEAD, HEAD + BODY[:5], HEAD[:-2] + b"x: " + b"y" * 100
CLIENTS: dict[str, tuple[Callable[[Running], None], float, float]] = {
    **{f"{len(sent)} bytes": (partial(stop, sent), 0.5, 20) for sent in HALVES},
    "byte by byte": (go_byte_by_byte, 0, 5),
    "never sends": (never_send, 1, 20),
    "without TLS": (go_without_tls, 0, 20),
    "line end": (end_a_line, 1, 20),
    "again and again": (ask_again_and_again, 1.6, 20),
}
"""What clients do, and how many seconds it takes until they are cut off, or content, at least and at most."""


@pytest.fixture(scope="module")
def seconds(impatient: dict[str, Running]) -> dict[tuple[str, str], "Future[float]"]:
    """Let all of them take their time at once, on both event loops, and return how long it took."""

    def clock(client: Callable[[Running], None], server: Running) -> float:
        began = time.monotonic()
        client(server)
        return time.monotonic() - began

    with ThreadPoolExecutor(len(CLIENTS) * len(FACTORIES)) as threads:
        return {
            (name, loop): threads.submit(clock, client, server)
            for name, (client, _, _) in CLIENTS.items()
            for loop, server in impatient.items()
        }


@pytest.mark.parametrize("loop", FACTORIES)
@pytest.mark.parametrize("name", CLIENTS)
def test_who_drags_its_feet_is_cut_off_and_nobody_else(
    seconds: dict[tuple[str, str], "Future[float]"], name: str, loop: str
) -> None:
    _, least, most = CLIENTS[name]

    assert least < seconds[name, loop].result() < most


def test_a_slow_client_is_served(patient: Running) -> None:
    connection = patient.connect()
    request = HEAD + BODY
    for start in range(0, len(request), 20):
        connection.sendall(request[start : start + 20])
        time.sleep(0.05)

    assert answer(connection).startswith(b"10 after")
    connection.close()


def test_the_age_of_a_request_counts_from_its_first_byte(patient: Running) -> None:
    connection = patient.connect()
    connection.sendall(HEAD)
    time.sleep(0.3)
    connection.sendall(BODY)
    age = float(answer(connection).rpartition(b" ")[2])
    connection.close()

    assert age >= 0.3


@pytest.mark.parametrize("endless", [b"x", b"x: y\r\n"])
def test_heads_without_an_end_are_cut_off(running: Running, endless: bytes) -> None:
    connection = running.connect()
    sent = 0
    began = time.monotonic()
    with connection, suppress(ConnectionError, ssl.SSLError):
        connection.sendall(HEAD[:-2] + b"x: ")
        while sent < 100_000_000:
            connection.sendall(endless * 1000)
            sent += len(endless) * 1000

    assert sent < 100_000_000
    assert time.monotonic() - began < 20


def test_trailers_without_an_end_are_cut_off(running: Running) -> None:
    connection = running.connect()
    sent = 0
    with connection, suppress(ConnectionError, ssl.SSLError):
        connection.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ")
        while sent < 100_000_000:
            connection.sendall(b"x" * 10_000)
            sent += 10_000

    assert sent < 100_000_000


def test_there_is_a_largest_number_of_connections(running: Running) -> None:
    served = 0
    with ExitStack() as connections, suppress(ConnectionError, ssl.SSLError, HTTPException):
        for _ in range(40):
            connection = connections.enter_context(running.connect())
            connection.sendall(HEAD + BODY)
            answer(connection)
            served += 1

    assert 0 < served <= 20


def test_a_reply_comes_in_one_piece(running: Running) -> None:
    with running.connect() as connection:
        connection.sendall(HEAD + BODY)
        piece = connection.recv(65_536)

    assert piece.startswith(b"HTTP/1.1 200 ")
    assert b"\r\n\r\n10 after" in piece


def test_a_reply_without_a_body_comes_at_once(running: Running) -> None:
    with running.connect() as connection:
        for _ in range(2):
            connection.sendall(b"HEAD / HTTP/1.1\r\nhost: localhost\r\n\r\n")
            piece = connection.recv(65_536)

            assert piece.startswith(b"HTTP/1.1 200 ")
            assert piece.endswith(b"\r\n\r\n")


def test_who_asks_whether_to_send_is_told_at_once(patient: Running) -> None:
    with patient.connect() as connection:
        connection.sendall(HEAD.replace(b"host", b"expect: 100-continue\r\nhost", 1))

        assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        assert answer(connection).startswith(b"10 after")


def test_what_is_no_http_is_answered(running: Running) -> None:
    connection = running.connect()
    connection.sendall(b"\x00\r\n\r\n")

    assert read(connection).startswith(b"HTTP/1.1 400 ")
