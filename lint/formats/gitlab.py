"""The Code Quality report of GitLab, which merge requests show."""

import json
from hashlib import sha256
from typing import Any

from lint.formats import Outcome, numbered, told
from lint.found import Found
from lint.rule import Class, Severity
from lint.walk import Unreadable

_ERRORS = {Class.SERVER: "blocker", Class.HOLE: "critical", Class.PRACTICE: "major"}
_OTHERS = {Severity.WARNING: "minor", Severity.INFO: "info"}


def gitlab(outcome: Outcome) -> str:
    """Write all findings, and what cannot be read, as one JSON list."""
    entries = [_finding(*one) for one in numbered(outcome.findings)]
    entries += map(_unreadable, outcome.unreadable)
    return json.dumps(entries, indent=2) + "\n"


def _finding(found: Found, fingerprint: str, number: int) -> dict[str, Any]:
    """Return one entry; GitLab shows only the first of those with one fingerprint."""
    violation = found.violation
    severity = _OTHERS.get(violation.severity) or _ERRORS[violation.class_]
    return {
        "description": told(found),
        "check_name": violation.rule,
        "fingerprint": fingerprint if number == 1 else f"{fingerprint}:{number}",
        "severity": severity,
        "location": {"path": found.file, "lines": {"begin": found.line, "end": found.end_line}},
    }


def _unreadable(one: Unreadable) -> dict[str, Any]:
    """Return the entry of what cannot be read: of the rest of the file nothing is known."""
    known = f"unreadable\0{one.path}\0{one.reason}"
    return {
        "description": f"cannot be read: {one.reason}",
        "check_name": "unreadable",
        "fingerprint": sha256(known.encode("utf-8", "surrogatepass")).hexdigest()[:32],
        "severity": "major",
        "location": {"path": one.path, "lines": {"begin": one.line or 1}},
    }
