"""Servers: uvicorn on sockets that are there before it, with the end of everything in sight."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from webhook.protocol import DeadlineProtocol
from webhook.settings import UserError
from webhook.tls import Certificates

_KEEP_ALIVE = 120
"""Seconds; API servers keep idle connections for 90, and lose a request when they find one closed."""
_DRAIN = 10
"""How long requests may go on after the end, in seconds."""
_FAREWELL = 2.0
"""How long a client may take to say goodbye in TLS, in seconds."""


class Server(uvicorn.Server):
    """A server, for who starts it and shuts it down, and heeds signals.

    `serve` of its base class would heed signals itself, and does nothing else that is needed.
    """

    def __init__(
        self,
        app: ASGIApp,
        listening: socket.socket,
        certificates: Certificates | None = None,
        protocol: type[DeadlineProtocol] = DeadlineProtocol,
    ) -> None:
        config = uvicorn.Config(
            app, http=protocol, ws="none", lifespan="off", interface="asgi3",
            log_config=None, access_log=False, proxy_headers=False, server_header=False, date_header=False,
            timeout_keep_alive=_KEEP_ALIVE, timeout_graceful_shutdown=_DRAIN,
            ssl_context_factory=(lambda _config, _default: certificates.context) if certificates else None,
        )  # fmt: skip
        config.load()
        super().__init__(config)
        self.lifespan = config.lifespan_class(config)
        self._listening, self._protocol = listening, protocol

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - as in uvicorn
        """Begin to serve; clients have seconds, not minutes, for their part of TLS."""
        limits: dict[str, Any] = {}
        if self.config.ssl:
            limits = {"ssl_handshake_timeout": self._protocol.receipt, "ssl_shutdown_timeout": _FAREWELL}
        server = await asyncio.get_running_loop().create_server(
            lambda: self._protocol(self.config, self.server_state, {}),
            sock=self._listening,
            ssl=self.config.ssl,
            backlog=self.config.backlog,
            **limits,
        )
        self.servers = [server]
        self.started = True

    def see_off(self) -> None:
        """Have each client connect anew for its next request, elsewhere if it can.

        A connection that is closed while a client sends a request loses it: Go does not repeat a POST.
        """
        self.server_state.default_headers.append((b"connection", b"close"))


def listen(host: str, port: int) -> socket.socket:
    """Take a port, 0 for a free one; who connects has to wait until somebody serves it.

    Raises:
        UserError: it is taken, or there is no such address.
    """
    both = not host and socket.has_dualstack_ipv6()
    try:
        found = socket.getaddrinfo(host or ("::" if both else "0.0.0.0"), port, type=socket.SOCK_STREAM)  # noqa: S104 - Pods are reached from everywhere
        family, type_, protocol, _, address = found[0]
        listening = socket.socket(family, type_, protocol)  # with its protocol, asyncio sets TCP_NODELAY
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if both:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listening.bind(address)
        listening.listen()
    except OSError as error:
        place = f"{host or 'all addresses'}, port {port}"
        raise UserError(f"cannot listen on {place}: {(error.strerror or str(error)).lower()}") from error
    return listening


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the fastest event loop there is."""
    try:
        import uvloop
    except ImportError:  # there is none for Windows
        return None
    return uvloop.new_event_loop
