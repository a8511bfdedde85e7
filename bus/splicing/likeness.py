"""When two ticks of a topic are the same one, and which of two comes first. Pure."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from bus.frames import NUMBERED, OWN_CLOCK, Frame

_TIMESTAMP: Final = re.compile(rb'"timestamp":\d+')


class _Place(Struct):
    """Where a tick stands in its day."""

    timestamp: int = 0
    volume: int = 0
    ltp: float = 0.0


_place = msgspec.json.Decoder(_Place).decode


def content_of(frame: Frame) -> int:
    """What makes a tick the same tick in another generation."""
    payload = frame.payload
    if frame.flags & NUMBERED:
        return hash((payload, frame.received_ns))
    if frame.flags & OWN_CLOCK:
        payload = _TIMESTAMP.sub(b"", payload, 1)
    return hash(payload)


class Form(NamedTuple):
    """A tick by its trade, and what came with that: of a broker that does not know the mode yet it
    is more or less than later."""

    price: float
    volume: int
    own_clock: bool

    @property
    def kind(self) -> tuple[bool, bool]:
        return bool(self.volume), self.own_clock


def form_of(frame: Frame) -> Form | None:
    """The form of a tick; None: it is known by its number, or is no tick that has one."""
    if frame.flags & NUMBERED:
        return None
    try:
        place = _place(frame.payload)
    except msgspec.DecodeError:
        return None
    return Form(place.ltp, place.volume, bool(frame.flags & OWN_CLOCK))


def in_another_form(frame: Frame, last: Frame | None) -> bool:
    """Whether this is the last tick's trade again, with what did not come before, or without."""
    return last is not None and is_other(form_of(frame), form_of(last))


def is_other(one: Form | None, other: Form | None) -> bool:
    """Whether two ticks tell the same trade in different forms."""
    if one is None or other is None or one.price != other.price or one.kind == other.kind:
        return False
    return one.volume == other.volume or not (one.volume and other.volume)


def goes_back(frame: Frame, last: Frame | None) -> bool:
    """Whether a tick lies before the last one delivered, or is that one: by its number, or by
    the broker's time or volume."""
    if last is None:
        return False
    if frame.flags & last.flags & NUMBERED:
        # Both: a standby that began by itself may count from elsewhere.
        return frame.sequence <= last.sequence and frame.received_ns <= last.received_ns
    try:
        new, old = _place(frame.payload), _place(last.payload)
    except msgspec.DecodeError:
        return False
    if new.volume and old.volume and new.volume < old.volume:
        return True
    clocks = (frame.flags | last.flags) & OWN_CLOCK
    return not clocks and new.timestamp < old.timestamp
