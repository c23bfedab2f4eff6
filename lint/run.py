"""One run of the linter: what is to be looked at, and what is said of it."""

import sys
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple, TextIO

from lint import report
from lint.file import Changing, Fixing, Foretelling, Ignoring, Task
from lint.found import Admission, Found
from lint.policy import Policy
from lint.progress import Progress
from lint.rule import Severity
from lint.walk import STDIN, Entry, Rendered, Unreadable, files
from lint.work import Done, Order, work

if TYPE_CHECKING:
    from lint.baseline import Known, Recorded
    from lint.formats import Outcome
    from lint.rendering import Settings


class Options(NamedTuple):
    """What the user asked for."""

    paths: tuple[str, ...]
    policy: Policy
    task: Task
    diff: bool
    """Show the fixes, do not write them."""

    format: str
    """Of the standard output; empty if every report goes to a file."""

    outputs: tuple[tuple[str, str], ...]
    """Formats and the files that they go to."""

    show: Severity
    fail_on: Severity
    strict: bool
    stats: bool
    colour: bool
    baseline: "Known | Recorded | None" = None
    """Findings that are not told, or are put where the next run knows them."""

    rendering: "Settings | None" = None
    """How to render charts and kustomizations, if that is asked for."""


class Run:
    """The state of a run."""

    def __init__(self, options: Options, out: TextIO) -> None:
        self.options = options
        self.out = out
        self.totals = report.Totals()
        self.totals.known = None if options.baseline is None else 0
        self.kept: list[Found] = []
        """Findings for reports that are written at the end."""
        self.admissions: list[Admission] = []
        self.manifests: list[str] = []
        """Files with Jobs or CronJobs."""
        self.worst = Severity.OFF
        self.usage = False
        """A path that was named is not there, or a file cannot be written."""
        self.crashed = False
        self.streams = options.format in ("text", "concise")
        """What is found is told at once."""
        self.reports = bool(options.outputs) or not self.streams
        """There is something to write at the end."""


def run(options: Options) -> int:
    """Lint, and return the exit status: 0 clean, 1 findings, 2 wrong usage or nothing readable, 3 a bug."""
    changes_stdin = isinstance(options.task, Changing) and not options.diff and STDIN in options.paths
    state = Run(options, sys.stderr if changes_stdin else sys.stdout)
    paths = _in_order(options)
    if options.baseline is not None:
        paths = options.baseline.namer.others(paths)
    progress = Progress()
    with closing(work(paths, Order(options.policy, options.task, options.diff))) as results:
        for done in results:
            progress.step(state.totals.files)
            if isinstance(done, int):
                state.totals.files += done
            else:
                progress.clear()
                _tell(done, state)
    progress.clear()
    _end(state)
    status = _status(state)
    if state.reports:
        status = _reported(state, status)
    return _remembered(state, status, paths) if options.baseline else status


def _in_order(options: Options) -> list[Entry]:
    """Find the files, in the order of the alphabet; those of one path are found in it."""
    paths = options.paths
    if options.rendering is not None:
        from lint import rendering  # of no use to most runs

        entries = rendering.entries(paths, options.rendering)
        if isinstance(options.task, Fixing) and any(isinstance(entry, Rendered) for entry in entries):
            print("what is rendered is not fixed: mend what it is made from", file=sys.stderr)
        return entries
    found: list[Entry] = [*files(paths)]
    return (
        found if len(paths) == 1 else sorted(found, key=lambda one: one if isinstance(one, str) else one.path)
    )


def _tell(done: Done, state: Run) -> None:
    """Add a file to the totals, and print what there is to say of it."""
    state.totals.files += done.unreadable is None
    if done.unreadable is not None:
        state.usage = state.usage or done.path in state.options.paths
        _unreadable(done.unreadable, state)
    if done.bug:
        state.crashed = True
        sys.stdout.flush()
        print(done.bug, end="", file=sys.stderr)
    inspected, totals = done.inspected, state.totals
    if inspected is None:
        return
    for broken in inspected.broken:
        _unreadable(Unreadable(inspected.file, broken.message, broken.line), state)
    totals.templates += [inspected.file] if inspected.template else []
    totals.documents += inspected.documents
    totals.jobs += inspected.kinds["Job"]
    totals.cronjobs += inspected.kinds["CronJob"]
    if inspected.kinds and state.reports:
        state.manifests.append(inspected.file)
    _findings(inspected.findings, state, rendered=done.rendered)
    for admission in inspected.admissions:
        _admission(admission, state)
    if isinstance(state.options.task, Changing):
        _fixed(done, len(inspected.changes), inspected.fixed, state)


