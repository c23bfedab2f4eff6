"""What is issued verifies, renewing never breaks that, and what does not verify is told why."""

import random
import shutil
import ssl
import subprocess
from base64 import b64decode, b64encode
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
LATE = NOW + 3561 * DAY  # the CA has not a leaf's life left
USAGES = (
    "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
    "key_cert_sign crl_sign encipher_only decipher_only"
).split()
BROKEN = b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
NAME = "jobwarden.jobwarden-system.svc"
NAMES = service_names("jobwarden", "jobwarden-system")


@cache
def bundle() -> Bundle:
    """Return what was issued an hour ago or so."""
    return issue(NAMES, NOW)


@cache
def key(kind: str) -> Key:
    """Return a key, always the same one of its kind."""
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256K1() if kind == "secp256k1" else ec.SECP256R1())


def key_pem(kind: str, password: bytes = b"") -> bytes:
    """Return the PEM of a key."""
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key(kind).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def certificate(
    subject: str,
    kind: str,
    issuer: str,
    issuer_kind: str,
    *extensions: x509.ExtensionType,
    start: datetime = NOW - DAY,
    end: datetime = NOW + DAY,
) -> bytes:
    """Return the PEM of a certificate that somebody else issued."""
    by, of = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (issuer, subject))
    public, signer = key(kind).public_key(), key(issuer_kind)
    builder = x509.CertificateBuilder(by, of, public, x509.random_serial_number(), start, end)
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


@pytest.mark.parametrize("subject", [x509.DNSName(NAME), x509.IPAddress(ip_address("::1"))])
@pytest.mark.parametrize("days", [0, 89])
def test_stricter_verifiers_agree(subject: x509.DNSName | x509.IPAddress, days: int) -> None:
    store = Store(x509.load_pem_x509_certificates(bundle().ca))
    verifier = PolicyBuilder().store(store).time(NOW + days * DAY).build_server_verifier(subject)

    assert len(verifier.verify(parsed(bundle().certificate), [])) == 2


def test_the_openssl_command_agrees(tmp_path: Path) -> None:
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl")
    for name, pem in to_secret(bundle()).items():
        (tmp_path / name).write_bytes(pem)
    options = ["-x509_strict", "-purpose", "sslserver", "-verify_hostname", NAME, "-CAfile", "ca.crt"]
    done = subprocess.run(
        ["openssl", "verify", *options, "tls.crt"], capture_output=True, check=False, cwd=tmp_path, text=True
    )

    assert done.stdout == "tls.crt: OK\n", done.stderr


def test_clocks_that_are_an_hour_behind_accept_a_fresh_certificate() -> None:
    assert problem(bundle().certificate, bundle().key, bundle().ca, NAME, NOW - HOUR) == ""


def test_the_ca_signs_leaves_only_and_the_leaf_nothing() -> None:
    constraints = [
        parsed(pem).extensions.get_extension_for_class(x509.BasicConstraints).value
        for pem in (bundle().ca, bundle().certificate)
    ]

    assert [(each.ca, each.path_length) for each in constraints] == [(True, 0), (False, None)]


def test_no_two_cas_have_the_same_name() -> None:
    assert parsed(bundle().ca).subject != parsed(issue(NAMES, NOW).ca).subject


def test_names_have_one_spelling() -> None:
    odd = issue(["JW.NS.svc", "jw.ns.svc.", "0:0:0::1"], NOW)

    assert problem(odd.certificate, odd.key, odd.ca, "jw.ns.svc", NOW) == ""
    assert renewed(odd, ["jw.ns.svc", "::1"], NOW, []) is odd


@pytest.mark.parametrize(
    "wrong", [[], [""], ["a b"], ["https://a"], ["ä.svc"], ["a.svc:443"], ["10.0.0.0/8"]]
)
def test_what_is_no_name_is_refused(wrong: list[str]) -> None:
    with pytest.raises(CertificateError, match="name"):
        issue(wrong, NOW)


def test_keys_are_not_shown() -> None:
    assert "PRIVATE" not in repr(bundle())


@pytest.mark.parametrize("days", [0, 59])
def test_nothing_is_renewed_before_two_thirds_of_its_life(days: int) -> None:
    assert renewed(bundle(), NAMES, NOW + days * DAY, []) is bundle()


