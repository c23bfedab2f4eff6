"""Files read, inspected and written back, one after the other; what is much, in two processes."""

import os
import stat
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from typing import Any, NamedTuple, TypeVar

from lint import crash
from lint.file import Changing, Foretelling, Inspected, Task, inspect, inspect_parts
from lint.policy import Policy
from lint.source import may_hold_a_job, pieces
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
_TICKETS = 4096
"""A pipe has room for so many bytes everywhere."""

_OFTEN = 100
"""So many files later at the latest, somebody is told how far it is."""


T = TypeVar("T")
R = TypeVar("R")


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
    order = order._replace(alone=_processors() == 1)
    if len(paths) < _MANY_FILES or order.alone:
        yield from _all_done(paths, order)
        return
    order = order._replace(alone=True)
    blocks = _blocks(paths, _FILES)
    with closing(_together(blocks, lambda block: list(_all_done(block, order)))) as results:
        for result in results:
            yield from result


def _processors() -> int:
    if not hasattr(os, "fork"):
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _blocks(whole: Sequence[T], size: int) -> list[Sequence[T]]:
    """Cut into blocks that are done in one go, not more than a pipe has room for tickets."""
    size = max(size, len(whole) // _TICKETS + 1)
    return [whole[start : start + size] for start in range(0, len(whole), size)]


def _together(tasks: Sequence[T], do: Callable[[T], R]) -> Generator[R, None, None]:
    """Do tasks in two processes, and give the results in order.

    Jobs are seldom spread evenly: so this process begins at the front and the second one at the back, each
    takes a ticket before every task, and when there are no more they have met.
    """
    tickets, deposit = os.pipe()
    os.write(deposit, bytes(len(tasks)))
    os.close(deposit)

    def ticketed(some: Iterable[T]) -> Iterator[T]:
        return (task for task in some if os.read(tickets, 1))

    try:
        with closing(_Second(lambda: [do(task) for task in ticketed(reversed(tasks))])) as second:
            done = 0
            for task in ticketed(tasks):
                yield do(task)
                done += 1
            answer = second.answer() or []
        missing = tasks[done : len(tasks) - len(answer)]  # all that the second process had, if it broke
        yield from map(do, missing)
        yield from reversed(answer)
    finally:
        os.close(tickets)


class _Second:
    """A process that does a task beside this one."""

    def __init__(self, task: Callable[[], Any]) -> None:
        self._pipe, theirs = os.pipe()
        self._process = os.fork()
        if self._process:
            os.close(theirs)
            return
        try:
            import pickle

            answer = pickle.dumps(task(), pickle.HIGHEST_PROTOCOL)
            with open(theirs, "wb") as file:
                file.write(answer)
        finally:
            os._exit(0)  # whatever happened: the parent does what was not answered

    def answer(self) -> Any:
        """Wait for what the task returned; None if it could not be done."""
        import pickle

        with open(self._pipe, "rb", closefd=False) as file:
            answer = file.read()
        try:
            return pickle.loads(answer)  # noqa: S301 - from ourselves
        except (EOFError, pickle.UnpicklingError):
            return None

    def close(self) -> None:
        """End the process: it is done, or nobody waits for it any more."""
        import signal  # of no use to a run with one process

        os.close(self._pipe)
        with suppress(ProcessLookupError):
            os.kill(self._process, signal.SIGINT)
        os.waitpid(self._process, 0)


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
    blocks = _blocks(list(pieces(data)), _DOCUMENTS)
    inspected = Inspected(name)
    with closing(_together(blocks, lambda parts: inspect_parts(name, parts, policy, task))) as results:
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
