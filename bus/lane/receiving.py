"""The lane as a consumer's transport: frames from memory, all the rest over ZeroMQ."""

from __future__ import annotations

import logging

import zmq

from bus.control.messages import PublisherEntry
from bus.errors import LaneError
from bus.lane.reading import LaneDrain, LaneReader
from bus.secret import Secret
from bus.topics import NUL, WELCOME_TOPIC, bell_topic, lane_topic
from bus.transport import Connect, OnBatch, Receiver, ZeroMq

logger = logging.getLogger(__name__)


def lane_or_zeromq(
    context: zmq.Context[zmq.Socket[bytes]], secret: Secret, gather_s: float = 0.0
) -> Connect:
    """A consumer's connections: by the lane where the publisher has one, else by its socket.

    `gather_s`: see `bus.wakeup`.
    """

    def connect(entry: PublisherEntry, on_batch: OnBatch) -> Receiver:
        if entry.lane:
            try:
                return LaneReceiver(context, entry, secret, on_batch, gather_s)
            except LaneError as error:
                logger.warning("%s; its socket is read instead", error)
        return ZeroMq(context, entry, on_batch, gather_s)

    return connect


class LaneReceiver:
    """Demand and the bell go by a socket to which no frame matches (`Receiver`)."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        entry: PublisherEntry,
        secret: Secret,
        on_batch: OnBatch,
        gather_s: float = 0.0,
    ) -> None:
        self._reader = LaneReader(entry, secret)
        self._on_batch = on_batch
        self._everything = False
        self._wanted: set[bytes] = set()
        self._socket = ZeroMq(context, entry, _ignore)
        self._socket.subscribe(bell_topic(self._reader.bell))
        self._drain = LaneDrain(self._reader, self._read, gather_s)

    def subscribe(self, topic: bytes) -> None:
        if topic == WELCOME_TOPIC:
            self._on_batch([self._reader.welcome])
        elif topic.endswith(NUL):
            self._wanted.add(topic)
            self._socket.subscribe(lane_topic(topic))
        else:  # a tap: what flows is in the memory anyway
            self._everything = True

    def unsubscribe(self, topic: bytes) -> None:
        self._wanted.discard(topic)
        self._socket.unsubscribe(lane_topic(topic))

    def poll(self) -> None:
        self._drain.poll()

    def close(self) -> None:
        self._drain.close()
        self._socket.close()
        self._reader.close()

    def _read(self, batch: list[bytes]) -> None:
        if not self._everything:
            wanted = self._wanted
            batch = [frame for frame in batch if frame[: frame.find(NUL) + 1] in wanted]
        if batch:
            self._on_batch(batch)


def _ignore(batch: list[bytes]) -> None:
    """Welcomes of the socket: the memory's own was believed."""
