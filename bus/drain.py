"""Reading a ZeroMQ socket off the event loop, in batches.

`zmq.asyncio` costs twenty times as much per message (docs/performance.md). The socket's file
descriptor is edge-triggered, hence the rules: on a wake-up read until EAGAIN or until the
budget is spent; if it was spent, come back in the next loop turn; after EAGAIN look at EVENTS
once more; after a send on the same socket `kick()`, since the send may have eaten the edge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import zmq

T = TypeVar("T")

#: Messages read per loop turn, so that other work of the loop gets its share.
BUDGET: Final = 512


class Drain(Generic[T]):
    """Hands batches of messages from a socket to `on_batch`, in the running event loop.

    `receive` is the socket's own bound receive method, `recv` or `recv_multipart`.
    """

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        receive: Callable[[int], T],
        on_batch: Callable[[list[T]], None],
        budget: int = BUDGET,
    ) -> None:
        self._socket = socket
        self._receive = receive
        self._on_batch = on_batch
        self._budget = budget
        self._loop = asyncio.get_running_loop()
        self._fd = socket.fileno()
        self._scheduled = False
        self._closed = False
        self._loop.add_reader(self._fd, self.read)
        self.kick()

    def kick(self) -> None:
        """Look at the socket in the next loop turn, whatever its descriptor says."""
        if not self._scheduled and not self._closed:
            self._scheduled = True
            self._loop.call_soon(self._kicked)

    def close(self) -> None:
        """Stop reading; the socket stays open and is the caller's to close."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._fd)

    def _kicked(self) -> None:
        self._scheduled = False
        if not self._closed:
            self.read()

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
