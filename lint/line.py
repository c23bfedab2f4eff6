"""One line of plain YAML taken apart, or refused: a pattern takes the whole of it or nothing.

Indexes count from its start, so that a line is taken apart once, wherever it stands again.
"""

import re
from functools import cache, lru_cache
from typing import Any, TypeAlias

from lint.compose import Node
from lint.scalar import resolve

_MOST_BRACKETS = 100
_LONGEST = 1000
"""No more than the characters that may lie between the start of a key and its colon."""

_FIRST = r"""[^ \t\-?:,[\]{}#&*!|>'"%@`<]"""
_QUOTED = r""""([^"\\\t]*)"|'([^'\t]*(?:''[^'\t]*)*)'"""
EMPTY, _INDENT, _DASHES, _KEY, FLOW, PLAIN, _DOUBLE, _SINGLE, BLOCK = range(9)
"""Groups of a line; the last one that matched tells what its value is. EMPTY is no group."""

_LINE = rf"""
([ ]*)
(?:
  (?:\#.*)?
|
  ((?:-(?:[ ]+|\Z))*)
  (?:(-?{_FIRST}[^ \t:]*+|"[^"\\\t]*"|'[^'\t]*')[ ]*:(?=[ ]|\Z)[ ]*)?
  (?:
    ([\[{{]).*
  | (?:
      ((?:{_FIRST}|-[^ \t:\#])[^ \t:]*+(?:(?::(?![ \t]|\Z)|[ ]++(?![ \t:\#]|\Z))[^ \t:]*+)*)
    | {_QUOTED}
    | ([|>][-+]?)
    )?
    [ ]*(?:(?<=[ ])\#.*)?
  )
)
"""
_ITEM = rf"""
[ ]*
(?:
  (?:(-?{_FIRST}[^ \t:,[\]{{}}?]*+|"[^"\\\t]*"|'[^'\t]*')[ ]*:[ ]+)?
  (?:
    ([\[{{])
  | (?:
      ((?:{_FIRST}|-[^ \t:\#,[\]{{}}?])
        [^ \t:,[\]{{}}?]*+(?:(?::(?![ \t,[\]{{}}?]|\Z)|[ ]++(?![ \t:\#,[\]{{}}?]|\Z))[^ \t:,[\]{{}}?]*+)*)
    | {_QUOTED}
    )
    [ ]*(?:,|(?=[\]}}]))
  )
| ([\]}}])
)
"""
_ITEM_KEY, _OPENING, _ITEM_PLAIN, _, _, _CLOSING = range(1, 7)
_MORE = r"[ ]*(?:,|(?=[\]}]))"
_REST = r"[ ]*(?:(?<=[ ])\#.*)?\Z"


class Unsure(ValueError):
    """There is something in the text that is not foreseen."""


Line: TypeAlias = tuple[int, str, str | None, str | None, int, int, int, Any, int, int]
"""The column; the dashes of items that begin here, and the blanks behind them; of the key the value, the
quote, the start and the end; of the value the group, what it is, the start, and of a plain one the end.

Without a value the group is less than FLOW, and null stands at its start. A plain tuple is unpacked in half
the time of a named one.
"""


@cache
def compiled(pattern: str) -> "re.Pattern[str]":
    """Compile a pattern that is laid out."""
    return re.compile(pattern, re.VERBOSE)


@lru_cache(4096)  # as `resolve`: most lines of a repository have been there before
def parts(text: str) -> Line:
    """Take a line apart.

    Raises:
        Unsure: there is something on it that is not foreseen.
        ScalarError: JSON has no such value.
    """
    line = compiled(_LINE).fullmatch(text) if len(text) <= _LONGEST else None
    if not line:
        raise Unsure
    indent, dashes, key, _, plain, *_ = line.groups()
    column = len(indent)
    kind: int = line.lastindex or 0
    if not dashes and not key:
        if kind != _INDENT:
            raise Unsure
        return column, "", None, None, 0, 0, EMPTY, None, 0, 0
    begin = column + len(dashes)
    end = begin + len(key or "")
    head = (column, dashes, *(_key(key) if key else (None, None)), begin, end, kind)
    if kind == PLAIN:
        start = line.start(kind)
        return *head, resolve(plain), start, start + len(plain)
    if kind >= FLOW:
        return *head, _other(line, kind), line.start(kind), 0
    return *head, None, text.index(":", end) + 1 if key else column + len(dashes.rstrip()), 0


def _other(line: "re.Match[str]", kind: int) -> Node | str:
    """Return a value that is not plain: a node, or the head of a block scalar."""
    if kind == BLOCK:
        return line[kind]
    if kind != FLOW:
        return _quoted(line, kind)
    node = _flow(line.string, line.start(kind))
    _after(_REST, line.string, node.end)
    return node


def _key(text: str) -> tuple[str, str | None]:
    """Return the value of a key, and its quote."""
    if text[0] in "'\"":
        return text[1:-1], text[0]
    value = resolve(text)
    if type(value) is not str:
        raise Unsure
    return value, None


def _quoted(line: "re.Match[str]", kind: int) -> Node:
    """Make the node of a scalar in quotes; the group lies between them."""
    start, end = line.span(kind)
    node = Node(start - 1, end + 1, line[kind])
    node.style = line.string[end]
    if node.style == "'":
        node.value = node.value.replace("''", "'")
    return node


def _flow(text: str, index: int) -> Node:
    """Make the node of a collection in flow style that begins at an index."""
    if text.count("[") + text.count("{") > _MOST_BRACKETS:
        raise Unsure
    match, children = compiled(_ITEM).match, list[Node]()
    node = Node(index, index)
    node.flow, node.is_map, node.children = True, text[index] == "{", children
    index += 1
    while item := match(text, index):
        kind, key, index = item.lastindex or 0, item[_ITEM_KEY], item.end()
        if kind == _CLOSING:
            return _closed(node, index, item[kind])
        if node.is_map == (key is None):
            break
        if key:
            children.append(Node(*item.span(_ITEM_KEY)))
            children[-1].value, children[-1].style = _key(key)
        if kind == _ITEM_PLAIN:
            children.append(Node(*item.span(kind), resolve(item[kind])))
        elif kind == _OPENING:
            children.append(_flow(text, index - 1))
            index = _after(_MORE, text, children[-1].end)
        else:
            children.append(_quoted(item, kind))
    raise Unsure


def _closed(node: Node, end: int, bracket: str) -> Node:
    """Complete a collection in flow style."""
    node.end = end
    node.size += sum(child.size for child in node.children)
    node.value = value_of(node)
    if node.is_map != (bracket == "}") or (node.is_map and len(node.value) * 2 != len(node.children)):
        raise Unsure
    return node


def _after(pattern: str, text: str, index: int) -> int:
    """Return the end of what has to stand at an index."""
    found = compiled(pattern).match(text, index)
    if not found:
        raise Unsure
    return found.end()


def value_of(node: Node) -> Any:
    """Return the value of a collection."""
    values = [child.value for child in node.children]
    return dict(zip(values[::2], values[1::2], strict=True)) if node.is_map else values
