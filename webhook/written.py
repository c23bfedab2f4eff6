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
from lint.view import View

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


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
            if _has_nothings(text):
                nothings += _nothings(View(known).at("spec"), tree.get("spec"))
    for fields in _applied_fields(metadata):
        owned, lost = _owned(View(fields).at("f:spec").value, tree.get("spec"), ("spec",))
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
            by_name = dict(zip(theirs, known.entries[key], strict=True))
            applied = apply(applied, (Set((*known.path, key), [by_name.get(name) for name in ours]),))
    return applied


def _names(containers: Any) -> list[str]:
    return [View(one).at("name").as_str() or "" for one in containers] if isinstance(containers, list) else []


def _has_nothings(text: str) -> bool:
    """Tell whether a configuration holds nulls or empties, other than the annotations that kubectl adds."""
    return "null" in text or "[]" in text or text.count("{}") > text.count('"annotations":{}')


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
    """Iterate over the sets of fields (FieldsV1) that server-side applies have set."""
    for entry in metadata.at("managedFields").items():
        if entry.at("operation").value == "Apply":
            yield entry.at("fieldsV1").value


def _owned(fields: Any, tree: Any, path: Path) -> tuple[Any, list[tuple[Path, Any]]]:
    """Turn a set of fields into a tree of what was written, and list what the object has nothing of.

    A field with none below is owned as a whole.
    """
    lost: list[tuple[Path, Any]] = []
    if isinstance(tree, list):
        items = [None] * len(tree)
        for index, item in enumerate(tree):
            for below in _of_item(fields, item):
                items[index], more = _owned(below, item, (*path, index))
                lost += more
        return (items if any(items) else tree), lost
    steps = {key[2:]: below for key, below in View(fields).entries.items() if key.startswith("f:")}
    if not steps or not isinstance(tree, dict):
        return tree, lost
    owned = {}
    for key, below in steps.items():
        if tree.get(key) is None:
            lost.append(((*path, key), None))
        else:
            owned[key], more = _owned(below, tree[key], (*path, key))
            lost += more
    return owned, lost


def _of_item(fields: Any, item: Any) -> Iterator[Any]:
    """Iterate over what a set of fields has of a list's item: its key is like `k:{"name":"main"}`."""
    for key, below in View(fields).entries.items():
        if key.startswith("k:"):
            with suppress(orjson.JSONDecodeError):
                wanted = View(orjson.loads(key[2:])).entries
                if wanted and isinstance(item, dict) and wanted.items() <= item.items():
                    yield below


def _joined(one: Any, other: Any) -> Any:
    """Put together what two sources say was written."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {key: _joined(one.get(key), other.get(key)) for key in {**one, **other}}
    if isinstance(one, list) and isinstance(other, list):
        return [_joined(*pair) for pair in zip_longest(one, other)]
    return other if one is None else one
