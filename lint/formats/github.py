"""Workflow commands, which GitHub Actions shows as annotations at the lines of a pull request."""

from collections.abc import Iterator

from lint.formats import Outcome, closing, fix_line, object_name, told
from lint.found import Found
from lint.report import TEMPLATE, visible
from lint.rule import Severity

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def github(outcome: Outcome) -> str:
    """Write a command for each finding, and for each file that cannot be read; at last what was looked at."""
    grave = "error" if outcome.strict else "warning"
    lines = [_finding(found, {} if outcome.audit else _place(found)) for found in outcome.findings]
    for one in outcome.unreadable:
        place: dict[str, str | int] = {"file": one.path, **({"line": one.line} if one.line else {})}
        what = f"{one.path} cannot be read" if outcome.audit else "cannot be read"
        lines.append(_command(grave, ({} if outcome.audit else place) | {"title": what}, one.reason))
    if outcome.strict:
        lines += [
            _command(grave, {"file": name, "title": "template"}, TEMPLATE) for name in outcome.templates
        ]
    return "\n".join((*lines, closing(outcome), ""))


def _place(found: Found) -> dict[str, str | int]:
    """Return where a finding stands; its columns only if that is on one line, as GitHub wants it."""
    place: dict[str, str | int] = {"file": found.file, "line": found.line, "endLine": found.end_line}
    if found.line == found.end_line:
        place |= {"col": found.column, "endColumn": found.end_column}
    return place


def _finding(found: Found, place: dict[str, str | int]) -> str:
    """Write the command of a finding; without a place it is an annotation of the whole run."""
    violation = found.violation
    lines = (f"{object_name(found)}: {told(found)}", fix_line(found))
    message = "\n".join(visible(line) for line in lines if line)
    return _command(_COMMANDS[violation.severity], place | {"title": violation.rule}, message)


def _command(name: str, properties: dict[str, str | int], message: str) -> str:
    """Write a workflow command."""
    written = ",".join(f"{key}={_escaped(str(value), ':,')}" for key, value in properties.items())
    return f"::{name} {written}::{_escaped(message)}"


def _escaped(text: str, more: str = "") -> str:
    """Escape what ends a command or one of its properties."""
    return "".join(_escapes(text, "%\r\n" + more))


def _escapes(text: str, special: str) -> Iterator[str]:
    for character in text:
        yield f"%{ord(character):02X}" if character in special else character