def test_a_leaf_is_renewed_at_two_thirds_of_its_life() -> None:
    later = renewed(bundle(), NAMES, NOW + 60 * DAY, [])

    assert expires(later.certificate) == NOW + 150 * DAY
    assert later.key != bundle().key
    assert (later.ca, later.ca_key) == (bundle().ca, bundle().ca_key)
    assert problem(later.certificate, later.key, bundle().ca, NAME, NOW + 60 * DAY) == ""


def test_a_leaf_that_lacks_a_name_is_renewed_at_once_and_keeps_the_others() -> None:
    later = renewed(bundle(), ["new.ns.svc"], NOW, [bundle().ca])

    assert problem(later.certificate, later.key, bundle().ca, "new.ns.svc", NOW) == ""
    assert renewed(later, NAMES, NOW, [bundle().ca]) is later


def test_names_that_nobody_wants_any_more_go_when_the_leaf_is_renewed() -> None:
    later = renewed(bundle(), NAMES[1:], NOW + 60 * DAY, [])

    assert "is for 127.0.0.1, ::1, localhost, not for" in problem(
        later.certificate, later.key, later.ca, NAME, NOW + 60 * DAY
    )


@cache
def aging() -> Bundle:
    """Return a bundle with an old CA and a fresh leaf."""
    return renewed(bundle(), NAMES, LATE - 2 * DAY, [])


@cache
def overlapping() -> Bundle:
    """Return the same after the new CA has joined it."""
    return renewed(aging(), NAMES, LATE, [aging().ca])


def test_no_leaf_outlives_its_ca() -> None:
    after = renewed(bundle(), NAMES, LATE, [bundle().ca])

    assert expires(after.certificate) == expires(bundle().ca)
    assert problem(after.certificate, after.key, bundle().ca, NAME, LATE) == ""


def test_a_new_ca_joins_the_old_one_before_it_signs_anything() -> None:
    assert overlapping().ca.endswith(aging().ca)
    assert len(x509.load_pem_x509_certificates(overlapping().ca)) == 2
    assert (overlapping().certificate, overlapping().key) == (aging().certificate, aging().key)
    check_pair(overlapping().ca, overlapping().ca_key)


def test_the_new_ca_signs_nothing_while_a_ca_bundle_lacks_it() -> None:
    for lacking in (b"", b"junk", aging().ca):
        assert renewed(overlapping(), NAMES, LATE + 9 * DAY, [overlapping().ca, lacking]) is overlapping()


def test_the_new_ca_signs_nothing_before_all_api_servers_can_know_it() -> None:
    assert renewed(overlapping(), NAMES, LATE + HOUR / 2, [overlapping().ca]) is overlapping()


def test_the_new_ca_signs_the_leaf_when_all_ca_bundles_have_it() -> None:
    after = renewed(overlapping(), NAMES, LATE + HOUR, [overlapping().ca, BROKEN + overlapping().ca])

    assert after.ca == overlapping().ca
    assert problem(after.certificate, after.key, after.ca, NAME, LATE + HOUR) == ""
    assert "signed by" in problem(after.certificate, after.key, aging().ca, NAME, LATE + HOUR)
    assert renewed(after, NAMES, LATE + HOUR, [after.ca]) is after


def test_the_new_ca_signs_whatever_happens_when_the_old_leaf_is_of_no_use_any_more() -> None:
    at = expires(overlapping().certificate)
    after = renewed(overlapping(), NAMES, at, [aging().ca])

    assert expires(after.certificate) == at + 90 * DAY


def test_an_old_ca_is_dropped_when_it_expires() -> None:
    after = renewed(overlapping(), NAMES, NOW + 3650 * DAY, [overlapping().ca])

    assert after.ca + aging().ca == overlapping().ca


def test_everything_is_made_anew_when_the_only_ca_has_expired() -> None:
    at = NOW + 3650 * DAY
    after = renewed(bundle(), NAMES, at, [bundle().ca])

    assert len(x509.load_pem_x509_certificates(after.ca)) == 1
    assert problem(after.certificate, after.key, after.ca, NAME, at) == ""


@pytest.mark.parametrize("seed", range(2))
def test_no_ca_bundle_ever_refuses_the_leaf_however_late_it_is_written(seed: int) -> None:
    chance = random.Random(seed)
    shared = issue(NAMES, NOW)
    installed, now, cas, leaves = [shared.ca, shared.ca], NOW, {shared.ca}, {shared.certificate}
    while now < NOW + 3800 * DAY:
        now += chance.randint(24, 24 * 25) * HOUR
        shared = renewed(shared, NAMES, now, installed)
        cas.add(shared.ca)
        leaves.add(shared.certificate)
        for ca_bundle in installed:
            assert problem(shared.certificate, shared.key, ca_bundle, NAME, now) == ""
        if chance.random() < 0.7:
            installed[chance.randrange(2)] = shared.ca

    assert len(cas) == 3  # the first, both, the second
    assert 3800 / 90 < len(leaves) < 3800 / 55


