"""What somebody wrote of an object that the API server has filled with its defaults.

Two places tell: the annotation of `kubectl apply`, and the managedFields of a server-side apply. Those of
other managers list the defaults as well. Without either, a value that is the default is nobody's choice.
"""

from collections.abc import Iterator
from contextlib import suppress
from itertools import zip_longest
from typing import Any, NamedTuple

import orjson

from lint.defaults import undefaulted
from lint.edit import EditError, Set, apply
from lint.path import Path
from lint.validation.applying import LAST_APPLIED
from lint.view import View

_ANNOTATIONS = '"annotations":{}'
"""What kubectl adds to a configuration without any."""


class Written(NamedTuple):
    """An object as it was written, as far as it tells."""

    tree: dict[str, Any]
    known: bool
    """It tells; else a value that is the default is taken for nobody's choice."""


def written(tree: dict[str, Any], minor: int) -> Written:
    """Leave out of an object what nobody wrote.

    A written null, or empty list or map, is put back where the API server has left it out: it is a choice.
    """
    metadata = View(tree).at("metadata")
    text = metadata.at("annotations").entries.get(LAST_APPLIED)
    known, nothings = None, list[tuple[Path, Any]]()
    if isinstance(text, str):
        with suppress(orjson.JSONDecodeError):
            known = _aligned(orjson.loads(text), tree)
            if "null" in text or "[]" in text or text.count("{}") > text.count(_ANNOTATIONS):
                nothings += _nothings(View(known).at("spec"), tree.get("spec"))
    for fields in _applied_fields(metadata):
        owned, lost = _owned(fields, tree.get("spec"), ("spec",))
        known = _joined(known, {"spec": owned})
        nothings += lost
    bare = undefaulted(tree, minor, known)
    for path, value in nothings:
        if View(bare).at(*path).missing:
            with suppress(EditError):  # else the object is not what was applied
                bare = apply(bare, (Set(path, value),))
    return Written(bare, known is not None)


def _aligned(applied: Any, tree: dict[str, Any]) -> Any:
    """Put the containers of a configuration where the object has those of the same name."""
    base = ("spec", "jobTemplate", "spec") if tree.get("kind") == "CronJob" else ("spec",)
    pod, known = (View(one).at(*base, "template", "spec") for one in (tree, applied))
    for key in ("containers", "initContainers"):
        ours, theirs = _names(pod.entries.get(key)), _names(known.entries.get(key))
        if ours != theirs and theirs:
            by_name = dict(zip(map(str, theirs), known.entries[key], strict=True))
            applied = apply(applied, (Set((*known.path, key), [by_name.get(str(name)) for name in ours]),))
    return applied


def _names(containers: Any) -> list[Any]:
    """Return the names of containers, None for what has none."""
    if not isinstance(containers, list):
        return []
    return [one.get("name") if isinstance(one, dict) else None for one in containers]


def _nothings(applied: View, tree: Any) -> Iterator[tuple[Path, Any]]:
    """Iterate over the nulls and empties of a configuration, where the object has a place for them."""
    below = (
        [*applied.fields()] if isinstance(tree, dict) else [*enumerate(applied.items())][: len(View(tree))]
    )
    for step, view in below:
        if view.value in (None, [], {}):
            yield view.path, view.value
        else:
            yield from _nothings(view, View(tree).at(step).value)


def _applied_fields(metadata: View) -> Iterator[Any]:
    """Iterate over the sets of fields (FieldsV1) of the spec that server-side applies have set."""
    for entry in metadata.at("managedFields").items():
        fields = entry.at("fieldsV1", "f:spec")
        if entry.at("operation").value == "Apply" and fields.given:
            yield fields.value


def _owned(fields: Any, tree: Any, path: Path) -> tuple[Any, list[tuple[Path, Any]]]:
    """Turn a set of fields into a tree of what was written, and list what the object has nothing of.

    An empty set stands for a field that is owned as a whole.
    """
    lost: list[tuple[Path, Any]] = []
    if fields == {}:
        return tree, lost
    if isinstance(tree, list):
        items = _items(fields)
        known = [None] * len(tree)
        for index, item in enumerate(tree):
            for names, by_values in items.items():
                if (below := by_values.get(_values(names, item))) is not None:
                    known[index], more = _owned(below, item, (*path, index))
                    lost += more
        return known, lost
    owned = {}
    for field, below in View(fields).entries.items():
        key = field[2:]
        if not field.startswith("f:") or not isinstance(tree, dict):
            continue
        if tree.get(key) is None:
            lost.append(((*path, key), None))
        else:
            owned[key], more = _owned(below, tree[key], (*path, key))
            lost += more
    return owned, lost


def _items(fields: Any) -> dict[tuple[str, ...], dict[str, Any]]:
    """Sort what a set of fields has of items, under keys like `k:{"name":"main"}`, by names and values."""
    items: dict[tuple[str, ...], dict[str, Any]] = {}
    for field, below in View(fields).entries.items():
        if field.startswith("k:"):
            with suppress(orjson.JSONDecodeError):
                key = View(orjson.loads(field[2:])).entries
                names = tuple(sorted(key))
                items.setdefault(names, {})[_values(names, key)] = below
    return items


def _values(names: tuple[str, ...], item: Any) -> str:
    """Return the values of an item's key, as one text."""
    return repr([View(item).at(name).value for name in names])


def _joined(one: Any, other: Any) -> Any:
    """Put together what two sources say was written."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {key: _joined(one.get(key), other.get(key)) for key in {**one, **other}}
    if isinstance(one, list) and isinstance(other, list):
        return [_joined(*pair) for pair in zip_longest(one, other)]
    return other if one is None else one
