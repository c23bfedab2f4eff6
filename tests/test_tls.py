"""Certificates are exchanged under a running server, and those that cannot be served are not."""

import asyncio
import logging
import os
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from http.client import HTTPSConnection
from pathlib import Path
from socket import create_connection

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from test_certs import certificate, key_pem, names

from webhook.certs import Bundle, CertificateError, issue
from webhook.tls import Certificates, read_pair, watch

Pair = tuple[bytes, bytes]


@cache
def issued(number: int) -> Bundle:
    """Return one of several bundles, each with a CA of its own."""
    return issue(["localhost", f"{number}.svc"], datetime.now(UTC))


def pair(number: int) -> Pair:
    """Return the certificate of a bundle, and its key."""
    return issued(number).certificate, issued(number).key


@cache
def rsa_pair() -> Pair:
    """Return a self-signed certificate with a key of another type."""
    return certificate("rsa", "rsa", "rsa", "rsa", names("localhost")), key_pem("rsa")


def trusting(ca: bytes, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """Return what a client trusts."""
    context = ssl.create_default_context(cadata=ca.decode())
    context.maximum_version = version
    return context


class Server:
    """A server that runs, with the certificate of bundle 1."""

    def __init__(self, loop: str) -> None:
        self.certificates = Certificates(*pair(1))
        config = uvicorn.Config(
            PlainTextResponse("ok"), port=0, loop=loop, lifespan="off", ws="none", log_config=None,
            ssl_context_factory=lambda _config, _default: self.certificates.context,
        )  # fmt: skip
        self.uvicorn = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.uvicorn.run)
        self.thread.start()
        while not self.uvicorn.started:
            assert self.thread.is_alive()
            time.sleep(0.005)
        self.port = self.uvicorn.servers[0].sockets[0].getsockname()[1]

    def served(self, context: ssl.SSLContext, name: str | None = "localhost") -> bytes:
        """Return the certificate that a new connection gets, once the client has verified it."""
        with (
            create_connection(("127.0.0.1", self.port), 5) as plain,
            context.wrap_socket(plain, server_hostname=name) as connection,
        ):
            return ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True) or b"").encode()

    def connection(self, context: ssl.SSLContext) -> HTTPSConnection:
        """Return a connection that lives on from request to request."""
        return HTTPSConnection("localhost", self.port, context=context, timeout=5)


