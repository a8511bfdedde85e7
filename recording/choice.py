"""Which frames are worth recording. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from bus.control.messages import PublisherEntry
from bus.events import BrokerState, EndOfStream, OrderUpdate, decode_event
from bus.frames import Frame, Kind


class Choice:
    """Every tick, and the events that tell how a feed stood. Answers to somebody's demand are
    left out; order updates are the account owner's business and recorded only when asked for.
    """

    def __init__(self, adapters: Collection[str] = (), *, orders: bool = False) -> None:
        self._adapters = frozenset(adapters)
        self._events = (BrokerState, EndOfStream, *((OrderUpdate,) if orders else ()))

    def publisher(self, entry: PublisherEntry) -> bool:
        """Whether it is recorded. One without ticks tells of (paper) orders and nothing else."""
        if self._adapters and entry.adapter not in self._adapters:
            return False
        return entry.ticks or OrderUpdate in self._events

    def of(self, frames: Sequence[Frame]) -> list[Frame]:
        return [f for f in frames if f.kind == Kind.TICK or self._is_chosen(f)]

    def _is_chosen(self, frame: Frame) -> bool:
        try:
            return isinstance(decode_event(frame.payload), self._events)
        except msgspec.DecodeError:
            return False
