"""One run of the linter: what is to be looked at, and what is said of it."""

import sys
import time
from collections.abc import Sequence
from contextlib import closing
from typing import NamedTuple, TextIO

from lint import report
from lint.file import Admission, Fixing, Foretelling, Found, Task
from lint.policy import Policy
from lint.rule import Severity
from lint.walk import STDIN, Unreadable, files
from lint.work import Done, Order, work


class Options(NamedTuple):
    """What the user asked for."""

    paths: tuple[str, ...]
    policy: Policy
    task: Task
    diff: bool
    """Show the fixes, do not write them."""

    format: str
    show: Severity
    fail_on: Severity
    strict: bool
    stats: bool
    colour: bool


class Run:
    """The state of a run."""

    def __init__(self, options: Options, out: TextIO) -> None:
        self.options = options
        self.out = out
        self.totals = report.Totals()
        self.kept: list[Found] = []
        """Findings for a format that is written at the end."""
        self.admissions: list[Admission] = []
        self.worst = Severity.OFF
        self.usage = False
        """A path that was named is not there, or a file cannot be written."""
        self.crashed = False


def run(options: Options) -> int:
    """Lint, and return the exit status: 0 clean, 1 findings, 2 wrong usage or nothing readable, 3 a bug."""
    changes_stdin = isinstance(options.task, Fixing) and not options.diff and STDIN in options.paths
    state = Run(options, sys.stderr if changes_stdin else sys.stdout)
    progress = _Progress()
    with closing(
        work(_in_order(options.paths), Order(options.policy, options.task, options.diff))
    ) as results:
        for done in results:
            progress.step(state.totals.files)
            if isinstance(done, int):
                state.totals.files += done
            else:
                progress.clear()
                _tell(done, state)
    progress.clear()
    _end(state)
    return _status(state)


def _in_order(paths: Sequence[str]) -> list[str | Unreadable]:
    """Find the files, in the order of the alphabet; those of one path are found in it."""
    found = list(files(paths))
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
    for found in inspected.findings:
        _found(found, state)
    for admission in inspected.admissions:
        _admission(admission, state)
    if isinstance(state.options.task, Fixing):
        _fixed(done, len(inspected.changes), inspected.fixed, state)


def _found(found: Found, state: Run) -> None:
    """Count a finding, and print it if it is to be shown."""
    options = state.options
    state.totals.count(found.violation)
    state.worst = max(state.worst, found.violation.severity)
    if found.violation.severity < options.show:
        return
    if options.format == "json":
        state.kept.append(found)
    elif not options.diff:
        write = report.concise if options.format == "concise" else report.text
        print(write(found, colour=options.colour), file=state.out)


def _admission(one: Admission, state: Run) -> None:
    """Count what becomes of an object, and print it; only one that does not pass fails the run."""
    totals, verdict = state.totals, one.foretold.verdict
    totals.verdicts[verdict] += 1
    if verdict in ("denied", "rejected"):
        state.worst = Severity.ERROR
    if state.options.format == "json":
        state.admissions.append(one)
    else:
        print(report.admission(one), file=state.out)


def _fixed(done: Done, changes: int, fixed: int, state: Run) -> None:
    """Count a file's fixes, and print the result where that is asked for."""
    if done.unwritten:
        state.usage = True
        print(f"{report.visible(done.path)}: cannot be written: {done.unwritten}", file=sys.stderr)
        return
    state.totals.fixed += fixed
    state.totals.fixed_files += changes > 0
    if done.output and state.options.format != "json":
        state.out.write(done.output)
    if state.options.diff and changes:
        state.worst = max(state.worst, state.options.fail_on)
    elif done.path == STDIN:
        sys.stdout.buffer.write(done.data)


def _unreadable(one: Unreadable, state: Run) -> None:
    state.totals.unreadable.append(one)
    print(report.unreadable(one), file=sys.stderr)


def _end(state: Run) -> None:
    """Print what comes after the findings."""
    options, totals = state.options, state.totals
    if options.format == "json":
        found = {"findings": map(report.finding, state.kept)}
        if isinstance(options.task, Foretelling):
            found = {"admissions": map(report.admission_entry, state.admissions)}
        print(report.as_json(found, totals), file=state.out)
        return
    if options.stats and totals.rules:
        print(*report.stats(totals), sep="\n", file=state.out)
    if options.strict:
        for name in totals.templates:
            print(
                f"{report.visible(name)}: a template: render it first, and lint what comes out",
                file=sys.stderr,
            )
    if isinstance(options.task, Foretelling):
        print(report.verdicts(totals), file=state.out)
        return
    line = report.summary(totals, fixing=isinstance(options.task, Fixing), diff=options.diff)
    print(line, file=sys.stderr if options.diff else state.out)


def _status(state: Run) -> int:
    """Return the exit status; the gravest counts."""
    totals = state.totals
    if state.crashed:
        return 3
    if not totals.files:
        print("jobwarden: nothing to read: no YAML, JSON or template there", file=sys.stderr)
        return 2
    if state.usage or (totals.unreadable and not totals.documents and not totals.templates):
        return 2
    strict = state.options.strict and (totals.templates or totals.unreadable)
    return 1 if strict or state.worst >= state.options.fail_on else 0


class _Progress:
    """A line on the terminal that tells how far a long run is; nothing at all elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._next = time.monotonic() + 0.5
        self._shown = False

    def step(self, number: int) -> None:
        """Show the number of files read, a few times a second."""
        if self._terminal and (now := time.monotonic()) > self._next:
            self._next, self._shown = now + 0.1, True
            sys.stdout.flush()
            print(f"\r{number} files read", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the line away before something is printed."""
        if self._shown:
            self._shown = False
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
