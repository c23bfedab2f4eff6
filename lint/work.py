"""Files read, inspected and written back, one after the other; what is much, in two processes."""

import os
import stat
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from typing import NamedTuple

from lint import crash
from lint.file import Changing, Foretelling, Inspected, Task, inspect, inspect_parts
from lint.policy import Policy
from lint.source import may_hold_a_job, pieces
from lint.together import blocks, processors, together
from lint.walk import STDIN, Entry, Rendered, Unreadable

SHOWN_STDIN = "<stdin>"
_CHUNK = 1 << 13
"""Bytes that hold most manifests: a larger buffer takes longer to get than a file to read."""

_MANY_FILES = 500
_MANY_DOCUMENTS = 100
"""So many are worth a second process: to start it takes as long as to check some twenty Jobs."""
_FILES = 32
_DOCUMENTS = 8
"""So many are done in one go."""

_OFTEN = 100
"""So many files later at the latest, somebody is told how far it is."""


class Order(NamedTuple):
    """What to do with each file."""

    policy: Policy
    task: Task
    diff: bool
    """Show the fixes, do not write them."""

    alone: bool = False
    """There is no processor left for a second process."""


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

    rendered: bool = False
    """There is no file that fixes could be made in."""


def work(paths: Sequence[Entry], order: Order) -> Generator[Done | int, None, None]:
    """Work on files in order; a number stands for so many files in which there is nothing to see."""
    order = order._replace(alone=processors() == 1)
    if len(paths) < _MANY_FILES or order.alone:
        yield from _all_done(paths, order)
        return
    order = order._replace(alone=True)
    cut = blocks(paths, _FILES)
    with closing(together(cut, lambda block: list(_all_done(block, order)))) as results:
        for result in results:
            yield from result


def _all_done(paths: Sequence[Entry], order: Order) -> Iterator[Done | int]:
    """Work on files one after the other."""
    passed = 0
    for path in paths:
        done = _done(path, order)
        if done is None:
            passed += 1
        if passed and (done is not None or passed == _OFTEN):
            yield passed
            passed = 0
        if done is not None:
            yield done
    yield passed


def _done(path: Entry, order: Order) -> Done | None:
    """Work on one file."""
    if isinstance(path, Unreadable):
        return Done(path.path, unreadable=path)
    if isinstance(path, Rendered):
        return _looked_at(path, order)
    name = SHOWN_STDIN if path == STDIN else path
    try:
        data = read(path)
    except OSError as error:
        return Done(path, unreadable=Unreadable(name, _reason(error)))
    if not may_hold_a_job(data) and path != STDIN:
        return None
    try:
        return _mended(path, data, _inspected(name, data, _ordered(path, order)), order)
    except Exception as error:  # noqa: BLE001 - a bug in one file must not hide what is in the others
        return Done(path, bug=crash.text(error, path))


def _looked_at(one: Rendered, order: Order) -> Done | None:
    """Work on what was rendered: nobody can write fixes to it."""
    if not may_hold_a_job(one.data):
        return None
    task = order.task if isinstance(order.task, Foretelling) else None
    try:
        order = _ordered(one.made_from, order)._replace(task=task)
        return Done(one.path, _inspected(one.path, one.data, order), rendered=True)
    except Exception as error:  # noqa: BLE001 - a bug in one file must not hide what is in the others
        return Done(one.path, bug=crash.text(error, one.path))


def _ordered(path: str, order: Order) -> Order:
    """Put in the policy for a file; the webhook knows of no files, and the standard input is none."""
    if order.policy.overrides is None or path == STDIN or isinstance(order.task, Foretelling):
        return order
    return order._replace(policy=in_file(order.policy, path))


def in_file(policy: Policy, path: str) -> Policy:
    """Return the policy for a file, by the overrides that ask for its path.

    A link is not followed, the folders above it are.
    """
    overrides = policy.overrides
    if overrides is None or not overrides.by_path:
        return policy
    folder, name = os.path.split(path)
    place = os.path.join(os.path.realpath(folder), name)
    below = os.path.relpath(place, os.path.realpath(overrides.folder))
    return overrides.in_file(policy, below.replace(os.sep, "/"))


def _inspected(name: str, data: bytes, order: Order) -> Inspected:
    """Inspect a file, many documents together with a second process."""
    policy, task = order.policy, order.task
    if order.alone or data.count(b"\n---") < _MANY_DOCUMENTS:
        return inspect(name, data, policy, task)
    cut = blocks(list(pieces(data)), _DOCUMENTS)
    inspected = Inspected(name)
    with closing(together(cut, lambda parts: inspect_parts(name, parts, policy, task))) as results:
        for below in results:
            inspected.join(below)
    return inspected.settled()


def read(path: str) -> bytes:
    """Read a whole file; `open().read()` takes twice as long, and most of a run is reading."""
    if path == STDIN:
        return sys.stdin.buffer.read()
    descriptor = os.open(path, os.O_RDONLY)
    try:
        data = os.read(descriptor, _CHUNK)
        if len(data) == _CHUNK:
            with open(descriptor, "rb", closefd=False) as file:
                data += file.read()
        return data
    finally:
        os.close(descriptor)


def _mended(path: str, data: bytes, inspected: Inspected, order: Order) -> Done:
    """Write a file's fixes, or what they would change."""
    done = Done(path, inspected)
    if not isinstance(order.task, Changing):
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
    """Replace a file at once, keeping its mode, or make it; of a link, the file that it leads to.

    Raises:
        OSError: it cannot be written; it is as it was.
    """
    target = os.path.realpath(path)
    known = os.stat(target) if os.path.lexists(target) else None
    temporary = os.path.join(os.path.dirname(target), f".jobwarden-{os.urandom(8).hex()}")
    mode = stat.S_IRUSR | stat.S_IWUSR if known else 0o666  # less what the umask takes
    try:  # made in here, for an interrupt can come at any moment
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "wb") as file:
            if known:
                os.fchmod(descriptor, stat.S_IMODE(known.st_mode))
                with suppress(PermissionError):
                    os.fchown(descriptor, known.st_uid, known.st_gid)
            file.write(data)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