def why(
    leaf: bytes = b"",
    private: bytes = b"",
    ca_bundle: bytes | None = None,
    name: str = NAME,
    now: datetime = NOW,
) -> str:
    """Return what is said when something differs from what was issued."""
    trusted = bundle().ca if ca_bundle is None else ca_bundle
    return problem(leaf or bundle().certificate, private or bundle().key, trusted, name, now)


def test_an_expired_certificate_is_told() -> None:
    assert why(now=NOW + 91 * DAY) == f"the certificate expired at {NOW + 90 * DAY:%Y-%m-%dT%H:%M:%SZ}"


def test_a_certificate_of_tomorrow_is_told() -> None:
    assert why(now=NOW - DAY) == f"the certificate is not valid before {NOW - HOUR:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize("name", ["other.jobwarden-system.svc", "10.0.0.1", "jobwarden-system.svc", ""])
def test_a_certificate_for_other_names_is_told(name: str) -> None:
    assert why(name=name) == f"the certificate is for 127.0.0.1, ::1, {NAME}, localhost, not for {name}"


def test_a_certificate_without_names_is_told() -> None:
    nameless = certificate(NAME, "ec", NAME, "ec", ca())

    assert why(nameless, key_pem("ec"), nameless) == f"the certificate is for no name, not for {NAME}"


def test_a_certificate_for_clients_is_told() -> None:
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    for_clients = certificate("a", "ec", "a", "ec", names(NAME), usage)

    assert "not for servers" in why(for_clients, key_pem("ec"), for_clients)


def test_another_ca_is_told_with_the_names_of_both() -> None:
    other = issue(NAMES, NOW).ca

    assert why(ca_bundle=other) == (
        f"the certificate was signed by {parsed(bundle().ca).subject.rfc4514_string()}, "
        f"but the CA bundle holds {parsed(other).subject.rfc4514_string()}"
    )


@pytest.mark.parametrize("ca_bundle", [b"", b"junk", BROKEN])
def test_a_bundle_without_certificates_is_told(ca_bundle: bytes) -> None:
    assert why(ca_bundle=ca_bundle).endswith("but the CA bundle holds no certificate")


def test_an_expired_ca_is_told() -> None:
    root = certificate("old", "rsa", "old", "rsa", ca(), end=NOW - HOUR)
    leaf = certificate("leaf", "ec", "old", "rsa", names(NAME))

    assert why(leaf, key_pem("ec"), root) == f"the CA CN=old expired at {NOW - HOUR:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize(
    "extensions",
    [
        (),
        (x509.BasicConstraints(ca=False, path_length=None),),
        (ca(), x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])),
        (ca(), x509.KeyUsage(**{usage: usage == "crl_sign" for usage in USAGES})),
    ],
)
def test_what_is_signed_by_no_ca_is_told(extensions: tuple[x509.ExtensionType, ...]) -> None:
    root = certificate("root", "rsa", "root", "rsa", *extensions)
    leaf = certificate("leaf", "ec", "root", "rsa", names(NAME))

    assert why(leaf, key_pem("ec"), root).startswith("the certificate was signed by CN=root, but")


