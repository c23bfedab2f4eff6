"""Changes of text: values exchanged, entries and items added or taken away, in the layout that is there."""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from lint import brackets
from lint.compose import Node
from lint.document import BLOCK_STYLES, Document, content_start, end_of, last_leaf, line_start, next_line
from lint.layout import newline_at, style_at
from lint.place import Change, Place, Refused, column, entry_start
from lint.render import Style, block, flow, is_full, scalar

_PROPERTIES = re.compile(r"(?:[ \t]+[&!]\S*)*")
"""Anchor and tag on the line of a key."""


def exchange(place: Place, value: Any) -> Iterator[Change]:
    """Put a value in the place of another."""
    if place.is_block:
        return _of_block(place, value)
    if is_full(value) and not place.flow and _has_room_below(place, value):
        return _below(place, place.key, value) if place.key else _behind_dash(place, value)
    return _in_place(place, value)


def _of_block(place: Place, value: Any) -> Iterator[Change]:
    """Put a value in the place of a block."""
    if place.key is not None:
        yield from _of_lines(place, place.key, value)
        return
    text, style = place.text, style_at(place)
    first, end = place.first, end_of(text, place.node)
    place.keep_comments(place.node.start, end, trailing=not _loses_all(place, value))
    lines = block(value, column(text, first), style) if is_full(value) else [flow(value, style)]
    yield place.node.start, end, 0, style.newline.join(lines).lstrip(" ")


def _of_lines(place: Place, key: Node, value: Any) -> Iterator[Change]:
    """Put a value in the place of a block below its key; what stands on the line of the key stays."""
    text, style, head = place.text, style_at(place), place.behind_colon()
    start = line_start(text, place.first)
    after = place.next_line(end_of(text, place.node))
    place.keep_comments(start, after, trailing=not _loses_all(place, value))
    if properties := _PROPERTIES.match(text, head):
        head = properties.end()
    if head > start or place.line_break(head) is None:
        raise Refused(f"something else stands on the line of {place}")
    if is_full(value):
        is_kept = type(value) is type(place.node.value)
        lines = block(value, place.column() if is_kept else _column_below(text, key, value, style), style)
        new = _lines(text, start, lines)
        yield start, after, 0, new if text[after - 1] == "\n" else new.rstrip("\r\n")
    else:
        yield head, head, 0, f" {flow(value, style)}"
        yield start, after, 0, ""


def _loses_all(place: Place, value: Any) -> bool:
    """Tell whether every entry of a block goes away, and with each the comment on its line."""
    return value in ({}, []) or (place.node.is_map and isinstance(value, dict))


def _has_room_below(place: Place, value: Any) -> bool:
    """Tell whether a block can come below the key, or behind the dash, of a value that is none."""
    text, node = place.text, place.node
    if node.children or place.above is None:
        return False
    end = end_of(text, node)
    line_break = place.line_break(end)
    if line_break is None:
        return False
    if place.key is None:
        return not text[end:line_break].strip()
    between = text[place.behind_colon() : node.start]
    plain_list = isinstance(value, list) and not any(map(is_full, value))
    return not between.strip(" \t") and (node.value in (None, {}, []) or not plain_list)


def _below(place: Place, key: Node, value: Any) -> Iterator[Change]:
    """Put a block below the key of a value that is none."""
    text, style = place.text, style_at(place)
    colon, end = place.behind_colon(), end_of(text, place.node)
    place.keep_comments(colon, end)
    indent = _column_below(text, key, value, style)
    yield colon, end, 0, ""
    yield _insertion(place, place.next_line(end), block(value, indent, style))


def _column_below(text: str, key: Node, value: Any, style: Style) -> int:
    """Return the column of a new block below a key."""
    return column(text, entry_start(text, key)) + (style.step if isinstance(value, dict) else style.dash)


def _behind_dash(place: Place, value: Any) -> Iterator[Change]:
    """Put a block behind the dash of an item that is none."""
    text, style = place.text, style_at(place)
    start, end = place.node.start, end_of(text, place.node)
    place.keep_comments(start, end)
    gap = "" if start < end else " " * style.gap
    indent = start - line_start(text, start) + len(gap)
    yield start, end, 0, gap + style.newline.join(block(value, indent, style)).lstrip(" ")


def _in_place(place: Place, value: Any) -> Iterator[Change]:
    """Write a value where another one stands."""
    text, node, style = place.text, place.node, style_at(place)
    start, end = node.start, end_of(text, node)
    place.keep_comments(start, end)
    if isinstance(value, dict | list):
        new = brackets.written(place.above, place.key.start if place.key else start, value, style)
    else:
        new = scalar(value, node.style if node.style in ("'", '"') else style.quote)
    glued = start == end and start > 0 and not text[start - 1].isspace()
    yield start, end, 0, f" {new}" if glued else new


