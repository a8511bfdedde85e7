"""Upstox's protobuf messages to ticks.

A message holds any number of instruments. It leaves out every number that is 0 and may leave
out what has not changed, so each tick is filled up from the instrument's last one; a field
that never was anything but 0 stays None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Final

from google.protobuf.message import DecodeError

from adapters.codec import Book, Row, Tick
from adapters.errors import MalformedError
from adapters.wire import upstox_pb2 as wire
from bus.topics import Mode

_LTP, _QUOTE, _DEPTH = Mode.LTP, Mode.QUOTE, Mode.DEPTH
_DAY: Final = "1d"
#: What an instrument is before its first tick.
_NOTHING: Final = Tick("", _LTP)

_parse = wire.FeedResponse.FromString


def read_feeds(
    frame: bytes, modes: Mapping[str, Mode], last: dict[str, Tick], ticks: list[Tick]
) -> None:
    """Append a frame's ticks; `last` holds the last tick of each instrument and is kept up.

    Raises:
        MalformedError: not a message of the feed, or a price that is no number, which costs
            its instrument's tick and no other's.
    """
    try:
        response = _parse(frame)
    except DecodeError as error:
        raise MalformedError(f"not the feed's protobuf: {error}") from None
    time = response.current_ts or None
    damage = None
    for key, feed in response.feeds.items():
        try:
            mode, before = modes.get(key), last.get(key, _NOTHING)
            # What it holds is asked last of what was asked for in mode LTP: the answer is dear.
            if mode is _LTP and (trade := feed.ltpc).ltp:
                tick = _trade(key, trade, before, time)
            else:
                tick = _tick(key, feed, before, time, mode is _DEPTH)
        except MalformedError as error:
            damage = error
        else:
            last[key] = tick
            ticks.append(tick)
    if damage is not None:
        raise damage


def _tick(key: str, feed: wire.Feed, last: Tick, time: int | None, wants_book: bool) -> Tick:
    kind = feed.WhichOneof("content")
    if kind == "full_feed":
        full = feed.full_feed
        if full.WhichOneof("content") == "index":
            return _index(key, full.index, last, time)
        return _market(key, full.market, last, time, wants_book)
    if kind == "first_level_with_greeks":
        return _first_level(key, feed.first_level_with_greeks, last, time, wants_book)
    return _trade(key, feed.ltpc, last, time)


def _trade(key: str, trade: wire.Trade, last: Tick, time: int | None) -> Tick:
    ltp, close = trade.ltp, trade.cp
    if not isfinite(ltp + close):
        raise _no_number(key)
    # Positional in the order of `Tick`, here and below: keywords cost a third more.
    return Tick(
        key,
        _LTP,
        ltp or last.ltp,
        trade.ltq or last.ltq,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        close or last.close,
        trade.ltt or last.last_trade_time,
        None,
        None,
        None,
        time,
    )


def _index(key: str, feed: wire.IndexFeed, last: Tick, time: int | None) -> Tick:
    trade = feed.ltpc
    ltp, close = trade.ltp, trade.cp
    opened, high, low = _day(feed.market_ohlc)
    _check(key, ltp + close + opened + high + low)
    return Tick(
        key,
        _QUOTE,
        ltp or last.ltp,
        trade.ltq or last.ltq,
        open=opened or last.open,
        high=high or last.high,
        low=low or last.low,
        close=close or last.close,
        last_trade_time=trade.ltt or last.last_trade_time,
        exchange_timestamp=time,
    )


def _market(
    key: str, feed: wire.MarketFeed, last: Tick, time: int | None, wants_book: bool
) -> Tick:
    trade = feed.ltpc
    ltp, close, average = trade.ltp, trade.cp, feed.atp
    oi, bought, sold = feed.oi, feed.tbq, feed.tsq
    opened, high, low = _day(feed.market_ohlc)
    _check(key, ltp + close + average + oi + bought + sold + opened + high + low)
    depth = None
    if wants_book:
        depth = _book(key, feed.market_level.levels) or last.depth
    return Tick(
        key,
        _QUOTE if depth is None else _DEPTH,
        ltp or last.ltp,
        trade.ltq or last.ltq,
        average or last.average_price,
        feed.vtt or last.volume,
        int(bought) or last.total_buy_quantity,
        int(sold) or last.total_sell_quantity,
        opened or last.open,
        high or last.high,
        low or last.low,
        close or last.close,
        trade.ltt or last.last_trade_time,
        int(oi) or last.oi,
        None,
        None,
        time,
        depth,
    )


def _first_level(
    key: str, feed: wire.FirstLevelWithGreeks, last: Tick, time: int | None, wants_book: bool
) -> Tick:
    """Mode option_greeks, which nothing here asks for."""
    trade, oi = feed.ltpc, feed.oi
    ltp, close = trade.ltp, trade.cp
    _check(key, ltp + close + oi)
    depth = None
    if wants_book:
        depth = _book(key, [feed.first_depth]) if feed.HasField("first_depth") else last.depth
    return Tick(
        key,
        _QUOTE if depth is None else _DEPTH,
        ltp or last.ltp,
        trade.ltq or last.ltq,
        volume=feed.vtt or last.volume,
        close=close or last.close,
        last_trade_time=trade.ltt or last.last_trade_time,
        oi=int(oi) or last.oi,
        exchange_timestamp=time,
        depth=depth,
    )


def _day(candles: wire.Candles) -> tuple[float, float, float]:
    """Open, high and low of the day; its candle may stand anywhere among the others."""
    for candle in candles.ohlc:
        if candle.interval == _DAY:
            return candle.open, candle.high, candle.low
    return 0.0, 0.0, 0.0


def _book(key: str, levels: Sequence[wire.Level]) -> Book | None:
    """The levels as sent; None: there are none."""
    buy: list[Row] = []
    sell: list[Row] = []
    total = 0.0
    for level in levels:
        bid, ask = level.bid_price, level.ask_price
        total += bid + ask
        buy.append((bid, level.bid_quantity, 0))
        sell.append((ask, level.ask_quantity, 0))
    _check(key, total)
    return Book(buy, sell, has_orders=False) if buy else None


def _check(key: str, total: float) -> None:
    """A sum with a NaN or an infinity in it is one itself."""
    if not isfinite(total):
        raise _no_number(key)


def _no_number(key: str) -> MalformedError:
    return MalformedError(f"{key[:64]}: a value that is no number")
