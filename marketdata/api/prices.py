"""OpenAlgo's calls on prices: quotes, multiquotes, depth."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from msgspec import UnsetType

from bus.market import ticks
from bus.topics import Mode
from identity.authority import Identity
from marketdata.api.endpoint import ApiError, Endpoint, openalgo
from marketdata.api.replies import prices as replies
from marketdata.api.requests import prices as shapes
from marketdata.asking import Answer, Asking
from marketdata.cache import Tick
from marketdata.market import Market

T = TypeVar("T")


class Prices:
    """The handlers; `endpoints` are their rows."""

    def __init__(self, market: Market, asking: Asking) -> None:
        self._market = market
        self._asking = asking

    def endpoints(self) -> list[Endpoint]:
        return [
            openalgo(
                "quotes",
                "The last quote of an instrument",
                shapes.OneSymbol,
                replies.Quote,
                self.quote,
                "prices",
            ),
            openalgo(
                "multiquotes",
                "The last quotes of many instruments",
                shapes.MultiQuotes,
                replies.MultiQuotes,
                self.quotes,
                "prices",
            ),
            openalgo(
                "depth",
                "The last book of an instrument",
                shapes.OneSymbol,
                replies.Depth,
                self.depth,
                "prices",
            ),
        ]

    async def quote(self, who: Identity, asked: shapes.OneSymbol) -> replies.Quote:
        answer = (await self.ask(who, [(asked.exchange, asked.symbol)], Mode.DEPTH))[0]
        return replies.Quote(data=quote_data(_there(answer)))

    async def quotes(self, who: Identity, asked: shapes.MultiQuotes) -> replies.MultiQuotes:
        keys = [(one.exchange, one.symbol) for one in asked.symbols]
        answers = await self.ask(who, keys, Mode.DEPTH)
        results = []
        for (exchange, symbol), answer in zip(keys, answers, strict=True):
            result = replies.MultiQuote(symbol=symbol, exchange=exchange)
            if answer.tick is None:
                result.error = answer.error
            else:
                result.data = quote_data(answer.tick)
            results.append(result)
        return replies.MultiQuotes(results=results)

    async def depth(self, who: Identity, asked: shapes.OneSymbol) -> replies.Depth:
        answer = (await self.ask(who, [(asked.exchange, asked.symbol)], Mode.DEPTH))[0]
        return replies.Depth(data=depth_data(_there(answer)))

    async def ask(self, who: Identity, keys: list[tuple[str, str]], best: Mode) -> list[Answer]:
        """What the caller's role may see, asked together; each key once.

        Some brokers have bid and ask only in the mode with the book, so quotes ask for that.
        """
        modes = who.scopes.modes
        mode = best if modes is None else min(best, max(modes))
        allowed = [key for key in dict.fromkeys(keys) if not who.scopes.refusal(key[0], mode)]
        asked = await self._asking.ask(self._market.allowed(who), allowed, mode)
        found = dict(zip(allowed, asked, strict=True))
        return [found.get(key) or Answer(None, who.scopes.refusal(key[0], mode)) for key in keys]


def _there(answer: Answer) -> Tick:
    if answer.tick is None:
        raise ApiError(HTTPStatus.NOT_FOUND, answer.error)
    return answer.tick


def quote_data(tick: Tick) -> replies.QuoteData:
    """A quote, with 0 for what the feed does not have."""
    quote = _widest(tick)
    return replies.QuoteData(
        **_day(tick, quote), ask=_or(quote.ask_price, 0.0), bid=_or(quote.bid_price, 0.0)
    )


def depth_data(tick: Tick) -> replies.DepthData:
    """A book; without levels where the feed has none for the instrument."""
    data = _widest(tick)
    asks = data.asks if isinstance(data, ticks.DepthData) else []
    bids = data.bids if isinstance(data, ticks.DepthData) else []
    return replies.DepthData(
        **_day(tick, data),
        ltq=_or(data.last_trade_quantity, 0),
        totalbuyqty=_or(data.total_buy_quantity, 0),
        totalsellqty=_or(data.total_sell_quantity, 0),
        asks=_levels(asks),
        bids=_levels(bids),
    )


def _day(tick: Tick, data: ticks.QuoteData) -> dict[str, Any]:
    """The fields of `replies.Day`. The price is the track's: a younger tick of another mode may
    have moved it."""
    return {
        "open": _or(data.open, 0.0),
        "high": _or(data.high, 0.0),
        "low": _or(data.low, 0.0),
        "ltp": tick.entry.track.price,
        "prev_close": _or(data.close, 0.0),
        "volume": _or(data.volume, 0),
        "oi": _or(data.oi, 0),
        "timestamp": tick.frame.received_ns // 1_000_000,
    }


def _widest(tick: Tick) -> ticks.QuoteData:
    """The tick as a quote; one of LTP mode has no more than its price and volume."""
    try:
        data = tick.decode()
    except msgspec.DecodeError:
        raise ApiError(HTTPStatus.BAD_GATEWAY, "the last tick is damaged; ask again") from None
    if isinstance(data, ticks.QuoteData):
        return data
    return ticks.QuoteData(
        symbol=data.symbol,
        exchange=data.exchange,
        ltp=data.ltp,
        volume=data.volume,
        timestamp=data.timestamp,
    )


def _levels(levels: list[ticks.Level]) -> list[replies.DepthLevel]:
    return [
        replies.DepthLevel(price=level.price, quantity=level.quantity, orders=level.orders)
        for level in levels
    ]


def _or(value: T | UnsetType, otherwise: T) -> T:
    return otherwise if isinstance(value, UnsetType) else value
