"""What of every tick is looked at, by the cache and by the paper account. Pure.

A payload is read once, and of it no more than these fields; a book has some twenty objects, which
are made when an order asks for them. The rest is decoded when somebody asks for it.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct, field

from bus.market.ticks import Level


class Seen(Struct, gc=False):
    """Of a tick in any mode. Prices in rupees; 0 where the tick does not say. One with bid and ask
    below 0 says nothing of the best prices; whether it has a book, `levels` tells."""

    symbol: str = ""
    exchange: str = ""
    ltp: float = 0.0
    timestamp: int = 0
    volume: int = 0
    low: float = 0.0
    high: float = 0.0
    bid_price: float = -1.0
    ask_price: float = -1.0
    bid_size: int = 0
    ask_size: int = 0
    #: What it was read from; on the bus no field is called so.
    payload: bytes = field(default=b"", name="~")

    def levels(self) -> tuple[list[Level], list[Level]] | None:
        """Bids and asks, the best first; None: the tick has no book, or a damaged one."""
        if _MARK not in self.payload:
            return None
        try:
            book = _book(self.payload)
        except msgspec.DecodeError:
            return None
        return book.bids, book.asks


class _Book(Struct, gc=False):
    bids: list[Level]
    asks: list[Level]


#: What is in every payload with a book, and seldom in others: spares them a second reading.
_MARK: Final = b'"bids"'
_book: Final = msgspec.json.Decoder(_Book).decode
_decode: Final = msgspec.json.Decoder(Seen).decode


def look(payload: bytes) -> Seen:
    """Raises DecodeError: no JSON, or a field of another type."""
    seen = _decode(payload)
    seen.payload = payload
    return seen
