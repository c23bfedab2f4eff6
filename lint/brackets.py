"""Changes of collections in flow style, in brackets or braces: one line, or several with an entry on each."""

from collections.abc import Iterator
from typing import Any

from lint.document import after_blank, line_start, next_line
from lint.layout import style_at
from lint.place import Change, Place
from lint.render import Style, flow, is_full, key_text, spread


def insert(place: Place, index: int, new: dict[str, Any] | list[Any]) -> Iterator[Change]:
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
    if line_break is None or line_break == behind:
        yield end, end, 0, gap + "".join(separator + part for part in parts)
    else:
        yield end, behind, 0, gap + ","
        yield line_break, line_break, 0, separator[1:] + separator.join(parts) + ("," if behind > end else "")


def _parts(place: Place, start: int, new: dict[str, Any] | list[Any], style: Style) -> list[str]:
    """Write entries or items in flow style, as the one that begins at `start`."""
    if isinstance(new, list):
        return [written(place, start, item, style) for item in new]
    return [
        f"{key_text(key, style)}{style.colon}{written(place, start, item, style)}"
        for key, item in new.items()
    ]


def written(holder: Place | None, start: int, value: Any, style: Style) -> str:
    """Write a value in flow style; `start` is where its entry in the holder, or the one before it, begins."""
    if holder is None or not holder.node.flow or not is_full(value):
        return flow(value, style)
    text = holder.text
    inner, outer = _indent(text, start), _indent(text, holder.node.start)
    siblings = [child for child in holder.node.children if child.children]
    is_spread = style.quoted_keys
    if siblings:
        is_spread = any(text.find("\n", child.start, child.end) >= 0 for child in siblings)
    if not is_spread or not _begins_line(holder, start):
        return flow(value, style)
    unit = inner[len(outer) :] if inner.startswith(outer) and inner != outer else "  "
    return spread(value, inner, unit, style)


def cut(place: Place, start: int, end: int, before: int | None, following: int | None) -> Iterator[Change]:
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


def _begins_line(holder: Place, start: int) -> bool:
    """Tell whether an entry of a flow collection is the first thing on its line."""
    line = line_start(holder.text, start)
    return line > holder.node.start and not holder.text[line:start].strip()


def _indent(text: str, index: int) -> str:
    """Return the blanks that the line of an index begins with."""
    line = text[line_start(text, index) : next_line(text, index)]
    return line[: len(line) - len(line.lstrip(" \t"))]
