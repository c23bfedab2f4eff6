"""How tables of defaults are filled in, and taken out again.

Both directions share every untouched part with the tree that they are given: treat both as read-only.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, repeat
from operator import is_
from typing import Any, Protocol, TypeAlias

from lint.edit import same
from lint.view import MISSING

Map: TypeAlias = dict[str, Any]


class Fill(Protocol):
    """Fills one value; both methods return the very same if there is nothing to do, or its type is wrong."""

    def fill(self, value: Any) -> Any:
        """Add what is lacking."""

    def bare(self, value: Any, written: Any) -> Any:
        """Leave out what `fill` would add, but what `written` has in the same place."""


class Step(Protocol):
    """Fills some fields of a map."""

    def fill(self, value: Map, changed: Map) -> None:
        """Put what `value` lacks into `changed`."""

    def bare(self, value: Map, changed: Map, written: Map) -> None:
        """Put MISSING into `changed` for the fields that `fill` would set as they are."""


class AsIs:
    """Fills nothing."""

    def fill(self, value: Any) -> Any:
        """Return the value."""
        return value

    def bare(self, value: Any, _written: Any) -> Any:
        """Return the value."""
        return value


class Fields:
    """Sets fields, each given with its default and with the value, besides null, that counts as unset."""

    def __init__(self, defaults: Iterable[tuple[str, Any, Any]]) -> None:
        self._fields = tuple(defaults)

    def fill(self, value: Map, changed: Map) -> None:
        """Set what counts as unset."""
        for key, default, zero in self._fields:
            found = value.get(key)
            if found is None or (found == zero and type(found) is type(zero)):
                changed[key] = default

    def bare(self, value: Map, changed: Map, written: Map) -> None:
        """Leave out what is the default."""
        for key, default, _ in self._fields:
            found = value.get(key)
            if found == default and type(found) is type(default) and written.get(key) is None:
                changed[key] = MISSING


def unset(**defaults: Any) -> Fields:
    """Set what is missing or null: pointers, in Go."""
    return Fields((key, default, None) for key, default in defaults.items())


def empty(**defaults: str | int) -> Fields:
    """Set what is missing, null, "" or 0, which are the same in Go without a pointer."""
    return Fields((key, default, type(default)()) for key, default in defaults.items())


class Computed:
    """Sets fields whose defaults depend on others.

    `defaults` iterates over what a map gets, in either direction; it sees in its second argument what is done
    already. `zero` is the value, besides null, that counts as unset.
    """

    def __init__(
        self, defaults: Callable[[Map, Map], Iterator[tuple[str, Any]]], zero: str | None = None
    ) -> None:
        self._defaults, self._zero = defaults, zero

    def fill(self, value: Map, changed: Map) -> None:
        """Set what counts as unset."""
        for key, default in self._defaults(value, changed):
            if value.get(key) in (None, self._zero):
                changed[key] = default

    def bare(self, value: Map, changed: Map, written: Map) -> None:
        """Leave out what is the default."""
        for key, default in self._defaults(value, changed):
            if key in value and written.get(key) is None and same(value[key], default):
                changed[key] = MISSING


class Inside:
    """Fills what is there."""

    def __init__(self, **parts: Fill) -> None:
        self._parts = tuple(parts.items())

    def fill(self, value: Map, changed: Map) -> None:
        """Fill the fields that are given."""
        for key, part in self._parts:
            if key in value:
                found = value[key]
                if found is not None and (filled := part.fill(found)) is not found:
                    changed[key] = filled

    def bare(self, value: Map, changed: Map, written: Map) -> None:
        """Bare the fields that are given."""
        for key, part in self._parts:
            found = value.get(key)
            if found is not None and (bare := part.bare(found, written.get(key))) is not found:
                changed[key] = bare


class Always:
    """Fills what is there, and makes and fills the map that is missing or null: structs, in Go."""

    def __init__(self, **parts: Fill) -> None:
        self._parts = tuple(parts.items())

    def fill(self, value: Map, changed: Map) -> None:
        """Fill the fields, given or not."""
        for key, part in self._parts:
            found = value.get(key)
            filled = part.fill({} if found is None else found)
            if filled is not found:
                changed[key] = filled

    def bare(self, value: Map, changed: Map, written: Map) -> None:
        """Bare the fields, and leave out maps in which nothing is left."""
        for key, part in self._parts:
            found = value.get(key)
            if found is None:
                continue
            known = written.get(key)
            bare = part.bare(found, known)
            if bare == {} and known is None:
                changed[key] = MISSING
            elif bare is not found:
                changed[key] = bare


class Struct:
    """A map that is filled step by step."""

    def __init__(self, *steps: Step) -> None:
        self._steps = steps

    def fill(self, value: Any) -> Any:
        """Take every step."""
        if not isinstance(value, dict):
            return value
        changed: Map = {}
        for step in self._steps:
            step.fill(value, changed)
        return {**value, **changed} if changed else value

    def bare(self, value: Any, written: Any) -> Any:
        """Take every step back."""
        if not isinstance(value, dict):
            return value
        known = written if isinstance(written, dict) else {}
        changed: Map = {}
        for step in self._steps:
            step.bare(value, changed, known)
        if not changed:
            return value
        copy = value.copy()
        for key, one in changed.items():
            if one is MISSING:
                del copy[key]
            else:
                copy[key] = one
        return copy


class Each:
    """Fills the items of a list; with `having`, those that have this field, the others at next to no cost."""

    def __init__(self, item: Fill, having: str = "") -> None:
        self._item, self._having = item, having

    def fill(self, value: Any) -> Any:
        """Fill every item."""
        if not isinstance(value, list):
            return value
        fill, having, filled = self._item.fill, self._having, value
        for index, old in enumerate(value):
            if having and (not isinstance(old, dict) or having not in old):
                continue
            if (new := fill(old)) is not old:
                filled = filled.copy() if filled is value else filled
                filled[index] = new
        return filled

    def bare(self, value: Any, written: Any) -> Any:
        """Bare every item."""
        if not isinstance(value, list):
            return value
        known = written if isinstance(written, list) else ()
        bare = list(map(self._item.bare, value, chain(known, repeat(None))))
        return value if all(map(is_, bare, value)) else bare


class Only:
    """Fills one field of a map, if it is there: what `Struct(Inside(...))` does, at a third of the price."""

    def __init__(self, key: str, part: Fill) -> None:
        self._key, self._part = key, part

    def fill(self, value: Any) -> Any:
        """Fill the field."""
        found = value.get(self._key) if isinstance(value, dict) else None
        if found is None or (filled := self._part.fill(found)) is found:
            return value
        return {**value, self._key: filled}

    def bare(self, value: Any, written: Any) -> Any:
        """Bare the field."""
        found = value.get(self._key) if isinstance(value, dict) else None
        known = written.get(self._key) if isinstance(written, dict) else None
        if found is None or (bare := self._part.bare(found, known)) is found:
            return value
        return {**value, self._key: bare}
