"""The last-value cache, pure: the newest frame per topic, decoded only when somebody asks.

Storing the payload's bytes costs a dictionary entry; decoding every tick of a busy market
for nobody would cost a core.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from bus.errors import TopicError
from bus.frames import Frame
from bus.ticks import DepthData, LtpData, QuoteData, decode_depth, decode_ltp, decode_quote
from bus.topics import Mode, Topic

Data = LtpData | QuoteData | DepthData
_DECODE = {Mode.LTP: decode_ltp, Mode.QUOTE: decode_quote, Mode.DEPTH: decode_depth}


class LastValue(NamedTuple):
    """The newest tick of a topic; `received_ns` is Unix time at the adapter."""

    topic: Topic
    received_ns: int
    data: Data


class LastValues:
    """The newest frame of every topic that flowed."""

    def __init__(self) -> None:
        self.ticks_total = 0
        self._frames: dict[bytes, Frame] = {}
        self._instruments: set[tuple[str, str]] = set()

    def __len__(self) -> int:
        """How many topics have a last value."""
        return len(self._frames)

    @property
    def instruments(self) -> int:
        """How many instruments, whatever their mode or adapter, have one."""
        return len(self._instruments)

    def put(self, frame: Frame) -> None:
        """A tick arrived. Of a restarted adapter too: arrival order is what counts."""
        self.ticks_total += 1
        if frame.topic not in self._frames:
            self._note_instrument(frame.topic)
        self._frames[frame.topic] = frame

    def get(self, adapter_word: str, exchange: str, symbol: str, mode: Mode) -> LastValue | None:
        """The last value of an instrument in a mode; None before its first tick."""
        topic = Topic(adapter_word, exchange, symbol, mode)
        frame = self._frames.get(topic.text.encode())
        if frame is None:
            return None
        try:
            data: Data = _DECODE[mode](frame.payload)
        except msgspec.DecodeError:
            return None
        return LastValue(topic, frame.received_ns, data)

    def drop_older(self, unix_ns: int) -> int:
        """Forget what had no tick since `unix_ns`; how many topics that were."""
        old = [topic for topic, frame in self._frames.items() if frame.received_ns < unix_ns]
        for topic in old:
            del self._frames[topic]
        if old:
            self._instruments.clear()
            for topic in self._frames:
                self._note_instrument(topic)
        return len(old)

    def newest_ns(self) -> int | None:
        """When the newest of all ticks was received; None before the first."""
        return max((frame.received_ns for frame in self._frames.values()), default=None)

    def _note_instrument(self, text: bytes) -> None:
        try:
            topic = Topic.parse(text.decode())
        except (TopicError, UnicodeDecodeError):
            return
        self._instruments.add((topic.exchange, topic.symbol))
