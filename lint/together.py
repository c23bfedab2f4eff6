"""Tasks that two processes do together, with the results in order."""

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from typing import Any, TypeVar

_TICKETS = 4096
"""A pipe has room for so many bytes everywhere."""

T = TypeVar("T")
R = TypeVar("R")


def processors() -> int:
    """Count the processors that this process may use; one, where the system cannot fork."""
    if not hasattr(os, "fork"):
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def blocks(whole: Sequence[T], size: int) -> list[Sequence[T]]:
    """Cut into blocks that are done in one go, not more than a pipe has room for tickets."""
    size = max(size, len(whole) // _TICKETS + 1)
    return [whole[start : start + size] for start in range(0, len(whole), size)]


def together(tasks: Sequence[T], do: Callable[[T], R]) -> Generator[R, None, None]:
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
