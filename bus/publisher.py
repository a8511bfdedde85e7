"""The publishing end of the data plane: one per adapter process.

The port is bound first and announced after: the kernel chooses it, `endpoint` tells it.
Demand comes up the same socket (`on_demand`); libzmq counts it over all consumers, sends it
again when one reconnects, and withdraws it when one dies.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import zmq

from bus import frames, sockets, welcome
from bus.clock import Clock, SystemClock
from bus.drain import Drain
from bus.events import EndOfStream, encode_event
from bus.frames import Kind
from bus.secret import Secret
from bus.topics import event_topic
from bus.transport import Sender
from bus.wants import Demand, Wants

#: Once, since an enum's member is looked up at a price.
_TICK: Final = Kind.TICK
_pack = frames.HEADER.pack


class Publisher:
    """Publishes frames and reports demand. Made inside a running event loop.

    With a `lane` (`bus.transport`), which is closed with it, every frame goes there, and to the
    socket only what somebody wants from the socket.
    With `lossless`, `relay` says that a consumer is full in place of losing its frames; for
    sources that can wait. A live one cannot.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        *,
        adapter: str,
        generation: int,
        secret: Secret,
        on_demand: Callable[[list[Demand]], None],
        clock: Clock | None = None,
        lane: Sender | None = None,
        lossless: bool = False,
    ) -> None:
        self.adapter = adapter
        self.generation = generation
        self.published_total = 0
        self._event_topic = event_topic(adapter)
        self._sequences: dict[bytes, int] = {}
        self._wants = Wants(self._event_topic)
        self._state = b""
        self._on_demand = on_demand
        self._clock = clock or SystemClock()
        greeting = welcome.make(secret, adapter, generation)
        self._socket = sockets.publisher(context, greeting, lossless=lossless)
        self._socket.bind(sockets.LOOPBACK_ANY_PORT)
        self.endpoint = sockets.bound_endpoint(self._socket)
        # Past the library's Python layer, for whose options there is no use here.
        self._send: Callable[[bytes, int], object] = super(zmq.Socket, self._socket).send
        self._lane = lane
        #: Frames go to the socket and nowhere else, which drops what a consumer has no room for.
        self._is_usual = lane is None and not lossless
        #: Frames that no consumer may miss and that one had no room for; only when lossless.
        self._late: deque[bytes] = deque()
        self._drain = Drain(self._socket, self._socket.recv, self._demanded)

    def publish(self, topic: bytes, payload: bytes, received_ns: int, flags: int = 0) -> None:
        """Send a tick; `topic` ends in NUL. Never blocks: a consumer too slow sees a hole.

        The usual way is `_emit` with three calls less: they were a tenth of an LTP tick's cost.
        """
        if not self._is_usual:
            self._emit(topic, Kind.TICK, flags, received_ns, payload)
            return
        sequence = self._sequences.get(topic, 0) + 1
        self._sequences[topic] = sequence
        header = _pack(frames.VERSION, _TICK, flags, self.generation, sequence, received_ns)
        self._send(topic + header + payload, zmq.NOBLOCK)
        self.published_total += 1
        self._drain.kick()  # as in `_offer`

    def relay(
        self, topic: bytes, payload: bytes, received_ns: int, flags: int, sequence: int
    ) -> bool:
        """Send a tick under a sequence that it has already, from a recording or elsewhere.

        False, and nobody got it: a consumer is full (`lossless`). Try again in a moment.
        """
        while self._late:
            if not self._offer(self._late[0]):
                return False
            self._late.popleft()
        frame = frames.encode(
            topic, Kind.TICK, flags, self.generation, sequence, received_ns, payload
        )
        if not self._offer(frame):
            return False
        self._sequences[topic] = sequence
        return True

    def publish_event(self, payload: bytes, received_ns: int) -> None:
        """Send an event about this adapter (`bus.events`)."""
        self._emit(self._event_topic, Kind.EVENT, 0, received_ns, payload)

    def publish_state(self, payload: bytes, received_ns: int) -> None:
        """Send an event that stands until the next state: who comes later is told it, too."""
        self._state = payload
        self.publish_event(payload, received_ns)

    @property
    def lane(self) -> str:
        """Where readers find the lane; empty without one."""
        return self._lane.path if self._lane is not None else ""

    @property
    def topics(self) -> int:
        """How many topics are in demand."""
        return len(self._wants.topics)

    @property
    def topics_seen(self) -> int:
        """How many of them have had a tick from this generation."""
        return sum(topic in self._sequences for topic in self._wants.topics)

    def close(self) -> None:
        """Say that this was all, flush for at most the linger time, give the port back."""
        self.publish_event(encode_event(EndOfStream()), self._clock.unix_ns())
        if self._lane is not None:
            self._lane.close()
        self._drain.close()
        self._socket.close()

    def _emit(self, topic: bytes, kind: Kind, flags: int, received_ns: int, payload: bytes) -> None:
        sequence = self._sequences.get(topic, 0) + 1
        self._sequences[topic] = sequence
        frame = frames.encode(topic, kind, flags, self.generation, sequence, received_ns, payload)
        if self._lane is not None:
            self._lane.send(frame)
            if kind is Kind.TICK and not self._wants.from_socket(topic):
                self.published_total += 1
                return
        if self._late or not self._offer(frame):
            self._late.append(frame)

    def _offer(self, frame: bytes) -> bool:
        """Whether it was sent; without `lossless` it always is."""
        try:
            self._send(frame, zmq.NOBLOCK)
        except zmq.Again:
            return False
        finally:
            self._drain.kick()  # the send may have eaten the edge that announced a subscription
        self.published_total += 1
        return True

    def _demanded(self, batch: list[bytes]) -> None:
        asked = self._wants.take(batch)
        if self._lane is not None:
            for bell, wanted in asked.bells:
                self._lane.bell(bell, wanted)
        if self._state and asked.events:
            self.publish_event(self._state, self._clock.unix_ns())
        if asked.demands:
            self._on_demand(asked.demands)