def _findings(findings: Sequence[Found], state: Run, *, rendered: bool) -> None:
    """Count the findings of a file, and print those that are to be shown, at once: a write can be slow."""
    options = state.options
    if options.baseline is not None:
        findings = options.baseline.sift(findings)
        state.totals.known = options.baseline.number
    for found in findings:
        state.totals.count(found.violation, rendered=rendered)
        state.worst = max(state.worst, found.violation.severity)
    shown = [found for found in findings if found.violation.severity >= options.show]
    if state.reports:
        state.kept += shown
    if shown and state.streams and not options.diff:
        write = report.concise if options.format == "concise" else report.text
        state.out.write("".join(write(found, colour=options.colour) + "\n" for found in shown))


def _admission(one: Admission, state: Run) -> None:
    """Count what becomes of an object, and print it; only one that does not pass fails the run."""
    totals, verdict = state.totals, one.foretold.verdict
    totals.verdicts[verdict] += 1
    if verdict in ("denied", "rejected"):
        state.worst = Severity.ERROR
    if state.reports:
        state.admissions.append(one)
    if state.streams:
        print(report.admission(one), file=state.out)


def _fixed(done: Done, changes: int, fixed: int, state: Run) -> None:
    """Count a file's fixes, and print the result where that is asked for."""
    if done.unwritten:
        state.usage = True
        print(f"{report.visible(done.path)}: cannot be written: {done.unwritten}", file=sys.stderr)
        return
    state.totals.fixed += fixed
    state.totals.fixed_files += changes > 0
    if done.output and state.streams:
        state.out.write(done.output)
    if state.options.diff and changes:
        state.worst = max(state.worst, state.options.fail_on)
    elif done.path == STDIN:
        sys.stdout.buffer.write(done.data)


def _unreadable(one: Unreadable, state: Run) -> None:
    state.totals.unreadable.append(one)
    print(report.unreadable(one), file=sys.stderr)


def _end(state: Run) -> None:
    """Print what comes after the findings; json and github say themselves what was looked at."""
    options, totals = state.options, state.totals
    if options.format in ("json", "github"):
        return
    if options.stats and totals.rules and state.streams:
        print(*report.stats(totals), sep="\n", file=state.out)
    if options.strict:
        for name in totals.templates:
            print(f"{report.visible(name)}: {report.TEMPLATE}", file=sys.stderr)
    fixing, ignoring = (isinstance(options.task, task) for task in (Fixing, Ignoring))
    line = report.summary(totals, fixing=fixing, ignoring=ignoring, diff=options.diff)
    if isinstance(options.task, Foretelling):
        line = report.verdicts(totals)
    print(line, file=sys.stderr if options.diff or (options.format and not state.streams) else state.out)


def _reported(state: Run, status: int) -> int:
    """Write the reports that come at the end, and return the exit status with what went wrong in it."""
    from lint import output  # of no use to a run that tells everything at once
    from lint.formats import AS_GIVEN, rendered

    options = state.options
    outcome = _outcome(state, successful=status < 2)
    moved = output.from_root(outcome)
    if options.format and not state.streams:
        state.out.write(rendered(options.format, outcome if options.format in AS_GIVEN else moved))
    for name, path in options.outputs:
        shown, reason = report.visible(path), ""
        if output.overwrites(path, state.manifests):
            reason = "it is one of the files that were linted; give --output another name"
        else:
            try:
                output.save(path, rendered(name, outcome if name in AS_GIVEN else moved))
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
        if reason:
            print(f"{shown}: cannot be written: {reason}", file=sys.stderr)
            status = max(status, 2)
    return status


def _remembered(state: Run, status: int, paths: Sequence[Entry]) -> int:
    """Write a baseline, or tell what one has in vain, and return the exit status."""
    from lint.baseline import finish

    options = state.options
    again = (*(("--render",) if options.rendering else ()), "--", *options.paths)
    line, status = finish(options.baseline, status, (paths, state.totals, options.policy), again)
    if line:
        print(line, file=sys.stderr)
    return status


def _outcome(state: Run, *, successful: bool) -> "Outcome":
    """Put together what reports speak of."""
    from lint.formats import Outcome

    options, totals = state.options, state.totals
    return Outcome(
        findings=state.kept,
        admissions=state.admissions,
        totals=totals,
        unreadable=totals.unreadable,
        templates=totals.templates,
        manifests=state.manifests,
        fail_on=options.fail_on,
        strict=options.strict,
        foretelling=isinstance(options.task, Foretelling),
        fixing=isinstance(options.task, Fixing),
        ignoring=isinstance(options.task, Ignoring),
        stats=options.stats,
        successful=successful,
    )


def _status(state: Run) -> int:
    """Return the exit status; the gravest counts."""
    totals = state.totals
    if state.crashed:
        return 3
    if not totals.files:
        if not totals.unreadable:
            print("jobwarden: nothing to read: no YAML, JSON or template there", file=sys.stderr)
        return 2
    if state.usage or (totals.unreadable and not totals.documents and not totals.templates):
        return 2
    strict = state.options.strict and (totals.templates or totals.unreadable)
    return 1 if strict or state.worst >= state.options.fail_on else 0
