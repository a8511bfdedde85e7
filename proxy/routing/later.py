"""Which of two brokers' ticks of one instrument is the later. Pure.

Brokers write payloads differently, so contents never meet. Where both count the day's volume,
which is the exchange's, that decides; else the brokers' times, in whole seconds if either has
no finer ones; where a time is the adapter's own, when each was received.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from bus.frames import OWN_CLOCK, Frame

_SECOND_MS: Final = 1000
#: Feeds of one exchange are hardly further apart; what comes later than that is later.
_APART_NS: Final = 1_000_000_000


class _Place(Struct):
    """Where a tick stands in its day."""

    timestamp: int = 0
    volume: int = 0


_place = msgspec.json.Decoder(_Place).decode


def is_later(one: Frame, other: Frame) -> bool:
    """Whether `one` is news to who has `other`; False where that cannot be told."""
    try:
        new, old = _place(one.payload), _place(other.payload)
    except msgspec.DecodeError:
        return False
    if new.volume and old.volume and new.volume != old.volume:
        return new.volume > old.volume
    if (one.flags | other.flags) & OWN_CLOCK:
        return one.received_ns > other.received_ns + _APART_NS
    unit = 1 if new.timestamp % _SECOND_MS and old.timestamp % _SECOND_MS else _SECOND_MS
    return new.timestamp // unit > old.timestamp // unit
