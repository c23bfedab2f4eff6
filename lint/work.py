"""Files read, inspected and written back, one after the other; of many, half of them in a second process."""

import os
import signal
import stat
from collections.abc import Generator, Sequence
from contextlib import suppress
from typing import NamedTuple

from lint import crash
from lint.file import Fixing, Inspected, inspect
from lint.policy import Policy
from lint.source import may_hold_a_job
from lint.walk import STDIN, Unreadable

SHOWN_STDIN = "<stdin>"
_CHUNK = 1 << 16
"""Bytes that hold nearly every manifest."""

_MANY = 500
"""Files that are worth a second process: to start it takes as long as to check some twenty Jobs."""


class Order(NamedTuple):
    """What to do with each file."""

    policy: Policy
    fixing: Fixing | None
    diff: bool
    """Show the fixes, do not write them."""


class Done(NamedTuple):
    """What became of a file that has something to tell."""

    path: str
    inspected: Inspected | None = None
    unreadable: Unreadable | None = None
    unwritten: str = ""
    """Why its fixes could not be written."""

    output: str = ""
    """The fixes, as a diff."""

    data: bytes = b""
    """The standard input with its fixes."""

    bug: str = ""
    """What is to be said of a mistake of ours."""


def work(paths: Sequence[str | Unreadable], order: Order) -> Generator[Done | None, None, None]:
    """Work on files in order; None stands for a file in which there is nothing to see."""
    if len(paths) < _MANY or _processors() == 1:
        yield from (_done(path, order) for path in paths)
        return
    middle = len(paths) // 2
    child, pipe = _fork(paths[middle:], order)
    try:
        yield from (_done(path, order) for path in paths[:middle])
        with open(pipe, "rb", closefd=False) as file:
            answer = file.read()
        yield from _unpacked(answer) or (_done(path, order) for path in paths[middle:])
    finally:
        os.close(pipe)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGINT)  # it is done, or nobody waits for it any more
        os.waitpid(child, 0)


def _processors() -> int:
    if not hasattr(os, "fork"):
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _fork(paths: Sequence[str | Unreadable], order: Order) -> tuple[int, int]:
    """Start a process that works on files; return its number, and a pipe that brings what became of them."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child:
        os.close(theirs)
        return child, ours
    try:
        import pickle

        answer = pickle.dumps([_done(path, order) for path in paths], pickle.HIGHEST_PROTOCOL)
        with open(theirs, "wb") as file:
            file.write(answer)
    finally:
        os._exit(0)  # whatever happened: the parent does what was not answered


def _unpacked(answer: bytes) -> list[Done | None]:
    """Read the answer of the second process; nothing if it could not give one."""
    import pickle

    try:
        done: list[Done | None] = pickle.loads(answer)  # noqa: S301 - from ourselves
    except (EOFError, pickle.UnpicklingError):
        return []
    return done


def _done(path: str | Unreadable, order: Order) -> Done | None:
    """Work on one file."""
    if isinstance(path, Unreadable):
        return Done(path.path, unreadable=path)
    name = SHOWN_STDIN if path == STDIN else path
    try:
        data = _bytes(path)
    except OSError as error:
        return Done(path, unreadable=Unreadable(name, _reason(error)))
    if not may_hold_a_job(data) and path != STDIN:
        return None
    try:
        return _mended(path, data, inspect(name, data, order.policy, order.fixing), order)
    except Exception as error:  # noqa: BLE001 - a bug in one file must not hide what is in the others
        return Done(path, bug=crash.text(error, path))


def _bytes(path: str) -> bytes:
    """Read a whole file; `open().read()` takes twice as long, and most of a run is reading."""
    descriptor = 0 if path == STDIN else os.open(path, os.O_RDONLY)
    try:
        data = os.read(descriptor, _CHUNK)
        if len(data) == _CHUNK or path == STDIN:
            with open(descriptor, "rb", closefd=False) as file:
                data += file.read()
        return data
    finally:
        if path != STDIN:
            os.close(descriptor)


def _mended(path: str, data: bytes, inspected: Inspected, order: Order) -> Done:
    """Write a file's fixes, or what they would change."""
    done = Done(path, inspected)
    if order.fixing is None:
        return done
    if order.diff:
        if not inspected.changes:
            return done
        from lint.diff import unified

        changes = [(piece.line, piece.text, text) for piece, text in inspected.changes]
        return done._replace(output=unified(SHOWN_STDIN if path == STDIN else path, data, changes))
    if path == STDIN:
        return done._replace(data=inspected.data(data))
    if inspected.changes:
        try:
            write(path, inspected.data(data))
        except OSError as error:
            return done._replace(unwritten=_reason(error))
    return done


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


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
