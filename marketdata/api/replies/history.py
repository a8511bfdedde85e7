"""Replies about the past."""

from __future__ import annotations

from msgspec import Struct

from marketdata.api.replies.common import Success
from recording.candles import Candle
from recording.notes import Reason


class Intervals(Success, kw_only=True):
    data: dict[str, list[str]]


class MissingData(Struct, kw_only=True):
    """Where ticks are known to be missing, Unix s; `ticks` is how many, null where nobody can
    know."""

    from_time: int
    to_time: int
    reason: Reason
    ticks: int | None


class Recorded(Struct, kw_only=True):
    """What the candles were made of: from the first to the last recorded tick of the instrument,
    Unix s. Before, after and in `gaps` nothing is known. `damaged` records, of whatever instrument,
    could not be read."""

    from_time: int
    to_time: int
    adapter: str
    ticks: int
    gaps: list[MissingData]
    gaps_total: int
    damaged: int


class History(Success, kw_only=True):
    data: list[Candle]
    recorded: Recorded
