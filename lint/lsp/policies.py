"""The policy of each file, found as the command line finds it, and read again when it changes."""

import os
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from lint.policy import Policy
from lint.work import in_file

Find: TypeAlias = Callable[[str], str | None]
"""Returns the policy file of a file, if there is one."""

Load: TypeAlias = Callable[[str], Policy | str]
"""Reads a policy file, or returns why it cannot be used."""


class _Known(NamedTuple):
    """What a policy file said when it was read last."""

    stamp: tuple[int, int, int]
    policy: Policy


class Policies:
    """Policies by their files; of a broken one, the last that could be used is kept."""

    def __init__(self, find: Find, load: Load) -> None:
        self._find = find
        self._load = load
        self._known: dict[str, _Known] = {}
        self._default = Policy()

    def of(self, path: str, tell: Callable[[str], None]) -> Policy:
        """Return the policy of a file; why one cannot be used is told once for each change of it."""
        name = self._find(path)
        return self._default if name is None else in_file(self._latest(os.path.abspath(name), tell), path)

    def _latest(self, name: str, tell: Callable[[str], None]) -> Policy:
        """Return what a policy file says, or said when it was right."""
        stamp, known = _stamp(name), self._known.get(name)
        if known and known.stamp == stamp:
            return known.policy
        loaded = self._load(name)
        if isinstance(loaded, str):
            kept = "the one before it stays in force" if known else "the default policy is in force"
            tell(f"{loaded}\n{kept}")
            loaded = known.policy if known else self._default
        self._known[name] = _Known(stamp, loaded)
        return loaded


def _stamp(path: str) -> tuple[int, int, int]:
    """Return what changes when a file does."""
    try:
        stat = os.stat(path)
    except OSError:
        return 0, 0, 0  # it is gone since it was found: to read it will tell
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
