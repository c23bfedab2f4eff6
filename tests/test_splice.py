"""Fixes as text: what they write is what they say, and nothing else moves."""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from manifests import KEYS, OBJECTS, TREES, Layout

from lint.document import Document, end_of, parse
from lint.edit import Edit, Remove, Set, apply, same
from lint.path import Path
from lint.splice import Refused, splice


def paths(tree: Any, path: Path = ()) -> list[Path]:
    """Return every path in a tree, the root left out."""
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [found for step, value in entries for found in [(*path, step), *paths(value, (*path, step))]]


@st.composite
def edits(draw: st.DrawFn, tree: dict[str, Any]) -> Edit:
    """Draw an edit that fits the tree: change, add below a map, append to a list, or remove."""
    path = draw(st.sampled_from(paths(tree)))
    if draw(st.integers(0, 3)) == 0:
        return Remove(path)
    value: Any = tree
    for step in path:
        value = value[step]
    if isinstance(value, dict):
        path = (*path, draw(KEYS), *draw(st.sampled_from([(), ("new",), ("new", "er")])))
        if len(path) > 1 and isinstance(value.get(path[-1]), str):
            path = path[:1]
    elif isinstance(value, list):
        path = (*path, len(value))
    return Set(path, draw(TREES))


def check(document: Document, edit: Edit) -> Document | None:
    """Splice and compare with the edited tree; None when the edit is refused."""
    try:
        expected, _ = apply(document.value, (edit,))
        result = splice(document, (edit,))
    except Refused as refused:
        event(f"refused: {str(refused).split(' around ')[0].split(' does ')[0]}")
        assert "comment would be lost" in str(refused) or "no place for" in str(refused) or "on the line" in str(refused), refused
        return None
    except Exception as error:  # apply's EditError
        if type(error).__name__ != "EditError":
            raise
        return None
    assert same(parse(result.text, json=document.json).value, expected)
    return result


@given(st.data(), OBJECTS, st.integers(0, 2**32))
@settings(max_examples=400, deadline=None)
def test_text_after_a_splice_says_what_the_edited_tree_says(data: st.DataObject, tree: dict[str, Any], seed: int) -> None:
    layout = Layout(Random(seed))
    text = layout.text(tree)
    document = parse(text)
    assert same(document.value, tree)
    edit = data.draw(edits(tree))
    result = check(document, edit)
    if result is None:
        return
    first, last = edited_lines(document, edit)
    old, new = document.text.splitlines(keepends=True), result.text.splitlines(keepends=True)
    assert is_subsequence(document.text, result.text) or (
        new[:first] == old[:first] and (last == len(old) or new[last - len(old) :] == old[last:])
    )
    for line, (_, comment) in document.comments.items():
        number = document.text.count("\n", 0, line)
        assert comment in result.text or (isinstance(edit, Remove) and number == last - 1)


def edited_lines(document: Document, edit: Edit) -> tuple[int, int]:
    """Return the lines that an edit may change: those of the place, of its parent if it is all that is in there."""
    node, holder, key, only = document.root, document.root, None, False
    for step in edit.path:
        found = node.find(step)
        if found is None:
            break
        holder = node
        key, node, _ = found
        only = holder.flow or len(holder.pairs or holder.children) == 1
    place = holder if isinstance(edit, Remove) and only else node
    start = key.start if key is not None and place is node else place.start
    end = end_of(document.text, place)
    before = 1 if isinstance(edit, Remove) and place is holder else 0
    last = document.text.count("\n", 0, end) + 1
    if isinstance(edit, Remove) and not is_first_on_line(document, start):  # what follows moves up
        last = document.text.count("\n", 0, next((x.start for x in document.root.leaves() if x.start > end), end)) + 1
    return max(0, document.text.count("\n", 0, start) - before), last


def is_first_on_line(document: Document, start: int) -> bool:
    """Tell whether nothing but one dash may stand before an entry."""
    before = document.text[document.text.rfind("\n", 0, start) + 1 : start]
    return not before.replace("-", "", 1).strip() and not (before.strip() and document.text[start - 1] == ":")


def is_subsequence(short: str, long: str) -> bool:
    """Tell whether `long` is `short` with characters put in."""
    characters = iter(long)
    return all(character in characters for character in short)
