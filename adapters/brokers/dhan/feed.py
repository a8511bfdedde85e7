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
from typing import Final, TypeAlias

from adapters.brokers.dhan.wire import CURRENCY_SEGMENTS, disconnected, key
from adapters.codec import Account, Book, Codec, Decoded, Notice, Row, Tick, WireFrame
from adapters.errors import CodecError, MalformedError, TruncatedError
from adapters.known import Known
from adapters.rounding import HALF
from bus.topics import Mode

#: Times are seconds of an epoch that begins at midnight in India.
INDIA_S: Final = 19_800

_TICKER, _QUOTE, _INTEREST, _CLOSE, _FULL, _DISCONNECT = 2, 4, 5, 6, 8, 50
#: Code -> length at least, of those that are looked into. 7 (market status) is a bare header, 0
#: has been seen as a heartbeat, 1 and 3 are of an earlier version: skipped by their length.
_SIZES: Final = {_TICKER: 16, _QUOTE: 50, _INTEREST: 12, _CLOSE: 16, _FULL: 162, _DISCONNECT: 10}
_HEADER_SIZE, _TICKER_SIZE, _QUOTE_SIZE, _FULL_SIZE = 8, 16, 50, 162
_MODE_LTP, _MODE_QUOTE, _MODE_DEPTH = Mode.LTP, Mode.QUOTE, Mode.DEPTH

#: Behind the code: length, segment with security id.
_HEADER: Final = "<xH5s"
_read_header = struct.Struct(_HEADER).unpack_from
_read_ticker = struct.Struct(_HEADER + "fI").unpack_from
# The day's prices and the book are taken as they are: one is seldom new, the other often the same.
_read_quote = struct.Struct(_HEADER + "fHIfIII16s").unpack_from
_read_full = struct.Struct(_HEADER + "fHIfIIIIII16s100s").unpack_from
_read_close = struct.Struct("<8xf").unpack_from
_read_interest = struct.Struct("<8xI").unpack_from
_read_reason = struct.Struct("<8xH").unpack_from
_read_place = struct.Struct("<BI").unpack
#: Open, high, low; the close between them is 0 until the market has closed.
_read_day = struct.Struct("<f4xff").unpack
#: A row holds both sides: quantities, orders, prices, bid before ask.
_read_book = struct.Struct("<" + "IIHHff" * 5).unpack


class Instrument:
    """What the feed has told of an instrument, and how its prices are read.

    Args:
        place: its segment and security id, as packets have them.

    Raises:
        MalformedError: no such segment.
    """

    __slots__ = (
        *("name", "scale", "close", "interest"),
        *("day", "opened", "high", "low", "book", "buy", "sell"),
    )

    def __init__(self, place: bytes) -> None:
        segment, number = _read_place(place)
        self.name = key(segment, number)
        #: 10 to the decimals of its prices.
        self.scale = 10_000.0 if segment in CURRENCY_SEGMENTS else 100.0
        self.close: float | None = None
        self.interest: int | None = None
        #: The last packet's bytes of the day's prices and of the book, and what they say.
        self.day = self.book = b""
        self.opened = self.high = self.low = 0.0
        self.buy: list[Row] = []
        self.sell: list[Row] = []

    def rupees(self, price: float) -> float:
        """Raises MalformedError: it is no number."""
        if not isfinite(price):
            raise MalformedError("a price that is no number")
        return (price * self.scale + HALF - HALF) / self.scale

    def read_day(self, day: bytes) -> None:
        """Raises MalformedError: a price is no number."""
        self.opened, self.high, self.low = map(self.rupees, _read_day(day))
        self.day = day

    def read_book(self, book: bytes) -> None:
        """Raises MalformedError: a price is no number."""
        (
            bq0, aq0, bn0, an0, b0, a0, bq1, aq1, bn1, an1, b1, a1, bq2, aq2, bn2, an2, b2, a2,
            bq3, aq3, bn3, an3, b3, a3, bq4, aq4, bn4, an4, b4, a4,
        ) = _read_book(book)  # fmt: skip
        s, half = self.scale, HALF
        # Of float32 all finite ones add up to one.
        if not isfinite(b0 + b1 + b2 + b3 + b4 + a0 + a1 + a2 + a3 + a4):
            raise MalformedError("a book with a price that is no number")
        self.buy = [
            ((b0 * s + half - half) / s, bq0, bn0),
            ((b1 * s + half - half) / s, bq1, bn1),
            ((b2 * s + half - half) / s, bq2, bn2),
            ((b3 * s + half - half) / s, bq3, bn3),
            ((b4 * s + half - half) / s, bq4, bn4),
        ]
        self.sell = [
            ((a0 * s + half - half) / s, aq0, an0),
            ((a1 * s + half - half) / s, aq1, an1),
            ((a2 * s + half - half) / s, aq2, an2),
            ((a3 * s + half - half) / s, aq3, an3),
            ((a4 * s + half - half) / s, aq4, an4),
        ]
        self.book = book


Instruments: TypeAlias = Known[bytes, Instrument]


