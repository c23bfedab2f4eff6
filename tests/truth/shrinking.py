"""The smallest object that shows the same as a larger one."""

from collections.abc import Callable, Iterator
from typing import Any

from schema import Tree

_KEPT = ("apiVersion", "kind")
_LONG = 40
"""Texts of more characters are cut."""


def shrunk(tree: Tree, shows: Callable[[Tree], bool]) -> Tree:
    """Leave out all that can be missed as long as an object `shows` what it is about; cut long texts."""
    before = None
    while before != tree:
        before = tree
        for path in sorted(_paths(tree, ()), key=lambda path: -len(str(_at(before, path)))):
            for smaller in _smaller(tree, path):
                if shows(smaller):
                    tree = smaller
                    break
    return tree


def _smaller(tree: Tree, path: tuple[Any, ...]) -> Iterator[Tree]:
    """Yield an object without what is in a place, if that is there still, and with less of it."""
    if not _there(tree, path):
        return
    value = _at(tree, path)
    if path[-1] not in _KEPT:
        yield _with(tree, path)
    if isinstance(value, str) and len(value) > _LONG:
        yield _with(tree, path, value[: len(value) // 2])
    if isinstance(value, list) and len(value) > 3:
        yield _with(tree, path, value[: len(value) // 2])


def _paths(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in pairs:
        yield (*path, key)
        yield from _paths(below, (*path, key))


def _there(tree: Any, path: tuple[Any, ...]) -> bool:
    """Tell whether there is something in a place."""
    if not path:
        return True
    keys = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    return path[0] in keys and _there(tree[path[0]], path[1:])


def _at(tree: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _with(tree: Any, path: tuple[Any, ...], value: Any = None) -> Any:
    """Copy what is on the way to a place, and set what is there; without a value leave it out."""
    copied = tree.copy()
    if len(path) > 1:
        copied[path[0]] = _with(tree[path[0]], path[1:], value)
    elif value is None:
        del copied[path[0]]
    else:
        copied[path[0]] = value
    return copied
