"""Edits of a JSON tree."""

from collections.abc import Iterable
from typing import Any, NamedTuple, TypeAlias

from lint.path import Path, dotted


class Set(NamedTuple):
    """Put `value` at `path`; missing and null parents are made, an index equal to the length appends."""

    path: Path
    value: Any


class Remove(NamedTuple):
    """Take what is at `path` away; nothing happens when there is nothing."""

    path: Path


Edit: TypeAlias = Set | Remove


def touched(edit: Edit) -> Path:
    """Return the place that an edit changes: for an item, its whole list, whose indexes may move."""
    return edit.path[:-1] if isinstance(edit.path[-1], int) else edit.path


class Taken:
    """Places that edits change, of which no two lie in each other."""

    def __init__(self) -> None:
        self._places = set[Path]()
        self._above = set[Path]()

    def take(self, edits: Iterable[Edit]) -> bool:
        """Take the places of a fix, if nobody has taken any of them."""
        places = [touched(edit) for edit in edits]
        if any(place in self._above or self._has(place) for place in places):
            return False
        for place in places:
            self._places.add(place)
            self._above.update(place[:depth] for depth in range(len(place)))
        return True

    def _has(self, place: Path) -> bool:
        return any(place[:depth] in self._places for depth in range(len(place) + 1))


class EditError(Exception):
    """The tree has no place for the edit: a parent on its path is neither a map nor a list."""


def apply(tree: Any, edits: Iterable[Edit]) -> Any:
    """Return the edited tree; `tree` itself stays as it is.

    The result shares every untouched part with `tree`: treat both as read-only.

    Raises:
        EditError: an edit does not fit the tree.
    """
    copies: dict[int, Any] = {}
    for edit in edits:
        tree = _set(tree, edit, 0, copies) if isinstance(edit, Set) else _remove(tree, edit.path, 0, copies)
    return tree


def _copy(tree: Any, copies: dict[int, Any]) -> Any:
    """Return a map or list that can be changed in place: `copies` has those that nobody else has."""
    if id(tree) in copies:
        return tree
    copy = tree.copy()
    copies[id(copy)] = copy
    return copy


def _set(tree: Any, edit: Set, depth: int, copies: dict[int, Any]) -> Any:
    """Rebuild the containers along the path from `depth` on."""
    path, value = edit.path, edit.value
    if depth == len(path):
        return value
    step = path[depth]
    if tree is None and (isinstance(step, str) or step == 0):
        return nested(path[depth:], value)
    _check(tree, path, depth)
    exists = step in tree if isinstance(step, str) else step < len(tree)
    new = _set(tree[step], edit, depth + 1, copies) if exists else nested(path[depth + 1 :], value)
    copy = _copy(tree, copies)
    if step == len(copy):
        copy.append(new)
    else:
        copy[step] = new
    return copy


def _remove(tree: Any, path: Path, depth: int, copies: dict[int, Any]) -> Any:
    """Rebuild the containers along `path[depth:]` without its last step."""
    if not path:
        raise EditError("the whole object cannot be removed")
    step = path[depth]
    if tree is None or (isinstance(tree, dict) and step not in tree):
        return tree
    _check(tree, path, depth)
    if isinstance(step, int) and step >= len(tree):
        return tree
    below = _remove(tree[step], path, depth + 1, copies) if depth + 1 < len(path) else None
    copy = _copy(tree, copies)
    if depth + 1 == len(path):
        del copy[step]
    else:
        copy[step] = below
    return copy


def _check(tree: Any, path: Path, depth: int) -> None:
    """Refuse a step that the container cannot take."""
    step = path[depth]
    if isinstance(step, str) and isinstance(tree, dict):
        return
    if isinstance(step, int) and isinstance(tree, list) and 0 <= step <= len(tree):
        return
    raise EditError(f"{dotted(path[:depth]) or 'the object'} has no place for {step!r}")


def nested(path: Path, value: Any) -> Any:
    """Wrap `value` in the containers that `path` names: `("a", "b")` gives `{"a": {"b": value}}`.

    Raises:
        EditError: an index other than 0, which an empty list has no place for.
    """
    for step in reversed(path):
        if step and isinstance(step, int):
            raise EditError(f"an empty list has no place for {step}")
        value = {step: value} if isinstance(step, str) else [value]
    return value


def same(left: Any, right: Any) -> bool:
    """Tell whether two JSON values are equal, types included: `1`, `1.0` and `True` differ."""
    stack = [(left, right)]
    while stack:
        one, other = stack.pop()
        if one is other:
            continue
        if type(one) is not type(other):
            return False
        if isinstance(one, dict):
            if one.keys() != other.keys():
                return False
            stack += [(value, other[key]) for key, value in one.items()]
        elif isinstance(one, list):
            if len(one) != len(other):
                return False
            stack += zip(one, other, strict=True)
        elif one != other:
            return False
    return True
