"""A text as an editor has it: what the rules say of it, and where."""

from typing import Any, NamedTuple

from lint.compose import DocumentError
from lint.document import Document, parse
from lint.file import speaking_of
from lint.linter import Located, check
from lint.lsp.text import Lines, Span
from lint.policy import Policy
from lint.source import Piece, looks_like_a_template, pieces


class Part(NamedTuple):
    """A document of the text."""

    start: int
    """Index of its first character."""

    document: Document
    found: list[Located]
    """In the order of the text."""

    alone: bool
    """They rest on nothing else in the text."""


class Unread(NamedTuple):
    """A stretch of the text that cannot be read, and why."""

    start: int
    end: int
    message: str


class Reading:
    """What a text says to a policy; of a template nothing, for who knows what comes out of it."""

    def __init__(self, lines: Lines, policy: Policy) -> None:
        self.lines = lines
        self.policy = policy
        self.parts: list[Part] = []
        self.unread: list[Unread] = []

    def span(self, part: Part, one: Located) -> Span:
        """Return where a finding stands."""
        return self.lines.span(part.start + one.start, part.start + one.end)

    def met(self, span: Span) -> list[tuple[Part, Located]]:
        """Return the findings that a place or a selection meets."""
        return [(part, one) for part in self.parts for one in part.found if self.span(part, one).meets(span)]


def read(text: str, policy: Policy, encoding: str, before: Reading | None = None) -> Reading:
    """Read all documents of a text that can hold a Job, but for those that are as they were before.

    Those are read again whose findings rest on others.
    """
    reading = Reading(Lines(text, encoding), policy)
    old = before.parts if before and before.policy is policy else []
    known_parts = {(part.document.text, part.document.json): part for part in old if part.alone}
    data = text.encode("utf-8", "surrogatepass")  # a lone surrogate is told as what cannot be read
    known, start = 0, 0
    for piece in pieces(data):
        if not isinstance(piece, Piece):
            reading.unread.append(_unread(reading.lines, _start_of(text, piece.line), piece.message))
            continue
        start += len(data[known : piece.start].decode("utf-8", "surrogatepass"))
        known = piece.start
        try:
            part = known_parts.get((piece.text, piece.json)) or _part(piece, policy)
        except DocumentError as error:
            if looks_like_a_template(piece.text):
                return Reading(reading.lines, policy)
            reading.unread.append(_unread(reading.lines, start + error.index, error.message))
        else:
            reading.parts.append(part._replace(start=start))
    return reading


def _part(piece: Piece, policy: Policy) -> Part:
    """Read a document, and check it."""
    asked = set()

    def beside(kind: str) -> list[Any]:
        asked.add(kind)
        return speaking_of(piece.whole, kind)

    document = parse(piece.text, json=piece.json)
    document.beside = beside
    return Part(0, document, check(document, policy), not asked)


def _start_of(text: str, line: int) -> int:
    """Return the index of the first character of a line; from 1, as `lint.source` counts."""
    index = 0
    for _ in range(line - 1):
        index = text.find("\n", index) + 1
    return index


def _unread(lines: Lines, index: int, message: str) -> Unread:
    """Point at the rest of a line, or, where there is none, at the last line that has something."""
    start, end = lines.rest(index)
    if not lines.text[start:end].strip():
        end = len(lines.text[:end].rstrip())
        start = lines.first(end)
    return Unread(start, end, message)
