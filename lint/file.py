"""One file: bytes in, findings and changes out."""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeAlias

from lint.compose import DocumentError
from lint.document import Document, parse
from lint.found import Admission, Found, Places
from lint.linter import Located, check, fix, foretell, jobs
from lint.policy import Policy
from lint.rule import Severity
from lint.source import Broken, Piece, looks_like_a_template, pieces


class Inspected:
    """What was found in a file."""

    def __init__(self, file: str, *, template: bool = False) -> None:
        self.file = file
        self.template = template
        """It is a template, whose text says nothing certain about what comes out of it."""
        self.findings: list[Found] = []
        """In the order of the text; those left after the fixes."""
        self.admissions: list[Admission] = []
        self.broken: list[Broken] = []
        self.documents = 0
        self.kinds = Counter[str]()
        """Jobs and CronJobs, counted."""
        self.fixed = 0
        """Findings that were mended, or are ignored now."""
        self.changes: list[tuple[Piece, str]] = []
        """Documents that were changed, with their new texts."""

    def join(self, below: "Inspected") -> None:
        """Add what was found in the documents below these."""
        grown = sum(text.count("\n") - piece.text.count("\n") for piece, text in self.changes)
        self.template = self.template or below.template
        self.findings += [
            one._replace(line=one.line + grown, end_line=one.end_line + grown) for one in below.findings
        ]
        self.admissions += below.admissions
        self.broken += below.broken
        self.documents += below.documents
        self.kinds += below.kinds
        self.fixed += below.fixed
        self.changes += below.changes

    def settled(self) -> "Inspected":
        """Return this, or of a template that it is one: its other documents are no more certain."""
        return Inspected(self.file, template=True) if self.template else self

    def data(self, old: bytes) -> bytes:
        """Return the file after the fixes."""
        parts, position = [], 0
        for piece, text in self.changes:
            parts += [old[position : piece.start], text.encode()]
            position = piece.end
        return b"".join((*parts, old[position:]))


class Fixing(NamedTuple):
    """Make fixes."""

    unsafe: bool


class Foretelling(NamedTuple):
    """Say what an API server with the webhook will do."""


class Proposing(NamedTuple):
    """Check, and say of each fix what it would change in the text."""


class Ignoring(NamedTuple):
    """Write suppressions for what is found."""

    reason: str
    least: Severity
    """What is less grave needs none."""


Changing: TypeAlias = Fixing | Ignoring
"""What changes files."""

Task: TypeAlias = Changing | Foretelling | Proposing | None
"""What to do with a Job; nothing more than to check it is None."""


def inspect(name: str, data: bytes, policy: Policy, task: Task) -> Inspected:
    """Check every document of a file that can hold a Job, and make fixes if they are asked for."""
    return inspect_parts(name, pieces(data), policy, task).settled()


def inspect_parts(name: str, parts: Iterable[Piece | Broken], policy: Policy, task: Task) -> Inspected:
    """Check some of the documents of a file.

    Each document is let go before the next is read: its nodes take many times the room of its text.
    """
    inspected = Inspected(name)
    lines = 0
    for piece in parts:
        if isinstance(piece, Broken):
            inspected.broken.append(piece)
            continue
        document = _parsed(piece, inspected)
        if document is None:
            continue
        inspected.documents += 1
        if isinstance(task, Foretelling):
            _foretell(document, policy, piece.line, inspected)
            continue
        document, found = _checked(document, policy, task, inspected)
        if found:
            places = Places(name, document.text, piece.line + lines)
            inspected.findings += map(places.found, found)
            if isinstance(task, Proposing):
                _propose(document, found, inspected.findings, places)
        if document.text != piece.text:
            inspected.changes.append((piece._replace(whole=b""), document.text))  # sent between processes
            lines += document.text.count("\n") - piece.text.count("\n")
    return inspected


def _foretell(document: Document, policy: Policy, above: int, inspected: Inspected) -> None:
    """Say what becomes of each Job of a document."""
    places = Places(inspected.file, document.text, above)
    for base, job, foretold in foretell(document, policy):
        metadata = job.metadata
        name = metadata.at("name").as_str() or metadata.at("generateName").as_str() or ""
        line, namespace = places.line(document.locate(base)[0]), metadata.at("namespace").as_str() or ""
        inspected.kinds[job.kind] += 1
        inspected.admissions.append(
            Admission(inspected.file, line, job.kind, namespace, name, foretold, places.origin)
        )


def _propose(document: Document, located: list[Located], findings: list[Found], places: Places) -> None:
    """Add to the last findings what their fixes would change."""
    from lint.proposal import propose  # for the few reports that offer it

    for index, one in enumerate(located, len(findings) - len(located)):
        if change := propose(document, one):
            findings[index] = findings[index]._replace(replacement=places.replacement(*change))


def _parsed(piece: Piece, inspected: Inspected) -> Document | None:
    """Parse a document; what cannot be parsed is noted."""
    try:
        document = parse(piece.text, json=piece.json)
    except DocumentError as error:
        if looks_like_a_template(piece.text):
            inspected.template = True
        else:
            line = piece.line + piece.text.count("\n", 0, error.index) + 1
            inspected.broken.append(Broken(line, error.message))
        return None
    document.beside = partial(speaking_of, piece.whole)
    return document


@lru_cache(1)  # the Jobs of a file ask for the same; what is read of it, nobody changes
def speaking_of(whole: bytes, kind: str) -> list[Any]:
    """Read the documents of a file that speak of a kind: few rules ask for more than a Job."""
    values = []
    for piece in pieces(whole, lambda data: kind.encode() in data):
        if isinstance(piece, Piece):
            with suppress(DocumentError):
                values.append(parse(piece.text, json=piece.json).value)
    return values


def _checked(
    document: Document, policy: Policy, task: Task, inspected: Inspected
) -> tuple[Document, list[Located]]:
    """Check a document, after its fixes or suppressions if they are asked for."""
    if isinstance(task, Ignoring):
        return _suppressed(document, policy, task, inspected)
    if not isinstance(task, Fixing):
        return document, check(document, policy, inspected.kinds)
    fixed = fix(document, policy, unsafe=task.unsafe, kinds=inspected.kinds)
    inspected.fixed += len(fixed.made)
    return fixed.document, fixed.left


def _suppressed(
    document: Document, policy: Policy, task: Ignoring, inspected: Inspected
) -> tuple[Document, list[Located]]:
    """Write suppressions into a document."""
    from lint.ignoring import ignore  # seldom asked for

    inspected.kinds.update(job.kind for _, job in jobs(document, policy))
    ignored = ignore(document, policy, task.reason, task.least)
    inspected.fixed += ignored.made
    return ignored.document, ignored.left
