"""What the server says of the resources of a container."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Any

from lint.path import Path, dotted
from lint.quantity import parse
from lint.validation.cause import Cause, Typed, duplicate, forbidden, invalid, not_found, required
from lint.validation.names import dns_label, qualified_name
from lint.validation.quantities import counted, is_whole, kept, written
from lint.validation.tree import Struct, struct, structs, text

NATIVE = frozenset(("cpu", "memory", "ephemeral-storage"))
_COMPUTED = ("cpu", "memory")
_HUGE = "hugepages-"
_STANDARD = frozenset(
    "cpu memory ephemeral-storage requests.cpu requests.memory requests.ephemeral-storage limits.cpu"
    " limits.memory limits.ephemeral-storage pods resourcequotas services replicationcontrollers secrets"
    " configmaps persistentvolumeclaims storage requests.storage services.nodeports"
    " services.loadbalancers".split()
)
_COUNTED = frozenset(
    "pods resourcequotas services replicationcontrollers secrets configmaps persistentvolumeclaims"
    " services.nodeports services.loadbalancers".split()
)


def resources(value: Struct, claims: AbstractSet[str], at: Path) -> Iterator[Cause]:
    """Check requests, limits and claims; `claims` are the names in the Pod's `resourceClaims`."""
    limits, requests = struct(value, "limits"), struct(value, "requests")
    for key, quantity in limits.items():
        number = kept(quantity)
        if number is not None and (number < 0 or key not in NATIVE):
            yield from _entry(key, quantity, number, (*at, "limits", key))
    if requests:
        yield from _requests(requests, limits, at)
    if _only_pages(limits.keys() | requests.keys()):
        yield forbidden(at, "HugePages require cpu or memory")
    if value.get("claims"):
        yield from _claims(value, claims, (*at, "claims"))


def _requests(requests: Struct, limits: Struct, at: Path) -> Iterator[Cause]:
    """Check what is requested, by itself and beside the limits."""
    for key, quantity in requests.items():
        number = kept(quantity)
        if number is None:
            continue
        if number < 0 or key not in NATIVE:
            yield from _entry(key, quantity, number, (*at, "requests", key))
        if key in limits:
            limit = kept(limits[key])
            if limit is not None and (number > limit or (number != limit and not _shared(key))):
                yield _above(key, (quantity, number), (limits[key], limit), at)
        elif not _shared(key):
            detail = "Limit must be set for non overcommitable resources"
            yield required((*at, "requests", key), detail, dotted((*at, "limits")))


def _only_pages(keys: AbstractSet[str]) -> bool:
    """Tell whether there are huge pages without what they are for."""
    return keys.isdisjoint(_COMPUTED) and any(key.startswith(_HUGE) for key in keys)


def _entry(key: str, quantity: Any, number: Decimal, at: Path) -> Iterator[Cause]:
    """Check the name of a resource, and the amount by itself."""
    if key not in NATIVE:
        yield from _name(key, at)
    if number < 0:
        yield invalid(at, written(quantity, number), "must be greater than or equal to 0")
    if (key in _COUNTED or _extended(key)) and not is_whole(quantity, number):
        yield invalid(at, written(quantity, number), "must be an integer")
    if key.startswith(_HUGE) and not _of_pages(key, quantity, number):
        amount = written(quantity, number)
        yield invalid(at, amount, f"{amount} is not positive integer multiple of {key}")


def _name(key: str, at: Path) -> Iterator[Cause]:
    """Check the name of a resource that every container may not have."""
    wrong = qualified_name(key)
    for each in wrong:
        yield invalid(at, Typed(key), each)
    if "/" in key:
        if "kubernetes.io/" not in key and not _extended(key):
            yield invalid(at, Typed(key), "doesn't follow extended resource name standard")
    elif not key.startswith(_HUGE):
        if not wrong and key not in _STANDARD and not key.startswith(f"requests.{_HUGE}"):
            yield invalid(at, Typed(key), "must be a standard resource type or fully qualified")
        yield invalid(at, Typed(key), "must be a standard resource for containers")


def _extended(key: str) -> bool:
    """Tell whether a name is that of something which a device plugin counts."""
    if "/" not in key or "kubernetes.io/" in key or key.startswith("requests."):
        return False
    return not qualified_name(f"requests.{key}")


def _of_pages(key: str, quantity: Any, number: Decimal) -> bool:
    """Tell whether an amount is so many huge pages of the size in its name."""
    named = key.removeprefix(_HUGE)
    size = parse(named)
    if size is None or size <= 0 or not is_whole(named, size):
        return False
    pages = counted(named, size)
    return pages != 0 and counted(quantity, number) % pages == 0


def _shared(key: str) -> bool:
    """Tell whether containers may use more of a resource than they request."""
    return key in NATIVE or (("/" not in key or "kubernetes.io/" in key) and not key.startswith(_HUGE))


def _above(key: str, request: tuple[Any, Decimal], limit: tuple[Any, Decimal], at: Path) -> Cause:
    """Say that a request does not go with its limit; each is as written, and its number."""
    wanted = "less than or equal" if _shared(key) else "equal"
    detail = f"must be {wanted} to {key} limit of {written(*limit)}"
    return invalid((*at, "requests", key), written(*request), detail, dotted((*at, "requests")))


def _claims(value: Struct, known: AbstractSet[str], at: Path) -> Iterator[Cause]:
    """Check which of the Pod's devices a container uses."""
    whole: set[str] = set()
    parts: set[tuple[str, str]] = set()
    for index, claim in structs(value, "claims"):
        here, name, part = (*at, index), text(claim, "name"), text(claim, "request")
        if not name:
            yield required(here)
            continue
        if name in whole or (not part and any(name == other for other, _ in parts)):
            yield duplicate(here, Typed(name))
        elif (name, part) in parts:
            yield duplicate(here, Typed(f"{name}/{part}"))
        if part and name not in whole:
            for wrong in dns_label(part):
                yield invalid((*here, "request"), part, wrong)
        if part:
            parts.add((name, part))
        else:
            whole.add(name)
        if name not in known:
            there = f": {', '.join(sorted(known))}" if known else " which is empty"
            detail = f"must be one of the names in pod.spec.resourceClaims{there}"
            yield not_found(here, Typed(name))._replace(detail=detail)
