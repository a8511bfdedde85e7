"""Reading a ZeroMQ socket off the event loop, in batches.

`zmq.asyncio` costs twenty times as much per message (docs/performance.md). The socket's file
descriptor is edge-triggered, hence the rules: on a wake-up read until EAGAIN or until the
budget is spent; if it was spent, come back in the next loop turn; after EAGAIN look at EVENTS
once more; after a send on the same socket `kick()`, since the send may have eaten the edge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

import zmq

from bus.wakeup import Wakeup

T = TypeVar("T")

#: Messages read per loop turn, so that other work of the loop gets its share.
BUDGET: Final = 512


class Drain(Wakeup, Generic[T]):
    """Hands batches of messages from a socket to `on_batch`, in the running event loop.

    `receive` is the socket's own bound receive method, `recv` or `recv_multipart`.
    """

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        receive: Callable[[int], T],
        on_batch: Callable[[list[T]], None],
        budget: int = BUDGET,
        gather_s: float = 0.0,
    ) -> None:
        self._socket = socket
        self._receive = receive
        self._on_batch = on_batch
        self._budget = budget
        super().__init__(socket.fileno(), gather_s)

    def read(self) -> None:
        """Take what is there now, at most a budget of it."""
        receive = self._receive
        batch: list[T] = []
        again = True
        try:
            for _ in range(self._budget):
                batch.append(receive(zmq.NOBLOCK))  # noqa: PERF401 - what came before EAGAIN counts
        except zmq.Again:
            again = bool(int(self._socket.get(zmq.EVENTS)) & zmq.POLLIN)
        if again:
            self.kick()
        if batch:
            self._on_batch(batch)
