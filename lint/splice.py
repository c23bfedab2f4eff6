"""Edits as changes of text: every byte outside them stays, comments and layout included.

A change is made only when it is proven: the new text is read again, and what it says must equal the edited
tree. What cannot be written without touching something else is refused with the reason.
"""

from collections.abc import Iterator
from operator import is_
from typing import Any

from lint.change import cut, exchange, insert_entries, insert_items
from lint.compose import DocumentError
from lint.document import Document, parse
from lint.edit import Edit, EditError, apply, same
from lint.path import dotted
from lint.place import Change, Place, Refused
from lint.render import is_full
from lint.scalar import key_text

__all__ = ["Refused", "splice"]


def splice(document: Document, edits: tuple[Edit, ...]) -> Document:
    """Make all edits in a document's text, all or none, and return the document that it then is.

    Raises:
        Refused: one of them cannot be made, or not be proven.
    """
    try:
        expected = apply(document.value, edits)
    except EditError as error:
        raise Refused(str(error)) from error
    changes = sorted(_changes(document, expected), key=lambda change: change[:3])
    if not changes:
        return document
    try:
        result = parse(_changed(document.text, changes), json=document.json)
    except DocumentError as error:
        raise Refused(_unproven(edits)) from error
    if not same(result.value, expected):
        raise Refused(_unproven(edits))
    return result


def _changed(text: str, changes: list[Change]) -> str:
    """Return the text after changes that come in its order."""
    pieces, position = [], 0
    for start, end, _, new in changes:
        if start < position:
            raise Refused("two changes meet in the text")
        pieces += [text[position:start], new]
        position = end
    return "".join((*pieces, text[position:]))


def _unproven(edits: tuple[Edit, ...]) -> str:
    """Say that the layout defeats us."""
    return f"the layout around {dotted(edits[0].path)} does not allow it without changing something else"


def _changes(document: Document, expected: Any) -> Iterator[Change]:
    """Find the changes of text that turn a document into the expected value."""
    stack: list[tuple[Place, Any]] = [(Place(document, document.root), expected)]
    while stack:
        place, value = stack.pop()
        node = place.node
        if same(node.value, value):
            continue
        if node.shared:
            raise Refused(f"{place} is an anchor that aliases repeat")
        if not (is_full(node.value) and is_full(value) and type(node.value) is type(value)):
            yield from exchange(place, value)
        elif node.target:
            raise Refused(f"{place} is an alias")
        elif isinstance(value, dict):
            yield from _of_map(place, value, stack)
        else:
            yield from _of_list(place, value, stack)


def _of_map(place: Place, value: dict[str, Any], stack: list[tuple[Place, Any]]) -> Iterator[Change]:
    """Find the changes that turn a map into another; those further down go to the stack."""
    keys = [None if key.merge else key_text(key.value) for key, _ in place.node.pairs or ()]
    own, old = {key: index for index, key in enumerate(keys)}, place.node.value
    kept = [index for index, key in enumerate(keys) if key is None or key in value]
    changed = {key: item for key, item in value.items() if key not in old or not same(old[key], item)}
    new = {key: item for key, item in changed.items() if key not in own}
    for key in old.keys() - own.keys():
        if key not in value or (is_full(old[key]) and is_full(new.get(key))):
            raise Refused(f"{dotted((*place.path, key))} comes from a merge key")
    if not kept:
        yield from exchange(place, value)
        return
    stack += [(place.child(own[key]), item) for key, item in changed.items() if key in own]
    yield from cut(place, [index for index, key in enumerate(keys) if key is not None and key not in value])
    if new.keys() & old.keys():  # only what follows a merge key is stronger
        kept = [index for index in kept if index >= own[None]]
    if new:
        yield from insert_entries(place, new, kept)


def _of_list(place: Place, value: list[Any], stack: list[tuple[Place, Any]]) -> Iterator[Change]:
    """Find the changes that turn a list into another; those further down go to the stack."""
    old = place.node.value
    head, tail = _alike(old, value)
    both = min(len(old), len(value)) - tail
    if both == 0 and len(old) < len(value):
        yield from exchange(place, value)
        return
    stack += [(place.child(index), value[index]) for index in range(head, both)]
    if len(old) > len(value):
        yield from cut(place, list(range(both, len(old) - tail)))
    elif len(old) < len(value):
        yield from insert_items(place, both - 1, value[both : len(value) - tail])


def _alike(old: list[Any], new: list[Any]) -> tuple[int, int]:
    """Count the items that two lists begin with and end with: the very same ones, then also equal ones."""
    head, tail, shorter = 0, 0, min(len(old), len(new))
    for alike in (is_, same):
        while head + tail < shorter and alike(old[head], new[head]):
            head += 1
        while head + tail < shorter and alike(old[-1 - tail], new[-1 - tail]):
            tail += 1
    return head, tail
