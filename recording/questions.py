"""What `recording.history` is asked, and what it answers."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from recording.candles import Candle
from recording.notes import Gap


class Question(Struct, kw_only=True):
    """Times in Unix ns, ends included. `adapters`: the words in topics that may be read, None
    for all. `limit_s`: how long it may take."""

    folder: str
    exchange: str
    symbol: str
    interval: str
    from_ns: int
    to_ns: int
    adapters: list[str] | None
    limit_s: float


class Known(Struct, kw_only=True):
    """From the first to the last tick that was found, Unix s. Within it, `gaps` are where the
    recorder knows that ticks are missing: the largest, and how many there are in all. `damaged`
    records, of whatever instrument, could not be read."""

    from_s: int
    to_s: int
    adapter: str
    ticks: int
    gaps: list[Gap]
    gaps_total: int
    damaged: int


class Answer(Struct, kw_only=True):
    """Candles, or why there are none. `empty`: nothing was recorded; `long`: there is more to read
    than time for it; `damaged`: the recording cannot be read."""

    candles: list[Candle] = []
    known: Known | UnsetType = UNSET
    failure: Literal["empty", "long", "damaged"] | UnsetType = UNSET
    message: str = ""
