"""`broker = "replay"`: a recording as an adapter like any other.

Ticks go out in the order of recording under their recorded sequences. A recording can wait, and
does: where a consumer of the bus is full, which is 100,000 messages behind, it waits until there
is room and then catches up, so that nothing is lost between here and there at any speed. As
fast as it goes (`speed = 0`) is as fast as the slowest of them reads.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterator, Sequence
from math import inf
from pathlib import Path
from typing import Final

from adapters.connecting.link import State
from adapters.source import Outflow, Source
from bus.control.messages import Stats
from bus.errors import ControlError
from bus.events import Rejected
from bus.frames import OWN_CLOCK, Frame, Kind
from bus.topics import broker_word
from bus.waiting import set_within
from bus.wants import Demand
from recording.archive import Archive, damage_line
from recording.catalogue import Catalogue
from recording.digest import Digest
from recording.errors import EmptyError, RecordingError
from recording.moments import unix_ns
from recording.options import ReplayOptions
from recording.player import Pace, Sequencer
from recording.records import Damage
from recording.segment import Segment

logger = logging.getLogger(__name__)

#: Ticks per turn of the event loop, so that demand and commands get theirs.
_BATCH: Final = 256
#: A consumer that is full is looked at again after this.
_FULL_S: Final = 0.002
_LOOP_PAUSE_S: Final = 1.0


class Replay:
    """Plays one recording (`adapters.source.Driver`)."""

    def __init__(self, out: Outflow, options: ReplayOptions) -> None:
        self._out = out
        self._options = options
        self._from_ns = 0 if options.from_ is None else unix_ns(options.from_)
        self._to_ns = None if options.to is None else unix_ns(options.to)
        self._pace = Pace(options.speed, options.max_gap_s)
        self._sequencer = Sequencer()
        self._digest = Digest()
        self._is_whole_pass = True
        self._last_digest = ""
        self._passes_total = 0
        self._position_ns = 0
        self._waited_total = 0
        self._lost_records = 0
        self._wake = asyncio.Event()
        self._begun = asyncio.Event()
        self._ended = False
        self._ahead: Frame | None = None
        #: Topic, payload, time, flags, sequence of what there was no room for yet.
        self._outbox: deque[tuple[bytes, bytes, int, int, int]] = deque()

    # --- adapters.source.Driver ---------------------------------------------------------------

    async def start(self) -> None:
        """Raises RecordingError: there is nothing to play."""
        self._archive = await asyncio.to_thread(self._open)
        self._rewind(self._from_ns)
        if self._options.start == "now":
            self._begun.set()
        elif self._options.start == "paused":
            self._pace.pause(self._out.clock.monotonic())
            self._begun.set()

    async def run(self) -> None:
        self._out.enter(State.CONNECTED, f"{self._archive.path.name}")
        await self._begun.wait()
        while True:
            wait_s = self._play_due()
            if wait_s == 0.0:
                await asyncio.sleep(0)
                continue
            self._wake.clear()
            await set_within(self._wake, wait_s)

    async def stop(self) -> None:
        self._archive.close()

    def demanded(self, batch: Sequence[Demand]) -> None:
        for topic, wanted in batch:
            if not wanted:
                self._catalogue.drop(topic)
                continue
            answer = self._catalogue.want(topic)
            self._out.tell(answer)
            if not isinstance(answer, Rejected):
                self._begun.set()

    def renew(self) -> None:
        """A recording has no credentials."""

    def steer(self, action: str, value: str) -> None:
        """`pause`, `resume`, `seek` to a Unix time in ns, `speed` times real time."""
        try:
            self._steer(action, value, self._out.clock.monotonic())
        except ValueError:
            raise ControlError(f"no command {action} {value}".rstrip()) from None
        logger.info("%s %s", action, value)
        self._begun.set()
        self._wake.set()

    def _steer(self, action: str, value: str, now: float) -> None:
        """Raises ValueError: no such action or value."""
        match action:
            case "pause":
                self._pace.pause(now)
            case "resume":
                self._pace.resume(now)
            case "seek":
                at_ns = int(value)
                self._rewind(max(self._from_ns, at_ns))
                self._is_whole_pass = at_ns <= max(self._from_ns, self._archive.first_ns)
            case "speed":
                speed = float(value)
                if not 0 <= speed < inf:
                    raise ValueError(value)
                self._pace.change(speed, now)
            case _:
                raise ValueError(action)

    def stats(self) -> Stats:
        return {
            "steerable": True,
            "replay": self._state(),
            "speed": self._pace.speed,
            "instruments": self._catalogue.instruments,
            "recording": str(self._archive.path),
            "first_ns": max(self._archive.first_ns, self._from_ns),
            "last_ns": min(self._archive.last_ns, self._to_ns or self._archive.last_ns),
            "position_ns": self._position_ns,
            "pass_ticks": self._digest.ticks,
            "passes_total": self._passes_total,
            "digest": self._last_digest,
            "waited_total": self._waited_total,
            "damaged_records_total": self._lost_records,
        }

    # --- playing ------------------------------------------------------------------------------

    def _play_due(self) -> float | None:
        """Play what is due, at most a batch; seconds until more is. None: not before it is
        woken."""
        for _ in range(_BATCH):
            if not self._send():
                return _FULL_S
            frame = self._ahead
            if frame is None:
                return self._end_pass()
            wait_s = self._pace.wait_s(frame.received_ns, self._out.clock.monotonic())
            if wait_s != 0.0:
                return wait_s
            self._play(frame)
            self._advance()
        return 0.0

    def _play(self, frame: Frame) -> None:
        """Put it out, with what follows from it."""
        own = self._options.stamps == "recorded"
        at_ns = frame.received_ns if own else self._out.clock.unix_ns()
        put, flags = self._outbox.append, frame.flags & OWN_CLOCK
        topic, sequence = self._catalogue.wire(frame), self._sequencer.of(frame)
        put((topic, frame.payload, at_ns, flags, sequence))
        for derived in self._catalogue.derived(frame):
            payload = derived.payload(frame.payload)
            if payload is not None:
                derived.sequence += 1
                put((derived.topic, payload, at_ns, flags, derived.sequence))
        self._digest.add(frame)
        self._position_ns = frame.received_ns

    def _send(self) -> bool:
        """Whether there was room for all that is out."""
        while self._outbox:
            if not self._out.relay(*self._outbox[0]):
                self._waited_total += 1
                return False
            self._outbox.popleft()
        return True

    def _advance(self) -> None:
        self._ahead = next(self._frames, None)

    def _end_pass(self) -> float | None:
        if not self._ended:
            self._ended = True
            self._passes_total += 1
            if self._is_whole_pass:
                self._last_digest = self._digest.text()
            logger.info("played %d ticks, digest %s", self._digest.ticks, self._last_digest)
            return _LOOP_PAUSE_S if self._options.loop else None
        if self._options.loop:
            self._rewind(self._from_ns)
            return 0.0
        return None

    def _rewind(self, at_ns: int) -> None:
        """Go on from a recorded moment."""
        self._frames = self._ticks(at_ns)
        self._digest = Digest()
        self._is_whole_pass = True
        self._ended = False
        self._sequencer.jump()
        self._pace.jump()
        self._advance()

    def _ticks(self, from_ns: int) -> Iterator[Frame]:
        frames = self._archive.frames(from_ns, self._to_ns, self._topics, self._on_damage)
        return (frame for frame in frames if frame.kind == Kind.TICK)

    def _state(self) -> str:
        if self._pace.is_paused:
            return "paused"
        if not self._begun.is_set():
            return "waiting"
        return "ended" if self._ended and not self._options.loop else "playing"

    # --- the recording ------------------------------------------------------------------------

    def _open(self) -> Archive:
        archive = Archive(Path(self._options.path))
        try:
            self._topics = self._chosen(archive)
            if not archive.ticks:
                raise EmptyError(f"{archive.path}: no ticks in it")
        except RecordingError:
            archive.close()
            raise
        self._catalogue = Catalogue(self._out.name, self._topics)
        return archive

    def _chosen(self, archive: Archive) -> list[str]:
        """The topics of the adapter that is played. Raises RecordingError: which is unclear."""
        words = archive.adapters()
        word = broker_word(self._options.adapter) if self._options.adapter else ""
        if not word and len(words) == 1:
            word = words[0]
        if word not in words:
            raise RecordingError(
                f"options.adapter: {archive.path} holds ticks of {', '.join(words) or 'nobody'}; "
                "name one of them"
            )
        return [topic for topic in archive.topics() if topic.startswith(f"{word}_")]

    def _on_damage(self, segment: Segment, damage: Damage) -> None:
        self._lost_records += damage.lost or 0
        logger.warning("%s", damage_line(segment.path, damage))


BROKER: Final = Source(
    name="replay",
    title="A recording",
    options=ReplayOptions,
    # Two would play the same ticks twice: a restart begins anew.
    may_overlap=False,
    lossless=True,
    driver=Replay,
)
