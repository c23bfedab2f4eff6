"""Changes of text: values exchanged, entries and items added or taken away, in the layout that is there."""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, TypeAlias

from lint.compose import Node
from lint.document import BLOCK_STYLES, after_blank, content_start, end_of, last_leaf, line_start, next_line
from lint.layout import newline_at, style_at
from lint.place import Place, Refused, column, entry_start
from lint.render import Style, block, flow, is_full, scalar, spread

_PROPERTIES = re.compile(r"(?:[ \t]+[&!]\S*)*")
"""Anchor and tag on the line of a key."""

Change: TypeAlias = tuple[int, int, int, str]
"""Start and end in the old text, a rank among changes at the same place, and what comes in their place."""


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
    place.keep_comments(place.node.start, end, trailing=value not in ({}, []))
    lines = block(value, column(text, first), style) if is_full(value) else [flow(value, style)]
    yield place.node.start, end, 0, style.newline.join(lines).lstrip(" ")


def _of_lines(place: Place, key: Node, value: Any) -> Iterator[Change]:
    """Put a value in the place of a block below its key; what stands on the line of the key stays."""
    text, style, head = place.text, style_at(place), place.behind_colon()
    start = line_start(text, place.first)
    after = place.next_line(end_of(text, place.node))
    place.keep_comments(start, after, trailing=value not in ({}, []))
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
    yield _insertion(text, place.next_line(end), block(value, indent, style), indent)


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
        new = _in_flow(place.above, place.key.start if place.key else start, value, style)
    else:
        new = scalar(value, style, node.style if node.style in ("'", '"') else "")
    glued = start == end and start > 0 and not text[start - 1].isspace()
    yield start, end, 0, f" {new}" if glued else new


def _in_flow(holder: Place | None, start: int, value: Any, style: Style) -> str:
    """Write a value in flow style; `start` is where its entry in the holder, or the one before it, begins."""
    if holder is None or not holder.node.flow or not is_full(value):
        return flow(value, style)
    text = holder.text
    inner, outer = _indent(text, start), _indent(text, holder.node.start)
    siblings = [text[child.start : child.end] for child in holder.node.children if child.children]
    is_spread = any("\n" in one for one in siblings) if siblings else style.quote == '"'
    if not is_spread or not _begins_line(holder, start):
        return flow(value, style)
    unit = inner[len(outer) :] if inner.startswith(outer) and inner != outer else "  "
    return spread(value, inner, unit, style)


def _indent(text: str, index: int) -> str:
    """Return the blanks that the line of an index begins with."""
    line = text[line_start(text, index) : next_line(text, index)]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _begins_line(holder: Place, start: int) -> bool:
    """Tell whether an entry of a flow collection is the first thing on its line."""
    line = line_start(holder.text, start)
    return line > holder.node.start and not holder.text[line:start].strip()


def insert_entries(place: Place, new: dict[str, Any], kept: list[int]) -> Iterator[Change]:
    """Add entries to a map: scalars behind the last scalar or before all collections, collections at the end.

    `kept` are the numbers of the entries that they may stand behind.
    """
    if place.node.flow:
        yield from _insert_in_flow(place, kept[-1], new)
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
        yield from _insert_in_flow(place, index, new)
    else:
        yield _behind(place, index, new)


def _behind(place: Place, index: int, new: Any) -> Change:
    """Add lines behind an entry or item, and behind the comments that are indented deeper than it."""
    text, document, indent = place.text, place.document, place.column()
    child = place.child(index)
    leaf = last_leaf(child.node)
    if leaf.style in BLOCK_STYLES and _has_blank_end(text, leaf):
        position = min(leaf.end, len(text))
    else:
        position = child.next_line(place.entries()[index][1])
    while document.is_comment_line(position) and document.comments[position][0] - position > indent:
        position = next_line(text, position)
    return _insertion(text, position, block(new, indent, style_at(place)), indent)


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
        return start, start, -indent, "".join(one.lstrip(" ") + style.newline + " " * indent for one in lines)
    above = place.document.comment_lines(start)
    return _insertion(text, min([line, *above]), lines, indent)


