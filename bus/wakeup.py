"""Reading when there is something to read, in the running event loop, and a bit at a time."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod


class Wakeup(ABC):
    """Calls `read` when a descriptor says so, and in the next loop turn after a `kick()`.

    With `gather_s` not sooner than that after the descriptor's last time: what comes by itself
    is read at once, what comes in quick succession is read together.
    """

    def __init__(self, fd: int, gather_s: float = 0.0) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd = fd
        self._gather_s = gather_s
        self._due = 0.0
        self._scheduled = False
        self._closed = False
        self._on_readable = self._gather if gather_s else self.read
        self._loop.add_reader(fd, self._on_readable)
        self.kick()

    @abstractmethod
    def read(self) -> None:
        """Take what is there now, at most a budget of it."""

    def kick(self) -> None:
        """Look in the next loop turn, whatever the descriptor says."""
        if not self._scheduled and not self._closed:
            self._scheduled = True
            self._loop.call_soon(self._kicked)

    def close(self) -> None:
        """Stop reading; what is read from stays open and is the caller's to close."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._fd)

    def _gather(self) -> None:
        now = self._loop.time()
        if now < self._due:
            self._loop.remove_reader(self._fd)  # it stays readable until it is read
            self._loop.call_at(self._due, self._gathered)
            return
        self._due = now + self._gather_s
        self.read()

    def _gathered(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._fd, self._on_readable)
            self._gather()

    def _kicked(self) -> None:
        self._scheduled = False
        if not self._closed:
            self.read()
