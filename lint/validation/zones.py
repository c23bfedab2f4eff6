"""Names of time zones, as the API server checks them.

It looks a name up in the zone files of its machine, then in those that are built into it. Here the zone files
of the machine that we run on stand for both: a name that they do not have may be known there.
"""

import re
from functools import cache
from typing import Final

from lint.memo import remembered

LOCAL: Final = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
"""What is said of `Local`, in any case."""

_MISSING = "no such file or directory"

_PART = "[-A-Za-z._0-9+]{1,14}"
"""A part of a name that the API server looks up; others it says not to know, wherever it runs."""


def zone(name: str, _minor: int) -> list[str]:
    """Say why the API server rejects a time zone, in its own words."""
    if not name:
        return ["timeZone must be nil or non-empty string"]
    if not well_formed(name):
        return [f"unknown time zone {name}"]
    fault = load_fault(name)
    return [*([LOCAL] if name.lower() == "local" else []), *([fault] if fault else [])]


def well_formed(name: str) -> bool:
    """Tell whether a name is looked up at all: if so, it may be known to one machine and not to another."""
    parts = name.split("/")
    return all(re.fullmatch(_PART, part) and part not in (".", "..") and part[0] != "-" for part in parts)


def meant(name: str) -> str:
    """Return the one zone that a name can mean: in another case, with spaces; empty if there is none."""
    return _by_likeness().get(_likeness(name), "")


@remembered(1024)  # a CronJob is looked at by several rules, and at each of its updates
def load_fault(name: str) -> str:
    """Say why Go cannot load a zone; empty if it can, or if there are no zone files here to tell."""
    if name in ("", "UTC", "Local"):
        return ""
    if ".." in name or name.startswith(("/", "\\")):
        return "time: invalid location name"
    faults = [_file_fault(folder, name) for folder in _folders()]
    if "" in faults or all(_file_fault(folder, "UTC") for folder in _folders()):
        return ""
    return next((fault for fault in faults if fault != _MISSING), f"unknown time zone {name}")


def _folders() -> list[str]:
    """Return where zone files may be: where the system has them, and in the package `tzdata`."""
    from importlib.util import find_spec
    from zoneinfo import TZPATH  # of no use to a run without time zones

    package = find_spec("tzdata")
    found = package.submodule_search_locations if package else None
    return [*TZPATH, *(f"{folder}/zoneinfo" for folder in found or ())]


def _file_fault(folder: str, name: str) -> str:
    """Say why a zone file cannot be read; empty if it can."""
    try:
        if _begins_well(folder, name):
            return "" if _exact(folder, name) else _MISSING
    except OSError as error:
        return str(error.strerror).lower()
    except ValueError:  # a null byte
        return "invalid argument"
    return "malformed time zone information"


def _begins_well(folder: str, name: str) -> bool:
    """Tell whether a file is a zone file, going by its first bytes."""
    with open(f"{folder}/{name}", "rb") as file:
        return file.read(4) == b"TZif"


def _exact(folder: str, name: str) -> bool:
    """Tell whether a file that is found has this very name: file systems may take any case for it."""
    try:
        _begins_well(folder, name.swapcase())
    except OSError:
        return True
    return name in _by_likeness().values()


@cache
def _by_likeness() -> dict[str, str]:
    """Return all zones."""
    from zoneinfo import available_timezones  # takes a while

    return {_likeness(name): name for name in available_timezones()}


def _likeness(name: str) -> str:
    return name.strip().replace(" ", "_").lower()
