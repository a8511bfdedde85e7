"""A consumer's ends of the lane: one for a thread, one for an event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from bus import frames, welcome
from bus.control.messages import PublisherEntry
from bus.errors import FrameError, LaneError
from bus.lane.doorbell import SETTLE_S, Doorbell
from bus.lane.memory import attach
from bus.lane.ring import RESERVED
from bus.lane.taking import reader_of
from bus.lane.writing import owner
from bus.secret import Secret
from bus.wakeup import Wakeup

#: Frames handed on per loop turn, so that other work of the loop gets its share.
BUDGET: Final = 512


class LaneReadStats(Struct, frozen=True):
    """What a reader read, and what the writer overwrote before it could."""

    messages: int
    lost: int


class LaneReader:
    """Frames of one publisher generation, from now on. Not for several threads at once.

    Its bell rings once its owner has subscribed to `topics.bell_topic(reader.bell)` at the
    publisher; a reader that spins needs none.

    Raises:
        LaneError: the memory is gone, elsewhere, or another's.
    """

    def __init__(self, entry: PublisherEntry, secret: Secret) -> None:
        self._map = attach(entry.lane)
        #: The publisher's welcome frame.
        self.welcome = owner(self._map[:RESERVED])
        if not _is_genuine(self.welcome, entry, secret):
            self._map.close()
            raise LaneError(f"the shared memory {entry.lane} is not {entry.adapter}'s")
        self._ring = reader_of(self._map)
        self._bell = Doorbell()
        self.bell = self._bell.name
        #: The next frames; empty when there are none. Never waits.
        self.read = self._ring.read
        self._first = self._ring.next

    @property
    def stats(self) -> LaneReadStats:
        lost = self._ring.lost_total
        return LaneReadStats(self._ring.next - self._first - lost, lost)

    def fileno(self) -> int:
        """Readable when an armed reader was rung."""
        return self._bell.fileno()

    def wait(self, timeout_s: float, *, spin_s: float = 0.0) -> list[bytes]:
        """The next frames, as soon as there are any; empty after the time-out.

        A reader that spins burns a core to learn of a frame within microseconds; it goes to
        sleep after `spin_s` without one.
        """
        found = self.read()
        began = time.monotonic()
        while not found and time.monotonic() - began < spin_s:
            found = self.read()
        return found or self._sleep(began + timeout_s)

    def arm(self) -> None:
        """Have the bell rung by what is written from now on; `read` once more after it."""
        self._bell.arm()

    def disarm(self) -> None:
        """Have it rung no more: who reads all the time need not be woken."""
        self._bell.disarm()

    def close(self) -> None:
        self._bell.close()
        self._ring.close()
        self._map.close()

    def _sleep(self, until: float) -> list[bytes]:
        """Why it lies down twice stands in `doorbell`."""
        bell = self._bell
        found: list[bytes] = []
        while not found:
            bell.arm()
            found = self.read()
            left_s = until - time.monotonic()
            if found or left_s <= 0:
                break
            rung = bell.wait(min(left_s, SETTLE_S))
            found = self.read()
            if not rung and not found:
                bell.wait(max(0.0, until - time.monotonic()))
                found = self.read()
        bell.disarm()
        return found


class LaneDrain(Wakeup):
    """Hands batches from a lane to `on_batch`, in the running event loop."""

    def __init__(
        self,
        reader: LaneReader,
        on_batch: Callable[[list[bytes]], None],
        gather_s: float = 0.0,
    ) -> None:
        self._reader = reader
        self._on_batch = on_batch
        self._settling: asyncio.TimerHandle | None = None
        self._armed_at = 0.0
        super().__init__(reader.fileno(), gather_s)

    def read(self) -> None:
        """Take what is there now, at most a budget of it and a block; then sleep."""
        self._reader.disarm()
        batch: list[bytes] = []
        while found := self._reader.read():
            batch += found
            if len(batch) >= BUDGET:
                self.kick()
                break
        else:
            batch += self._lie_down()
        if batch:
            self._on_batch(batch)

    def poll(self) -> None:
        """Take all that is there now; rings are left for later."""
        while batch := self._reader.read():
            self._on_batch(batch)

    def close(self) -> None:
        super().close()
        if self._settling is not None:
            self._settling.cancel()

    def _lie_down(self) -> list[bytes]:
        """Arm the bell; what came just before that, and a look later (`doorbell` says why)."""
        self._reader.arm()
        found = self._reader.read()
        if found:
            self.kick()
        self._armed_at = self._loop.time()
        if self._settling is None:
            self._settling = self._loop.call_later(SETTLE_S, self._settled)
        return found

    def _settled(self) -> None:
        self._settling = None
        early_s = self._armed_at + SETTLE_S - self._loop.time()
        if early_s > 0:
            self._settling = self._loop.call_later(early_s, self._settled)
        elif found := self._reader.read():
            self.kick()
            self._on_batch(found)


def _is_genuine(greeting: bytes, entry: PublisherEntry, secret: Secret) -> bool:
    try:
        frame = frames.decode(greeting)
    except FrameError:
        return False
    return welcome.is_genuine(frame.payload, secret, entry.adapter, entry.generation)
