"""HTTP as uvicorn reads it, with an end to all that a client can drag out or pile up.

Uvicorn itself waits for ever for the rest of a request, and takes header fields of any size.
"""

import asyncio
from time import perf_counter

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

RECEIVED = "jobwarden.received"
"""Where the scope of a request has the time of its first byte, by `perf_counter`."""


class _Whole(asyncio.Transport):
    """A transport that holds the head of a reply back until its body comes, as ASGI asks for.

    Uvicorn writes them one after the other: each costs a system call, a record of TLS and a packet.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport, self._held = transport, b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write, unless it is the head of a reply and no interim one, for which clients wait."""
        if not self._held and data[:9] == b"HTTP/1.1 " and data[9:10] != b"1":
            self._held = bytes(data)
        else:
            self._transport.write(self._held + data)
            self._held = b""

    def flush(self) -> None:
        """Write what is held back."""
        if self._held:
            self._transport.write(self._held)
            self._held = b""

    def close(self) -> None:
        """End the connection after all that was written."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """End the connection."""
        self._transport.abort()

    def is_closing(self) -> bool:
        """Tell whether the connection is at its end."""
        return self._transport.is_closing()


class DeadlineProtocol(HttpToolsProtocol):
    """A connection that always has a deadline.

    A request must be there within seconds after its first byte. Before its first request, too, a connection
    may be idle for as long as between two: Go dials ahead, and does not repeat a POST that meets a close.
    """

    receipt = 10.0
    """For a request, in seconds."""
    head = 64 * 1024
    """The largest request line with header fields, in bytes."""
    message = 16 * 1024 * 1024
    """The largest request, with all that chunks cost: no memory, but time."""
    most = 1000
    """How many connections there may be. API servers have dozens; each takes 50 KB and a descriptor."""

    _due = 0.0
    """When the connection ends, by the clock of the loop."""
    _look: asyncio.TimerHandle | None = None
    _left = head

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Begin a connection, unless there are too many."""
        super().connection_made(transport)
        self.transport = self._whole = _Whole(transport)
        if len(self.connections) > self.most:
            transport.abort()
        self._allow(self.timeout_keep_alive)
        self._look_out()

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection."""
        if self._look:
            self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, up to a limit."""
        super().data_received(data)
        self._left -= len(data)
        if self._left < 0:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope[RECEIVED] = perf_counter()  # type: ignore[literal-required]  # one of ours
        self._left = self.head
        self._allow(self.receipt)

    def on_headers_complete(self) -> None:
        """Go on to the body."""
        super().on_headers_complete()
        self._left = self.message

    def on_message_complete(self) -> None:
        """End a request; whoever answers it is faster than the next deadline."""
        super().on_message_complete()
        self._allow(self.timeout_keep_alive)

    def on_response_complete(self) -> None:
        """End a reply, which may have no body."""
        self._whole.flush()
        super().on_response_complete()

    def _allow(self, seconds: float) -> None:
        """Set the deadline. There is no farewell: a client that drags its feet would drag it out as well."""
        self._due = self.loop.time() + seconds

    def _look_out(self) -> None:
        """End the connection if it is time to, or look again soon: timers of each request cost more."""
        if self.loop.time() >= self._due:
            self.transport.abort()
        else:
            self._look = self.loop.call_later(self.receipt / 8, self._look_out)
