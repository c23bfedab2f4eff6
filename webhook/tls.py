"""A TLS certificate that can be exchanged while the server runs."""

import asyncio
import logging
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import NamedTemporaryFile

from webhook.certs import CertificateError, check_pair, expires

_LOG = logging.getLogger(__name__)


class Certificates:
    """The certificate that new connections get; older connections keep theirs.

    None is loaded into a context in use: a broken pair would break that context, and an RSA certificate would
    not take the place of one for elliptic curves, because OpenSSL keeps one of each type.
    """

    def __init__(self, certificate: bytes, key: bytes) -> None:
        self._current = _serving(certificate, key)
        self.pair = certificate, key
        """What is served, in PEM."""
        self.context = _context()
        """For the server: it has no certificate, and gives every handshake the context of the current one."""
        self.context.sni_callback = self._hand_over

    def swap(self, certificate: bytes, key: bytes) -> None:
        """Serve another certificate from now on.

        Raises:
            CertificateError: it cannot be served; the one before still is.
        """
        self._current = _serving(certificate, key)
        self.pair = certificate, key

    def _hand_over(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Choose the certificate. OpenSSL calls this for clients that name no server, too."""
        connection.context = self._current


def read_pair(certificate_path: str, key_path: str) -> tuple[bytes, bytes]:
    """Read a certificate and its key."""
    with open(certificate_path, "rb") as certificate, open(key_path, "rb") as key:
        return certificate.read(), key.read()


async def watch(certificates: Certificates, certificate_path: str, key_path: str, seconds: float) -> None:
    """Read two files again and again, without an end, and serve what they hold.

    Content is compared, because time stamps miss a change that closely follows another. Who writes one file
    after the other (the kubelet does not) may be met halfway: that is logged, and over at the next look.
    """
    told = ""
    while True:
        await asyncio.sleep(seconds)
        try:
            pair = await asyncio.to_thread(read_pair, certificate_path, key_path)
            if pair != certificates.pair:
                certificates.swap(*pair)
                _LOG.info("serving %s, which expires at %s", certificate_path, expires(pair[0]))
            told = ""
        except (OSError, CertificateError) as error:
            if str(error) != told:
                _LOG.warning("not serving %s, but what was there before: %s", certificate_path, error)
            told = str(error)


def _context() -> ssl.SSLContext:
    """Make a context for TLS 1.3, and for 1.2 as far as it is as good."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")  # of 1.2; those of 1.3 stay
    context.num_tickets = 0  # who resumed a session of 1.3 would not be shown the current certificate
    return context


def _serving(certificate: bytes, key: bytes) -> ssl.SSLContext:
    """Make a context that serves a certificate, and try it."""
    check_pair(certificate, key)  # OpenSSL says less about what is wrong
    context = _context()
    try:
        with _file(certificate) as certificate_path, _file(key) as key_path:
            context.load_cert_chain(certificate_path, key_path, password="")  # never ask the terminal for one
        _shake_hands(context)
    except ssl.SSLError as error:
        raise CertificateError(f"the certificate cannot be served: {error}") from error
    return context


def _shake_hands(context: ssl.SSLContext) -> None:
    """Serve a client in memory, because keys for curves that no client accepts can be loaded all the same."""
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    client_context.verify_mode = ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server)
    for side in (client, server, client):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    server.do_handshake()


@contextmanager
def _file(data: bytes) -> Iterator[str]:
    """Give data the path that OpenSSL asks for: in memory where possible, for containers may be read-only."""
    if hasattr(os, "memfd_create"):  # Linux, but not every build of Python
        with open(os.memfd_create("jobwarden"), "wb") as file:
            file.write(data)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        with NamedTemporaryFile() as named:  # only its owner may read it
            named.write(data)
            named.flush()
            yield named.name
