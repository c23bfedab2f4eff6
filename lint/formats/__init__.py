"""Reports: what a run found, in the form that a person, a program or a CI system reads.

Each format is a function from an outcome to text, in a module that is imported when somebody asks for it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lint import report
from lint.found import Admission, Found
from lint.report import Totals
from lint.rule import Severity
from lint.walk import Unreadable

AS_GIVEN = frozenset(("text", "concise", "json"))
"""Formats that call files as the user does; the others call them from the root of the repository."""


class Outcome(NamedTuple):
    """What a run found, and what it looked at."""

    findings: Sequence[Found]
    """Those that are to be shown."""

    admissions: Sequence[Admission]
    totals: Totals
    unreadable: Sequence[Unreadable]
    templates: Sequence[str]
    manifests: Sequence[str]
    """Files with Jobs or CronJobs."""

    fail_on: Severity
    strict: bool
    """Templates and what cannot be read fail the run."""

    foretelling: bool
    fixing: bool
    ignoring: bool
    """Suppressions are written."""
    stats: bool
    successful: bool
    """The run did what it was asked to, whatever it found."""

    audit: str = ""
    """The last line of one: its objects are in a cluster, and stand where files of one line would."""


def rendered(name: str, outcome: Outcome) -> str:
    """Write a report in the format of that name."""
    if name == "json":
        return _json(outcome)
    if name == "sarif":
        from lint.formats.sarif import sarif as write
    elif name == "github":
        from lint.formats.github import github as write
    elif name == "gitlab":
        from lint.formats.gitlab import gitlab as write
    elif name == "junit":
        from lint.formats.junit import junit as write
    else:
        return _plain(name, outcome)
    return write(outcome)


def _json(outcome: Outcome) -> str:
    """Write the format json."""
    entries = {"findings": map(report.finding, outcome.findings)}
    if outcome.foretelling:
        entries = {"admissions": map(report.admission_entry, outcome.admissions)}
    return report.as_json(entries, outcome.totals) + "\n"


def _plain(name: str, outcome: Outcome) -> str:
    """Write the formats for people as they are on the console, without colours."""
    write = report.concise if name == "concise" else report.text
    lines = [write(found, colour=False) for found in outcome.findings]
    lines += map(report.admission, outcome.admissions)
    lines += map(report.unreadable, outcome.unreadable)
    lines += report.stats(outcome.totals) if outcome.stats else ()
    return "\n".join((*lines, closing(outcome), ""))


def closing(outcome: Outcome) -> str:
    """Write the line that says what was looked at."""
    if outcome.audit:
        return outcome.audit
    if outcome.foretelling:
        return report.verdicts(outcome.totals)
    return report.summary(outcome.totals, fixing=outcome.fixing, ignoring=outcome.ignoring)


def numbered(findings: Sequence[Found]) -> Iterator[tuple[Found, str, int]]:
    """Give each finding its fingerprint, and its number among those that have the same; counted from 1."""
    from lint.fingerprint import fingerprint  # hashing takes longer to import than most runs to write

    seen = Counter[str]()
    for found in findings:
        known = fingerprint(found)
        seen[known] += 1
        yield found, known, seen[known]


def told(found: Found) -> str:
    """Write the place in the object and the message: the line of the file alone says too little."""
    path = found.violation.place
    source = f" (source: {found.origin})" if found.origin else ""
    return f"{f'{path}: ' if path else ''}{found.violation.message}{source}"


def fix_line(found: Found) -> str:
    """Write what a fix would do, or why it was not made; empty without one."""
    fix = found.violation.fix
    if found.note:
        return f"not fixed: {found.note}"
    if found.unignored:
        return f"not ignored: {found.unignored}"
    return f"{'fix' if fix.safe else 'unsafe fix'}: {fix.title}" if fix else ""


def object_name(found: Found) -> str:
    """Name the object of a finding: `Job/batch/report`."""
    kind, namespace, name = found.anchor[:3] if found.anchor else (found.kind, found.namespace, found.name)
    return "/".join(part for part in (kind, namespace, name) if part)
