"""JSON patches (RFC 6902)."""

from collections.abc import Iterator
from typing import Any

from lint.edit import same
from lint.path import Path, pointer


def difference(before: Any, after: Any) -> list[dict[str, Any]]:
    """Return the operations that turn one tree into another; what both share is not looked at."""
    return list(_operations(before, after, ()))


def _operations(before: Any, after: Any, path: Path) -> Iterator[dict[str, Any]]:
    if before is after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() - after.keys():
            yield {"op": "remove", "path": pointer((*path, key))}
        for key, value in after.items():
            if key in before:
                yield from _operations(before[key], value, (*path, key))
            else:
                yield {"op": "add", "path": pointer((*path, key)), "value": value}
    elif isinstance(before, list) and isinstance(after, list) and len(before) <= len(after):
        for index, value in enumerate(after):
            if index < len(before):
                yield from _operations(before[index], value, (*path, index))
            else:
                yield {"op": "add", "path": pointer((*path, index)), "value": value}
    elif not same(before, after):
        yield {"op": "replace", "path": pointer(path), "value": after}


class PatchError(Exception):
    """The tree has no place for an operation."""


def patched(tree: Any, patch: list[dict[str, Any]]) -> Any:
    """Do what a patch of `add`, `replace` and `remove` says, as an API server does; `tree` stays as it is.

    Raises:
        PatchError: the patch does not fit the tree.
    """
    for operation in patch:
        steps = [step.replace("~1", "/").replace("~0", "~") for step in operation["path"].split("/")[1:]]
        tree = _patched(tree, steps, operation)
    return tree


def _patched(tree: Any, steps: list[str], operation: dict[str, Any]) -> Any:
    if not steps:
        return operation["value"]
    adds = len(steps) == 1 and operation["op"] == "add"
    step: Any = steps[0]
    if isinstance(tree, list) and step.isdecimal():
        step = int(step)
        exists, fits = step < len(tree), adds and step <= len(tree)
    else:
        exists = isinstance(tree, dict) and step in tree
        fits = isinstance(tree, dict) and adds
    if not (exists or fits):
        raise PatchError(f"{operation['op']} {operation['path']}: there is no such place")
    copy = tree.copy()
    if len(steps) == 1 and operation["op"] == "remove":
        del copy[step]
    elif adds and isinstance(tree, list):
        copy.insert(step, operation["value"])
    else:
        copy[step] = _patched(tree[step] if exists else None, steps[1:], operation)
    return copy
