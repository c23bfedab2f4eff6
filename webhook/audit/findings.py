"""What an audit tells of each object: what is found, or what another policy changes."""

from collections.abc import Mapping

from lint.found import Found, Places
from lint.linter import Located
from lint.policy import Mode, Policy, Violation
from lint.report import finding
from lint.rule import Severity
from webhook.audit.judging import CHANGES, DENIED, NEWLY, WARNED, changes, violations
from webhook.audit.live import Live
from webhook.audit.output import Output
from webhook.audit.reports import Reports
from webhook.audit.run import Run
from webhook.audit.tally import Tally

_COLUMNS = {Severity.ERROR: "errors", Severity.WARNING: "warnings", Severity.INFO: "infos"}
_OF_FILES = ("file", "line", "column", "endLine", "endColumn")
"""What findings of the linter have as JSON, and those of an audit have not."""


def audit(run: Run, policy: Policy, output: Output, show: Severity, reports: Reports | None) -> Severity:
    """Tell what is found in the objects of a cluster, and return the gravest severity, shown or not."""
    tally, worst = Tally(tuple(_COLUMNS.values())), Severity.OFF
    for one in run.judged():
        every = violations(one.job, policy, run.failed)
        worst = max(worst, *(violation.severity for violation in every), Severity.OFF)
        shown = [violation for violation in every if violation.severity >= show]
        places = Places(one.place, "", 0)
        output.keep(one, [places.found(Located(violation, one.job, (), 0, 0)) for violation in shown])
        for violation in shown:
            tally.count(one.namespace, violation.rule, _COLUMNS[violation.severity])
            _tell(output, one, violation)
        if reports:
            reports.add(one, shown)
    if reports:
        reports.end()
    output.end(tally, _closing(tally, "no findings"))
    return worst


def _tell(output: Output, one: Live, violation: Violation) -> None:
    label = f"{violation.severity.label}[{violation.rule}]"
    path = f"{violation.place}: " if violation.place else ""
    fix = f"fix: {violation.fix.title}" if violation.fix else ""
    entry = finding(Found("", 0, 0, 0, 0, "", violation, one.kind, one.namespace, one.name, ""))
    entry = {key: value for key, value in entry.items() if key not in _OF_FILES}
    output.tell(one, f"{label} {path}{violation.message}", fix, entry)


def compare(run: Run, new: Policy, old: Policy, output: Output, modes: Mapping[str, Mode]) -> Severity:
    """Tell what another policy changes, and return the gravest thing that is new: a denial or a warning."""
    tally = Tally(CHANGES)
    for one in run.judged():
        for change in changes(one.job, new, old, modes.get(one.namespace), run.failed):
            violation = change.violation
            tally.count(one.namespace, violation.rule, change.what)
            path = f"{violation.place}: " if violation.place else ""
            entry = {"change": change.what, "rule": violation.rule, "path": violation.place}
            text = f"{change.what}: {violation.rule}: {path}{change.message}"
            output.tell(one, text, "", {**entry, "message": change.message})
    output.end(tally, _closing(tally, "nothing changes"))
    totals = tally.totals()
    grave = {Severity.ERROR: totals[f"{NEWLY} {DENIED}"], Severity.WARNING: totals[f"{NEWLY} {WARNED}"]}
    return max((severity for severity, number in grave.items() if number), default=Severity.OFF)


def _closing(tally: Tally, nothing: str) -> str:
    """Say how much there is."""
    told = [f"{number:,} {_one(column, number)}" for column, number in tally.totals().items() if number]
    return ", ".join(told) or nothing


def _one(column: str, number: int) -> str:
    return column.removesuffix("s") if number == 1 else column
