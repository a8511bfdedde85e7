"""Which ticks are believed: the checks before anything goes into the cache. Pure.

The adapters have held back what cannot be (`adapters/ticks/quarantine.py`). What is left to find
here is what only the stream of an instrument shows: a price that jumps. One such tick is a fault
until a second one says the same (an index's price once landed on an option and set off its stops),
so it waits: a tick near it confirms it, a tick near the old price lets it be forgotten.
"""

from __future__ import annotations

import enum
import math
from typing import Final

from msgspec import Struct

from marketdata.seen import Seen

#: Rupees that nothing costs: beyond it a price is damage, whatever the exchange.
HIGHEST_PRICE: Final = 1_000_000_000.0
#: A tick whose own time is further behind its receipt is counted as old, and believed.
OLD_S: Final = 60.0


class Reason(enum.StrEnum):
    """Why a tick was held back; `status` counts each as `held_<reason>`."""

    #: No JSON of the kind that the topic promises, or a field of the wrong type.
    MALFORMED = enum.auto()
    #: Without symbol, exchange or price, or of another instrument than its topic says.
    INCOMPLETE = enum.auto()
    #: Zero, negative, no number, or absurd.
    BAD_PRICE = enum.auto()
    #: It jumps, and waits for a second tick to confirm it.
    OUTLIER = enum.auto()


class Track(Struct, gc=False):
    """What is known of one instrument's prices at one adapter."""

    #: The last price that was believed; 0: none yet.
    price: float = 0.0
    #: A price that waits to be confirmed; 0: none does.
    doubted: float = 0.0


def judge(track: Track, seen: Seen, exchange: str, symbol: str, max_jump: float) -> Reason | None:
    """Whether a tick is believed; its price is then the track's. `max_jump` is a part of the
    price before, 0 believes every jump."""
    if seen.symbol != symbol or seen.exchange != exchange:
        return Reason.INCOMPLETE
    price = seen.ltp
    if not 0.0 < price <= HIGHEST_PRICE or math.isinf(price):
        return Reason.BAD_PRICE
    before = track.price
    if max_jump and before and abs(price - before) > max_jump * before:
        doubted = track.doubted
        if not doubted or abs(price - doubted) > max_jump * doubted:
            track.doubted = price
            return Reason.OUTLIER
    track.price = price
    track.doubted = 0.0
    return None
