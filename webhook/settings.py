"""What `jobwarden-webhook serve` is told, by flags and by the environment."""

import argparse
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_NAMESPACE_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
_SWITCHES = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class UserError(Exception):
    """Something that the user can mend."""


class Settings(NamedTuple):
    """A field for each flag; a text that is not given is empty."""

    host: str
    port: int
    probe_port: int
    shutdown_delay: float
    log_level: str
    policy: str
    default_mode: str
    kubeconfig: str
    no_cluster: bool
    tls_cert: str
    tls_key: str
    tls_self_signed: bool
    namespace: str
    service: str
    secret: str
    mutating_configuration: str
    validating_configuration: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the flags."""
    parser.description = "Each flag can be given as the environment variable in brackets as well."
    servers = parser.add_argument_group("servers")
    _add(servers, "--host", "address to listen on; default: all of them", metavar="ADDRESS")
    _add(servers, "--port", "HTTPS: /mutate and /validate; default: 8443", type=_port, default=8443)
    about = "HTTP: /healthz, /readyz and /metrics; default: 8080; as for --port, 0 takes a free one"
    _add(servers, "--probe-port", about, type=_port, default=8080)
    about = "how long to go on after SIGTERM while not ready any more; default: 5"
    _add(servers, "--shutdown-delay", about, type=_seconds, default=5.0, metavar="SECONDS")
    levels = ("debug", "info", "warning", "error")
    about = "default: info, which has a line for each decision"
    _add(servers, "--log-level", about, choices=levels, default="info", metavar="LEVEL")
    _add(servers, "--policy", "read again when it changes; default: the default policy", metavar="FILE")
    # The policy has a mode as well, but a component of manifests/ can add a flag to any policy, and no line.
    about = "of namespaces without the label jobwarden.io/mode; default: as the policy says"
    _add(servers, "--default-mode", about, choices=("off", "audit", "warn", "enforce"), metavar="MODE")
    cluster = parser.add_argument_group("cluster")
    _add(cluster, "--kubeconfig", "default: the service account of the Pod", metavar="FILE")
    about = "do without: no labels of namespaces, no care for caBundles"
    _add(cluster, "--no-cluster", about, action="store_true")
    certificate = parser.add_argument_group("certificate (default: made, renewed, and kept in a Secret)")
    _add(certificate, "--tls-cert", "in PEM, read again when it changes", metavar="FILE")
    _add(certificate, "--tls-key", "its key", metavar="FILE")
    about = "make one for localhost, for trying out; the log has its CA"
    _add(certificate, "--tls-self-signed", about, action="store_true")
    names = parser.add_argument_group("names of what is in the cluster (default: jobwarden)")
    _add(names, "--namespace", "where the webhook runs; default in a Pod: its own")
    _add(names, "--service", "what API servers call it by", default="jobwarden")
    _add(names, "--secret", "of the certificate; default: jobwarden-tls", default="jobwarden-tls")
    _add(names, "--mutating-configuration", "what has its caBundle", default="jobwarden")
    _add(names, "--validating-configuration", "the same", default="jobwarden")


def from_environment(environment: Mapping[str, str]) -> Iterator[str]:
    """Iterate over the flags that the environment stands for.

    Raises:
        UserError: a switch is neither on nor off.
    """
    for field, type_ in Settings.__annotations__.items():
        variable, flag = _variable(field), "--" + field.replace("_", "-")
        value = environment.get(variable, "")
        if not value or (type_ is int and "://" in value):
            continue  # beside a Service called jobwarden, Kubernetes sets JOBWARDEN_PORT=tcp://10.0.0.1:443
        if type_ is not bool:
            yield f"{flag}={value}"
        elif (on := _SWITCHES.get(value.lower())) is None:
            raise UserError(f"{variable} takes true or false, not {value!r}")
        elif on:
            yield flag


def read(options: argparse.Namespace) -> Settings:
    """Make settings of parsed flags.

    Raises:
        UserError: they do not go together.
    """
    settings = Settings(**{field: getattr(options, field) for field in Settings._fields})
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise UserError("--tls-cert and --tls-key go together: give both")
    if settings.tls_self_signed and settings.tls_cert:
        raise UserError("--tls-self-signed makes a certificate and --tls-cert brings one: give one of them")
    if settings.no_cluster and settings.kubeconfig:
        raise UserError("--kubeconfig names a cluster and --no-cluster does without: give one of them")
    if settings.no_cluster and not settings.tls_cert and not settings.tls_self_signed:
        raise UserError(
            "no cluster, no certificate in a Secret: give --tls-self-signed, or --tls-cert and --tls-key"
        )
    return settings._replace(namespace=settings.namespace or _own_namespace())


def _add(group: Any, flag: str, about: str, **more: Any) -> None:
    """Describe a flag; `group` is of a class that argparse keeps to itself."""
    if "action" not in more:
        more = {"default": "", "metavar": "PORT" if flag.endswith("port") else "NAME", **more}
    group.add_argument(flag, help=f"{about} [{_variable(flag.removeprefix('--'))}]", **more)


def _variable(name: str) -> str:
    return "JOBWARDEN_" + name.upper().replace("-", "_")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"it takes a number of seconds, not {text!r}")
    return seconds


def _own_namespace() -> str:
    try:
        with open(_NAMESPACE_FILE, encoding="ascii") as file:
            return file.read().strip()
    except OSError:  # not in a Pod
        return "jobwarden"
