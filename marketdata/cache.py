"""The last-value cache, pure: the newest believed frame per topic, and what it says.

Of each tick some fields are looked at (`seen`, `inspection`); the payload is kept as bytes and
decoded when somebody asks: decoding every tick of a busy market for nobody would cost a core.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec

from bus.errors import TopicError
from bus.frames import OWN_CLOCK, Frame
from bus.market.ticks import DepthData, LtpData, QuoteData, decode_depth, decode_ltp, decode_quote
from bus.topics import Mode, Topic
from marketdata.inspection import OLD_S, Reason, Track, judge
from marketdata.seen import Seen, look

Data: TypeAlias = LtpData | QuoteData | DepthData
_DECODE: Final = {Mode.LTP: decode_ltp, Mode.QUOTE: decode_quote, Mode.DEPTH: decode_depth}
_NS: Final = 1_000_000_000
_OLD_MS: Final = int(OLD_S * 1000)


class Entry:
    """One instrument as one adapter feeds it. `feed` is the adapter's word in topics."""

    __slots__ = ("exchange", "feed", "frames", "received_ns", "symbol", "track")

    def __init__(self, feed: str, exchange: str, symbol: str) -> None:
        self.feed = feed
        self.exchange = exchange
        self.symbol = symbol
        self.track = Track()
        #: Unix ns of the newest believed tick; 0 before the first.
        self.received_ns = 0
        self.frames: dict[Mode, Frame] = {}

    def newest(self, modes: Iterable[Mode]) -> tuple[Mode, Frame] | None:
        """The frame that came last in any of these modes, and in which."""
        frames = [(mode, self.frames[mode]) for mode in modes if mode in self.frames]
        return max(frames, key=lambda one: one[1].received_ns, default=None)


class Tick(NamedTuple):
    """A believed tick, as consumers get it."""

    entry: Entry
    mode: Mode
    frame: Frame
    seen: Seen

    def decode(self) -> Data:
        """The whole tick. Its payload was seen to be JSON; raises DecodeError on a bad field."""
        data: Data = _DECODE[self.mode](self.frame.payload)
        return data


class LastValues:
    """All instruments of all adapters. `max_jump` as in `inspection.judge`."""

    def __init__(self, max_jump: float = 0.0) -> None:
        self.ticks_total = 0
        #: How many ticks were held back, by reason.
        self.held: Counter[Reason] = Counter()
        #: Ticks that were believed although their own time was long past.
        self.old_total = 0
        self._max_jump = max_jump
        self._topics: dict[bytes, tuple[Entry, Mode]] = {}
        self._entries: dict[tuple[str, str], dict[str, Entry]] = {}

    def __len__(self) -> int:
        """How many topics have a last value."""
        return sum(len(entry.frames) for entry in self)

    def __iter__(self) -> Iterator[Entry]:
        for entries in self._entries.values():
            yield from entries.values()

    @property
    def instruments(self) -> int:
        """How many instruments, whatever their mode or adapter, have a last value."""
        return sum(any(e.received_ns for e in by.values()) for by in self._entries.values())

    def put(self, frame: Frame) -> Tick | None:
        """A tick arrived; None when it is held back. Of a restarted adapter too: the order of
        arrival is what counts."""
        self.ticks_total += 1
        known = self._topics.get(frame.topic) or self._know(frame.topic)
        if known is None:
            self.held[Reason.MALFORMED] += 1
            return None
        entry, mode = known
        try:
            seen = look(frame.payload)
        except msgspec.DecodeError:
            self.held[Reason.MALFORMED] += 1
            return None
        reason = judge(entry.track, seen, entry.exchange, entry.symbol, self._max_jump)
        if reason is not None:
            self.held[reason] += 1
            return None
        received_ns = frame.received_ns
        if not frame.flags & OWN_CLOCK and received_ns // 1_000_000 - seen.timestamp > _OLD_MS:
            self.old_total += 1
        entry.frames[mode] = frame
        entry.received_ns = received_ns
        return Tick(entry, mode, frame, seen)

    def find(self, exchange: str, symbol: str, feeds: Sequence[str]) -> Entry | None:
        """An instrument at the first of these feeds that has it; None before its first tick."""
        by_feed = self._entries.get((exchange, symbol), {})
        return next((by_feed[feed] for feed in feeds if feed in by_feed), None)

    def drop_older(self, unix_ns: int) -> int:
        """Forget what had no tick since `unix_ns`; how many topics that were."""
        dropped = 0
        for key, by_feed in list(self._entries.items()):
            for feed, entry in list(by_feed.items()):
                for mode, frame in list(entry.frames.items()):
                    if frame.received_ns < unix_ns:
                        del entry.frames[mode], self._topics[frame.topic]
                        dropped += 1
                if not entry.frames:
                    del by_feed[feed]
            if not by_feed:
                del self._entries[key]
        return dropped

    def newest_ns(self) -> int | None:
        """When the newest of all ticks was received; None before the first."""
        return max((entry.received_ns for entry in self if entry.frames), default=None)

    def restore(self, frames: Iterable[Frame]) -> None:
        """Take over what another cache has (`frames`), where nothing newer has come here."""
        for frame in frames:
            if frame.topic in self._topics:
                continue
            tick = self.put(frame)
            self.ticks_total -= 1
            if tick is not None:
                kept = tick.entry.frames.values()
                tick.entry.received_ns = max(one.received_ns for one in kept)

    def frames(self) -> list[Frame]:
        """Everything, oldest first: what another cache takes with `restore` to be equal."""
        frames = [frame for entry in self for frame in entry.frames.values()]
        return sorted(frames, key=lambda frame: frame.received_ns)

    def _know(self, text: bytes) -> tuple[Entry, Mode] | None:
        """The entry of a topic that is new; None: no topic of ours."""
        try:
            topic = Topic.parse(text.decode())
        except (TopicError, UnicodeDecodeError):
            return None
        by_feed = self._entries.setdefault((topic.exchange, topic.symbol), {})
        entry = by_feed.get(topic.broker)
        if entry is None:
            entry = by_feed[topic.broker] = Entry(topic.broker, topic.exchange, topic.symbol)
        known = self._topics[text] = (entry, topic.mode)
        return known
