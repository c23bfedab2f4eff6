"""What an editor is told, in the words of the Language Server Protocol."""

import os
from functools import cache
from pathlib import Path as File

from lsprotocol import types

from lint.linter import Located
from lint.lsp.reading import Part, Reading
from lint.lsp.text import Change, Place, Span
from lint.reference import section
from lint.rule import Severity
from lint.rules import RULES

FIX_ALL = "source.fixAll.jobwarden"
_SOURCE = "jobwarden"
_SEVERITIES = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFO: types.DiagnosticSeverity.Information,
}


def diagnostics(reading: Reading) -> list[types.Diagnostic]:
    """Write everything that a reading has to tell."""
    unread = [
        types.Diagnostic(
            _range(reading.lines.span(one.start, one.end)),
            one.message,
            types.DiagnosticSeverity.Error,
            source=_SOURCE,
        )
        for one in reading.unread
    ]
    return unread + [diagnostic(reading, part, one) for part in reading.parts for one in part.found]


def diagnostic(reading: Reading, part: Part, one: Located) -> types.Diagnostic:
    """Write a finding."""
    violation = one.violation
    return types.Diagnostic(
        _range(reading.span(part, one)),
        f"{violation.place}: {violation.message}" if violation.place else violation.message,
        _SEVERITIES[violation.severity],
        violation.rule,
        _page(violation.rule),
        _SOURCE,
    )


@cache
def _page(rule: str) -> types.CodeDescription | None:
    """Return the address of a rule's page: in the reference that is installed beside the rules."""
    page = File(__file__).parents[1] / "rules" / "README.md"
    return types.CodeDescription(f"{page.as_uri()}#{rule}") if os.path.exists(page) else None


def edits(reading: Reading, changes: list[Change]) -> list[types.TextEdit | types.AnnotatedTextEdit]:
    """Write changes of a text."""
    return [
        types.TextEdit(_range(reading.lines.span(change.start, change.end)), change.text)
        for change in changes
    ]


def hover(reading: Reading, position: types.Position, *, markdown: bool) -> types.Hover | None:
    """Write the pages of the rules that found something at a position."""
    place = Place(position.line, position.character)
    met = reading.met(Span(place, place))
    names = {one.violation.rule for _, one in met}
    if not met:
        return None
    text = "\n\n---\n\n".join(section(rule) for rule in RULES if rule.id in names)
    kind = types.MarkupKind.Markdown if markdown else types.MarkupKind.PlainText
    return types.Hover(types.MarkupContent(kind, text), _range(reading.span(*met[0])))


def selected(range_: types.Range) -> Span:
    """Read the range that is selected in the editor."""
    start, end = range_.start, range_.end
    return Span(Place(start.line, start.character), Place(end.line, end.character))


def _range(span: Span) -> types.Range:
    return types.Range(types.Position(*span.start), types.Position(*span.end))