def insert_entries(place: Place, new: dict[str, Any], kept: list[int]) -> Iterator[Change]:
    """Add entries to a map: scalars behind the last scalar or before all collections, collections at the end.

    `kept` are the numbers of the entries that they may stand behind.
    """
    if place.node.flow:
        yield from brackets.insert(place, kept[-1], new)
        return
    pairs = place.node.pairs or []
    scalars = {key: value for key, value in new.items() if not isinstance(value, dict | list)}
    collections = {key: value for key, value in new.items() if key not in scalars}
    lines = [i for i in kept if pairs[i][0].merge or not isinstance(pairs[i][1].value, dict | list)]
    if scalars:
        yield _behind(place, lines[-1], scalars) if lines else _before(place, kept[0], scalars)
    if collections:
        yield _behind(place, kept[-1], collections)


def insert_items(place: Place, index: int, new: list[Any]) -> Iterator[Change]:
    """Add items to a list, behind one of its items."""
    if place.node.flow:
        yield from brackets.insert(place, index, new)
    else:
        yield _behind(place, index, new)


def _behind(place: Place, index: int, new: Any) -> Change:
    """Add lines behind an entry or item, and behind the comments that are indented deeper than it."""
    indent = place.column()
    position = _line_behind(place, index, place.entries()[index][1])
    position = _behind_comments(place.document, position, indent)
    return _insertion(place, position, block(new, indent, style_at(place)))


def _line_behind(place: Place, index: int, end: int) -> int:
    """Return the index of the line behind an entry or item, blank lines that are part of it included."""
    child = place.child(index)
    leaf = last_leaf(child.node)
    if leaf.style in BLOCK_STYLES and _has_blank_end(place.text, leaf):
        return min(leaf.end, len(place.text))
    return child.next_line(end)


def _behind_comments(document: Document, position: int, indent: int) -> int:
    """Return the line behind the comments that belong to what is above: they are indented deeper."""
    line = position
    while line < len(document.text):
        after = next_line(document.text, line)
        if document.is_comment_line(line) and document.comments[line][0] - line > indent:
            position = after
        elif document.text[line:after].strip():
            break
        line = after
    return position


def _has_blank_end(text: str, leaf: Node) -> bool:
    """Tell whether blank lines at the end belong to a block scalar."""
    header = text[content_start(text, leaf) : next_line(text, leaf.start)].partition("#")[0]
    return "+" in header or str(leaf.value).rstrip("\n").rpartition("\n")[2].isspace()


def _before(place: Place, index: int, new: dict[str, Any]) -> Change:
    """Add lines before an entry and the comment lines directly above it."""
    text, indent, style = place.text, place.column(), style_at(place)
    start = place.entries()[index][0]
    line = line_start(text, start)
    lines = block(new, indent, style)
    if text[line:start].strip():
        return start, start, 0, "".join(one.lstrip(" ") + style.newline + " " * indent for one in lines)
    above = place.document.comment_lines(start)
    return _insertion(place, min([line, *above]), lines)


def _insertion(place: Place, position: int, lines: Iterable[str]) -> Change:
    """Add lines before a line or at the end of the text; of several there, the deepest come first."""
    return position, position, -len(place.path), _lines(place.text, position, lines)


def _lines(text: str, position: int, lines: Iterable[str]) -> str:
    """Join lines that are to stand before a position; a last line without line break gets one first."""
    newline = newline_at(text, position)
    if text[position - 1 : position] in ("", "\n"):
        return "".join(line + newline for line in lines)
    return "".join(newline + line for line in lines)


def cut(place: Place, gone: list[int]) -> Iterator[Change]:
    """Take entries or items away, though not all of them."""
    entries = place.entries() if gone else []
    for first, last in _runs(gone):
        start, end = entries[first][0], entries[last][1]
        before = entries[first - 1][1] if first else None
        following = entries[last + 1][0] if last + 1 < len(entries) else None
        if place.node.flow:
            yield from brackets.cut(place, start, end, before, following)
        else:
            yield _cut_lines(place, start, _line_behind(place, last, end), following)


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Iterate over the first and last of each run of neighbours."""
    for _, run in groupby(enumerate(numbers), lambda one: one[1] - one[0]):
        found = [number for _, number in run]
        yield found[0], found[-1]


def _cut_lines(place: Place, start: int, after: int, following: int | None) -> Change:
    """Take the lines of entries or items away, or what stands behind a dash up to what follows."""
    text, line = place.text, line_start(place.text, start)
    place.keep_comments(start, after, trailing=False)
    if not text[line:start].strip():
        return line, after, 0, ""
    if following is None:
        raise Refused(f"something else stands on the line of {place}")
    place.keep_comments(after, following)
    return start, following, 0, ""
