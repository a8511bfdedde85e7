"""Dhan's live feed: little-endian packets, several of which may stand in one frame.

Header of 8 bytes: uint8 code, uint16 length with the header, uint8 segment, uint32 security
id. Prices are float32, so that they are rounded to what they were before. Ticker, quote and
full packets are snapshots; the previous close (code 6) and open interest (code 5) come in
packets of their own and are kept for the snapshots that follow.
Sources: dhanhq 2.3.0 `MarketFeed`, dhanhq.co/docs/v2/live-market-feed.
"""

from __future__ import annotations

import struct
from math import isfinite
from typing import Final

from adapters.brokers.dhan.wire import CURRENCY_SEGMENTS, disconnected, key
from adapters.codec import Book, Tick
from adapters.errors import MalformedError, TruncatedError
from adapters.rounding import HALF
from bus.topics import Mode

#: Times are seconds of an epoch that begins at midnight in India.
INDIA_S: Final = 19_800

_HEADER_SIZE: Final = 8
_TICKER, _QUOTE, _INTEREST, _CLOSE, _FULL, _DISCONNECT = 2, 4, 5, 6, 8, 50
#: Codes that are looked into -> length at least. 7 (market status) is a bare header, 0 has
#: been seen as a heartbeat, 1 and 3 are of an earlier version: skipped by their length.
_SIZES: Final = {_TICKER: 16, _QUOTE: 50, _INTEREST: 12, _CLOSE: 16, _FULL: 162, _DISCONNECT: 10}
_MODE_LTP, _MODE_QUOTE, _MODE_DEPTH = Mode.LTP, Mode.QUOTE, Mode.DEPTH

# The bodies begin behind the header.
_read_header = struct.Struct("<BHBI").unpack_from
_read_ticker = struct.Struct("<fI").unpack_from
_read_quote = struct.Struct("<fHIfIIIffff").unpack_from
_read_full = struct.Struct("<fHIfIIIIIIffff" + "IIHHff" * 5).unpack_from
_read_float = struct.Struct("<f").unpack_from
_read_int = struct.Struct("<I").unpack_from
_read_short = struct.Struct("<H").unpack_from

#: 10 to the decimals of a segment's prices.
_SCALES: Final = [10_000.0 if number in CURRENCY_SEGMENTS else 100.0 for number in range(256)]


