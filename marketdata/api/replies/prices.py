"""Replies with prices."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from marketdata.api.replies.common import Success


class Day(Struct, kw_only=True):
    """0 where the feed has no such figure. `timestamp` is the last tick's receipt in Unix ms."""

    open: float
    high: float
    low: float
    ltp: float
    prev_close: float
    volume: int
    oi: int
    timestamp: int


class QuoteData(Day, kw_only=True):
    ask: float
    bid: float


class Quote(Success, kw_only=True):
    data: QuoteData


class MultiQuote(Struct, kw_only=True):
    """`data`, or `error` where there is no price."""

    symbol: str
    exchange: str
    data: QuoteData | UnsetType = UNSET
    error: str | UnsetType = UNSET


class MultiQuotes(Success, kw_only=True):
    results: list[MultiQuote]


class DepthLevel(Struct, kw_only=True):
    price: float
    quantity: int
    orders: int


class DepthData(Day, kw_only=True):
    ltq: int
    totalbuyqty: int
    totalsellqty: int
    asks: list[DepthLevel]
    bids: list[DepthLevel]


class Depth(Success, kw_only=True):
    data: DepthData
