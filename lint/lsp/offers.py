"""What an editor is offered for a place or a selection: quick fixes, and all safe fixes at once."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

from lsprotocol import types

from lint.linter import Located
from lint.lsp import protocol
from lint.lsp.edits import fixing, fixing_all, ignoring
from lint.lsp.reading import Part, Reading

Edits: TypeAlias = list[types.TextEdit | types.AnnotatedTextEdit | types.SnippetTextEdit]

_MOST = 20
"""Findings that quick fixes are worked out for: each reads the document again, and menus end somewhere."""


class Offer(NamedTuple):
    """A change that the user can choose."""

    title: str
    kind: str
    edits: Edits
    diagnostics: list[types.Diagnostic] | None = None
    """Those that go with it."""

    preferred: bool = False
    """An editor may make it when the user asks for no particular one."""


def offers(reading: Reading, range_: types.Range, only: Sequence[str] | None) -> Iterator[Offer]:
    """Work out what can be changed; `only` are the kinds that are asked for, each with those below it."""
    met = reading.met(protocol.selected(range_))
    if _asked(types.CodeActionKind.QuickFix, only):
        yield from (offer for part, one in met[:_MOST] for offer in _quick(reading, part, one))
    fixable = any(one.violation.fix and one.violation.fix.safe for _, one in met)
    if _asked(protocol.FIX_ALL, only) and (fixable or only) and (changes := fixing_all(reading)):
        edits: Edits = [*protocol.edits(reading, changes)]
        yield Offer("fix all that is safe to fix", protocol.FIX_ALL, edits)


def _asked(kind: str, only: Sequence[str] | None) -> bool:
    return only is None or any(not one or (kind + ".").startswith(one + ".") for one in only)


def _quick(reading: Reading, part: Part, one: Located) -> Iterator[Offer]:
    """Offer the fix of a finding, and the comment that ignores it."""
    known, kind = [protocol.diagnostic(reading, part, one)], types.CodeActionKind.QuickFix
    fix = one.violation.fix
    if fix and (change := fixing(reading, part, one)):
        title = f"{fix.title} ({'safe' if fix.safe else 'unsafe: it may change what the Job does'})"
        yield Offer(title, kind, [*protocol.edits(reading, [change])], known, fix.safe)
    if change := ignoring(reading, part, one):
        yield Offer(f"ignore {one.violation.rule} here", kind, [*protocol.edits(reading, [change])], known)