def test_a_serial_number_below_zero_is_told() -> None:
    number = parsed(bundle().certificate).serial_number
    serial = number.to_bytes((number.bit_length() + 8) // 8)
    data = ssl.PEM_cert_to_DER_cert(bundle().certificate.decode()).replace(serial, b"\xff" + serial[1:])

    assert why(leaf=ssl.DER_cert_to_PEM_cert(data).encode()).startswith("the certificate cannot be read: ")


def test_the_key_of_another_certificate_is_told() -> None:
    assert why(private=issue(NAMES, NOW).key) == "the key does not match the certificate"


def test_a_key_with_a_password_is_told() -> None:
    assert why(private=key_pem("ec", b"secret")) == (
        "the key cannot be read: Password was not given but private key is encrypted"
    )


@pytest.mark.parametrize("broken", [b"junk", BROKEN, b"\0"])
def test_what_cannot_be_read_is_told(broken: bytes) -> None:
    assert why(leaf=broken).startswith("the certificate cannot be read: ")
    assert why(private=broken).startswith("the key cannot be read: ")


@pytest.mark.parametrize("kind", ["ec", "rsa", "ed25519"])
def test_a_certificate_that_is_in_the_bundle_itself_is_good(kind: str) -> None:
    own = certificate("a", kind, "a", kind, names(NAME))

    assert why(own, key_pem(kind), bundle().ca + own) == ""


def test_a_wildcard_stands_for_one_label() -> None:
    wild = certificate("a", "ec", "a", "ec", names("*.jobwarden-system.svc"))

    assert why(wild, key_pem("ec"), wild) == ""
    assert "not for a.b.jobwarden" in why(wild, key_pem("ec"), wild, "a.b.jobwarden-system.svc")


def test_a_chain_leads_to_the_bundle() -> None:
    root = certificate("root", "rsa", "root", "rsa", ca())
    between = certificate("between", "ed25519", "root", "rsa", ca())
    leaf = certificate("leaf", "ec", "between", "ed25519", names(NAME))

    assert why(leaf + between, key_pem("ec"), root) == ""
    assert "signed by CN=between" in why(leaf, key_pem("ec"), root)


def test_broken_parts_of_a_bundle_are_skipped() -> None:
    assert why(ca_bundle=BROKEN + b"junk" + bundle().ca) == ""


@pytest.mark.parametrize("name", [NAME, "localhost", "127.0.0.1", "other.svc", "10.0.0.1"])
def test_openssl_refuses_what_is_told_and_nothing_else(name: str) -> None:
    other = issue(NAMES, NOW)
    for ca_bundle in (bundle().ca, other.ca, bundle().ca + other.ca):
        assert bool(why(ca_bundle=ca_bundle, name=name)) == bool(
            why_openssl_refuses(bundle(), ca_bundle, name)
        )


def test_secrets_hold_bundles() -> None:
    assert from_secret(to_secret(bundle())) == bundle()
    assert from_secret(to_secret(overlapping())) == overlapping()


@pytest.mark.parametrize("name", ["ca.crt", "ca.key", "tls.crt", "tls.key"])
def test_a_secret_without_a_part_holds_nothing(name: str) -> None:
    data, other = to_secret(bundle()), to_secret(issue(NAMES, NOW))

    assert from_secret(data | {name: b""}) is None
    assert from_secret(data | {name: other[name]}) is None
    assert from_secret(data | {name: BROKEN}) is None
    del data[name]
    assert from_secret(data) is None


def test_a_secret_with_the_leaf_of_another_ca_holds_nothing() -> None:
    other = issue(NAMES, NOW)

    assert from_secret(to_secret(Bundle(bundle().ca, bundle().ca_key, other.certificate, other.key))) is None


def test_a_secret_with_a_key_that_we_do_not_sign_with_holds_nothing() -> None:
    root = certificate("root", "rsa", "root", "rsa", ca())
    leaf = certificate("leaf", "ec", "root", "rsa", names(NAME))

    assert from_secret(to_secret(Bundle(root, key_pem("rsa"), leaf, key_pem("ec")))) is None


def test_expiry_is_that_of_the_first_certificate() -> None:
    assert expires(bundle().certificate + bundle().ca) == NOW + 90 * DAY
    assert expires(bundle().ca + bundle().certificate) == NOW + 3650 * DAY


@given(st.sampled_from(["ca.crt", "ca.key", "tls.crt", "tls.key"]), st.data())
def test_broken_bytes_raise_nothing_but_certificate_errors(name: str, data: st.DataObject) -> None:
    head, *lines, foot = to_secret(bundle())[name].splitlines()
    inside = bytearray(b64decode(b"".join(lines)))
    inside[data.draw(st.integers(0, len(inside) - 1))] = data.draw(st.integers(0, 255))
    broken = to_secret(bundle()) | {name: b"\n".join((head, b64encode(inside), foot))}

    from_secret(broken)
    problem(broken["tls.crt"], broken["tls.key"], broken["ca.crt"], NAME, NOW)
    with suppress(CertificateError):
        renewed(
            Bundle(*broken.values()), NAMES, NOW + data.draw(st.integers(0, 4000)) * DAY, [broken["ca.crt"]]
        )


@given(st.binary())
def test_junk_raises_nothing_but_certificate_errors(junk: bytes) -> None:
    assert from_secret(dict.fromkeys(to_secret(bundle()), junk)) is None
    assert problem(junk, junk, junk, NAME, NOW) != ""
    with pytest.raises(CertificateError):
        expires(junk)
