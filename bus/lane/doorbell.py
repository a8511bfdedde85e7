"""Waking readers that sleep: a datagram with nothing in it, to those who say that they do.

A reader listens on a Unix socket with a name of its own in the kernel's name space, so that no
file is left behind, and counts in a memory of its own: an odd number while it sleeps. It tells
both to the publisher by a subscription (`topics.BELL_MARK`), which libzmq withdraws when the
reader dies. The writer rings once for each odd number that it meets after a write; who is awake
costs it a look. Ringing never waits: a bell that is full has been rung, and one that is gone is
not rung again.

**No ring is missed for good.** A reader lies down, then looks once more; the writer writes, then
looks who lies. On any processor either look can be made before the store in front of it is seen,
and in a moment where both are, nobody acts. Only a fence on either side forbids that, which Python
has not. But a store does not stay unseen for longer than microseconds; so a reader that
nobody rang looks a last time after `SETTLE_S`, and sleeps as long as it likes only then.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import select
import socket
from typing import Final

from bus.errors import LaneError
from bus.lane.memory import Memory, attach

#: A thousand times what the store of a sleeping reader's number needs to be seen.
SETTLE_S: Final = 0.002
_PREFIX: Final = "\0openalgo-stream-"
#: A bell's name: the socket's, and where the reader counts.
_NAME: Final = re.compile(r"([0-9a-f]{16})(/proc/\d+/fd/\d+)")


class Doorbell:
    """A reader's bell; `fileno` becomes readable when it is rung, which it is while it is armed."""

    def __init__(self) -> None:
        self._memory = Memory(os.sysconf("SC_PAGE_SIZE"))
        self._naps = memoryview(self._memory.map).cast("Q")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        address = secrets.token_hex(8)
        self._socket.bind(_PREFIX + address)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self.name = address + self._memory.path

    def fileno(self) -> int:
        return self._socket.fileno()

    def arm(self) -> None:
        """Take the ring before, if any, and be rung from now on: look again before you sleep."""
        self.silence()
        self._naps[0] += 2 if self._naps[0] & 1 else 1

    def disarm(self) -> None:
        """Be left alone."""
        self._naps[0] += self._naps[0] & 1

    def wait(self, timeout_s: float) -> bool:
        """Sleep until it rings, at most so long (up to the next ms)."""
        return bool(self._poll.poll(timeout_s * 1000))

    def silence(self) -> None:
        """Take a ring."""
        with contextlib.suppress(BlockingIOError):
            self._socket.recv(1)

    def close(self) -> None:
        self._socket.close()
        self._naps.release()
        self._memory.close()


class _Bell:
    """One reader's, as the writer has it."""

    __slots__ = ("_map", "address", "name", "naps", "rung")

    def __init__(self, name: str, address: str, path: str) -> None:
        self.name = name
        self.address = _PREFIX + address
        #: The nap for which it was rung.
        self.rung = 0
        #: Where its reader counts; None: that cannot be read, so it is rung each time.
        self.naps: memoryview | None = None
        with contextlib.suppress(LaneError):
            self._map = attach(path)
            self.naps = memoryview(self._map).cast("Q")

    def close(self) -> None:
        if self.naps is not None:
            self.naps.release()
            self._map.close()


class Ringer:
    """The writer's side: everybody's bells."""

    def __init__(self) -> None:
        self.bells: tuple[_Bell, ...] = ()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def add(self, name: str) -> None:
        """A reader's bell. It rings: what was written until now was told to nobody there."""
        match = _NAME.fullmatch(name)
        if match is not None:
            self.discard(name)
            bell = _Bell(name, match[1], match[2])
            self.bells = (*self.bells, bell)
            self._send(bell)

    def discard(self, name: str) -> None:
        for bell in self.bells:
            if bell.name == name:
                bell.close()
        self.bells = tuple(bell for bell in self.bells if bell.name != name)

    def ring(self) -> None:
        """Wake all who sleep."""
        for bell in self.bells:
            if bell.naps is not None:
                nap = bell.naps[0]
                if not nap & 1 or nap == bell.rung:
                    continue
                bell.rung = nap
            self._send(bell)

    def close(self) -> None:
        for bell in self.bells:
            bell.close()
        self.bells = ()
        self._socket.close()

    def _send(self, bell: _Bell) -> None:
        try:
            self._socket.sendto(b"", bell.address)
        except BlockingIOError:
            pass  # it has not answered the last ring yet
        except OSError:
            self.discard(bell.name)  # its reader is gone
