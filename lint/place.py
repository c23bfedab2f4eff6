"""A value in a text, and what stands around it."""

import re
from typing import NamedTuple, TypeAlias

from lint.compose import Node
from lint.document import Document, after_blank, content_start, end_of, line_start, next_line
from lint.path import Path, dotted
from lint.scalar import key_text

_LEAD = re.compile(r"[ \t]*(?:-[ \t]+)*\Z")
"""What may stand before the first entry of a block on its line."""

_REST = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?=\r?\n|\r?\Z)")
"""What may follow a value on its line."""


Change: TypeAlias = tuple[int, int, int, str]
"""Start and end in the old text, a rank among changes at the same place, and what comes in their place."""


class Refused(Exception):
    """The edit cannot be made in this text; the message says why."""


class Place(NamedTuple):
    """A node and what it stands in."""

    document: Document
    node: Node
    key: Node | None = None
    """None for a list item and for the whole document."""

    above: "Place | None" = None
    """None for the whole document."""

    step: str | int = ""
    flow: bool = False
    """It stands in flow style, where line breaks and indentation mean nothing."""

    @property
    def text(self) -> str:
        """The text of the whole document."""
        return self.document.text

    @property
    def path(self) -> Path:
        """The path from the root of the document."""
        return (*self.above.path, self.step) if self.above else ()

    def __str__(self) -> str:
        return dotted(self.path) or "the document"

    @property
    def is_block(self) -> bool:
        """Its entries or items stand on lines of their own."""
        return bool(self.node.children) and not self.node.flow

    def child(self, index: int) -> "Place":
        """Return the place of an entry or item."""
        flow = self.flow or self.node.flow
        children = self.node.children
        if not self.node.is_map:
            return Place(self.document, children[index], None, self, index, flow)
        key, value = children[2 * index], children[2 * index + 1]
        return Place(self.document, value, key, self, key_text(key.value) or "", flow)

    @property
    def first(self) -> int:
        """Where the first entry or item of a block begins, or its dash."""
        node = self.node
        return entry_start(self.text, node.children[0]) if node.is_map else content_start(self.text, node)

    def entries(self) -> list[tuple[int, int]]:
        """Return where each entry or item begins (at its dash, if it has one) and ends."""
        node, text = self.node, self.text
        if node.pairs is not None:
            return [(entry_start(text, key), _entry_end(text, key, value)) for key, value in node.pairs]
        if node.flow:
            return [(child.start, end_of(text, child)) for child in node.children]
        spans, position = [], self.first
        for child in node.children:
            dash = after_blank(text, position)
            position = max(dash + 1, end_of(text, child))
            spans.append((dash, position))
        return spans

    def column(self) -> int:
        """Return the column that the entries of a block begin at."""
        return column(self.text, self.first)

    def behind_colon(self) -> int:
        """Return the index behind the colon after the key."""
        colon = after_blank(self.text, self.key.end) if self.key else len(self.text)
        if self.text[colon : colon + 1] != ":":
            raise Refused("its key has no colon")
        return colon + 1

    def line_break(self, index: int) -> int | None:
        """Return where the line of a value that ends there breaks; None if more than a comment follows."""
        rest = _REST.match(self.text, index)
        return rest.end() if rest else None

    def next_line(self, index: int) -> int:
        """Return the index of the line behind a value that ends there."""
        line_break = self.line_break(index)
        if line_break is None:
            raise Refused(f"something else stands on the line behind {self}")
        return next_line(self.text, line_break)

    def keep_comments(self, start: int, end: int, *, trailing: bool = True) -> None:
        """Refuse to take away a comment: any, or one that has its line for itself."""
        if self.text.find("#", start, end) < 0:
            return
        line = line_start(self.text, start)
        while line < min(end, len(self.text)):
            index, _ = self.document.comments.get(line, (-1, ""))
            if start <= index < end and (trailing or self.document.is_comment_line(line)):
                raise Refused("a comment would be lost")
            line = next_line(self.text, line)


def entry_start(text: str, key: Node) -> int:
    """Return where an entry of a map begins: at its key, or at the question mark before it."""
    index = key.start
    while text[index - 1 : index] in (" ", "\t"):
        index -= 1
    return index - 1 if index < key.start and text[index - 1 : index] == "?" else key.start


def _entry_end(text: str, key: Node, value: Node) -> int:
    """Return where an entry of a map ends: behind its key, if it has nothing else."""
    if value.start < value.end:
        return end_of(text, value)
    colon = after_blank(text, key.end)
    return colon + 1 if text[colon : colon + 1] == ":" else key.end


def column(text: str, index: int) -> int:
    """Return the column of an entry; only dashes may stand before it."""
    start = line_start(text, index)
    if not _LEAD.match(text, start, index):
        raise Refused("something else than a dash stands before it on its line")
    return index - start
