"""Between the bus and the disk: a bounded queue that is never waited for.

The event loop puts frames in and goes on, whatever the disk does; a thread takes them out.
What does not fit is counted, and where it is missing a `Gap` stands in the queue.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import Final, TypeAlias

from bus.frames import Frame
from recording.notes import Gap, Reason, joined

#: What a frame costs in memory beside its topic and payload.
FRAME_BYTES: Final = 300

Item: TypeAlias = list[Frame] | Gap


class Spool:
    """Frames and gaps on their way to the disk, `limit` bytes of them at most."""

    def __init__(self, limit: int) -> None:
        self.bytes = 0
        self.lost_total = 0
        self._limit = limit
        self._items: deque[Item] = deque()
        self._missing: Gap | None = None
        self._ready = threading.Condition()
        self._closed = False

    def put(self, frames: list[Frame]) -> None:
        """Take a batch over, or count it as lost. Never waits for the disk."""
        if not frames:
            return
        size = sum(len(frame.payload) for frame in frames) + FRAME_BYTES * len(frames)
        with self._ready:
            if self.bytes + size > self._limit:
                self.lost_total += len(frames)
                gap = gap_of("queue", frames)
                self._missing = gap if self._missing is None else joined(self._missing, gap)
                return
            self._flush()
            self._items.append(frames)
            self.bytes += size
            self._ready.notify()

    def tell(self, gap: Gap) -> None:
        """Something is missing here for another reason."""
        with self._ready:
            self._flush()
            self._items.append(gap)
            self._ready.notify()

    def take(self, timeout_s: float) -> list[Item] | None:
        """All that waits, after waiting for something; None: closed, and nothing is left."""
        with self._ready:
            if not self._items and not self._closed:
                self._ready.wait(timeout_s)
            if self._closed:
                self._flush()
            items = list(self._items)
            self._items.clear()
            self.bytes = 0
            return None if self._closed and not items else items

    def close(self) -> None:
        """Nothing follows; what waits may still be taken."""
        with self._ready:
            self._closed = True
            self._ready.notify()

    def _flush(self) -> None:
        if self._missing is not None:
            self._items.append(self._missing)
            self._missing = None


def gap_of(reason: Reason, frames: Sequence[Frame]) -> Gap:
    """These frames, at least one, are lost."""
    times = [frame.received_ns for frame in frames]
    return Gap(reason, len(frames), min(times), max(times))
