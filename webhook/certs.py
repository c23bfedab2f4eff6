"""Certificates of the webhook: bytes in, bytes out; what is of no use raises `CertificateError`.

The CA's key lies beside the leaf's in one Secret, so a short life of the CA would protect nothing, and each
new CA must first reach every caBundle. Whoever fears that the keys were stolen deletes the Secret.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=90)
SKEW = timedelta(hours=1)  # an API server whose clock is behind must not find a fresh certificate too young
SETTLING = timedelta(hours=1)  # not all API servers see a new caBundle at the same moment

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_OPEN_KEY = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
_DNS_NAME = re.compile(r"(\*\.)?[a-z0-9]([-a-z0-9._]*[a-z0-9])?")
_SECRET = ("ca.crt", "ca.key", "tls.crt", "tls.key")
_SERVERS = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
_UNREADABLE = (  # what cryptography makes of broken input, of passwords (TypeError), and under -W error
    ValueError, TypeError, Warning, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)  # fmt: skip
_Chain = list[x509.Certificate]
_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


class CertificateError(Exception):
    """Certificates, keys or names that nothing can be done with; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """All that the replicas share, in PEM."""

    ca: bytes
    """The CA certificates for every caBundle, newest first."""
    ca_key: bytes = field(repr=False)
    """The key of the newest CA; older ones sign nothing any more."""
    certificate: bytes
    """The leaf, which is served."""
    key: bytes = field(repr=False)


def service_names(service: str, namespace: str) -> tuple[str, ...]:
    """Return the only name of a Service that API servers ask for, and the local ones, for trying it out."""
    return f"{service}.{namespace}.svc", "localhost", "127.0.0.1", "::1"


def issue(names: Iterable[str], now: datetime) -> Bundle:
    """Make a CA, and a leaf for DNS names and IP addresses."""
    return _with_leaf(Bundle(*_authority(now), b"", b""), names, now)


def renewed(bundle: Bundle, names: Iterable[str], now: datetime, installed: Iterable[bytes]) -> Bundle:
    """Make anew what is due; if nothing is, return the very same bundle.

    No API server may meet a leaf that its caBundle does not verify. So a CA near its end gives way in three
    steps: a new one joins the bundle, while the leaf stays; once all `installed` caBundles, as they were read
    before this round writes any, have the new CA, it signs a leaf; the old CA is dropped when it expires.
    """
    newest, leaf = _certificates(bundle.ca)[0], _certificates(bundle.certificate)[0]
    wanted, named = {*map(_normal, names)}, _names(leaf)
    if now >= newest.not_valid_after_utc:
        return issue(wanted, now)
    if not wanted <= named:  # during a rollout, replicas of the last version still want what it names
        bundle = _with_leaf(bundle, wanted | named, now)
    elif _is_due(leaf, newest, now, installed):
        bundle = _with_leaf(bundle, wanted, now)
    if newest.not_valid_after_utc - now < LEAF_LIFE:
        ca, ca_key = _authority(now)
        bundle = replace(bundle, ca=ca + bundle.ca, ca_key=ca_key)
    every = _certificates(bundle.ca)
    living = [ca for ca in every if ca.not_valid_after_utc > now]
    return bundle if living == every else replace(bundle, ca=b"".join(map(_pem, living)))


def problem(certificate: bytes, key: bytes, ca_bundle: bytes, name: str, now: datetime) -> str:
    """Say why an API server with this caBundle refuses what is served for a name; nothing if it does not.

    It foretells what Go's crypto/x509 says, for readiness and metrics; nobody is trusted because of it. Like
    Go, it takes a leaf that is in the bundle itself, as self-signed ones are; stricter verifiers do not.
    """
    try:
        check_pair(certificate, key)
        chain = _certificates(certificate)
    except CertificateError as error:
        return str(error)
    return next(_refusals(chain, list(_readable(ca_bundle)), _normal(name), now), "")