class FeedReader(Codec):
    """The reading half of a connection to the feed."""

    def __init__(self, account: Account, stream: str) -> None:
        super().__init__(account, stream)
        self._instruments = Known(Instrument)

    def read(self, frame: WireFrame, out: Decoded) -> None:
        """Take a frame apart.

        Raises:
            TruncatedError: it ends within a packet.
            MalformedError: a packet that is too short for its kind, of no segment, or with a
                price that is no number.
            BrokerError: the server ends the connection.
        """
        if isinstance(frame, str):
            out.events.append(Notice(frame))
            return
        size, start, ticks, instruments = len(frame), 0, out.ticks, self._instruments
        try:
            while start < size:
                code = frame[start]
                if code == _TICKER:
                    length, place, ltp, traded = _read_ticker(frame, start)
                    if not _TICKER_SIZE <= length <= size - start:
                        raise _misfit(code, length, start, size)
                    of = instruments[place]
                    price = (ltp * of.scale + HALF - HALF) / of.scale
                    if not isfinite(price):
                        raise MalformedError("a price that is no number")
                    # A time of 0, and what is before 1970, is none.
                    at = (traded - INDIA_S) * 1000 if traded > INDIA_S else None
                    ticks.append(Tick(of.name, _MODE_LTP, price, last_trade_time=at))
                elif code == _FULL:
                    length = _full(frame, start, instruments, ticks)
                elif code == _QUOTE:
                    length = _quote(frame, start, instruments, ticks)
                else:
                    length = _other(code, frame, start, instruments)
                start += length
        except struct.error:
            raise _cut(frame, start) from None


# Each takes the packet that begins at `start` and says how long it is.


def _quote(frame: bytes, start: int, instruments: Instruments, ticks: list[Tick]) -> int:
    length: int
    length, place, ltp, ltq, traded, average, volume, sold, bought, day = _read_quote(frame, start)
    if not _QUOTE_SIZE <= length <= len(frame) - start:
        raise _misfit(_QUOTE, length, start, len(frame))
    if not isfinite(ltp + average):
        raise MalformedError("a quote with a price that is no number")
    of = instruments[place]
    if day != of.day:
        of.read_day(day)
    s, half = of.scale, HALF
    # Positional in the order of `Tick`, here and below: keywords cost a third more.
    ticks.append(
        Tick(
            of.name,
            _MODE_QUOTE,
            (ltp * s + half - half) / s,
            ltq,
            (average * s + half - half) / s,
            volume,
            bought,
            sold,
            of.opened,
            of.high,
            of.low,
            of.close,
            (traded - INDIA_S) * 1000 if traded > INDIA_S else None,
            of.interest,
        )
    )
    return length


def _full(frame: bytes, start: int, instruments: Instruments, ticks: list[Tick]) -> int:
    length: int
    (
        length, place, ltp, ltq, traded, average, volume, sold, bought,
        interest, interest_high, interest_low, day, book,
    ) = _read_full(frame, start)  # fmt: skip
    if not _FULL_SIZE <= length <= len(frame) - start:
        raise _misfit(_FULL, length, start, len(frame))
    if not isfinite(ltp + average):
        raise MalformedError("a full packet with a price that is no number")
    of = instruments[place]
    if day != of.day:
        of.read_day(day)
    if book != of.book:
        of.read_book(book)
    s, half = of.scale, HALF
    ticks.append(
        Tick(
            of.name,
            _MODE_DEPTH,
            (ltp * s + half - half) / s,
            ltq,
            (average * s + half - half) / s,
            volume,
            bought,
            sold,
            of.opened,
            of.high,
            of.low,
            of.close,
            (traded - INDIA_S) * 1000 if traded > INDIA_S else None,
            interest,
            interest_high,
            interest_low,
            None,
            Book(of.buy, of.sell),
        )
    )
    return length


def _other(code: int, frame: bytes, start: int, instruments: Instruments) -> int:
    """The packets without a tick."""
    length: int
    length, place = _read_header(frame, start)
    if not _SIZES.get(code, _HEADER_SIZE) <= length <= len(frame) - start:
        raise _misfit(code, length, start, len(frame))
    if code == _DISCONNECT:
        raise disconnected(_read_reason(frame, start)[0])
    if code == _CLOSE:
        of = instruments[place]
        of.close = of.rupees(_read_close(frame, start)[0])
    elif code == _INTEREST:
        [instruments[place].interest] = _read_interest(frame, start)
    return length


def _cut(frame: bytes, start: int) -> CodecError:
    """The frame ends before a packet of this kind may."""
    size = len(frame)
    if size - start < _HEADER_SIZE:
        return TruncatedError(f"a packet's header at byte {start} of {size}")
    return _misfit(frame[start], _read_header(frame, start)[0], start, size)


def _misfit(code: int, length: int, start: int, size: int) -> CodecError:
    """A packet that is shorter than its kind, or longer than what is left of the frame."""
    if length < _SIZES.get(code, _HEADER_SIZE):
        return MalformedError(f"a packet of code {code} with {length} bytes")
    return TruncatedError(f"a packet of {length} bytes at byte {start} of {size}")
