"""What carries frames from a publisher to a consumer, and ZeroMQ, which always does.

ZeroMQ also carries what only it can: demand and the signed welcome. A further transport on
the same host (`bus.lane`) is a `Sender` that the publisher is given as its *lane*, and a
`Connect` that takes the place of `ZeroMq` in a consumer's `Subscriber`. Frames are whole
(`bus.frames`): nothing above a transport knows which one they came by.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import zmq

from bus import sockets
from bus.control.messages import PublisherEntry
from bus.drain import Drain

#: Takes the frames that have arrived, in order, in the consumer's event loop.
OnBatch: TypeAlias = Callable[[list[bytes]], None]


class Sender(Protocol):
    """The publisher's end of a further transport: one writer, any number of readers."""

    @property
    def path(self) -> str:
        """Where readers find it (`PublisherEntry.lane`)."""
        ...

    def send(self, frame: bytes) -> None:
        """Never blocks; a reader too slow for it sees a hole in the sequences."""
        ...

    def bell(self, name: str, wanted: bool) -> None:
        """A reader wants to be woken by this name, or no longer."""
        ...

    def close(self) -> None:
        """Nothing follows. What the system lent is given back."""
        ...


class Receiver(Protocol):
    """The consumer's end, for one publisher generation; reconnects by itself.

    The first frame of each connection is the publisher's welcome: nothing is believed before.
    """

    def subscribe(self, topic: bytes) -> None:
        """Have what begins with these bytes; one that ends in NUL is demand."""
        ...

    def unsubscribe(self, topic: bytes) -> None: ...

    def poll(self) -> None:
        """Hand on what is there now, without waiting for the event loop: for those that spin,
        and at the end, since a writer that died may have left something."""
        ...

    def close(self) -> None: ...


#: Makes the receiving end for a publisher of the directory, inside a running event loop.
Connect: TypeAlias = Callable[[PublisherEntry, OnBatch], Receiver]


class ZeroMq:
    """A SUB socket (`Receiver`)."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        entry: PublisherEntry,
        on_batch: OnBatch,
        gather_s: float = 0.0,
    ) -> None:
        self._socket = sockets.subscriber(context)
        self._socket.connect(entry.endpoint)
        self._drain = Drain(self._socket, self._socket.recv, on_batch, gather_s=gather_s)

    def subscribe(self, topic: bytes) -> None:
        self._socket.subscribe(topic)
        self._drain.kick()

    def unsubscribe(self, topic: bytes) -> None:
        self._socket.unsubscribe(topic)
        self._drain.kick()

    def poll(self) -> None:
        self._drain.read()

    def close(self) -> None:
        self._drain.close()
        self._socket.close()
