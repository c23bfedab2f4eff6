"""Plain YAML to nodes, line by line: the same ones that `lint.compose` makes, in less than half the time.

Nearly all manifests are written in a small part of YAML: block maps and lists, scalars and flow collections
on one line, block scalars, and comments. This reads that part and nothing else. A pattern takes a whole line
or nothing (`lint.line`), so what is not foreseen is never read wrongly: the answer is None, and PyYAML reads
the text, which also words all errors. Not foreseen are anchors, aliases, tags, merge keys, repeated keys,
keys that are no text, `---`, escapes, values over several lines but block scalars, tabs but in those and in
comments, other characters that do not print, lines of more than 1,000 characters but in block scalars, and
documents that come near the limits of `lint.compose`.
"""

import re
from typing import Any

from lint.compose import MAX_NODES, Node
from lint.line import BLOCK, EMPTY, FLOW, PLAIN, Unsure, compiled, parts, value_of

_DEEPEST = 100
_ELSEWHERE = -2
"""No line begins there."""

_SCRIPT = r"(\n*)(?=([ ]+)[^ \n\t])(.*\n(?:\2.*\n|[ ]*\n)*)"


def quick(text: str) -> Node | None:
    """Return what `compose` returns for a text, or None if there is anything in it that is not foreseen."""
    lines = text.split("\n")
    letters = "".join(lines)
    if len(text) >= MAX_NODES or not (letters.isprintable() or letters.replace("\t", "").isprintable()):
        return None
    if lines[-1]:
        text, lines = text + "\n", [*lines, ""]
    try:
        return _Reader(text, lines).read()
    except ValueError:  # also from `resolve`
        return None


def _placed(node: Node, offset: int) -> Node:
    """Return a copy of a node of a line, at its place in the text."""
    copy = Node(node.start + offset, node.end + offset, node.value)
    if node.style:
        copy.style = node.style
        return copy
    copy.flow, copy.is_map, copy.size = True, node.is_map, node.size
    copy.children = [
        _placed(child, offset)
        if child.flow or child.style
        else Node(child.start + offset, child.end + offset, child.value)
        for child in node.children
    ]
    copy.value = node.value.copy() if node.size == len(node.children) + 1 else value_of(copy)
    return copy


class _Reader:
    """What is open at the line that is read."""

    def __init__(self, text: str, lines: list[str]) -> None:
        self.text = text
        self.lines = iter(lines)
        self.node = Node(0, 0, [])
        """The innermost collection that is open; at first one that holds the document."""
        self.children: list[Node] = []
        """Its children."""
        self.column = -1
        """Where its keys or dashes stand."""
        self.above: list[tuple[Node, list[Node], int]] = []
        """The same of all collections around it."""
        self.gap = 0
        """Where the value of the last key or dash is if it is null; -1 if it has been read."""
        self.name: str | None = None
        """That key."""

    def read(self) -> Node:
        """Read line after line."""
        index, here, children, values = 0, _ELSEWHERE, self.children, self.node.value
        for line in self.lines:
            column, dashes, name, quote, begin, end, kind, value, value_start, value_end = parts(line)
            start, index = index, index + len(line) + 1
            if kind == EMPTY:
                continue
            if dashes or column != here:
                here = self._move(start + column, column, dashes, name)
                children, values = self.children, self.node.value
            if name is not None:
                children.append(Node(start + begin, start + end, name))
                if quote:
                    children[-1].style = quote
            if kind < FLOW:
                self.gap, self.name, here = start + value_start, name, _ELSEWHERE
                continue
            if kind == PLAIN:
                node = Node(start + value_start, start + value_end, value)
            else:
                node, index = self._other(kind, value, start, start + value_start, index)
                value = node.value
            children.append(node)
            if name is None:
                values.append(value)
            else:
                values[name] = value
        return self._end()

    def _other(self, kind: int, value: Any, start: int, value_start: int, index: int) -> tuple[Node, int]:
        """Return a value that is not plain, and the index of the next line."""
        if kind == BLOCK:
            node = self._script(value, value_start, index)
            return node, node.end
        node = _placed(value, start)
        self.node.size += node.size - 1
        return node, index

    def _end(self) -> Node:
        """Close all that is open, and return the document."""
        if self.gap >= 0 and self.above:
            self._add(Node(self.gap, self.gap))
        while self.above:
            self._close(len(self.text))
        return self.children[0] if self.children else Node(0, 0)

    def _move(self, start: int, column: int, dashes: str, name: str | None) -> int:
        """Get to the collection that a line belongs to; return where the next of its keys is expected."""
        gap, self.gap = self.gap, -1
        if gap >= 0 and (column > self.column or (dashes and column == self.column and self.node.is_map)):
            self._open(start, column, is_map=not dashes)
        else:
            if gap >= 0:
                self._add(Node(gap, gap))
            while column < self.column:
                self._close(start)
            if column == self.column and not dashes and not self.node.is_map:
                self._close(start)  # a list that stands below its key
            if column != self.column or self.node.is_map == bool(dashes):
                raise Unsure
        if not dashes:
            return column
        while more := dashes.find("-", 1) + 1:
            start, column, dashes = start + more - 1, column + more - 1, dashes[more - 1 :]
            self._open(start, column, is_map=False)
        if name is None:
            return _ELSEWHERE
        self._open(start + len(dashes), column + len(dashes), is_map=True)
        return self.column

    def _add(self, node: Node) -> None:
        """Add the value of the last key or dash."""
        self.children.append(node)
        if self.node.is_map:
            self.node.value[self.name] = node.value
        else:
            self.node.value.append(node.value)

    def _open(self, start: int, column: int, *, is_map: bool) -> None:
        """Begin a collection: the value of the last key or dash."""
        if len(self.above) >= _DEEPEST:
            raise Unsure
        node = Node(start, start, {} if is_map else [])
        if is_map:
            node.is_map = True
        self._add(node)
        self.above.append((self.node, self.children, self.column))
        self.node, self.column = node, column
        node.children = self.children = []

    def _close(self, end: int) -> None:
        """Complete the innermost collection."""
        node, count = self.node, len(self.children)
        node.end = end
        node.size += count
        if node.is_map and len(node.value) * 2 != count:
            raise Unsure  # a key is there twice
        self.node, self.children, self.column = self.above.pop()
        self.node.size += node.size - 1

    def _script(self, head: str, start: int, index: int) -> Node:
        """Read a block scalar."""
        script = compiled(_SCRIPT).match(self.text, index)
        if not script or len(script[2]) <= self.column:
            raise Unsure
        value = "\n".join([line[len(script[2]) :] for line in script[3].split("\n")])
        body = value.rstrip("\n")
        tail = {"-": "", "+": value[len(body) :]}.get(head[-1], "\n")
        if head[0] == ">":
            if "\n " in body or "\n\t" in body:
                raise Unsure
            body = re.sub("\n(\n*)", lambda found: found[1] or " ", body)
        node = Node(start, script.end(), script[1] + body + tail)
        node.style = head[0]
        for _ in range(script[0].count("\n")):
            next(self.lines)
        return node
