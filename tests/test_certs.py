"""What is issued verifies, renewing never breaks that, and what does not verify is told why."""

import random
import shutil
import ssl
import subprocess
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store
from hypothesis import given
from hypothesis import strategies as st

from webhook.certs import (
    Bundle,
    CertificateError,
    check_pair,
    expires,
    from_secret,
    issue,
    problem,
    renewed,
    service_names,
    to_secret,
)
from webhook.tls import Certificates

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

NOW = datetime.now(UTC).replace(microsecond=0)  # OpenSSL takes the real time
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NAME = "jobwarden.jobwarden-system.svc"
NAMES = service_names("jobwarden", "jobwarden-system")


@cache
def bundle() -> Bundle:
    """Return what was issued an hour ago or so."""
    return issue(NAMES, NOW)


@cache
def key(kind: str = "ec") -> Key:
    """Return a key, always the same one of its kind."""
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    return ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else ec.generate_private_key(ec.SECP256R1())


def key_pem(private: Key, encryption: KeySerializationEncryption | None = None) -> bytes:
    """Return the PEM of a key."""
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


def certificate(  # noqa: PLR0913  # all that a certificate says
    subject: str,
    kind: str,
    issuer: str,
    issuer_kind: str,
    *extensions: x509.ExtensionType,
    start: datetime = NOW - DAY,
    end: datetime = NOW + DAY,
) -> bytes:
    """Return the PEM of a certificate that somebody else issued."""
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (issuer, subject)]
    public, signer = key(kind).public_key(), key(issuer_kind)
    builder = x509.CertificateBuilder(*names, public, x509.random_serial_number(), start, end)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else SHA256()
    return builder.sign(signer, algorithm).public_bytes(Encoding.PEM)


def names(*values: str) -> x509.SubjectAlternativeName:
    """Return the extension that says what a certificate is for."""
    return x509.SubjectAlternativeName([x509.DNSName(value) for value in values])


def ca() -> x509.BasicConstraints:
    """Return the extension that makes a CA."""
    return x509.BasicConstraints(ca=True, path_length=None)


def parsed(pem: bytes) -> x509.Certificate:
    """Return the first certificate."""
    return x509.load_pem_x509_certificate(pem)


def why_openssl_refuses(served: Bundle, ca_bundle: bytes, name: str) -> str:
    """Shake hands in memory, and return what the client says against it."""
    trust = ssl.create_default_context(cadata=ca_bundle.decode())
    trust.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = Certificates(served.certificate, served.key).context
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = trust.wrap_bio(to_client, to_server, server_hostname=name)
    try:
        for side in (client, server, client, server):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    assert client.version() == "TLSv1.3"
    return ""


@pytest.mark.parametrize("name", NAMES)
def test_openssl_verifies_what_is_issued(name: str) -> None:
    assert why_openssl_refuses(bundle(), bundle().ca, name) == ""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("days", [0, 89])
def test_the_rules_of_browsers_hold_for_what_is_issued(name: str, days: int) -> None:
    with suppress(ValueError):
        subject: x509.GeneralName = x509.IPAddress(ip_address(name))
    if ":" not in name and not name[0].isdigit():
        subject = x509.DNSName(name)
    store = Store(x509.load_pem_x509_certificates(bundle().ca))
    verifier = PolicyBuilder().store(store).time(NOW + days * DAY).build_server_verifier(subject)

    assert len(verifier.verify(parsed(bundle().certificate), [])) == 2
