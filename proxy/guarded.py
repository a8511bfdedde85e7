"""A server connection that costs no more than it may: the library's, with bounds where it has none.

* Every connection passes the door, from the moment its TCP connection stands.
* Whole messages and control frames are counted against the client's rate.
* Bytes that wait to be handled are bounded, not only frames: the library bounds their number,
  and each may be large.
* A client that pings for ever and reads nothing would fill memory with pongs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from websockets.asyncio.server import Server, ServerConnection
from websockets.frames import DATA_OPCODES, Frame
from websockets.protocol import Event
from websockets.server import ServerProtocol

from identity.throttle import Bucket

if TYPE_CHECKING:
    from proxy.door import Door


class GuardedConnection(ServerConnection):
    """`address` is what counts as its origin; `on_flood` is called, once, beyond its rate."""

    def __init__(
        self, door: Door, protocol: ServerProtocol, server: Server, **options: Any
    ) -> None:
        super().__init__(protocol, server, **options)
        self.door = door
        self.address = ""
        self.on_flood: Callable[[], None] = self._abort
        limits = door.limits
        self._bucket = Bucket(limits.messages_per_s, limits.message_burst)
        self._max_unread = limits.max_unread_bytes + door.settings.max_backlog_bytes
        self._max_waiting = door.settings.max_message_bytes
        self._waiting_bytes = 0
        self._held_up = False
        self._flooded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.door.arrived(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.door.left(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
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

    def _abort(self) -> None:
        self.transport.abort()
