"""How far a long run is."""

import sys
import time


class Progress:
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
