"""Decoding: what the API server makes of the JSON of a Job or CronJob, and what it refuses to read.

The verdict is that of `kubectl create -f FILE` with strict field validation, its default: a field that the
server does not know and a value of a wrong type are both a 400. What it names first depends on the order of
keys, and kubectl sorts them.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from lint.path import Path
from lint.validation.cause import Cause
from lint.validation.fields import known, table
from lint.validation.kinds import Found, Place, kind_of

_MOST_UNKNOWN = 100
"""The server lists no more of them."""

_DISTINCTIVE = 4
"""A name of a field that more structs have says little about where it belongs."""


class Decoded(NamedTuple):
    """An object as the server has it, and what the server cannot read of it."""

    tree: dict[str, Any]
    """Without null and unknown fields; what has a wrong type is as it was. Shares what is unchanged."""

    wrong: tuple[Cause, ...] = ()
    """Values of a wrong type; the server stops at the first, and names no other."""

    unknown: tuple[Cause, ...] = ()
    """Fields that the server does not know; it names them if it can read the others."""

    @property
    def causes(self) -> tuple[Cause, ...]:
        """All that the server cannot read."""
        return self.wrong + self.unknown

    def status_message(self, kind: str) -> str:
        """Return the message of the server's 400, or nothing."""
        if not self.causes:
            return ""
        listed = list(dict.fromkeys(cause.message for cause in self.unknown))[:_MOST_UNKNOWN]
        reason = self.wrong[0].message if self.wrong else f"strict decoding error: {', '.join(listed)}"
        return f'{kind} in version "v1" cannot be handled as a {kind}: {reason}'


def decode(tree: dict[str, Any], minor: int) -> Decoded:
    """Read a Job or CronJob as the server of a minor does."""
    kind = kind_of(_root(tree.get("kind")), minor)
    if kind.fits(tree):
        return Decoded(tree)
    found = Found()
    read = kind.read(tree, Place(()), found)
    groups = (sorted(one, key=lambda cause: cause.path) for one in (found.fatal, found.wrong, found.unknown))
    fatal, wrong, unknown = groups
    return Decoded(read, (*fatal, *wrong), tuple(unknown))


def _root(kind: Any) -> str:
    return "v1.CronJob" if kind == "CronJob" else "v1.Job"


class Suggestion(NamedTuple):
    """What may be meant by an unknown field: one of these, or nothing."""

    place: Path = ()
    """The place where a field of this name belongs."""

    spelling: str = ""
    """The name of a field in this place that looks alike."""

    since: int = 0
    """The first minor that knows the field in this place."""

    until: int = 0
    """The last one that did."""


def suggestion(kind: str, place: Path, key: str, minor: int) -> Suggestion:
    """Suggest what is meant by an unknown field, that a Job or CronJob has in a place."""
    above = list(_structs(kind, place, minor))
    if not above or above[-1][0] != place:
        return Suggestion()
    go = above[-1][1]
    if elsewhere := table().structs[go].get(key):
        return Suggestion(since=elsewhere.since, until=elsewhere.until)
    if sum(key in known(one, minor) for one in table().structs) <= _DISTINCTIVE:
        distances = sorted(_places(above, key, minor), key=lambda found: found[0])
        nearest = [path for distance, path in distances if distance == distances[0][0]]
        if len(nearest) == 1:
            return Suggestion(nearest[0])
    from difflib import get_close_matches

    return Suggestion(spelling=next(iter(get_close_matches(key, known(go, minor), 1, 0.7)), ""))


def _structs(kind: str, place: Path, minor: int) -> Iterator[tuple[Path, str]]:
    """Return the structs on the way to a place, with their own places."""
    go = _root(kind)
    yield (), go
    for depth, step in enumerate(place, 1):
        if isinstance(step, int):
            go = go.removeprefix("[]")
        elif go in table().structs and step in known(go, minor):
            go = known(go, minor)[step].type
        else:
            return
        if go in table().structs:
            yield place[:depth], go


def _places(above: list[tuple[Path, str]], key: str, minor: int) -> Iterator[tuple[int, Path]]:
    """Look for a field in the structs on the way to a place, and in all below them: distances and places."""
    for up, (start, go) in enumerate(reversed(above)):
        inside = [(up, start, go)]
        while inside:
            distance, path, struct = inside.pop()
            fields = known(struct, minor)
            if key in fields:
                yield distance, (*path, key)
            inside += (
                (distance + 1, (*path, name), field.type)
                for name, field in fields.items()
                if field.type in table().structs and name != "status" and (*path, name) != above[-up][0]
            )
