"""What a tick looks like on the bus and at a WebSocket client: one superset for all brokers.

The payload of a frame is the JSON of one of these, and it is exactly the `data` object that
a client gets. The rules come from what the clients' SDKs survive:

* times (`timestamp`, `ltt`: Unix ms), volumes, quantities and order counts are integers;
* nothing is ever null, NaN or infinite: what a broker does not give is left out (`UNSET`);
* `symbol` and `exchange` come first;
* quantities and orders inside the book fit 32 signed bits.

Several names stand for one value (`last_trade_quantity`, `last_quantity`, `ltq`) because
SDKs read different ones.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

#: A level's quantity and orders are read as int32 by one SDK; larger ones are capped.
MAX_INT32: Final = 2**31 - 1


class Level(Struct, gc=False):
    """One price level of a book: price in rupees, quantity in units, number of orders."""

    price: float
    quantity: int
    orders: int = 0


class BidAsk(Struct, gc=False):
    """Both sides of a book, best price first."""

    buy: list[Level]
    sell: list[Level]


class LtpData(Struct, kw_only=True, gc=False):
    """Mode LTP. Prices in rupees, times in Unix ms, volume of the day in units."""

    symbol: str
    exchange: str
    ltp: float
    ltt: int | UnsetType = UNSET
    volume: int | UnsetType = UNSET
    timestamp: int


class QuoteData(LtpData, kw_only=True, gc=False):
    """Mode QUOTE. `close` is the previous day's; `change` is ltp - close in rupees."""

    open: float | UnsetType = UNSET
    high: float | UnsetType = UNSET
    low: float | UnsetType = UNSET
    close: float | UnsetType = UNSET
    last_trade_quantity: int | UnsetType = UNSET
    last_quantity: int | UnsetType = UNSET
    ltq: int | UnsetType = UNSET
    avg_trade_price: float | UnsetType = UNSET
    average_price: float | UnsetType = UNSET
    change: float | UnsetType = UNSET
    change_percent: float | UnsetType = UNSET
    oi: int | UnsetType = UNSET
    bid_price: float | UnsetType = UNSET
    ask_price: float | UnsetType = UNSET
    bid_size: int | UnsetType = UNSET
    ask_size: int | UnsetType = UNSET
    total_buy_quantity: int | UnsetType = UNSET
    total_sell_quantity: int | UnsetType = UNSET


class DepthData(QuoteData, kw_only=True, gc=False):
    """Mode DEPTH: a quote with its book, under both names that clients read."""

    depth: BidAsk
    bids: list[Level]
    asks: list[Level]


encode_json = msgspec.json.Encoder().encode
decode_ltp = msgspec.json.Decoder(LtpData).decode
decode_quote = msgspec.json.Decoder(QuoteData).decode
decode_depth = msgspec.json.Decoder(DepthData).decode
