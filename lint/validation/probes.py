"""What the server says of the probes of a container, and of what runs after its start and before its end."""

from collections.abc import Iterator
from typing import Any

from lint.path import Path, dotted
from lint.validation.cause import Cause, forbidden, invalid, required, unsupported
from lint.validation.names import header_name, number_in, port_name
from lint.validation.tree import Struct, number, structs, text

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_PROBE_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_LIFECYCLE_HANDLERS = ("exec", "httpGet", "tcpSocket", "sleep")
_COUNTS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")


def probe(value: Any, kind: str, at: Path) -> Iterator[Cause]:
    """Check a probe; `kind` is the name of its field."""
    if not isinstance(value, dict):
        return
    yield from _handler(value, _PROBE_HANDLERS, at)
    for field in _COUNTS:
        count = value.get(field)
        if isinstance(count, int) and count < 0:
            yield invalid((*at, field), count, "must be greater than or equal to 0")
    grace, here = value.get("terminationGracePeriodSeconds"), (*at, "terminationGracePeriodSeconds")
    if isinstance(grace, int) and grace <= 0:
        yield invalid(here, grace, "must be greater than 0")
    if kind == "readinessProbe":
        if isinstance(grace, int):
            yield invalid(here, grace, "must not be set for readinessProbes")
    elif (threshold := number(value, "successThreshold")) not in (None, 0, 1):  # 0 becomes 1
        yield invalid((*at, "successThreshold"), threshold, "must be 1")


def lifecycle(value: Any, grace: int, at: Path, minor: int) -> Iterator[Cause]:
    """Check `lifecycle`; `grace` is how many seconds the Pod has for its end."""
    if not isinstance(value, dict):
        return
    for field in ("postStart", "preStop"):
        handler = value.get(field)
        if isinstance(handler, dict):
            yield from _handler(handler, _LIFECYCLE_HANDLERS, (*at, field), grace, minor)


def _handler(
    value: Struct, kinds: tuple[str, ...], at: Path, grace: int = 0, minor: int = 0
) -> Iterator[Cause]:
    """Check what is done: one thing of a few kinds."""
    found = [kind for kind in kinds if value.get(kind) is not None]
    if not found:
        yield required(at, "must specify a handler type")
        return
    action, here = value[found[0]], (*at, found[0])
    if isinstance(action, dict):
        if found[0] == "exec":
            if not action.get("command"):
                yield required((*here, "command"))
        elif found[0] == "sleep":
            yield from _sleep(action, grace, here, minor)
        else:
            yield from _request(action, here)
    for kind in found[1:]:
        yield forbidden((*at, kind), "may not specify more than 1 handler type")


def _sleep(action: Struct, grace: int, at: Path, minor: int) -> Iterator[Cause]:
    """Check for how long a handler sleeps: from 1.33 on it may be no time at all."""
    seconds = number(action, "seconds") or 0
    if not (0 if minor >= 33 else 1) <= seconds <= grace:
        detail = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
        yield invalid((*at, "seconds"), seconds, detail, dotted(at))


def _request(action: Struct, at: Path) -> Iterator[Cause]:
    """Check where a request goes, and what is in it."""
    port = action.get("port", 0)
    wrong: list[str] = []
    if port is None or isinstance(port, int):
        port = port or 0
        wrong = number_in(port, 1, 65535)
    elif isinstance(port, str):
        wrong = port_name(port)
    for each in wrong:
        yield invalid((*at, "port"), port, each)
    scheme = text(action, "scheme")
    if scheme and scheme not in ("HTTP", "HTTPS"):
        yield unsupported((*at, "scheme"), scheme, ("HTTP", "HTTPS"))
    for index, header in structs(action, "httpHeaders"):
        name = text(header, "name")
        for each in header_name(name):
            yield invalid((*at, "httpHeaders", index, "name"), name, each, dotted((*at, "httpHeaders")))
