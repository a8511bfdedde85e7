"""Reading when there is something to read, in the running event loop, and a bit at a time."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod


class Wakeup(ABC):
    """Calls `read` when a descriptor says so, and in the next loop turn after a `kick()`."""

    def __init__(self, fd: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd = fd
        self._scheduled = False
        self._closed = False
        self._loop.add_reader(fd, self.read)
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

    def _kicked(self) -> None:
        self._scheduled = False
        if not self._closed:
            self.read()
