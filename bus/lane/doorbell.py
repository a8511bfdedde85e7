"""Waking readers that sleep: a datagram with nothing in it.

A reader listens on a Unix socket with a name of its own in the kernel's name space, so that no
file is left behind, and tells the name to the publisher by a subscription (`topics.BELL_MARK`),
which libzmq withdraws when the reader dies. Ringing never waits: a bell that is full has been
rung, and one that is gone is not rung again.
"""

from __future__ import annotations

import contextlib
import secrets
import select
import socket
from typing import Final

_PREFIX: Final = "\0openalgo-stream-"


class Doorbell:
    """A reader's bell; `fileno` becomes readable when it is rung."""

    def __init__(self) -> None:
        self.name = secrets.token_hex(8)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(_PREFIX + self.name)

    def fileno(self) -> int:
        return self._socket.fileno()

    def wait(self, timeout_s: float) -> bool:
        """Sleep until it rings, at most so long."""
        return bool(select.select([self._socket], [], [], timeout_s)[0])

    def silence(self) -> None:
        """Take all rings so far. What was written before them can be read now."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(1)

    def close(self) -> None:
        self._socket.close()


class Ringer:
    """The writer's side: everybody's bells."""

    def __init__(self) -> None:
        #: The bells that are rung.
        self.names: set[str] = set()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def add(self, name: str) -> None:
        self.names.add(_PREFIX + name)

    def discard(self, name: str) -> None:
        self.names.discard(_PREFIX + name)

    def ring(self) -> None:
        """Wake all who sleep."""
        for name in tuple(self.names):
            try:
                self._socket.sendto(b"", name)
            except BlockingIOError:
                continue  # it has not answered the last ring yet
            except OSError:
                self.names.discard(name)  # its reader is gone

    def close(self) -> None:
        self._socket.close()
