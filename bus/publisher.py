"""The publishing end of the data plane: one per adapter process.

The port is bound first and announced after: the kernel chooses it, `endpoint` tells it.
Demand comes up the same socket (`on_demand`); libzmq counts it over all consumers, sends it
again when one reconnects, and withdraws it when one dies.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import zmq

from bus import frames, sockets, welcome
from bus.clock import Clock, SystemClock
from bus.drain import Drain
from bus.events import EndOfStream, encode_event
from bus.frames import Kind
from bus.secret import Secret
from bus.topics import EVENT_MARK, NUL, event_topic
from bus.transport import Sender
from bus.wants import Demand

_SUBSCRIBE: Final = 1
_SUBSCRIBE_BYTE: Final = bytes((_SUBSCRIBE,))
_EVENT_BYTE: Final = EVENT_MARK.encode()


class Publisher:
    """Publishes frames and reports demand. Made inside a running event loop.

    Every frame also goes to each of `lanes` (`bus.transport`), which are closed with it. With
    `lossless`, `relay` says that a consumer is full in place of losing its frames; for
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
        lanes: Sequence[Sender] = (),
        lossless: bool = False,
    ) -> None:
        self.adapter = adapter
        self.generation = generation
        self.published_total = 0
        self._event_topic = event_topic(adapter)
        self._sequences: dict[bytes, int] = {}
        self._demanded_topics: set[bytes] = set()
        self._state = b""
        self._on_demand = on_demand
        self._clock = clock or SystemClock()
        greeting = welcome.make(secret, adapter, generation)
        self._socket = sockets.publisher(context, greeting, lossless=lossless)
        self._socket.bind(sockets.LOOPBACK_ANY_PORT)
        self.endpoint = sockets.bound_endpoint(self._socket)
        # Past the library's Python layer, for whose options there is no use here.
        self._send: Callable[[bytes, int], object] = super(zmq.Socket, self._socket).send
        self._lanes = lanes
        #: Frames that no consumer may miss and that one had no room for; only when lossless.
        self._late: deque[bytes] = deque()
        self._drain = Drain(self._socket, self._socket.recv, self._demanded)

    def publish(self, topic: bytes, payload: bytes, received_ns: int, flags: int = 0) -> None:
        """Send a tick; `topic` ends in NUL. Never blocks: a consumer too slow sees a hole."""
        self._emit(topic, Kind.TICK, flags, received_ns, payload)

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
    def topics(self) -> int:
        """How many topics are in demand."""
        return len(self._demanded_topics)

    @property
    def topics_seen(self) -> int:
        """How many of them have had a tick from this generation."""
        return sum(topic in self._sequences for topic in self._demanded_topics)

    def close(self) -> None:
        """Say that this was all, flush for at most the linger time, give the port back."""
        self.publish_event(encode_event(EndOfStream()), self._clock.unix_ns())
        self._drain.close()
        self._socket.close()
        for lane in self._lanes:
            lane.close()

    def _emit(self, topic: bytes, kind: Kind, flags: int, received_ns: int, payload: bytes) -> None:
        sequence = self._sequences.get(topic, 0) + 1
        self._sequences[topic] = sequence
        frame = frames.encode(topic, kind, flags, self.generation, sequence, received_ns, payload)
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
        for lane in self._lanes:
            lane.send(frame)
        self.published_total += 1
        return True

    def _demanded(self, batch: list[bytes]) -> None:
        """Subscription messages: 0x01 topic, or 0x00 topic. Taps and events are no demand."""
        demands = [
            Demand(message[1:], message[0] == _SUBSCRIBE)
            for message in batch
            if message.endswith(NUL) and len(message) > 2 and message[1:2] != _EVENT_BYTE
        ]
        if self._state and _SUBSCRIBE_BYTE + self._event_topic in batch:
            self.publish_event(self._state, self._clock.unix_ns())
        for topic, wanted in demands:
            (self._demanded_topics.add if wanted else self._demanded_topics.discard)(topic)
        if demands:
            self._on_demand(demands)
