"""What all requests are made of. Prices are rupees, quantities units."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from bus.topics import MAX_SYMBOL_LENGTH
from marketdata.api.endpoint import Request

AnyAction: TypeAlias = Literal["BUY", "SELL", "buy", "sell"]
Quantity: TypeAlias = Annotated[int, Meta(gt=0, le=10**12, examples=[10])]
Price: TypeAlias = Annotated[float, Meta(ge=0, le=1e9)]
Symbol: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=MAX_SYMBOL_LENGTH, examples=["RELIANCE"])
]
Exchange: TypeAlias = Annotated[str, Meta(min_length=1, max_length=16, examples=["NSE"])]
Id: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
Name: TypeAlias = Annotated[str, Meta(max_length=128)]

#: What one call may bring: orders of a basket, legs, pieces of a split, positions, symbols.
MAX_BASKET = 100
MAX_LEGS = 20
MAX_PIECES = 100
MAX_MARGIN = 50
MAX_SYMBOLS = 500


class Instrument(Struct, kw_only=True, frozen=True):
    symbol: Symbol
    exchange: Exchange


class Account(Request, kw_only=True):
    """A call on the whole account."""

    strategy: Name = ""
