"""The WebSocket server: the library's handshake, parsing, keep-alive and limits; our clients.

Any path and query string is accepted, no subprotocol is needed, nothing is compressed: what
clients of this protocol send and expect (docs/compatibility.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from collections.abc import Iterable
from typing import Final, cast

from websockets.asyncio.server import Server as WebSocketServer
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from bus.access import LimitSettings
from bus.exits import Exit
from bus.process import ExitError
from proxy.client import CLOSE_TIMEOUT_S, Client
from proxy.desk import Desk
from proxy.door import Door
from proxy.guarded import GuardedConnection
from proxy.pages import Pages
from proxy.tls import Certificate, TlsError

logger = logging.getLogger(__name__)

#: Clients reconnect all at once after a restart.
_LISTEN_BACKLOG: Final = 1024
#: A predecessor may still be letting go of the port.
_BIND_PATIENCE_S: Final = 2.0
_BIND_RETRY_S: Final = 0.1
#: How long a stopping server lets clients read what was written to them.
_FLUSH_S: Final = 0.5
_HANDLERS_S: Final = 0.5


class Server:
    """Listens, and keeps the clients that are connected."""

    def __init__(self, desk: Desk, limits: LimitSettings) -> None:
        self._desk = desk
        self.door = Door(desk.settings, limits, desk.authority, desk.clock)
        self._certificate: Certificate | None = None
        self._clients: dict[Client, ServerConnection] = {}
        self._pages = Pages(desk, lambda: self._address)
        self._address = ""
        self._server: WebSocketServer | None = None

    @property
    def clients(self) -> Iterable[Client]:
        return self._clients.keys()

    @property
    def serving(self) -> bool:
        return self._server is not None and self._server.is_serving()

    async def start(self) -> str:
        """Listen; returns the address, `ws://HOST:PORT`, or `wss://` with a certificate.

        Raises:
            ExitError: the address cannot be had, or the certificate not be used.
        """
        settings = self._desk.settings
        if settings.tls_certificate:
            try:
                self._certificate = Certificate(settings.tls_certificate, settings.tls_key)
            except TlsError as error:
                raise ExitError(Exit.CONFIGURATION, str(error)) from None
        deadline = self._desk.clock.monotonic() + _BIND_PATIENCE_S
        while True:
            try:
                self._server = await self._listen()
                break
            except OSError as error:
                if error.errno != errno.EADDRINUSE or self._desk.clock.monotonic() > deadline:
                    raise ExitError(Exit.CONFIGURATION, self._why(error)) from None
            await asyncio.sleep(_BIND_RETRY_S)
        port = next(iter(self._server.sockets)).getsockname()[1]
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        scheme = "ws" if self._certificate is None else "wss"
        self._address = f"{scheme}://{host}:{port}"
        return self._address

    def look_at_certificate(self) -> None:
        """Now and then: take a renewed certificate."""
        if self._certificate is not None:
            self._certificate.look()

    async def stop(self) -> None:
        """Let go of the port, then of the clients: without a closing handshake.

        After a completed handshake, whatever its code, OpenAlgo's web UI stays disconnected;
        after a broken connection it retries, as the SDKs that reconnect at all do in both
        cases. So what was written is flushed and TCP closed.
        """
        if self._server is None:
            return
        self._server.close(close_connections=False)
        connections = list(self._clients.values())
        for connection in connections:
            connection.transport.close()
        closed = [asyncio.ensure_future(connection.wait_closed()) for connection in connections]
        if closed:
            await asyncio.wait(closed, timeout=_FLUSH_S)
        for connection in connections:
            connection.transport.abort()
        with contextlib.suppress(TimeoutError):  # what is still shaking hands may be left so
            async with asyncio.timeout(_HANDLERS_S):
                await self._server.wait_closed()

    async def _listen(self) -> WebSocketServer:
        settings = self._desk.settings
        return await serve(
            self._serve,
            settings.host,
            settings.port,
            compression=None,
            server_header=None,
            open_timeout=self.door.limits.open_timeout_s,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=settings.ping_interval_s,
            ping_timeout=settings.ping_timeout_s,
            max_size=settings.max_message_bytes,
            max_queue=settings.max_queue,
            # Never reached: a full buffer must not keep the library's pings from being sent,
            # for an unanswered ping is how a client that stopped reading is found out.
            write_limit=4 * settings.max_backlog_bytes,
            backlog=_LISTEN_BACKLOG,
            process_request=self._welcome,
            reuse_port=settings.workers > 1 or None,
            create_connection=cast("type[ServerConnection]", self.door.connection),
            ssl=None if self._certificate is None else self._certificate.context,
        )

    def _welcome(self, connection: ServerConnection, request: Request) -> Response | None:
        return self.door.check(connection, request) or self._pages.answer(connection, request)

    async def _serve(self, connection: ServerConnection) -> None:
        client = Client(self._desk, cast("GuardedConnection", connection))
        self._clients[client] = connection
        try:
            await client.converse()
        except Exception:
            # Said here: the library's own log is muted, since probes would fill it.
            logger.exception("client %s ended by a defect", client)
            raise
        finally:
            del self._clients[client]

    def _why(self, error: OSError) -> str:
        settings = self._desk.settings
        place = f"port {settings.port} on {settings.host}"
        if error.errno == errno.EADDRINUSE:
            return f"{place} is in use by another program (OpenAlgo's own proxy?)"
        return f"cannot listen on {place}: {error.strerror or error}"
