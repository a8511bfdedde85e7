"""The recorder's process: a tap on every adapter, and a thread that writes.

It is one more consumer of the bus: it can fall behind, stall or die without delaying a tick
to anybody else, and the disk is never waited for in its event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Final

from bus.control.bootstrap import Bootstrap
from bus.control.exits import Exit
from bus.control.messages import PublisherEntry, Stats
from bus.control.service import ExitError, Host
from bus.errors import TopicError
from bus.feed import Feed
from bus.frames import Frame, Kind
from bus.measuring.flow import Flow
from bus.measuring.latency import Latency
from bus.settings import RecorderSettings
from bus.subscriber import Subscriber
from bus.topics import Mode, Topic
from recording.choice import Choice
from recording.notes import Gap
from recording.recorder import Recorder
from recording.writer import FolderSink, Sink

logger = logging.getLogger(__name__)

_MIB: Final = 1 << 20
#: How long the disk may take for what waits when the process is to end; less than the
#: supervisor's patience.
_CLOSE_S: Final = 6.0
_BUS_LOSS_S: Final = 1.0


class RecorderService:
    """Implements `bus.control.service.Service`. Made inside a running event loop."""

    def __init__(self, host: Host, settings: RecorderSettings) -> None:
        self._host = host
        self._settings = settings
        self._choice = Choice(settings.adapters, orders=settings.orders)
        self._flow = Flow(host.clock)
        self._folder = FolderSink(
            Path(settings.folder),
            segment_bytes=settings.segment_mb * _MIB,
            budget_bytes=settings.budget_mb * _MIB,
        )
        self._subscriber = Subscriber(
            host.context, secret=host.secret, on_frames=self._on_frames, tap=True
        )
        self._asked: set[str] = set()
        self._bus_lost = 0
        self._bus_lost_since_ns = host.clock.unix_ns()
        self._watcher: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether the disk takes what is recorded."""
        return not self._recorder.trouble

    async def start(self) -> str:
        """Raises ExitError: the settings name no instrument, or the folder cannot be made."""
        self._check()
        self._recorder = Recorder(
            self._open,
            clock=self._host.clock,
            queue_bytes=self._settings.queue_mb * _MIB,
            fsync_s=self._settings.fsync_s,
        )
        self._watcher = asyncio.create_task(self._watch())
        return ""

    async def stop(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        self._subscriber.close()
        self._note_bus_loss()
        if not await asyncio.to_thread(partial(self._recorder.close, _CLOSE_S)):
            logger.error("the disk did not take what waited within %g s", _CLOSE_S)

    def follow(self, publishers: list[PublisherEntry]) -> None:
        chosen = [entry for entry in publishers if self._choice.publisher(entry)]
        for adapter in {entry.adapter for entry in chosen} - self._asked:
            self._asked.add(adapter)
            for topic in self._topics(adapter):
                self._subscriber.subscribe(adapter, topic.wire)
        self._subscriber.follow(chosen)

    def stats(self) -> Stats:
        folder, recorder = self._folder, self._recorder.stats()
        lost = [self._recorder.disk_lost_total, recorder["queue_lost_total"], self._bus_lost]
        return {
            "feeds": sum(feed.trusted for feed in self._subscriber.feeds),
            **self._flow.stats(),
            **recorder,
            "lost_total": sum(count for count in lost if isinstance(count, int)),
            "bus_lost_total": self._bus_lost,
            "segment": folder.path.name if folder.path else "",
            "segments": folder.segments,
            "folder_bytes": folder.folder_bytes,
            "given_up_total": folder.given_up_total,
        }

    def latency(self) -> Latency:
        return self._flow.latency()

    def legs(self) -> dict[str, Latency]:
        return self._flow.legs()

    # --- inside ------------------------------------------------------------------------------

    def _check(self) -> None:
        try:
            list(self._topics("check"))
            Path(self._settings.folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        except TopicError as error:
            raise ExitError(Exit.CONFIGURATION, f"[recorder] symbols: {error}") from None
        except OSError as error:
            text = f"[recorder] folder: {self._settings.folder}: {error.strerror}"
            raise ExitError(Exit.CONFIGURATION, text) from None

    def _open(self) -> Sink:
        self._folder.begin(self._host.clock.unix_ns())
        return self._folder

    def _topics(self, adapter: str) -> Iterable[Topic]:
        """What is asked of an adapter. Raises TopicError."""
        mode = Mode[self._settings.mode]
        for text in self._settings.symbols:
            exchange, _, symbol = text.partition(":")
            yield Topic.make(adapter, exchange, symbol, mode)

    def _on_frames(self, _feed: Feed, frames: list[Frame]) -> None:
        self._flow.came(frames)
        self._recorder.record(self._choice.of(frames))
        self._flow.took([frame for frame in frames if frame.kind == Kind.TICK])

    async def _watch(self) -> None:
        """What got lost on the bus is noted within a second; a dead thread ends the process."""
        was_ready = self.ready
        while True:
            await asyncio.sleep(_BUS_LOSS_S)
            self._note_bus_loss()
            if self._recorder.defect is not None:
                self._host.fail(self._recorder.defect)
            if self.ready != was_ready:
                was_ready = self.ready
                self._host.changed()

    def _note_bus_loss(self) -> None:
        now_ns, lost = self._host.clock.unix_ns(), self._subscriber.lost_total
        if lost > self._bus_lost:
            gap = Gap("bus", lost - self._bus_lost, self._bus_lost_since_ns, now_ns)
            self._recorder.gap(gap)
            logger.warning("%d frames did not arrive over the bus", gap.lost)
        self._bus_lost, self._bus_lost_since_ns = lost, now_ns


def build(host: Host, boot: Bootstrap) -> RecorderService:
    return RecorderService(host, boot.settings_as(RecorderSettings))
