"""The WebSocket server: the library's handshake, parsing, keep-alive and limits; our clients.

Any path and query string is accepted, no subprotocol is needed, nothing is compressed: what
clients of this protocol send and expect (docs/compatibility.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, cast
from urllib.parse import urlsplit
from uuid import UUID

from websockets.asyncio.server import Server as WebSocketServer
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from bus.access import LimitSettings
from bus.control.exits import Exit
from bus.control.service import ExitError
from proxy.clients.client import CLOSE_TIMEOUT_S, Client
from proxy.desk import Desk
from proxy.entrance.door import Door
from proxy.entrance.guarded import GuardedConnection
from proxy.entrance.pages import Pages
from proxy.entrance.tls import Certificate, TlsError
from proxy.moving.freight import Conversation, Freight
from proxy.protocol.profile import Look, Profile, Shape

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
        #: The one that listens comes last; those before it lent their sockets away for a while.
        self._servers: list[WebSocketServer] = []

    @property
    def clients(self) -> Iterable[Client]:
        return self._clients.keys()

    @property
    def serving(self) -> bool:
        return bool(self._servers) and self._servers[-1].is_serving()

    def prepare(self) -> None:
        """All but listening.

        Raises:
            ExitError: the certificate cannot be used.
        """
        settings = self._desk.settings
        if settings.tls_certificate:
            try:
                self._certificate = Certificate(settings.tls_certificate, settings.tls_key)
            except TlsError as error:
                raise ExitError(Exit.CONFIGURATION, str(error)) from None

    async def start(self) -> str:
        """Listen; returns the address, `ws://HOST:PORT`, or `wss://` with a certificate.

        Raises:
            ExitError: the address cannot be had, or the certificate not be used.
        """
        settings = self._desk.settings
        self.prepare()
        deadline = self._desk.clock.monotonic() + _BIND_PATIENCE_S
        while True:
            try:
                self._servers.append(await self._listen(settings.host, settings.port))
                break
            except OSError as error:
                if error.errno != errno.EADDRINUSE or self._desk.clock.monotonic() > deadline:
                    raise ExitError(Exit.CONFIGURATION, self._why(error)) from None
            await asyncio.sleep(_BIND_RETRY_S)
        port = next(iter(self._servers[-1].sockets)).getsockname()[1]
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
        for server in self._servers:
            server.close(close_connections=False)
        await let_go(self._clients.values())
        with contextlib.suppress(TimeoutError):  # what is still shaking hands may be left so
            async with asyncio.timeout(_HANDLERS_S):
                for server in self._servers:
                    await server.wait_closed()

    # --- from one process to the next ---------------------------------------------------------

    def is_at(self, address: str) -> bool:
        """Whether the configuration means the place of an address, so that its socket will do."""
        settings, there = self._desk.settings, urlsplit(address)
        return there.hostname == settings.host.lower() and settings.port in {0, there.port}

    def address_like(self, address: str) -> str:
        """The address of a socket that served another one: with or without TLS."""
        scheme = "ws" if self._certificate is None else "wss"
        return f"{scheme}://{urlsplit(address).netloc}"

    def lend_sockets(self) -> list[socket.socket]:
        """The sockets that listen, for another process: here nothing is accepted any more.

        Connections that are shaking hands may finish it.
        """
        loop = asyncio.get_running_loop()
        lent = []
        for listening in self._servers[-1].sockets:
            loop.remove_reader(listening.fileno())
            lent.append(listening.dup())
        return lent

    async def listen_on(self, sockets: Iterable[socket.socket], address: str = "") -> None:
        """Accept what comes to sockets that another process lent, or gave back."""
        self._address = address or self._address
        for listening in sockets:
            self._servers.append(await self._listen(sock=listening))

    async def listen_again(self) -> None:
        """The process that was lent the sockets is gone."""
        await self.listen_on([listening.dup() for listening in self._servers[-1].sockets])

    async def adopt(
        self, freight: Freight, sock: socket.socket, arrived: Callable[[Client, Conversation], None]
    ) -> None:
        """Go on with a connection of another process; `arrived` is called before it is read.

        One that was still shaking hands begins with what it has sent so far.
        """
        conversation = freight.conversation
        protocol = ServerProtocol(
            state=State.CONNECTING if conversation is None else State.OPEN,
            max_size=self._desk.settings.max_message_bytes,
        )
        protocol.id = UUID(freight.id)

        def resume(connection: GuardedConnection) -> None:
            if conversation is not None:
                self._resume(connection, freight, conversation, arrived)

        connection = GuardedConnection(
            self.door,
            protocol,
            self._servers[-1],
            resume=None if conversation is None else resume,
            **self._keeping(),
        )
        await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, sock)
        if conversation is None and freight.unread:
            connection.data_received(freight.unread)

    def _resume(
        self,
        connection: GuardedConnection,
        freight: Freight,
        conversation: Conversation,
        arrived: Callable[[Client, Conversation], None],
    ) -> None:
        logged_in = conversation.identity is not None
        self.door.resumed(connection, freight.address, logged_in=logged_in)
        connection.continue_as(freight, conversation)
        look = Look(Shape(conversation.shape), binary=conversation.binary)
        profile = Profile(look, tells_status=conversation.tells_status)
        client = Client(self._desk, connection, profile)
        arrived(client, conversation)
        self._clients[client] = connection
        server = self._servers[-1]
        task = asyncio.get_running_loop().create_task(self._serve_resumed(client, connection))
        server.handler_tasks.add(task)
        task.add_done_callback(server.handler_tasks.discard)

    async def _serve_resumed(self, client: Client, connection: GuardedConnection) -> None:
        """What the library does for a connection once its handshake is done."""
        connection.start_keepalive()
        with contextlib.suppress(Exception):  # it is logged where it happens
            async with connection:
                await self._converse(client, connection)

    # --- connections -----------------------------------------------------------------------

    async def _listen(
        self, host: str | None = None, port: int | None = None, sock: socket.socket | None = None
    ) -> WebSocketServer:
        settings = self._desk.settings
        where = {"reuse_port": settings.workers > 1 or None} if sock is None else {"sock": sock}
        return await serve(
            self._serve,
            host,
            port,
            compression=None,
            server_header=None,
            open_timeout=self.door.limits.open_timeout_s,
            max_size=settings.max_message_bytes,
            backlog=_LISTEN_BACKLOG,
            process_request=self._welcome,
            create_connection=cast("type[ServerConnection]", partial(GuardedConnection, self.door)),
            ssl=None if self._certificate is None else self._certificate.context,
            **where,
            **self._keeping(),
        )

    def _keeping(self) -> dict[str, Any]:
        """How connections are kept, whoever shook hands with them."""
        settings = self._desk.settings
        return {
            "close_timeout": CLOSE_TIMEOUT_S,
            "ping_interval": settings.ping_interval_s,
            "ping_timeout": settings.ping_timeout_s,
            "max_queue": settings.max_queue,
            # Never reached: a full buffer must not keep the library's pings from being sent,
            # for an unanswered ping is how a client that stopped reading is found out.
            "write_limit": 4 * settings.max_backlog_bytes,
        }

    def _welcome(self, connection: ServerConnection, request: Request) -> Response | None:
        return self.door.check(connection, request) or self._pages.answer(connection, request)

    async def _serve(self, connection: ServerConnection) -> None:
        guarded = cast("GuardedConnection", connection)
        await self._converse(Client(self._desk, guarded), guarded)

    async def _converse(self, client: Client, connection: GuardedConnection) -> None:
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


async def let_go(connections: Iterable[ServerConnection]) -> None:
    """End connections without a closing handshake: flush what was written, then close TCP."""
    ending = list(connections)
    for connection in ending:
        connection.transport.close()
    closed = [asyncio.ensure_future(connection.wait_closed()) for connection in ending]
    if closed:
        await asyncio.wait(closed, timeout=_FLUSH_S)
    for connection in ending:
        connection.transport.abort()
