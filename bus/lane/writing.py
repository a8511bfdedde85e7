"""A publisher's end of the lane."""

from __future__ import annotations

import asyncio
import struct
from typing import Final

from msgspec import Struct

from bus import welcome
from bus.lane.doorbell import Ringer
from bus.lane.memory import Memory
from bus.lane.putting import Writer
from bus.lane.ring import OWNER, RESERVED
from bus.secret import Secret

MIB: Final = 1 << 20
#: A block has an eighth of the ring, and a frame may have a MiB (`sockets.MAX_MESSAGE_BYTES`).
SMALLEST_MIB: Final = 16
#: Frames that gather in one loop turn before they are written all the same.
_GATHERED: Final = 256
_LENGTH: Final = struct.Struct("<I")


class LaneStats(Struct, frozen=True):
    """What a writer wrote: `blocks` are the batches, `bells` the readers that sleep."""

    messages: int
    blocks: int
    bells: int


class LaneWriter:
    """Frames in, memory and bells out. What is put in one loop turn is written at its end.

    `greeting` is the publisher's welcome frame: it stands in the memory's first page, so that
    a reader knows whose memory this is.

    Raises:
        LaneError: this system has no such memory.
    """

    def __init__(self, greeting: bytes, size_mib: int = SMALLEST_MIB) -> None:
        self._memory = Memory(RESERVED + max(size_mib, SMALLEST_MIB) * MIB)
        self._memory.map[OWNER : OWNER + 4 + len(greeting)] = _LENGTH.pack(len(greeting)) + greeting
        self._ring = Writer(self._memory.map)
        self._ringer = Ringer()
        self._waiting: list[bytes] = []
        self._scheduled = False
        self._blocks = 0

    @property
    def path(self) -> str:
        """Where readers find it."""
        return self._memory.path

    @property
    def stats(self) -> LaneStats:
        return LaneStats(self._ring.next - 1, self._blocks, len(self._ringer.bells))

    def send(self, frame: bytes) -> None:
        """Write a frame at the end of this turn of the running event loop."""
        waiting = self._waiting
        waiting.append(frame)
        if len(waiting) >= _GATHERED:
            self.flush()
        elif not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._turn_ends)

    def flush(self) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            self.write(waiting)

    def write(self, batch: list[bytes]) -> None:
        """Write frames, at least one, now, and wake the readers that sleep."""
        try:
            self._ring.write(batch)
            self._blocks += 1
        except ValueError:  # more than a block has room for
            for frame in batch:
                self._ring.write([frame])
            self._blocks += len(batch)
        if self._ringer.bells:
            self._ringer.ring()

    def bell(self, name: str, wanted: bool) -> None:
        """A reader sleeps from now on, or is gone."""
        (self._ringer.add if wanted else self._ringer.discard)(name)

    def close(self) -> None:
        """Write what waits; readers that are behind can still read it."""
        self.flush()
        self._ringer.close()
        self._ring.close()
        self._memory.close()

    def _turn_ends(self) -> None:
        self._scheduled = False
        self.flush()


def lane_for(secret: Secret, adapter: str, generation: int, size_mib: int) -> LaneWriter | None:
    """A publisher generation's lane; None when its size is 0."""
    return LaneWriter(welcome.make(secret, adapter, generation), size_mib) if size_mib else None


def owner(page: bytes) -> bytes:
    """The welcome frame in a memory's first page; empty when there is none."""
    (length,) = _LENGTH.unpack_from(page, OWNER)
    return page[OWNER + 4 : OWNER + 4 + length]
