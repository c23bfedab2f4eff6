"""Edits of a JSON tree, and what they look like as a JSON patch (RFC 6902)."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from lint.path import Path, dotted, pointer


@dataclass(frozen=True, slots=True)
class Set:
    """Put `value` at `path`; missing and null parents are made, an index equal to the length appends."""

    path: Path
    value: Any


@dataclass(frozen=True, slots=True)
class Remove:
    """Take what is at `path` away; nothing happens when there is nothing."""

    path: Path


Edit: TypeAlias = Set | Remove


class EditError(Exception):
    """The tree has no place for the edit: a parent on its path is neither a map nor a list."""


def apply(tree: Any, edits: tuple[Edit, ...]) -> tuple[Any, list[dict[str, Any]]]:
    """Return the edited tree and the JSON patch that makes it; `tree` itself stays as it is.

    The result shares every untouched part with `tree`: treat both as read-only.

    Raises:
        EditError: an edit does not fit the tree.
    """
    patch: list[dict[str, Any]] = []
    for edit in edits:
        if isinstance(edit, Set):
            tree = _set(tree, edit.path, edit.value, 0, patch)
        else:
            tree = _remove(tree, edit.path, 0, patch)
    return tree, patch


def _set(tree: Any, path: Path, value: Any, depth: int, patch: list[dict[str, Any]]) -> Any:
    """Rebuild the containers along `path[depth:]`; one operation goes to `patch` where the tree ends."""
    if depth == len(path):
        if not same(tree, value):
            patch.append({"op": "replace", "path": pointer(path), "value": value})
        return value
    step = path[depth]
    if tree is None and (isinstance(step, str) or step == 0):
        patch.append({"op": "replace", "path": pointer(path[:depth]), "value": nested(path[depth:], value)})
        return nested(path[depth:], value)
    _check(tree, path, depth)
    copy = tree.copy()
    if isinstance(step, str):
        exists = step in copy
    elif exists := step < len(copy):
        pass
    else:
        copy.append(None)
    if exists:
        copy[step] = _set(copy[step], path, value, depth + 1, patch)
    else:
        copy[step] = nested(path[depth + 1 :], value)
        patch.append({"op": "add", "path": pointer(path[: depth + 1]), "value": copy[step]})
    return copy


def _remove(tree: Any, path: Path, depth: int, patch: list[dict[str, Any]]) -> Any:
    """Rebuild the containers along `path[depth:]` without its last step."""
    if not path:
        raise EditError("the whole object cannot be removed")
    step = path[depth]
    if tree is None or (isinstance(tree, dict) and step not in tree):
        return tree
    _check(tree, path, depth)
    if isinstance(step, int) and step >= len(tree):
        return tree
    copy = tree.copy()
    if depth + 1 == len(path):
        del copy[step]
        patch.append({"op": "remove", "path": pointer(path)})
    else:
        copy[step] = _remove(copy[step], path, depth + 1, patch)
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
    """Wrap `value` in the containers that `path` names: `("a", "b")` gives `{"a": {"b": value}}`."""
    for step in reversed(path):
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
