"""Edits of a JSON tree, and what they look like as a JSON patch (RFC 6902)."""

from typing import Any, NamedTuple, TypeAlias

from lint.path import Path, dotted, pointer


class Set(NamedTuple):
    """Put `value` at `path`; missing and null parents are made, an index equal to the length appends."""

    path: Path
    value: Any


class Remove(NamedTuple):
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
    work = _Work([], {})
    for edit in edits:
        tree = _set(tree, edit, 0, work) if isinstance(edit, Set) else _remove(tree, edit.path, 0, work)
    return tree, work.patch


class _Work(NamedTuple):
    """What comes of the edits so far."""

    patch: list[dict[str, Any]]

    copies: dict[int, Any]
    """Maps and lists that nobody else has, by their identity: they can be changed in place."""

    def copy(self, tree: Any) -> Any:
        """Return a map or list that can be changed in place."""
        if id(tree) in self.copies:
            return tree
        copy = tree.copy()
        self.copies[id(copy)] = copy
        return copy


def _set(tree: Any, edit: Set, depth: int, work: _Work) -> Any:
    """Rebuild the containers along the path from `depth` on; where the tree ends, one operation is added."""
    path, value = edit.path, edit.value
    if depth == len(path):
        if not same(tree, value):
            work.patch.append({"op": "replace", "path": pointer(path), "value": value})
        return value
    step = path[depth]
    if tree is None and (isinstance(step, str) or step == 0):
        value = nested(path[depth:], value)
        work.patch.append({"op": "replace", "path": pointer(path[:depth]), "value": value})
        return value
    _check(tree, path, depth)
    exists = step in tree if isinstance(step, str) else step < len(tree)
    new = _set(tree[step], edit, depth + 1, work) if exists else nested(path[depth + 1 :], value)
    copy = work.copy(tree)
    if not exists:
        work.patch.append({"op": "add", "path": pointer(path[: depth + 1]), "value": new})
    if step == len(copy):
        copy.append(new)
    else:
        copy[step] = new
    return copy


def _remove(tree: Any, path: Path, depth: int, work: _Work) -> Any:
    """Rebuild the containers along `path[depth:]` without its last step."""
    if not path:
        raise EditError("the whole object cannot be removed")
    step = path[depth]
    if tree is None or (isinstance(tree, dict) and step not in tree):
        return tree
    _check(tree, path, depth)
    if isinstance(step, int) and step >= len(tree):
        return tree
    below = _remove(tree[step], path, depth + 1, work) if depth + 1 < len(path) else None
    copy = work.copy(tree)
    if depth + 1 == len(path):
        del copy[step]
        work.patch.append({"op": "remove", "path": pointer(path)})
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
