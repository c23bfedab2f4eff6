"""Volumes of a Pod: their names, and the one source that each has."""

from collections.abc import Iterator

from lint.path import Path, dotted
from lint.validation import names
from lint.validation.cause import Cause, duplicate, forbidden, invalid, required
from lint.validation.sources import SOURCES
from lint.validation.tree import Struct, struct, structs, text

_ORDER = list(SOURCES)
_FORBIDDEN = {"cephfs": "cephFS", "downwardAPI": "downwarAPI"}
"""Other names that the server gives to sources beside the right one."""


def volumes(pod: Struct, at: Path, minor: int) -> Iterator[Cause]:
    """Check all volumes; a name is taken by a volume without causes."""
    taken: set[str] = set()
    for index, volume in structs(pod, "volumes"):
        causes = list(_volume(volume, (*at, "volumes", index), minor, taken))
        if causes:
            yield from causes
        else:
            taken.add(text(volume, "name"))


def _volume(volume: Struct, at: Path, minor: int, taken: set[str]) -> Iterator[Cause]:
    given = [key for key, value in volume.items() if key in SOURCES and value is not None]
    if len(given) > 1:
        given.sort(key=_ORDER.index)
    for place, key in enumerate(given):
        if place:
            field = f"{dotted(at)}.{_FORBIDDEN.get(key, key)}"
            yield forbidden((*at, key), "may not specify more than 1 volume type", field)
        elif isinstance(volume[key], dict):
            yield from SOURCES[key](volume[key], (*at, key), minor)
    name = text(volume, "name")
    if isinstance(volume.get("iscsi"), dict):
        yield from _iscsi_name(name, struct(volume, "iscsi"), at)
    if not name:
        yield required((*at, "name"))
    else:
        for wrong in names.dns_label(name):
            yield invalid((*at, "name"), name, wrong)
    if name in taken:
        yield duplicate((*at, "name"), name)


def _iscsi_name(name: str, source: Struct, at: Path) -> Iterator[Cause]:
    portal = text(source, "targetPortal")
    if source.get("initiatorName") is not None and names.size(f"{name}:{portal}") > 64:
        wrong = (
            "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters"
            " if iscsi.initiatorName is specified."
        )
        yield invalid((*at, "name"), name, wrong)
