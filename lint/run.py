"""One run of the linter: read files, check them, write fixes back, and print what was found."""

import os
import stat
import sys
import time
from contextlib import suppress
from typing import NamedTuple, TextIO

from lint import crash, report
from lint.file import Fixing, Found, Inspected, inspect
from lint.policy import Policy
from lint.rule import Severity
from lint.source import may_hold_a_job
from lint.walk import STDIN, Unreadable, files

_SHOWN_STDIN = "<stdin>"
_CHUNK = 1 << 16
"""Bytes that hold nearly every manifest."""


class Options(NamedTuple):
    """What the user asked for."""

    paths: tuple[str, ...]
    policy: Policy
    fixing: Fixing | None
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
        self.worst = Severity.OFF
        self.usage = False
        """A path that was named is not there, or a file cannot be written."""
        self.crashed = False


def run(options: Options) -> int:
    """Lint, and return the exit status: 0 clean, 1 findings, 2 wrong usage or nothing readable, 3 a bug."""
    changes_stdin = options.fixing is not None and not options.diff and STDIN in options.paths
    state = Run(options, sys.stderr if changes_stdin else sys.stdout)
    progress = _Progress()
    for path in sorted(
        files(options.paths), key=lambda one: one.path if isinstance(one, Unreadable) else one
    ):
        progress.step(state.totals.files)
        data = _read(path, state)
        if data is None or (not may_hold_a_job(data) and path != STDIN):
            continue
        try:
            inspected = inspect(_shown(path), data, options.policy, options.fixing)
            progress.clear()
            _tell(str(path), data, inspected, state)
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug in one file must not hide what is in the others
            progress.clear()
            state.crashed = True
            crash.tell(error, str(path))
    progress.clear()
    _end(state)
    return _status(state)


def _shown(path: str | Unreadable) -> str:
    """Return what messages call a path."""
    return _SHOWN_STDIN if path == STDIN else str(path)


def _read(path: str | Unreadable, state: Run) -> bytes | None:
    """Read a file as bytes; what cannot be read is told."""
    if isinstance(path, str):
        try:
            data = sys.stdin.buffer.read() if path == STDIN else _bytes(path)
        except OSError as error:
            path = Unreadable(path, (error.strerror or str(error)).lower())
        else:
            state.totals.files += 1
            return data
    state.usage = state.usage or path.path in state.options.paths
    _unreadable(path, state)
    return None


def _bytes(path: str) -> bytes:
    """Read a whole file; `open().read()` takes twice as long, and most of a run is reading."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        data = os.read(descriptor, _CHUNK)
        if len(data) == _CHUNK:
            with open(descriptor, "rb", closefd=False) as file:
                data += file.read()
        return data
    finally:
        os.close(descriptor)


def _unreadable(one: Unreadable, state: Run) -> None:
    state.totals.unreadable.append(one)
    print(report.unreadable(one), file=sys.stderr)


def _tell(path: str, data: bytes, inspected: Inspected, state: Run) -> None:
    """Add a file to the totals, print its findings or its diff, and write its fixes."""
    totals, options = state.totals, state.options
    name = _shown(path)
    for broken in inspected.broken:
        _unreadable(Unreadable(name, broken.message, broken.line), state)
    totals.templates += [name] if inspected.template else []
    totals.documents += inspected.documents
    totals.jobs += inspected.kinds["Job"]
    totals.cronjobs += inspected.kinds["CronJob"]
    for found in inspected.findings:
        totals.count(found.violation)
        state.worst = max(state.worst, found.violation.severity)
        if found.violation.severity < options.show:
            continue
        if options.format == "json":
            state.kept.append(found)
        elif not options.diff:
            write = report.concise if options.format == "concise" else report.text
            print(write(found, colour=options.colour), file=state.out)
    if options.fixing is not None:
        _mend(path, data, inspected, state)


def _mend(path: str, data: bytes, inspected: Inspected, state: Run) -> None:
    """Write a file's fixes, or show them."""
    changed = bool(inspected.changes)
    if state.options.diff:
        if changed and state.options.format != "json":
            changes = [(piece.line, piece.text, text) for piece, text in inspected.changes]
            from lint.diff import unified

            state.out.write(unified(report.visible(_shown(path)), data, changes))
        state.worst = max(state.worst, state.options.fail_on if changed else Severity.OFF)
    elif path == STDIN:
        sys.stdout.buffer.write(inspected.data(data))
    elif changed:
        try:
            write(path, inspected.data(data))
        except OSError as error:
            state.usage = True
            print(
                f"{report.visible(path)}: cannot be written: {(error.strerror or str(error)).lower()}",
                file=sys.stderr,
            )
            return
    state.totals.fixed += inspected.fixed
    state.totals.fixed_files += changed


def write(path: str, data: bytes) -> None:
    """Replace a file at once, keeping its mode; of a link, the file that it leads to.

    Raises:
        OSError: it cannot be written; it is as it was.
    """
    from tempfile import mkstemp

    target = os.path.realpath(path)
    known = os.stat(target)
    descriptor, temporary = mkstemp(dir=os.path.dirname(target), prefix=".jobwarden-")
    try:
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, stat.S_IMODE(known.st_mode))
            with suppress(PermissionError):
                os.fchown(descriptor, known.st_uid, known.st_gid)
            file.write(data)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _end(state: Run) -> None:
    """Print what comes after the findings."""
    options, totals = state.options, state.totals
    if options.format == "json":
        print(report.as_json(state.kept, totals), file=state.out)
        return
    if options.stats:
        print(*report.stats(totals), sep="\n", file=state.out)
    if options.strict:
        for name in totals.templates:
            print(
                f"{report.visible(name)}: a template: render it first, and lint what comes out",
                file=sys.stderr,
            )
    line = report.summary(totals, fixing=options.fixing is not None, diff=options.diff)
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
