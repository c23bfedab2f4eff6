"""What a run found, as text for people and as JSON for programs."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lint.edit import Set
from lint.found import Admission, Found
from lint.path import dotted
from lint.policy import Violation
from lint.rule import Severity
from lint.walk import Unreadable

_COLOURS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.INFO: "36"}
_TAB = "    "
_WIDEST = 120
"""Columns of a source line that are shown; a JSON file can be one line of a megabyte."""


TEMPLATE = "a template: render it first, and lint what comes out"
"""What a strict run has to say of one."""


class Totals:
    """What a run has seen."""

    def __init__(self, files: int = 0, jobs: int = 0) -> None:
        self.files = files
        self.documents = 0
        self.jobs = jobs
        self.cronjobs = 0
        self.fixed = 0
        self.fixed_files = 0
        self.templates: list[str] = []
        self.unreadable: list[Unreadable] = []
        self.severities = Counter[Severity]()
        self.rules = Counter[str]()
        self.verdicts = Counter[str]()
        """What an API server will do with the objects."""
        self.fixable = 0
        """Findings with a safe fix."""
        self.known: int | None = None
        """Findings that a baseline has, and that are counted nowhere else; None: there is none."""

    def count(self, violation: Violation, *, rendered: bool = False) -> None:
        """Add a finding; in what was rendered nothing is fixed."""
        self.severities[violation.severity] += 1
        self.rules[violation.rule] += 1
        self.fixable += violation.fix is not None and violation.fix.safe and not rendered


def visible(text: str) -> str:
    """Write characters that would move the cursor or hide something as escapes."""
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or unicodedata.category(character) == "Zs"
        else f"\\x{ord(character):02x}"
        if character < "\u0100"
        else f"\\u{ord(character):04x}"
        for character in text
    )


def concise(found: Found, *, colour: bool = False) -> str:
    """Write a finding on one line."""
    source = f" (source: {visible(found.origin)})" if found.origin else ""
    return _headline(found, colour=colour) + source


def _headline(found: Found, *, colour: bool) -> str:
    violation = found.violation
    place = f"{visible(found.file)}:{found.line}:{found.column}:"
    label = f"{violation.severity.label}[{violation.rule}]"
    if colour:
        place, label = f"\x1b[1m{place}\x1b[0m", f"\x1b[1;{_COLOURS[violation.severity]}m{label}\x1b[0m"
    path = violation.place
    return f"{place} {label} {visible(f'{path}: ' if path else '')}{visible(violation.message)}"


def text(found: Found, *, colour: bool) -> str:
    """Write a finding with its line of the file, and what --fix would do."""
    before, marked, after = _window(found)
    gutter = " " * len(str(found.line))
    line = f"{found.line} | {before}{marked}{after}".rstrip()
    carets = " " * _width(before) + "^" * max(1, _width(marked))
    lines = [
        _headline(found, colour=colour),
        f" {gutter} |",
        f" {line}",
        f" {gutter} | {_paint(carets, found, colour)}",
    ]
    if found.origin:
        lines.append(f" {gutter} = source: {visible(found.origin)}")
    fix = found.violation.fix
    if found.note:
        lines.append(f" {gutter} = not fixed: {visible(found.note)}")
    elif found.unignored:
        lines.append(f" {gutter} = not ignored: {visible(found.unignored)}")
    elif fix is not None:
        lines.append(f" {gutter} = {'fix' if fix.safe else 'unsafe fix'}: {visible(fix.title)}")
    return "\n".join(lines) + "\n"


def _paint(carets: str, found: Found, colour: bool) -> str:  # noqa: FBT001 - named at its one call
    return f"\x1b[{_COLOURS[found.violation.severity]}m{carets}\x1b[0m" if colour else carets


def _window(found: Found) -> tuple[str, str, str]:
    """Cut the source line around the finding, with tabs as spaces."""
    start = found.column - 1
    end = found.end_column - 1 if found.end_line == found.line else len(found.source)
    left = max(0, start - _WIDEST // 2) if len(found.source) > _WIDEST else 0
    right = left + _WIDEST
    before = ("..." if left else "") + _shown(found.source[left:start])
    after = _shown(found.source[min(end, right) : right]) + ("..." if right < len(found.source) else "")
    return before, _shown(found.source[start : min(end, right)]), after


def _shown(source: str) -> str:
    return visible(source.replace("\t", _TAB))


def _width(shown: str) -> int:
    """Return the columns that a text takes on a terminal."""
    if shown.isascii():
        return len(shown)
    return sum(
        0
        if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf")
        else 2
        if unicodedata.east_asian_width(character) in "WF"
        else 1
        for character in shown
    )


def unreadable(one: Unreadable) -> str:
    """Write what could not be read on one line."""
    place = f"{visible(one.path)}:{one.line}" if one.line else visible(one.path)
    return f"{place}: cannot be read: {visible(one.reason)}"


def summary(totals: Totals, *, fixing: bool = False, ignoring: bool = False, diff: bool = False) -> str:
    """Write the last line: never a bare success, always what was looked at."""
    number = sum(totals.severities.values()) - totals.severities[Severity.INFO]
    told = [f"{_some(number, 'finding')}" if number else "no findings"]
    details = [
        _some(totals.severities[severity], severity.label)
        for severity in (Severity.ERROR, Severity.WARNING)
        if totals.severities[severity]
    ]
    if number:
        told[0] += f" ({', '.join(details)})"
    if totals.fixed:
        where = f"{_some(totals.fixed, 'finding')} in {_some(totals.fixed_files, 'file')}"
        order, done = ("to ignore", "ignored") if ignoring else ("to fix", "fixed")
        told.insert(0, f"{order}: {where}" if diff else f"{done} {where}")
    if totals.fixable and not fixing:
        told.append(f"{totals.fixable} fixable with --fix")
    if totals.known is not None:
        told.append(f"{totals.known} in the baseline")
    return f"{', '.join(told)}; {_seen(totals)}"


def _seen(totals: Totals) -> str:
    """Say what was looked at."""
    seen = [_some(totals.jobs, "Job"), _some(totals.cronjobs, "CronJob")]
    seen += [_some(len(totals.templates), "template")] if totals.templates else []
    seen += [f"{len(totals.unreadable)} unreadable"] if totals.unreadable else []
    return f"read {_some(totals.files, 'file')}: {', '.join(seen)}"


def _some(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def stats(totals: Totals) -> Iterator[str]:
    """Write how often each rule found something, the most frequent first."""
    for rule, number in sorted(totals.rules.items(), key=lambda item: (-item[1], item[0])):
        yield f"{number:6}  {rule}"


def admission(one: Admission) -> str:
    """Write what becomes of an object: the verdict, and below it what its user is told."""
    name = f"{one.namespace}/{one.name}" if one.namespace else one.name
    lines = [f"{visible(one.file)}:{one.line}: {one.kind} {visible(name)}: {one.foretold.verdict}"]
    lines += [f"  source: {visible(one.origin)}"] if one.origin else []
    lines += [f"  {visible(line)}" for line in one.foretold.message.splitlines()]
    lines += [f"  Warning: {visible(line)}" for line in one.foretold.warnings]
    return "\n".join(lines)


def verdicts(totals: Totals) -> str:
    """Write the last line: how many objects had which verdict, and what was looked at."""
    told = [f"{number} {verdict}" for verdict, number in sorted(totals.verdicts.items())]
    return f"{', '.join(told) or 'nothing to admit'}; {_seen(totals)}"


def as_json(entries: Mapping[str, Iterable[dict[str, Any]]], totals: Totals) -> str:
    """Write everything as one JSON object; its fields are only ever added to."""
    import json  # of no use to the other formats

    document = {
        "version": 1,
        "summary": counts(totals),
        **{name: list(some) for name, some in entries.items()},
        "unreadable": [
            {"file": one.path, "line": one.line, "message": one.reason} for one in totals.unreadable
        ],
        "templates": totals.templates,
    }
    return json.dumps(document, indent=2)


def counts(totals: Totals) -> dict[str, int]:
    """Return the numbers of a run as JSON."""
    severities = totals.severities
    return {
        "files": totals.files,
        "documents": totals.documents,
        "jobs": totals.jobs,
        "cronjobs": totals.cronjobs,
        "templates": len(totals.templates),
        "unreadable": len(totals.unreadable),
        "errors": severities[Severity.ERROR],
        "warnings": severities[Severity.WARNING],
        "infos": severities[Severity.INFO],
        "fixable": totals.fixable,
        **({} if totals.known is None else {"baseline": totals.known}),
    }


def admission_entry(one: Admission) -> dict[str, Any]:
    """Return what becomes of an object as JSON."""
    return {
        "file": one.file,
        "line": one.line,
        "object": {"kind": one.kind, "namespace": one.namespace, "name": one.name},
        **({"source": one.origin} if one.origin else {}),
        "verdict": one.foretold.verdict,
        "message": one.foretold.message,
        "warnings": one.foretold.warnings,
        "admitted": one.foretold.tree,
    }


def finding(found: Found) -> dict[str, Any]:
    """Return a finding as JSON."""
    violation = found.violation
    return {
        "file": found.file,
        **({"source": found.origin} if found.origin else {}),
        "line": found.line,
        "column": found.column,
        "endLine": found.end_line,
        "endColumn": found.end_column,
        "rule": violation.rule,
        "severity": violation.severity.label,
        "class": str(violation.class_),
        "object": {"kind": found.kind, "namespace": found.namespace, "name": found.name},
        "path": violation.place,
        "message": violation.message,
        "fix": violation.fix
        and {
            "title": violation.fix.title,
            "safe": violation.fix.safe,
            "edits": [
                {"op": "set", "path": dotted(edit.path), "value": edit.value}
                if isinstance(edit, Set)
                else {"op": "remove", "path": dotted(edit.path)}
                for edit in violation.fix.edits
            ],
        },
    }
