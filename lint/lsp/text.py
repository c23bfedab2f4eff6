"""Places in a text as an editor counts them: lines, and units of the encoding that it asked for."""

import re
from bisect import bisect_right
from typing import NamedTuple

_LINE_BREAK = r"\r\n|\n|\r"
_WIDTHS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}
"""How Python calls each encoding, and the bytes of a unit."""


class Place(NamedTuple):
    """Both count from 0."""

    line: int
    unit: int


class Span(NamedTuple):
    """From a place up to another."""

    start: Place
    end: Place

    def meets(self, other: "Span") -> bool:
        """Tell whether the two have a place in common, be it that one ends where the other begins."""
        return self.start <= other.end and other.start <= self.end


class Change(NamedTuple):
    """A stretch of a text, by indexes of characters, and what comes in its place."""

    start: int
    end: int
    text: str


class Lines:
    """The lines of a text, to turn indexes into places."""

    def __init__(self, text: str, encoding: str) -> None:
        self.text = text
        self._encoding, self._width = _WIDTHS[encoding]
        self._starts = [0, *(match.end() for match in re.finditer(_LINE_BREAK, text))]

    def place(self, index: int) -> Place:
        """Return the place of a character."""
        line = bisect_right(self._starts, index) - 1
        before = self.text[self._starts[line] : index]
        if before.isascii():
            return Place(line, len(before))
        return Place(line, len(before.encode(self._encoding, "surrogatepass")) // self._width)

    def span(self, start: int, end: int) -> Span:
        """Return the places of a stretch."""
        return Span(self.place(start), self.place(end))

    def first(self, index: int) -> int:
        """Return the index of the first character of a line."""
        return self._starts[bisect_right(self._starts, index) - 1]

    def rest(self, index: int) -> tuple[int, int]:
        """Return the stretch from a character up to the end of its line."""
        line_break = re.compile(_LINE_BREAK).search(self.text, index)
        return index, line_break.start() if line_break else len(self.text)

    def whole(self, change: Change) -> Change:
        """Widen a change that would begin or end inside of a line break: an editor has no such place."""
        start, end, new = change
        if self.text[start - 1 : start + 1] == "\r\n" and start:
            start, new = start - 1, "\r" + new
        if self.text[end - 1 : end + 1] == "\r\n" and end > start:
            end, new = end + 1, new + "\n"
        return Change(start, end, new)
