"""A server connection that costs no more than it may: the library's, with bounds where it has none.

* Every connection passes the door, from the moment its TCP connection stands.
* Whole messages and control frames are counted against the client's rate.
* Bytes that wait to be handled are bounded, not only frames: the library bounds their number,
  and each may be large.
* A client that pings for ever and reads nothing would fill memory with pongs.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Protocol, cast

from websockets.asyncio.server import Server, ServerConnection
from websockets.datastructures import Headers
from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import Event, State
from websockets.server import ServerProtocol

from bus.access import LimitSettings
from bus.settings import ProxySettings
from identity.throttle import Bucket
from proxy.clients.verifying import Verifying
from proxy.entrance.counts import DoorCounts
from proxy.moving.freight import Conversation, Freight, Message
from proxy.moving.unread import record


class Doorkeeper(Protocol):
    """The door as a connection sees it; there is one, `proxy.entrance.door`."""

    settings: ProxySettings
    limits: LimitSettings
    counts: DoorCounts

    def arrived(self, connection: GuardedConnection) -> None:
        """Its TCP connection stands (and TLS, where there is one)."""
        ...

    def left(self, connection: GuardedConnection) -> None:
        """Its TCP connection ended, whoever ended it, or goes on in another process."""
        ...

    async def verify(self, connection: GuardedConnection, verifying: Verifying) -> None:
        """Fill in who that is."""
        ...


class GuardedConnection(ServerConnection):
    """`address` is what counts as its origin; `on_flood` is called, once, beyond its rate.

    With `resume` it is one whose handshake another process has done: it is called with the
    connection as soon as there is a transport, and before anything is read.
    """

    def __init__(
        self,
        door: Doorkeeper,
        protocol: ServerProtocol,
        server: Server,
        *,
        resume: Callable[[GuardedConnection], None] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(protocol, server, **options)
        self.door = door
        self._resume = resume
        self.address = ""
        #: The other end's address, and whether it speaks TLS. Kept, as a TLS transport that is
        #: lost cannot tell.
        self.peer: Any = None
        self._is_tls = False
        self.on_flood: Callable[[], None] = self._abort
        limits = door.limits
        self._bucket = Bucket(limits.messages_per_s, limits.message_burst)
        self._max_unread = limits.max_unread_bytes + door.settings.max_backlog_bytes
        self._max_waiting = door.settings.max_message_bytes
        self._waiting_bytes = 0
        self._held_up = False
        self._flooded = False
        self._recorder = record(protocol)
        self._opening = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.peer = transport.get_extra_info("peername")
        self._is_tls = transport.get_extra_info("ssl_object") is not None
        if self._resume is None:
            super().connection_made(transport)
            self.door.arrived(self)
        else:  # no opening handshake, and no handler that waits for one
            super(ServerConnection, self).connection_made(transport)
            self._resume(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.door.left(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.request is None:
            self._opening += data
        super().data_received(data)
        if self._opening and self.request is not None:
            self._opening.clear()
        if self.transport.is_closing():
            return
        if self.transport.get_write_buffer_size() > self._max_unread:
            self.door.counts.unread_closed += 1
            self.transport.abort()

    def process_event(self, event: Event) -> None:
        if not isinstance(event, Frame):
            super().process_event(event)
            return
        if self._flooded:
            return
        if event.fin and not self._bucket.take(self.loop.time()):
            self._flooded = True
            self.door.counts.flood_closed += 1
            self.on_flood()
            return
        super().process_event(event)
        if event.opcode in DATA_OPCODES:
            self._waiting_bytes += len(event.data)
            self._hold_up()

    def _hold_up(self) -> None:
        if self._waiting_bytes > self._max_waiting:
            self._held_up = True
            self.transport.pause_reading()

    async def recv(self, decode: bool | None = None) -> Any:
        """As the library's; one message less is waiting then."""
        message = await super().recv(decode)
        # Characters may be fewer than bytes; an empty queue puts that right.
        waiting = self._waiting_bytes - len(message)
        self._waiting_bytes = waiting if len(self.recv_messages.frames) else 0
        if self._held_up and self._waiting_bytes <= self._max_waiting:
            self._held_up = False
            if not self.recv_messages.paused:  # by the library, for their number
                self.transport.resume_reading()
        return message

    # --- on its way to another process ----------------------------------------------------------

    @property
    def is_plain(self) -> bool:
        """Whether all there is to it is its bytes: no TLS session, no compression's dictionary."""
        return not self._is_tls and not self.protocol.extensions

    @property
    def may_yet_move(self) -> bool:
        """Whether it is plain and lives, perhaps in the middle of its handshake."""
        lives = self.state in {State.CONNECTING, State.OPEN}
        return lives and self.is_plain and not self.transport.is_closing()

    @property
    def may_move(self) -> bool:
        """Whether it can go on in another process as it is: its handshake's request has not come.

        Once it has come, and been answered, the client says so.
        """
        return self.request is None and self.may_yet_move

    def socket_copy(self) -> socket.socket:
        """Another descriptor of its socket, the caller's to close."""
        return cast("socket.socket", self.transport.get_extra_info("socket").dup())

    @property
    def unread(self) -> bytes:
        """What was received of a frame, or of the handshake, that is not whole yet."""
        return bytes(self._opening) if self.request is None else self._recorder.unread

    def depart(self, now: float) -> Freight | None:
        """What it takes for another process to go on with the handshake; see `Client.depart`."""
        if not self.may_move:
            return None
        freight = self.freight(now, unsent=b"", conversation=None)
        self.transport.abort()
        return freight

    def freight(self, now: float, *, unsent: bytes, conversation: Conversation | None) -> Freight:
        """What it takes along, whether its handshake is done or not."""
        return Freight(
            id=str(self.id),
            address=self.address,
            allowance=self._bucket.level(self.loop.time()),
            taken_at=now,
            unread=self.unread,
            unsent=unsent,
            conversation=conversation,
        )

    def waiting_frames(self) -> list[Message]:
        """Received and not handled; nobody may be receiving."""
        frames = self.recv_messages.frames.queue
        return [Message(int(one.opcode), one.fin, bytes(one.data)) for one in frames]

    def continue_as(self, freight: Freight, conversation: Conversation) -> None:
        """Begin in the middle: with what another process received and did not handle or send."""
        self.request = Request("/", Headers())
        self.protocol.current_size = conversation.fragment_bytes
        self._bucket.fill(freight.allowance, self.loop.time())
        for one in conversation.messages:
            self.recv_messages.put(Frame(Opcode(one.opcode), one.data, one.fin))
            self._waiting_bytes += len(one.data)
        self._hold_up()
        if freight.unsent:
            self.transport.write(freight.unsent)
        if freight.unread:
            self.data_received(freight.unread)

    def _abort(self) -> None:
        self.transport.abort()