def answer(connection: HTTPSConnection) -> bytes:
    """Return the answer to one request."""
    connection.request("GET", "/")
    return connection.getresponse().read()


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def running(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Run a server on each event loop."""
    server = Server(request.param)
    yield server
    server.uvicorn.should_exit = True
    server.thread.join(5)
    assert not server.thread.is_alive()


@pytest.fixture
def server(running: Server) -> Server:
    """Return the running server, with the certificate of bundle 1 again."""
    running.certificates.swap(*pair(1))
    return running


def test_new_connections_get_the_new_certificate(server: Server) -> None:
    assert server.served(trusting(issued(1).ca)) == pair(1)[0]

    server.certificates.swap(*pair(2))

    assert server.served(trusting(issued(2).ca)) == pair(2)[0]
    with pytest.raises(ssl.SSLCertVerificationError):
        server.served(trusting(issued(1).ca))


def test_a_certificate_with_a_key_of_another_type_takes_its_place(server: Server) -> None:
    server.certificates.swap(*rsa_pair())
    assert server.served(trusting(rsa_pair()[0])) == rsa_pair()[0]

    server.certificates.swap(*pair(1))
    assert server.served(trusting(issued(1).ca)) == pair(1)[0]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_clients_that_name_no_server_get_the_new_certificate(server: Server, version: ssl.TLSVersion) -> None:
    server.certificates.swap(*pair(2))
    context = trusting(issued(2).ca, version)
    context.check_hostname = False

    assert server.served(context, None) == pair(2)[0]


def test_connections_live_on(server: Server) -> None:
    before = server.connection(trusting(issued(1).ca))
    assert answer(before) == b"ok"
    opened = before.sock

    server.certificates.swap(*rsa_pair())

    assert answer(before) == b"ok"
    assert before.sock is opened
    before.close()


def test_there_are_no_sessions_to_resume_with_an_old_certificate(server: Server) -> None:
    connection = server.connection(trusting(issued(1).ca))
    answer(connection)
    session = connection.sock.session
    connection.close()

    assert session
    assert not session.has_ticket


def test_a_crowd_of_clients_meets_no_error_while_certificates_change(server: Server) -> None:
    context = trusting(issued(1).ca + issued(2).ca + rsa_pair()[0])
    seen: set[bytes] = set()

    def visit() -> None:
        for _ in range(15):
            seen.add(server.served(context))

    visitors = [threading.Thread(target=visit) for _ in range(4)]
    for visitor in visitors:
        visitor.start()
    while any(visitor.is_alive() for visitor in visitors):
        for each in (pair(1), rsa_pair(), pair(2)):
            server.certificates.swap(*each)

    assert seen <= {pair(1)[0], pair(2)[0], rsa_pair()[0]}
    assert len(seen) > 1


def unusual() -> Pair:
    """Return a certificate for a curve that TLS clients do not know."""
    return certificate("odd", "secp256k1", "odd", "secp256k1", names("localhost")), key_pem("secp256k1")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda: (pair(1)[0], pair(2)[1]), "the key does not match the certificate"),
        (lambda: (b"", b""), "the certificate cannot be read"),
        (lambda: (pair(2)[0], pair(2)[1][:-50]), "the key cannot be read"),
        (lambda: (certificate("a", "ec", "a", "ec"), key_pem("ec", b"secret")), "private key is encrypted"),
        (unusual, "the certificate cannot be served: "),
    ],
)
def test_what_cannot_be_served_is_refused(server: Server, broken: Callable[[], Pair], message: str) -> None:
    with pytest.raises(CertificateError, match=message):
        server.certificates.swap(*broken())

    assert server.certificates.pair == pair(1)
    assert server.served(trusting(issued(1).ca)) == pair(1)[0]


def test_a_server_does_not_start_with_what_cannot_be_served() -> None:
    with pytest.raises(CertificateError):
        Certificates(pair(1)[0], pair(2)[1])


def test_old_protocols_and_weak_ciphers_are_refused() -> None:
    context = Certificates(*pair(1)).context

    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert {
        (cipher["aead"], cipher["kea"] in ("kx-ecdhe", "kx-any")) for cipher in context.get_ciphers()
    } == {(True, True)}


def test_nothing_is_written_where_there_is_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(os, "memfd_create"):
        pytest.skip("this Python cannot keep files in memory")
    monkeypatch.setattr(tempfile, "tempdir", "/does/not/exist")

    assert Certificates(*pair(1)).pair == pair(1)


def test_files_are_removed_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    assert Certificates(*pair(1)).pair == pair(1)
    assert list(tmp_path.iterdir()) == []


def write(folder: Path, what: Pair) -> None:
    """Write as the kubelet does: into a new folder, to which then a link is turned."""
    data = folder / f"..{time.monotonic_ns()}"
    data.mkdir()
    for name, pem in zip(("tls.crt", "tls.key"), what, strict=True):
        (data / name).write_bytes(pem)
        with suppress(FileExistsError):
            (folder / name).symlink_to(f"..data/{name}")
    (folder / "..data_tmp").symlink_to(data.name)
    (folder / "..data_tmp").replace(folder / "..data")


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Certificates]:
    """Watch the files in a folder, which hold bundle 1."""
    write(tmp_path, pair(1))
    paths = str(tmp_path / "tls.crt"), str(tmp_path / "tls.key")
    certificates = Certificates(*read_pair(*paths))
    loop = asyncio.new_event_loop()
    task = loop.create_task(watch(certificates, *paths, 0.01))

    def run() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)

    thread = threading.Thread(target=run)
    thread.start()
    yield certificates
    loop.call_soon_threadsafe(task.cancel)
    thread.join(5)
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is the case."""
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_what_the_kubelet_writes_is_served(
    watched: Certificates, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    write(tmp_path, pair(2))
    wait_for(lambda: watched.pair == pair(2))
    time.sleep(0.05)

    (message,) = caplog.messages
    assert message.startswith(f"serving {tmp_path}/tls.crt, which expires at 2")


def test_a_change_is_seen_when_the_size_and_the_time_are_the_same(
    watched: Certificates, tmp_path: Path
) -> None:
    padded = [pem.ljust(2000, b"\n") for pem in (*pair(2), *rsa_pair())]
    times = (tmp_path / "tls.crt").stat()
    write(tmp_path, (padded[0], padded[1]))
    wait_for(lambda: watched.pair[0] == padded[0])
    for name, pem in zip(("tls.crt", "tls.key"), padded[2:], strict=True):
        (tmp_path / name).write_bytes(pem)
        os.utime(tmp_path / name, ns=(times.st_atime_ns, times.st_mtime_ns))

    wait_for(lambda: watched.pair[0] == padded[2])


def test_broken_files_are_told_once_and_not_served(
    watched: Certificates, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, (pair(2)[0], pair(1)[1]))
    wait_for(lambda: bool(caplog.messages))
    time.sleep(0.1)
    assert watched.pair == pair(1)
    write(tmp_path, pair(2))
    wait_for(lambda: watched.pair == pair(2))

    (message,) = (record.message for record in caplog.records if record.levelname == "WARNING")
    assert message.endswith("before: the key does not match the certificate")


def test_missing_files_are_told_and_waited_for(
    watched: Certificates, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "..data").unlink()
    wait_for(lambda: bool(caplog.messages))
    write(tmp_path, pair(2))
    wait_for(lambda: watched.pair == pair(2))

    assert "No such file" in caplog.messages[0]