class FeedReader:
    """One connection's packets; `closes` and `interest` are what it told per instrument."""

    def __init__(self) -> None:
        self.closes: dict[str, float] = {}
        self.interest: dict[str, int] = {}

    def read(self, frame: bytes, ticks: list[Tick]) -> None:
        """Take a frame apart.

        Raises:
            TruncatedError: it ends within a packet.
            MalformedError: a packet that is too short for its kind, of no segment, or with a
                price that is no number.
            BrokerError: the server ends the connection.
        """
        size, start = len(frame), 0
        while start < size:
            if start + _HEADER_SIZE > size:
                raise TruncatedError(f"a packet's header at byte {start} of {size}")
            code, length, segment, number = _read_header(frame, start)
            if length < _SIZES.get(code, _HEADER_SIZE):
                raise MalformedError(f"a packet of code {code} with {length} bytes")
            if start + length > size:
                raise TruncatedError(f"a packet of {length} bytes at byte {start} of {size}")
            body = start + _HEADER_SIZE
            if code == _FULL:
                ticks.append(self._full(frame, body, key(segment, number), _SCALES[segment]))
            elif code == _QUOTE:
                ticks.append(self._quote(frame, body, key(segment, number), _SCALES[segment]))
            elif code == _TICKER:
                ticks.append(_ticker(frame, body, key(segment, number), _SCALES[segment]))
            elif code in _SIZES:
                self._keep(code, frame, body, segment, number)
            start += length

    def _keep(self, code: int, frame: bytes, body: int, segment: int, number: int) -> None:
        """The packets without a tick."""
        if code == _DISCONNECT:
            raise disconnected(_read_short(frame, body)[0])
        name = key(segment, number)
        if code == _CLOSE:
            self.closes[name] = _rupees(_read_float(frame, body)[0], _SCALES[segment])
        else:
            self.interest[name] = _read_int(frame, body)[0]

    def _quote(self, frame: bytes, body: int, name: str, s: float) -> Tick:
        """The field behind `opened`, the day's close, is 0 until the market has closed."""
        (
            ltp, ltq, traded, average, volume, sold, bought, opened, _, high, low,
        ) = _read_quote(frame, body)  # fmt: skip
        half = HALF
        if not isfinite(ltp + average + opened + high + low):
            raise MalformedError("a quote with a price that is no number")
        # Positional in the order of `Tick`, here and below: keywords cost a third more.
        return Tick(
            name,
            _MODE_QUOTE,
            (ltp * s + half - half) / s,
            ltq,
            (average * s + half - half) / s,
            volume,
            bought,
            sold,
            (opened * s + half - half) / s,
            (high * s + half - half) / s,
            (low * s + half - half) / s,
            self.closes.get(name),
            (traded - INDIA_S) * 1000 if traded > INDIA_S else None,
            self.interest.get(name),
        )

    def _full(self, frame: bytes, body: int, name: str, s: float) -> Tick:
        """A row of the book holds both sides: quantities, orders, prices, bid before ask."""
        (
            ltp, ltq, traded, average, volume, sold, bought,
            interest, interest_high, interest_low, opened, _, high, low,
            bq0, aq0, bn0, an0, b0, a0, bq1, aq1, bn1, an1, b1, a1, bq2, aq2, bn2, an2, b2, a2,
            bq3, aq3, bn3, an3, b3, a3, bq4, aq4, bn4, an4, b4, a4,
        ) = _read_full(frame, body)  # fmt: skip
        half = HALF
        total = ltp + average + opened + high + low + b0 + b1 + b2 + b3 + b4
        if not isfinite(total + a0 + a1 + a2 + a3 + a4):  # float32: finite ones add up to one
            raise MalformedError("a full packet with a price that is no number")
        buy = [
            ((b0 * s + half - half) / s, bq0, bn0),
            ((b1 * s + half - half) / s, bq1, bn1),
            ((b2 * s + half - half) / s, bq2, bn2),
            ((b3 * s + half - half) / s, bq3, bn3),
            ((b4 * s + half - half) / s, bq4, bn4),
        ]
        sell = [
            ((a0 * s + half - half) / s, aq0, an0),
            ((a1 * s + half - half) / s, aq1, an1),
            ((a2 * s + half - half) / s, aq2, an2),
            ((a3 * s + half - half) / s, aq3, an3),
            ((a4 * s + half - half) / s, aq4, an4),
        ]
        return Tick(
            name,
            _MODE_DEPTH,
            (ltp * s + half - half) / s,
            ltq,
            (average * s + half - half) / s,
            volume,
            bought,
            sold,
            (opened * s + half - half) / s,
            (high * s + half - half) / s,
            (low * s + half - half) / s,
            self.closes.get(name),
            (traded - INDIA_S) * 1000 if traded > INDIA_S else None,
            interest,
            interest_high,
            interest_low,
            None,
            Book(buy, sell),
        )


def _ticker(frame: bytes, body: int, name: str, s: float) -> Tick:
    ltp, traded = _read_ticker(frame, body)
    return Tick(
        name,
        _MODE_LTP,
        _rupees(ltp, s),
        # A time of 0, and what is before 1970, is none.
        last_trade_time=(traded - INDIA_S) * 1000 if traded > INDIA_S else None,
    )


def _rupees(price: float, s: float) -> float:
    if not isfinite(price):
        raise MalformedError("a price that is no number")
    return (price * s + HALF - HALF) / s
