"""What departure and arrival both do: hold topics, read along, go on with a connection."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from bus.clock import Clock
from bus.events import decode_event
from bus.frames import Frame
from bus.topics import EVENT_MARK
from proxy.clients.client import Client
from proxy.desk import Desk
from proxy.entrance.server import Server
from proxy.moving.crossing import Crossing
from proxy.moving.freight import Conversation, Freight
from proxy.orders import OrderDesk

_LOOK_S: Final = 0.001
_EVENT_BYTE: Final = EVENT_MARK.encode()


class Harbour:
    """One process's side, for as long as clients move.

    `events` are the newest that were delivered here, of each adapter and service.
    """

    def __init__(
        self, desk: Desk, server: Server, orders: OrderDesk, events: Iterable[Frame]
    ) -> None:
        self.desk = desk
        self.server = server
        self.crossing = Crossing()
        #: Topics (ending in NUL) that are held so that nobody's coming or going ends them.
        self.held: dict[bytes, None] = {}
        self._orders = orders
        self.crossing.begin([*desk.lanes.routes.newest(), *events], settled=True)

    @property
    def event_topics(self) -> list[bytes]:
        """Of all who have told an event."""
        return [topic for topic in self.crossing.last if topic.startswith(_EVENT_BYTE)]

    def note(self, frames: Iterable[Frame]) -> None:
        """The bus brought these."""
        self.crossing.note(frames)

    def hold(self, adapter: str, topic: bytes) -> None:
        """See to it that the topic goes on coming."""
        if topic not in self.held:
            self.held[topic] = None
            self.desk.demand.take(adapter, topic)

    def close(self) -> None:
        """Hold nothing any more."""
        for topic in self.held:
            self.desk.demand.release(topic)
        self.held.clear()

    async def adopt(self, freight: Freight, sock: socket.socket) -> None:
        """Go on with a connection: with all that came since its last word from the other side."""
        await self.server.adopt(freight, sock, self._arrived)

    def _arrived(self, client: Client, conversation: Conversation) -> None:
        client.arrive(conversation, self.crossing)
        for frame in self.crossing.events():
            with contextlib.suppress(msgspec.DecodeError):  # counted where it came in
                adapter = frame.topic.removeprefix(_EVENT_BYTE).decode()
                self._orders.hear([client.session], adapter, decode_event(frame.payload))


async def until(condition: Callable[[], bool], clock: Clock, timeout_s: float) -> bool:
    """Wait for what messages and the bus bring about; whether they did."""
    deadline = clock.monotonic() + timeout_s
    while not condition():
        if clock.monotonic() >= deadline:
            return False
        await asyncio.sleep(_LOOK_S)
    return True
