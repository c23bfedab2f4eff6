"""How far an audit is."""

import sys
import time
from collections.abc import Iterable, Iterator

from webhook.audit.live import Live


class Progress:
    """A line on the terminal that tells how far an audit is; nothing at all elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._next = time.monotonic() + 0.5
        self._shown = False

    def along(self, objects: Iterable[Live]) -> Iterator[Live]:
        """Iterate over objects, and show their number a few times a second."""
        left: dict[str, int] = {}
        for number, one in enumerate(objects, 1):
            left[one.kind] = one.left
            if self._terminal and (now := time.monotonic()) > self._next:
                self._next, self._shown = now + 0.1, True
                told = f"\r{number} of {number + sum(left.values())} Jobs and CronJobs\x1b[K"
                print(told, end="", file=sys.stderr, flush=True)
            yield one
        self.clear()

    def clear(self) -> None:
        """Take the line away before something is printed."""
        if self._shown:
            self._shown = False
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
