"""One file: bytes in, findings and changes out."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from lint.compose import DocumentError
from lint.document import Document, parse
from lint.linter import Located, check, fix, jobs
from lint.policy import Policy
from lint.source import Broken, Piece, looks_like_a_template, pieces


class Inspected:
    """What was found in a file."""

    def __init__(self, *, template: bool = False) -> None:
        self.template = template
        """It is a template, whose text says nothing certain about what comes out of it."""
        self.findings: list[tuple[Piece, Document, Located]] = []
        """In the order of the text, with the document that each is in; those left after the fixes."""
        self.broken: list[Broken] = []
        self.documents = 0
        self.kinds = Counter[str]()
        """Jobs and CronJobs, counted."""
        self.fixed = 0
        """Findings that were mended."""
        self.changes: list[tuple[Piece, str]] = []
        """Documents that fixes changed, with their new texts."""

    def data(self, old: bytes) -> bytes:
        """Return the file after the fixes."""
        parts, position = [], 0
        for piece, text in self.changes:
            parts += [old[position : piece.start], text.encode()]
            position = piece.end
        return b"".join((*parts, old[position:]))


class Fixing(NamedTuple):
    """What kind of fixes to make."""

    unsafe: bool


def inspect(data: bytes, policy: Policy, fixing: Fixing | None) -> Inspected:
    """Check every document of a file that can hold a Job, and make fixes if they are asked for."""
    inspected = Inspected()
    lines = 0
    for piece in pieces(data):
        if isinstance(piece, Broken):
            inspected.broken.append(piece)
            continue
        document = _parsed(piece, inspected)
        if document is None:
            continue
        inspected.documents += 1
        for _, job in jobs(document, policy):
            inspected.kinds[job.kind] += 1
        moved = piece._replace(line=piece.line + lines)
        document, found = _checked(document, policy, fixing, inspected)
        inspected.findings += [(moved, document, one) for one in found]
        if document.text != piece.text:
            inspected.changes.append((piece, document.text))
            lines += document.text.count("\n") - piece.text.count("\n")
    return Inspected(template=True) if inspected.template else inspected


def _parsed(piece: Piece, inspected: Inspected) -> Document | None:
    """Parse a document; what cannot be parsed is noted."""
    try:
        return parse(piece.text, json=piece.json)
    except DocumentError as error:
        if looks_like_a_template(piece.text):
            inspected.template = True
        else:
            line = piece.line + piece.text.count("\n", 0, error.index) + 1
            inspected.broken.append(Broken(line, error.message))
    return None


def _checked(
    document: Document, policy: Policy, fixing: Fixing | None, inspected: Inspected
) -> tuple[Document, Iterator[Located]]:
    """Check a document, after its fixes if they are asked for."""
    if fixing is None:
        return document, iter(check(document, policy))
    fixed = fix(document, policy, unsafe=fixing.unsafe)
    inspected.fixed += len(fixed.made)
    return fixed.document, (
        one._replace(note=fixed.refused.get((one.violation.rule, one.path), ""))
        for one in check(fixed.document, policy)
    )