def check_pair(certificate: bytes, key: bytes) -> None:
    """Raise CertificateError if a key is not that of the first certificate, or one of them is unreadable."""
    if _certificates(certificate)[0].public_key() != _private_key(key).public_key():
        raise CertificateError("the key does not match the certificate")


def expires(pem: bytes) -> datetime:
    """Return when the first certificate expires: the leaf of a chain, the newest CA of a bundle."""
    return _certificates(pem)[0].not_valid_after_utc


def to_secret(bundle: Bundle) -> dict[str, bytes]:
    """Return the data of a Secret, under the names that Kubernetes and cert-manager have for them."""
    return dict(zip(_SECRET, (bundle.ca, bundle.ca_key, bundle.certificate, bundle.key), strict=True))


def from_secret(data: Mapping[str, bytes]) -> Bundle | None:
    """Return the bundle of a Secret; nothing if a part is missing or broken, or does not fit the others."""
    try:
        bundle = Bundle(*(data[name] for name in _SECRET))
        check_pair(bundle.ca, bundle.ca_key)
        check_pair(bundle.certificate, bundle.key)
        _signing_key(bundle)
        leaf = _certificates(bundle.certificate)[0]
        return bundle if any(_issued(leaf, ca) for ca in _certificates(bundle.ca)) else None
    except (KeyError, CertificateError):
        return None


