"""The JSON of a tick's payloads, from a tick that was inspected (`adapters.ticks.quarantine`).

The fields are those of `bus.market.ticks`, which is what readers decode into. For writing there are
structs of their own: None is left out by the encoder itself, and they are filled by position,
which together halves the time that a payload takes.
"""

from __future__ import annotations

from itertools import starmap
from math import floor
from typing import Final

from msgspec import Struct

from adapters.codec import Book, Row, Tick
from bus.market.ticks import Level, encode_json

#: Differences of decimal prices, without the noise of binary fractions: six digits.
_GRID: Final = 1e6
#: Changes beyond it say nothing (a close of next to nothing).
_FAR: Final = 1e9
_NOTHING: Final = (None, None)


class LtpFields(Struct, gc=False, omit_defaults=True):
    """`LtpData` for writing."""

    symbol: str
    exchange: str
    ltp: float
    ltt: int | None = None
    volume: int | None = None
    timestamp: int | None = None


class QuoteFields(LtpFields, gc=False, omit_defaults=True):
    """`QuoteData` for writing."""

    open: float | None = None
    high: float | None = None
    low: float | None = None
    close: float | None = None
    last_trade_quantity: int | None = None
    last_quantity: int | None = None
    ltq: int | None = None
    avg_trade_price: float | None = None
    average_price: float | None = None
    change: float | None = None
    change_percent: float | None = None
    oi: int | None = None
    bid_price: float | None = None
    ask_price: float | None = None
    bid_size: int | None = None
    ask_size: int | None = None
    total_buy_quantity: int | None = None
    total_sell_quantity: int | None = None


def ltp_payload(symbol: str, exchange: str, tick: Tick, ltp: float, stamp: int) -> bytes:
    """Mode LTP; `stamp` in Unix ms."""
    volume = tick.volume
    return encode_json(
        LtpFields(
            symbol,
            exchange,
            ltp,
            tick.last_trade_time,
            None if volume is None else int(volume),
            stamp,
        )
    )


def quote_payload(symbol: str, exchange: str, tick: Tick, ltp: float, stamp: int) -> bytes:
    """Mode QUOTE. Clients read quantities as whole numbers."""
    close, average, book = tick.close, tick.average_price, tick.depth
    ltq, volume, oi = tick.ltq, tick.volume, tick.oi
    bought, sold = tick.total_buy_quantity, tick.total_sell_quantity
    ltq = None if ltq is None else int(ltq)
    change, percent = _NOTHING if close is None else _change(ltp, close)
    bid = bid_size = ask = ask_size = None
    if book is not None:
        bid, bid_size = _best(book.buy)
        ask, ask_size = _best(book.sell)
    return encode_json(
        QuoteFields(
            symbol,
            exchange,
            ltp,
            tick.last_trade_time,
            None if volume is None else int(volume),
            stamp,
            tick.open,
            tick.high,
            tick.low,
            close,
            ltq,
            ltq,
            ltq,
            average,
            average,
            change,
            percent,
            None if oi is None else int(oi),
            bid,
            ask,
            bid_size,
            ask_size,
            None if bought is None else int(bought),
            None if sold is None else int(sold),
        )
    )


def with_book(quote: bytes, book: Book, levels: int) -> bytes:
    """The payload of `DepthData`: a quote's, with the best of the book under both names.

    The book is encoded once and put in twice, which halves the cost of the largest payload.
    """
    buy = encode_json(_levels(book.buy, levels, book))
    sell = encode_json(_levels(book.sell, levels, book))
    return b'%b,"depth":{"buy":%b,"sell":%b},"bids":%b,"asks":%b}' % (
        quote[:-1], buy, sell, buy, sell,
    )  # fmt: skip


def _levels(rows: list[Row], most: int, book: Book) -> list[Level]:
    if len(rows) > most:
        rows = rows[:most]
    if book.fractions:
        return [Level(price, int(quantity), orders) for price, quantity, orders in rows]
    return list(starmap(Level, rows))


def _change(ltp: float, close: float) -> tuple[float | None, float | None]:
    """Against the previous close, in rupees and percent, where that is a price."""
    if close <= 0:
        return _NOTHING
    change = ltp - close
    percent = change / close * 100
    if not (-_FAR < change < _FAR and -_FAR < percent < _FAR):
        return _NOTHING
    # As round(x, 6), in a third of its time.
    return floor(change * _GRID + 0.5) / _GRID, floor(percent * _GRID + 0.5) / _GRID


def _best(rows: list[Row]) -> tuple[float | None, int | None]:
    """Price and size of the best level; an empty one has price 0 and says nothing."""
    if rows:
        price, quantity, _ = rows[0]
        if price:
            return price, int(quantity)
    return _NOTHING
