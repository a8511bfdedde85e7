"""When two ticks of a topic are the same one, and which of two comes first. Pure."""

from __future__ import annotations

import re
from typing import Final

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


#: A price, and whether the volume came with it: a broker that was not told the mode yet sends more.
Form = tuple[float, bool]


def form_of(frame: Frame) -> Form | None:
    """The form of a tick; None: it is known by its number, or is no tick that has one."""
    if frame.flags & NUMBERED:
        return None
    try:
        place = _place(frame.payload)
    except msgspec.DecodeError:
        return None
    return place.ltp, bool(place.volume)


def in_another_form(frame: Frame, last: Frame | None) -> bool:
    """Whether this is the price of the last tick again, with the volume or without it."""
    return last is not None and is_other(form_of(frame), form_of(last))


def is_other(one: Form | None, other: Form | None) -> bool:
    """Whether two ticks tell the same price in different forms."""
    return one is not None and other is not None and one[0] == other[0] and one[1] != other[1]


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
