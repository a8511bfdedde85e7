"""The HTTP server: uvicorn in the process's own event loop.

Its work per request is bounded and small. What it costs the ticks, and whether a thread of its own
would cost less, has not been measured yet.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Final

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from bus.http import InOurLoop, cannot_listen, configured, family

logger = logging.getLogger(__name__)

_BACKLOG: Final = 512
#: Longer than the `openalgo` package keeps an idle connection.
_KEEP_ALIVE_S: Final = 130
#: How long requests under way may take once the server is told to end.
_FINISH_S: Final = 3


class Server:
    """Serves an application on a listening socket, and can stand still between two requests."""

    def __init__(self, app: ASGIApp) -> None:
        self._config = configured(app, finish_s=_FINISH_S, timeout_keep_alive=_KEEP_ALIVE_S)
        self._server = InOurLoop(self._config)
        self._serving: asyncio.Task[None] | None = None
        self._accepting: asyncio.Server | None = None
        #: The socket that listens while nothing is accepted.
        self._lent: socket.socket | None = None
        self._paused = False

    @property
    def accepts(self) -> bool:
        """Whether new connections are served here."""
        return self._accepting is not None

    @property
    def connections(self) -> int:
        return sum(not one.transport.is_closing() for one in self._connections())

    def start(self) -> None:
        """Begin the server's upkeep; it has no socket yet."""
        self._serving = asyncio.create_task(self._server.serve([]))

    async def accept(self, listener: socket.socket) -> None:
        """Serve whoever connects."""
        loop = asyncio.get_running_loop()
        self._accepting = await loop.create_server(self._protocol, sock=listener, backlog=_BACKLOG)

    async def adopt(self, connection: socket.socket) -> None:
        """Serve one that another process accepted and that is between two requests."""
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(self._protocol, connection)

    async def stop(self) -> None:
        """Accept no more, finish what is under way, close what is idle."""
        if self._accepting is not None:
            self._accepting.close()
            self._accepting = None
        if self._lent is not None:
            self._lent.close()
            self._lent = None
        if self._serving is not None:
            self._server.should_exit = True
            await self._serving
            self._serving = None

    # --- standing still ---------------------------------------------------------------------------

    def pause(self) -> bool:
        """Accept nothing, and read no request that has not begun; whether none is under way.

        To be called again until it is true: those that finish stand still then, too.
        """
        if self._accepting is not None:
            self._lent = self._accepting.sockets[0].dup()
            self._accepting.close()
            self._accepting = None
        self._paused = True
        connections = self._connections()
        for connection in connections:
            connection.stand_still()
        return all(connection.is_idle for connection in connections)

    async def proceed(self) -> None:
        """Go on as before `pause`."""
        self._paused = False
        if self._lent is not None:
            listener, self._lent = self._lent, None
            await self.accept(listener)
        for connection in self._connections():
            connection.go_on()

    @property
    def lent(self) -> socket.socket | None:
        """The socket that listens, while nothing is accepted here; it stays the server's."""
        return self._lent

    def still(self) -> list[Connection]:
        """The connections that stand still now."""
        return [one for one in self._connections() if one.is_idle]

    def _protocol(self) -> Connection:
        if not self._config.loaded:
            self._config.load()
        return Connection(self._config, self._server.server_state, lambda: self._paused)

    def _connections(self) -> list[Connection]:
        connections = list(self._server.server_state.connections)
        return [one for one in connections if isinstance(one, Connection)]


class Connection(H11Protocol):
    """A client's, which stands still after its answer while `is_paused` says so."""

    def __init__(
        self, config: uvicorn.Config, state: ServerState, is_paused: Callable[[], bool]
    ) -> None:
        super().__init__(config, state, {})
        self._is_paused = is_paused

    @property
    def is_idle(self) -> bool:
        """Between two requests, with nothing read that was not answered and sent."""
        connection, transport = self.conn, self.transport
        return (
            connection.our_state is h11.IDLE
            and connection.their_state is h11.IDLE
            and connection.trailing_data == (b"", False)
            and not transport.get_write_buffer_size()
            and not transport.is_closing()
        )

    def copy(self) -> socket.socket:
        """Its socket once more, for another process."""
        found: socket.socket = self.transport.get_extra_info("socket")
        return found.dup()

    def let_go(self) -> None:
        """Close it here, unseen by the client: another process has its socket."""
        self.transport.abort()

    def stand_still(self) -> None:
        if self.is_idle:
            self.transport.pause_reading()

    def go_on(self) -> None:
        if not self.transport.is_closing() and not self.flow.read_paused:
            self.transport.resume_reading()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._is_paused():
            self.stand_still()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_paused():
            self.stand_still()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ExitError: the address cannot be had."""
    try:
        return socket.create_server((host, port), family=family(host), backlog=_BACKLOG)
    except OSError as error:
        raise cannot_listen("marketdata", host, port, error) from None


def address(listener: socket.socket) -> str:
    """Where a listener is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
