"""SARIF 2.1.0, which code scanning of GitHub, Azure DevOps and editors read."""

import json
import os
from collections.abc import Sequence
from inspect import cleandoc
from typing import Any
from urllib.parse import quote

from lint import report
from lint.formats import Outcome, numbered, object_name, told
from lint.found import Found
from lint.reference import section
from lint.report import TEMPLATE
from lint.rule import Class, Rule, Severity
from lint.rules import RULES
from lint.version import VERSION
from lint.work import SHOWN_STDIN

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note", Severity.OFF: "none"}
_PRECISION = {Class.SERVER: "very-high", Class.HOLE: "very-high", Class.PRACTICE: "high"}
_LINE_HASH = "primaryLocationLineHash"
"""What GitHub tells results apart by; its action makes it of the file, where there is one."""


def sarif(outcome: Outcome) -> str:
    """Write all findings as one run."""
    known = {found.violation.rule for found in outcome.findings}
    rules = sorted((rule for rule in RULES if rule.id in known), key=lambda rule: rule.id)
    indexes = {rule.id: index for index, rule in enumerate(rules)}
    names = ("jobwarden/v1", *((_LINE_HASH,) if outcome.audit else ()))
    driver = {
        "name": "Jobwarden",
        "version": VERSION,
        "semanticVersion": VERSION,
        "rules": [*map(_rule, rules)],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(outcome)],
        "results": [
            _result(found, indexes[found.violation.rule], dict.fromkeys(names, f"{fingerprint}:{number}"))
            for found, fingerprint, number in numbered(outcome.findings)
        ],
        "properties": {"summary": report.counts(outcome.totals)},
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(rule: Rule[Any]) -> dict[str, Any]:
    """Describe a rule, by its page of the reference."""
    page = section(rule)
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": cleandoc(rule.doc)},
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {
            "tags": ["kubernetes", "job", str(rule.class_)],
            "precision": _PRECISION[rule.class_],
            "class": str(rule.class_),
        },
    }


def _result(found: Found, index: int, fingerprints: dict[str, str]) -> dict[str, Any]:
    """Return a finding as a result."""
    violation = found.violation
    place = violation.place
    names = [{"fullyQualifiedName": object_name(found), "kind": "resource"}]
    names += [{"fullyQualifiedName": place, "kind": "member"}] if place else []
    region = _region(found.line, found.column, found.end_line, found.end_column)
    return {
        "ruleId": violation.rule,
        "ruleIndex": index,
        "level": _LEVELS[violation.severity],
        "message": {"text": told(found).replace("](", "\\](")},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": _artifact(found.file), "region": region},
                "logicalLocations": names,
            }
        ],
        "partialFingerprints": fingerprints,
        **_fixes(found),
        "properties": {"class": str(violation.class_), **_source(found), **_fix_properties(found)},
    }


def _region(line: int, column: int, end_line: int, end_column: int) -> dict[str, int]:
    """Return a stretch of a file; like ours, the end column of SARIF is the one behind."""
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}


def _artifact(file: str) -> dict[str, str]:
    """Return where a file is: below the root of the repository, or anywhere."""
    uri = quote(os.fsencode(file))
    if os.path.isabs(file):
        return {"uri": f"file://{'' if uri.startswith('/') else '/'}{uri}"}
    return {"uri": uri} if file == SHOWN_STDIN else {"uri": uri, "uriBaseId": "%SRCROOT%"}


def _fixes(found: Found) -> dict[str, Sequence[Any]]:
    """Return what the fix changes in the text, where that is known."""
    fix, new = found.violation.fix, found.replacement
    if fix is None or new is None:
        return {}
    replacement = {"deletedRegion": _region(*new[:4]), "insertedContent": {"text": new.text}}
    change = {"artifactLocation": _artifact(found.file), "replacements": [replacement]}
    title = fix.title if fix.safe else f"{fix.title} (unsafe: it may change what the Job does)"
    return {"fixes": [{"description": {"text": title}, "artifactChanges": [change]}]}


def _source(found: Found) -> dict[str, str]:
    """Return the template of a rendered document; its lines are other ones than those that we know."""
    return {"source": found.origin} if found.origin else {}


def _fix_properties(found: Found) -> dict[str, Any]:
    """Return what there is to say of a fix, also where its text is not known."""
    fix = found.violation.fix
    if fix is None:
        return {}
    return {"fix": {"title": fix.title, "safe": fix.safe, **({"refused": found.note} if found.note else {})}}


def _invocation(outcome: Outcome) -> dict[str, Any]:
    """Say how the run went, and what it could not look at."""
    told_ = [
        _notification("unreadable", "error", one.path, one.reason, one.line) for one in outcome.unreadable
    ]
    level = "error" if outcome.strict else "note"
    told_ += [_notification("template", level, name, TEMPLATE, 0) for name in outcome.templates]
    return {"executionSuccessful": outcome.successful, "toolExecutionNotifications": told_}


def _notification(kind: str, level: str, file: str, message: str, line: int) -> dict[str, Any]:
    """Return something about a file that is no finding."""
    place: dict[str, Any] = {"artifactLocation": _artifact(file)}
    place |= {"region": {"startLine": line}} if line else {}
    return {
        "descriptor": {"id": kind},
        "level": level,
        "message": {"text": message},
        "locations": [{"physicalLocation": place}],
    }
