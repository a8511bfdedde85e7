"""The thread that writes: takes what was spooled, syncs on time, outlives a full disk."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from bus.clock import Clock
from bus.control.messages import Stats
from bus.frames import Frame
from recording.notes import Gap, Note, Reason, joined
from recording.spool import Item, Spool, gap_of
from recording.writer import Sink

logger = logging.getLogger(__name__)

#: Between attempts to write while the disk refuses.
RETRY_S: Final = 1.0
_WAIT_S: Final = 0.2
#: Frames that are packed and written at once.
_CHUNK: Final = 2000


class Recorder:
    """Frames in, a recording out. `record` and `gap` are the event loop's and never wait.

    `open` is called in the thread and may raise OSError, then it is called again.
    """

    def __init__(
        self,
        open_sink: Callable[[], Sink],
        *,
        clock: Clock,
        queue_bytes: int,
        fsync_s: float,
    ) -> None:
        self.trouble = ""
        self.recorded_total = 0
        self.disk_lost_total = 0
        self._open_sink = open_sink
        self._clock = clock
        self._fsync_s = fsync_s
        self._spool = Spool(queue_bytes)
        self._sink: Sink | None = None
        #: Losses that the disk did not let us write down yet, by their reasons.
        self._missing: dict[Reason, Gap] = {}
        self._refused_at = 0.0
        self._synced_at = clock.monotonic()
        self._dirty = False
        self._longest_sync_s = 0.0
        self._defect: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def record(self, frames: list[Frame]) -> None:
        """Write these; or, if too much waits already, count them as lost."""
        self._spool.put(frames)

    def gap(self, gap: Gap) -> None:
        """Note that something is missing here."""
        self._spool.tell(gap)

    def close(self, timeout_s: float) -> bool:
        """Write what waits and close the recording; whether that was done in time. Waits."""
        self._spool.close()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def defect(self) -> BaseException | None:
        """What ended the thread; nothing is recorded any more."""
        return self._defect

    def stats(self) -> Stats:
        sink = self._sink
        written = sink.bytes_total if sink is not None else 0
        per_tick = written / self.recorded_total if self.recorded_total else 0.0
        return {
            "recorded_total": self.recorded_total,
            "recorded_bytes": written,
            "bytes_per_tick": round(per_tick, 1),
            "queue_bytes": self._spool.bytes,
            "queue_lost_total": self._spool.lost_total,
            "disk_lost_total": self.disk_lost_total,
            "disk_trouble": self.trouble,
            "longest_sync_ms": round(self._longest_sync_s * 1000, 1),
        }

    # --- the thread -------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._write_until_closed()
        except BaseException as error:
            logger.exception("the recorder's thread ended by a defect")
            self._defect = error

    def _write_until_closed(self) -> None:
        while (items := self._spool.take(_WAIT_S)) is not None:
            for item in items:
                self._write(item)
            self._sync_if_due()
        try:
            self._tell_missing()
            if self._sink is not None:
                self._sink.close()
        except OSError as error:
            self._refused(error)

    def _write(self, item: Item) -> None:
        written = 0
        try:
            if self.trouble and self._clock.monotonic() - self._refused_at < RETRY_S:
                raise OSError(self.trouble)
            self._tell_missing()
            if isinstance(item, Gap):
                self._note(item)
                return
            while written < len(item):
                chunk = item[written : written + _CHUNK]
                self._opened().frames(chunk, self._clock.unix_ns())
                written += len(chunk)
                self.recorded_total += len(chunk)
                self._dirty = True
        except OSError as error:
            self._refused(error)
            if isinstance(item, list):
                rest = item[written:]
                self.disk_lost_total += len(rest)
                self._miss(gap_of("disk", rest))
            else:
                self._miss(item)

    def _note(self, note: Note) -> None:
        self._opened().note(note, self._clock.unix_ns())
        self._dirty = True

    def _opened(self) -> Sink:
        if self._sink is None:
            self._sink = self._open_sink()
        return self._sink

    def _tell_missing(self) -> None:
        for reason, gap in list(self._missing.items()):
            self._note(gap)
            del self._missing[reason]
        if self.trouble:
            self.trouble = ""
            logger.info("the disk takes records again")

    def _miss(self, gap: Gap) -> None:
        before = self._missing.get(gap.reason)
        self._missing[gap.reason] = gap if before is None else joined(before, gap)

    def _refused(self, error: OSError) -> None:
        if not self.trouble:
            logger.error("the disk refuses: %s", error)
            self._refused_at = self._clock.monotonic()
        elif self._clock.monotonic() - self._refused_at >= RETRY_S:
            self._refused_at = self._clock.monotonic()
        self.trouble = error.strerror or str(error)

    def _sync_if_due(self) -> None:
        began = self._clock.monotonic()
        if not self._dirty or self._sink is None or began - self._synced_at < self._fsync_s:
            return
        try:
            self._sink.sync()
        except OSError as error:
            self._refused(error)
        else:
            self._dirty = False
        self._synced_at = self._clock.monotonic()
        self._longest_sync_s = max(self._longest_sync_s, self._synced_at - began)
