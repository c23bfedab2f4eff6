"""How much of each resource containers ask for, one by one and side by side."""

import math
from decimal import Decimal
from typing import TypeAlias

from lint.job import Job, is_sidecar
from lint.memo import remembered
from lint.quantity import parse
from lint.view import View

Amounts: TypeAlias = dict[str, int]
"""Thousandths by resource: the server rounds up to them whatever it compares."""

MI = 1000 << 20
"""A mebibyte, in thousandths."""

_MOST = Decimal(1 << 63)
"""The server does not count that far."""


def amounts_of(resources: View, *parts: str) -> Amounts:
    """Read parts of resources, each over those before it; what is no quantity is left out."""
    amounts = {}
    for part in parts:
        written = resources.entries.get(part)
        for key, value in written.items() if isinstance(written, dict) else ():
            if isinstance(value, (str, int, float)) and (number := thousandths(value)) is not None:
                amounts[key] = number
    return amounts


@remembered(1024)
def thousandths(value: str | float) -> int | None:
    """Read a quantity; None if it is none."""
    number = parse(value)
    return None if number is None else math.ceil(min(max(number, -_MOST), _MOST) * 1000)


def side_by_side(job: Job, *parts: str) -> Amounts:
    """Add up what runs side by side: sidecars with one init container at a time, then with all the others."""
    running: Amounts = {}
    most: Amounts = {}
    for container in job.all_containers():
        stays = "initContainers" not in container.path or is_sidecar(container)
        for key, number in amounts_of(container.at("resources"), *parts).items():
            total = running.get(key, 0) + number
            most[key] = max(total, most.get(key, total))
            if stays:
                running[key] = total
    return most