def _insertion(text: str, position: int, lines: Iterable[str], indent: int) -> Change:
    """Add lines before a line or at the end of the text; of several there, the deepest come first."""
    return position, position, -indent, _lines(text, position, lines)


def _lines(text: str, position: int, lines: Iterable[str]) -> str:
    """Join lines that are to stand before a position; a last line without line break gets one first."""
    newline = newline_at(text, position)
    if text[position - 1 : position] in ("", "\n"):
        return "".join(line + newline for line in lines)
    return "".join(newline + line for line in lines)


def _insert_in_flow(place: Place, index: int, new: dict[str, Any] | list[Any]) -> Iterator[Change]:
    """Add entries or items behind another: on lines of their own where that has one."""
    text, style = place.text, style_at(place)
    start, end = place.entries()[index]
    parts = _parts(place, start, new, style)
    gap = " " if text[end - 1] == ":" else ""
    if not _begins_line(place, start):
        yield end, end, 0, gap + "".join(style.comma + part for part in parts)
        return
    separator = f",{style.newline}{text[line_start(text, start) : start]}"
    comma = after_blank(text, end)
    behind = comma + 1 if text[comma] == "," else end
    line_break = place.line_break(behind)
    if line_break is None or not text[behind:line_break].strip():
        yield end, end, 0, gap + "".join(separator + part for part in parts)
    else:
        yield end, behind, 0, gap + ","
        yield line_break, line_break, 0, separator[1:] + separator.join(parts) + ("," if behind > end else "")


def _parts(place: Place, start: int, new: dict[str, Any] | list[Any], style: Style) -> list[str]:
    """Write entries or items in flow style, as the one that begins at `start`."""
    if isinstance(new, list):
        return [_in_flow(place, start, item, style) for item in new]
    return [
        f"{scalar(key, style)}{style.colon}{_in_flow(place, start, item, style)}" for key, item in new.items()
    ]


def cut(place: Place, gone: list[int]) -> Iterator[Change]:
    """Take entries or items away, though not all of them."""
    entries = place.entries() if gone else []
    for first, last in _runs(gone):
        start, end = entries[first][0], entries[last][1]
        before = entries[first - 1][1] if first else None
        following = entries[last + 1][0] if last + 1 < len(entries) else None
        if place.node.flow:
            yield from _cut_in_flow(place, start, end, before, following)
        else:
            yield _cut_lines(place, start, end, following)


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Iterate over the first and last of each run of neighbours."""
    for _, run in groupby(enumerate(numbers), lambda one: one[1] - one[0]):
        found = [number for _, number in run]
        yield found[0], found[-1]


def _cut_lines(place: Place, start: int, end: int, following: int | None) -> Change:
    """Take the lines of entries or items away, or what stands behind a dash up to what follows."""
    text, line = place.text, line_start(place.text, start)
    after = place.next_line(end)
    place.keep_comments(start, end, trailing=False)
    if not text[line:start].strip():
        return line, after, 0, ""
    if following is None:
        raise Refused(f"something else stands on the line of {place}")
    place.keep_comments(after, following)
    return start, following, 0, ""


def _cut_in_flow(
    place: Place, start: int, end: int, before: int | None, following: int | None
) -> Iterator[Change]:
    """Take entries or items in flow style away, each with one comma."""
    text = place.text
    comma = after_blank(text, end)
    behind = comma + 1 if text[comma] == "," else end
    line_break = place.line_break(behind)
    if line_break is not None and _begins_line(place, start):
        place.keep_comments(start, behind, trailing=False)
        if behind == end and before is not None:
            comma = after_blank(text, before)
            yield comma, comma + 1, 0, ""
        yield line_start(text, start), next_line(text, line_break), 0, ""
        return
    start, end = (start, following) if following is not None else (before or start, end)
    place.keep_comments(start, end)
    yield start, end, 0, ""