def _authority(now: datetime) -> tuple[bytes, bytes]:
    """Make a CA and its key. Its name is unique, because clients look for issuers by name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = f"Jobwarden CA {x509.random_serial_number():x}"
    builder = _builder(None, name, key.public_key(), now, now + CA_LIFE)
    return _pem(builder.sign(key, hashes.SHA256())), _key_pem(key)


def _with_leaf(bundle: Bundle, names: Iterable[str], now: datetime) -> Bundle:
    """Have a leaf with a new key signed by the newest CA, which it never outlives."""
    ca, ca_key = _certificates(bundle.ca)[0], _signing_key(bundle)
    key, end = ec.generate_private_key(ec.SECP256R1()), min(now + LEAF_LIFE, ca.not_valid_after_utc)
    alternatives = [_general_name(name) for name in sorted({*map(_normal, names)})]
    if not alternatives:
        raise CertificateError("there is no name to issue a certificate for")
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    builder = (
        _builder(ca.subject, "Jobwarden webhook", key.public_key(), now, end)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer_id, critical=False)
    )
    return replace(bundle, certificate=_pem(builder.sign(ca_key, hashes.SHA256())), key=_key_pem(key))


def _builder(
    issuer: x509.Name | None, name: str, public: ec.EllipticCurvePublicKey, now: datetime, end: datetime
) -> x509.CertificateBuilder:
    """Begin a certificate: a leaf, which signs handshakes; without an issuer a CA, which signs leaves."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    ca, serial = issuer is None, x509.random_serial_number()
    usage = x509.KeyUsage(
        digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, content_commitment=False,
        key_agreement=False, key_encipherment=False, data_encipherment=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder(issuer or subject, subject, public, serial, now - SKEW, end)
        .add_extension(x509.BasicConstraints(ca, path_length=0 if ca else None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _general_name(name: str) -> x509.GeneralName:
    with suppress(ValueError):
        return x509.IPAddress(ip_address(name))
    if not _DNS_NAME.fullmatch(name):
        raise CertificateError(f"{name!r} is no DNS name and no IP address")
    return x509.DNSName(name)


def _is_due(leaf: x509.Certificate, ca: x509.Certificate, now: datetime, installed: Iterable[bytes]) -> bool:
    """Tell whether a leaf is at two thirds of its life, or everybody knows the newer CA."""
    start, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if now >= end or _issued(leaf, ca):
        return now >= start + (end - start) * 2 / 3
    settled = now >= ca.not_valid_before_utc + SKEW + SETTLING
    return settled and all(ca in _readable(ca_bundle) for ca_bundle in installed)


def _refusals(chain: _Chain, roots: _Chain, name: str, now: datetime) -> Iterator[str]:
    """Iterate over what speaks against a chain."""
    leaf, names = chain[0], _names(chain[0])
    late = [each for each in (*chain, *roots) if _untimely(each, now)]
    if leaf in late:
        yield f"the certificate {_untimely(leaf, now)}"
    if not names & {name, f"*.{name.partition('.')[2]}"}:
        yield f"the certificate is for {', '.join(sorted(names)) or 'no name'}, not for {name}"
    if not _serves(leaf):
        yield "the certificate is not for servers: its extended key usage lacks serverAuth"
    if not _reaches(leaf, chain, roots):
        held = ", ".join(root.subject.rfc4514_string() for root in roots) or "no certificate"
        yield f"the certificate was signed by {leaf.issuer.rfc4514_string()}, but the CA bundle holds {held}"
    if not _reaches(leaf, *([each for each in several if each not in late] for several in (chain, roots))):
        yield "; ".join(f"the CA {each.subject.rfc4514_string()} {_untimely(each, now)}" for each in late)


def _untimely(certificate: x509.Certificate, now: datetime) -> str:
    """Say what is wrong with the time of a certificate."""
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > end:
        return f"expired at {end:%FT%TZ}"
    return f"is not valid before {start:%FT%TZ}" if now < start else ""


def _reaches(leaf: x509.Certificate, chain: _Chain, roots: _Chain) -> bool:
    """Tell whether signatures lead from a leaf to a root."""
    seen = [leaf]
    for certificate in seen:
        if certificate in roots:
            return True
        seen += [each for each in (*roots, *chain) if each not in seen and _issued(certificate, each)]
    return False


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Tell whether one certificate was signed by another, which may do that."""
    constraints, usage = _extension(issuer, x509.BasicConstraints), _extension(issuer, x509.KeyUsage)
    if not constraints or not constraints.ca or (usage and not usage.key_cert_sign) or not _serves(issuer):
        return False
    with suppress(*_UNREADABLE, InvalidSignature):
        certificate.verify_directly_issued_by(issuer)
        return True
    return False


def _serves(certificate: x509.Certificate) -> bool:
    """Tell whether a certificate is for servers, or does not say what it is for."""
    usages = _extension(certificate, x509.ExtendedKeyUsage)
    return usages is None or not _SERVERS.isdisjoint(usages)


def _normal(name: str) -> str:
    """Return the one spelling of a name that names are compared in."""
    with suppress(ValueError):
        return str(ip_address(name))
    return name.lower().removesuffix(".")


def _names(certificate: x509.Certificate) -> set[str]:
    found = _extension(certificate, x509.SubjectAlternativeName) or ()
    return {_normal(str(name.value)) for name in found if isinstance(name, x509.DNSName | x509.IPAddress)}


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    return next((each.value for each in certificate.extensions if isinstance(each.value, kind)), None)


def _certificates(pem: bytes) -> list[x509.Certificate]:
    """Parse certificates, at least one, with the parts that would be parsed, and fail, later."""
    try:
        found = x509.load_pem_x509_certificates(pem)
        for one in found:
            _ = one.public_key(), one.extensions, one.subject, one.issuer
    except _UNREADABLE as error:
        raise CertificateError(f"the certificate cannot be read: {str(error).partition('. ')[0]}") from error
    return found


def _readable(pem: bytes) -> Iterator[x509.Certificate]:
    """Iterate over the certificates of a caBundle, where API servers skip what they cannot read."""
    for block in _BLOCK.findall(pem):
        with suppress(CertificateError):
            yield from _certificates(block)


def _private_key(pem: bytes) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(pem, None)
    except _UNREADABLE as error:
        raise CertificateError(f"the key cannot be read: {str(error).partition('. ')[0]}") from error


def _signing_key(bundle: Bundle) -> ec.EllipticCurvePrivateKey:
    key = _private_key(bundle.ca_key)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateError("the key of the CA is not for elliptic curves")
    return key


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(*_OPEN_KEY)
