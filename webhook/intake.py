"""The way in: which requests are taken, and how much of them at a time."""

import asyncio
from contextlib import suppress

from starlette.types import Receive, Scope

LIMIT = 7 * 1024 * 1024
"""The largest body, in bytes: API servers store objects of up to 3 MiB, and an update shows two of them."""
BUDGET = 32 * 1024 * 1024
"""How much all bodies may take together, in bytes: so that 256 MiB of memory are enough."""
LARGE = 256 * 1024
"""From how many bytes on a body is large."""
REASONS = ("method", "media_type", "too_large", "malformed", "memory", "late", "disconnected", "failed")
"""Why a request gets no decision."""
_FAREWELL = 2.0
"""How long a client that is refused may go on sending, in seconds."""


class Refusal(Exception):
    """A request that gets no decision; the message says what to mend."""

    def __init__(self, status: int, reason: str, message: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        """One of REASONS."""
        self.headers = headers


class Gone(Exception):
    """The client has hung up."""


class Room:
    """The memory that all bodies share, and what is made of them."""

    def __init__(self, free: int = BUDGET) -> None:
        self.free = free
        self.desk = asyncio.Lock()
        """Where one body of LARGE bytes or more is looked at: its tree takes 15 times as much."""


class Body:
    """The body of a request, which takes room until it is forgotten."""

    def __init__(self, room: Room) -> None:
        self._room, self._size, self._content = room, 0, bytearray()
        self.unread = True
        """There may be more of it to come."""

    async def read(self, receive: Receive) -> bytes:
        """Read all of it.

        Raises:
            Refusal: there is no room for it.
            Gone: it does not come.
        """
        while self.unread:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Gone
            chunk: bytes = message.get("body", b"")
            self.unread = message.get("more_body", False)
            self._size += len(chunk)
            self._room.free -= len(chunk)
            if self._size > LIMIT:
                raise _too_large()
            if self._room.free < 0:
                raise Refusal(503, "memory", "too many large objects at once", (b"retry-after", b"1"))
            if not (self.unread or self._content):
                return chunk
            self._content += chunk
        content, self._content = bytes(self._content), bytearray()
        return content

    def forget(self) -> None:
        """Make room for others."""
        self._room.free += self._size
        self._size, self._content = 0, bytearray()


def check_head(scope: Scope) -> None:
    """Refuse what can be refused before the body is read."""
    if scope["method"] != "POST":
        raise Refusal(405, "method", "an AdmissionReview comes with POST", (b"allow", b"POST"))
    media_type = b""
    for name, value in scope["headers"]:
        if name == b"content-type":
            media_type = value
        elif name == b"content-length" and int(value) > LIMIT:
            raise _too_large()
        elif name == b"content-encoding" and value.lower() != b"identity":
            raise Refusal(415, "media_type", "an AdmissionReview comes without a content-encoding")
    if media_type.partition(b";")[0].strip().lower() != b"application/json":
        raise Refusal(415, "media_type", "an AdmissionReview has the content-type application/json")


async def see_off(receive: Receive) -> None:
    """Read on for a while: when unread bytes are dropped, the system may drop the reply to them as well."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_FAREWELL):
            while (await receive()).get("more_body", False):
                pass


def _too_large() -> Refusal:
    return Refusal(413, "too_large", f"an AdmissionReview has up to {LIMIT} bytes")
