"""The JSON of a tick's payloads, from a tick that was inspected (`adapters.ticks.quarantine`).

The fields are those of `bus.market.ticks`, which is what readers decode into. For writing there are
structs of their own: None is left out by the encoder itself, and they are filled by position,
which together halves the time that a payload takes.
"""

from __future__ import annotations

from itertools import starmap
from typing import Final

from msgspec import Struct

from adapters.codec import Book, Row, Tick
from adapters.rounding import HALF
from bus.market.ticks import Level, encode_json

#: Differences of decimal prices, without the noise of binary fractions: six digits.
_GRID: Final = 1e6
#: Changes beyond it say nothing (a close of next to nothing). With the grid it is below `HALF`.
_FAR: Final = 1e9
_NOTHING: Final = (None, None)
#: One for all, since most instruments never have a book.
_NO_ROWS: Final[list[Row]] = []


class LtpFields(Struct, gc=False, omit_defaults=True):
    """`LtpData` for writing. The outlet sees to it that quantities are whole."""

    symbol: str
    exchange: str
    ltp: float
    ltt: int | None = None
    volume: float | None = None
    timestamp: int | None = None


class QuoteFields(LtpFields, gc=False, omit_defaults=True):
    """`QuoteData` for writing."""

    open: float | None = None
    high: float | None = None
    low: float | None = None
    close: float | None = None
    last_trade_quantity: float | None = None
    last_quantity: float | None = None
    ltq: float | None = None
    avg_trade_price: float | None = None
    average_price: float | None = None
    change: float | None = None
    change_percent: float | None = None
    oi: int | None = None
    bid_price: float | None = None
    ask_price: float | None = None
    bid_size: int | None = None
    ask_size: int | None = None
    total_buy_quantity: float | None = None
    total_sell_quantity: float | None = None


def ltp_payload(symbol: str, exchange: str, tick: Tick, ltp: float, stamp: int) -> bytes:
    """Mode LTP; `stamp` in Unix ms."""
    return encode_json(LtpFields(symbol, exchange, ltp, tick.last_trade_time, tick.volume, stamp))


def quote_payload(symbol: str, exchange: str, tick: Tick, ltp: float, stamp: int) -> bytes:
    """Mode QUOTE."""
    close, average, ltq, book = tick.close, tick.average_price, tick.ltq, tick.depth
    change, percent = _NOTHING if close is None else _change(ltp, close)
    # The best of the book; an empty level has price 0 and says nothing.
    bid = ask = bid_size = ask_size = None
    if book is not None:
        if (buy := book.buy) and (price := buy[0][0]):
            bid, bid_size = price, int(buy[0][1])
        if (sell := book.sell) and (price := sell[0][0]):
            ask, ask_size = price, int(sell[0][1])
    return encode_json(
        QuoteFields(
            symbol,
            exchange,
            ltp,
            tick.last_trade_time,
            tick.volume,
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
            tick.oi,
            bid,
            ask,
            bid_size,
            ask_size,
            tick.total_buy_quantity,
            tick.total_sell_quantity,
        )
    )


class BookPayload:
    """The books of one instrument for mode DEPTH, at most `levels` a side.

    A side is encoded once and put in twice, which halves the cost of the largest payload; and
    many a book is the one before (four in ten of a day's ticks of NSE): that side is not encoded.
    """

    __slots__ = ("_buy", "_buy_json", "_levels", "_sell", "_sell_json")

    def __init__(self, levels: int) -> None:
        self._levels = levels
        self._buy = self._sell = _NO_ROWS
        self._buy_json = self._sell_json = b"[]"

    def with_quote(self, quote: bytes, book: Book) -> bytes:
        """The payload of `DepthData`: a quote's, with the best of the book under both names."""
        if book.buy != self._buy:
            self._buy, self._buy_json = book.buy, self._json(book.buy, book)
        if book.sell != self._sell:
            self._sell, self._sell_json = book.sell, self._json(book.sell, book)
        buy, sell = self._buy_json, self._sell_json
        return b"".join(
            (quote[:-1], b',"depth":{"buy":', buy, b',"sell":', sell, b'},"bids":', buy,
             b',"asks":', sell, b"}")
        )  # fmt: skip

    def _json(self, rows: list[Row], book: Book) -> bytes:
        if len(rows) > self._levels:
            rows = rows[: self._levels]
        if book.fractions:
            return encode_json([Level(price, int(quantity), n) for price, quantity, n in rows])
        return encode_json(list(starmap(Level, rows)))


def _change(ltp: float, close: float) -> tuple[float | None, float | None]:
    """Against the previous close, in rupees and percent, where that is a price."""
    if close <= 0:
        return _NOTHING
    change = ltp - close
    percent = change / close * 100
    if not (-_FAR < change < _FAR and -_FAR < percent < _FAR):
        return _NOTHING
    return (change * _GRID + HALF - HALF) / _GRID, (percent * _GRID + HALF - HALF) / _GRID
