"""Resources of a Pod as a whole, and those that it costs beside its containers."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, TypeAlias

from lint.path import Path, dotted
from lint.validation.cause import Cause, forbidden, invalid, unsupported
from lint.validation.quantities import kept, written
from lint.validation.resources import resources
from lint.validation.tree import Struct, struct, structs, text

_Amount: TypeAlias = tuple[Decimal, Any]
"""A number, and the quantity in whose units the server writes it."""

_HUGE = "hugepages-"
_SUPPORTED = ("cpu", "hugepages-", "memory")
_COMPUTED = ("cpu", "memory")
_OF_CONTAINERS = (
    "must be a standard resource for containers",
    "doesn't follow extended resource name standard",
)
"""What is said of names that containers may not have: Pods have their own."""


def overhead(pod: Struct, at: Path, _: int) -> Iterator[Cause]:
    """Check the overhead, which the server takes for the limits of a container."""
    here = (*at, "overhead")
    for cause in resources({"limits": struct(pod, "overhead")}, frozenset(), here):
        yield cause._replace(path=(*here, *cause.path[len(here) + 1 :]), renamed=cause.field)


def pod_resources(pod: Struct, at: Path, _: int) -> Iterator[Cause]:
    """Check the resources of the Pod, by themselves and beside those of its containers."""
    given, here = struct(pod, "resources"), (*at, "resources")
    if text(struct(pod, "os"), "name") == "windows":
        yield forbidden(here, "may not be set for a windows pod")
        return
    if given.get("claims") is not None:
        yield forbidden((*here, "claims"), "claims may not be set for Resources at pod-level")
    claims = frozenset(text(claim, "name") for _, claim in structs(pod, "resourceClaims")) - {""}
    found = list(resources(given, claims, here))
    yield from (cause for cause in found if cause.detail not in _OF_CONTAINERS)
    misnamed = {
        cause.path for cause in found if cause.detail not in _OF_CONTAINERS and cause.value in cause.path
    }
    for part in ("limits", "requests"):
        for key in struct(given, part):
            place = (*here, part, key)
            if key not in _COMPUTED and not key.startswith(_HUGE) and place not in misnamed:
                yield unsupported(place, key, _SUPPORTED)
    yield from _beside_containers(pod, given, here)


def _beside_containers(pod: Struct, given: Struct, at: Path) -> Iterator[Cause]:
    """Compare with what the containers ask for together, and with the limit of each."""
    for part in ("requests", "limits"):
        ours = struct(given, part)
        for key, (number, source) in _together(pod, part).items() if ours else ():
            amount = kept(ours[key]) if key in ours else None
            if amount is None or amount >= number or (part == "limits" and not key.startswith(_HUGE)):
                continue
            all_of_them = f"aggregate container {part} of {written(source, number)}"
            wrong = f"must be greater than or equal to {all_of_them}"
            yield invalid((*at, part, key), written(ours[key], amount), wrong)
    limits = struct(given, "limits")
    for index, container in structs(pod, "containers") if limits else ():
        for key, quantity in struct(struct(container, "resources"), "limits").items():
            amount, most = kept(quantity), kept(limits[key]) if key in limits else None
            if amount is not None and most is not None and amount > most:
                place = (*at[:-1], "containers", index, "resources", "limits", key)
                field = f"{dotted(at)}.containers[{index}][{key}].limits"
                wrong = f"must be less than or equal to pod limits of {written(limits[key], most)}"
                yield invalid(place, written(quantity, amount), wrong, field)


def _together(pod: Struct, part: str) -> dict[str, _Amount]:
    """Add up what runs side by side: sidecars with one init container at a time, then with all the others."""
    total: dict[str, _Amount] = {}
    sidecars: dict[str, _Amount] = {}
    most: dict[str, _Amount] = {}
    for _, container in structs(pod, "containers"):
        _add(total, _amounts(container, part))
    for _, container in structs(pod, "initContainers"):
        amounts = _amounts(container, part)
        if text(container, "restartPolicy") == "Always":
            _add(total, amounts)
            _add(sidecars, amounts)
            amounts = dict(sidecars)
        else:
            _add(amounts, sidecars)
        _raise(most, amounts)
    _raise(total, most)
    return total


def _amounts(container: Struct, part: str) -> dict[str, _Amount]:
    given = struct(struct(container, "resources"), part)
    numbers = {key: kept(quantity) for key, quantity in given.items()}
    return {key: (number, given[key]) for key, number in numbers.items() if number is not None}


def _add(total: dict[str, _Amount], more: dict[str, _Amount]) -> None:
    for key, (number, source) in more.items():
        before, unit = total.get(key, (Decimal(0), source))
        total[key] = (before + number, unit if before else source)


def _raise(most: dict[str, _Amount], others: dict[str, _Amount]) -> None:
    for key, amount in others.items():
        if key not in most or amount[0] > most[key][0]:
            most[key] = amount
