"""Where the certificate comes from: files, a Secret that all replicas share, or nowhere."""

import logging
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from webhook import tls
from webhook.certs import CertificateError, issue, service_names
from webhook.settings import Settings, UserError
from webhook.tls import Certificates

if TYPE_CHECKING:
    from webhook.cluster import Cluster

Task = Callable[[], Coroutine[Any, Any, None]]
"""What goes on for as long as the server runs."""

_LOG = logging.getLogger(__name__)
_SECONDS = 10.0
"""Between two looks at files."""


class Identity(NamedTuple):
    """A certificate, and who looks after it."""

    certificates: Certificates
    tasks: tuple[Task, ...] = ()
    problem: Callable[[], str] | None = None
    """Says why API servers will not accept it, as far as the cluster is known."""
    ca: Callable[[], bytes] | None = None
    """Returns the CA certificates that belong to it, newest first, where they are known."""


def identify(settings: Settings, cluster: "Cluster | None") -> Identity:
    """Return the certificate to serve.

    Raises:
        UserError: there is none that can be served.
    """
    if settings.tls_self_signed:
        return _self_signed()
    if settings.tls_cert:
        return _from_files(settings, cluster)
    if cluster is None:
        raise ValueError("settings without a cluster have a certificate")
    return _from_secret(settings, cluster)


def _self_signed() -> Identity:
    """Make one, and tell everybody whom to trust: a CA certificate is public."""
    bundle = issue(("localhost", "127.0.0.1", "::1"), datetime.now(UTC))
    _LOG.info(
        "the certificate is for localhost, of the CA here", extra={"fields": {"ca": bundle.ca.decode()}}
    )
    return Identity(Certificates(bundle.certificate, bundle.key), ca=lambda: bundle.ca)


def _from_files(settings: Settings, cluster: "Cluster | None") -> Identity:
    """Serve files; that the caBundles fit them is the work of somebody else, and watched."""
    paths = settings.tls_cert, settings.tls_key
    try:
        certificates = Certificates(*tls.read_pair(*paths))
    except OSError as error:
        raise UserError(f"{error.filename}: {(error.strerror or str(error)).lower()}") from error
    except CertificateError as error:
        raise UserError(f"{paths[0]}, {paths[1]}: {error}") from error

    async def watch() -> None:
        await tls.watch(certificates, *paths, _SECONDS)

    if cluster is None:
        return Identity(certificates, (watch,))
    from webhook.rotation import Observer

    name = service_names(settings.service, settings.namespace)[0]
    configurations = settings.mutating_configuration, settings.validating_configuration
    observer = Observer(cluster, certificates, name, *configurations)
    return Identity(certificates, (watch, observer.run), lambda: observer.problem)


def _from_secret(settings: Settings, cluster: "Cluster") -> Identity:
    from webhook.cluster import ClusterError
    from webhook.rotation import Rotation

    names = service_names(settings.service, settings.namespace)
    configurations = settings.mutating_configuration, settings.validating_configuration
    rotation = Rotation(cluster, names, settings.namespace, settings.secret, *configurations)
    try:
        certificates = rotation.begin()
    except ClusterError as error:
        secret = f"{settings.namespace}/{settings.secret}"
        raise UserError(f"there is no certificate in the Secret {secret}: {error}") from error
    return Identity(certificates, (rotation.run,), lambda: rotation.problem, lambda: rotation.ca)
