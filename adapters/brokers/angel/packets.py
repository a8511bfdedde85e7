"""The binary packets of SmartStream v2: one a message, little-endian, a full snapshot each.

A packet's kind is its first byte, the mode that was asked for; each kind has one size. Bytes
1 to 26 are the exchange type and the token, NUL-padded text. Prices are integers of a
divisor that the exchange type decides. Sources: SmartAPI's documentation (modes 1 to 3) and
smartapi-python 1.5.5; mode 4 is known from the latter only.
"""

from __future__ import annotations

import struct
from typing import Final

from adapters.codec import Book, Row, Tick
from adapters.errors import MalformedError, TruncatedError
from adapters.known import Known
from bus.topics import Mode

#: OpenAlgo's exchange -> exchange type. An index streams on its cash exchange's type (MCX's
#: is assumed to do so too).
EXCHANGE_TYPES: Final = {
    "NSE": 1,
    "NFO": 2,
    "BSE": 3,
    "BFO": 4,
    "MCX": 5,
    "NCDEX": 7,
    "CDS": 13,
    "NSE_INDEX": 1,
    "BSE_INDEX": 3,
    "MCX_INDEX": 5,
}
WIRE_MODES: Final = {Mode.LTP: 1, Mode.QUOTE: 2, Mode.DEPTH: 3}
DEPTH_20: Final = 4

#: Of exchange types that are not divided by 100: currency, which OpenAlgo divides by 100.
_DIVISORS: Final = {13: 10_000_000.0}

#: Doubles carry quantities; beyond this they are no whole numbers, and no quantities. NaN
#: is not below it either.
_MAX_QUANTITY: Final = 2.0**53
#: The end of the year 9999, ms: what is beyond is no time.
_MAX_TIME_MS: Final = 253_402_300_799_999
#: The year 2020: what is below is a count, or nothing, and no time of this protocol.
_MIN_TIME_MS: Final = 1_577_836_800_000

_LTP_SIZE, _QUOTE_SIZE, _SNAP_SIZE, _DEEP_SIZE = 51, 123, 379, 443
_SIZES: Final = {1: _LTP_SIZE, 2: _QUOTE_SIZE, 3: _SNAP_SIZE, 4: _DEEP_SIZE}

#: Exchange type with token; behind the sequence number: time, ltp.
_HEAD: Final = "<x26s8x2q"
_read_ltp = struct.Struct(_HEAD).unpack_from
#: ... last quantity, average, volume; total buy and sell; open, high, low, close.
_QUOTE: Final = _HEAD + "3q2d4q"
_read_quote = struct.Struct(_QUOTE).unpack_from
#: ... last trade's time, open interest, its change (garbage), ten rows, upper and lower circuit.
_read_snap = struct.Struct(_QUOTE + "2q8x" + "hqqH" * 10 + "2q").unpack_from
#: A row: 1 buy or 0 sell, quantity, price, orders.
_read_row = struct.Struct("<hqqH").iter_unpack
_FIVE_BUYS_FIVE_SELLS: Final = (1, 1, 1, 1, 1, 0, 0, 0, 0, 0)
#: Exchange type with token, and two times.
_read_deep = struct.Struct("<x26s2q").unpack_from
#: A row of twenty: quantity, price, orders.
_read_deep_row = struct.Struct("<iih").iter_unpack

_LTP, _QUOTED, _DEPTH = Mode.LTP, Mode.QUOTE, Mode.DEPTH


def read_packet(frame: bytes, ticks: list[Tick]) -> None:
    """Append a packet's tick.

    Raises:
        TruncatedError: it is shorter than its kind.
        MalformedError: it is of no kind, or longer than its kind (its tick is there), or holds
            what no feed sends.
    """
    size = len(frame)
    if size == _SNAP_SIZE and frame[0] == 3:
        ticks.append(_snap(frame))
    elif size == _QUOTE_SIZE and frame[0] == 2:
        ticks.append(_quote(frame))
    elif size == _LTP_SIZE and frame[0] == 1:
        ticks.append(_ltp(frame))
    elif size == _DEEP_SIZE and frame[0] == DEPTH_20:
        ticks.append(_deep(frame))
    else:
        _read_damaged(frame, ticks)


def _read_damaged(frame: bytes, ticks: list[Tick]) -> None:
    """A packet whose size is not its kind's: what is there of it, and an error."""
    if not frame:
        raise TruncatedError("an empty packet")
    kind, found = frame[0], len(frame)
    size = _SIZES.get(kind)
    if size is None:
        raise MalformedError(f"a packet of unknown mode {kind}", "unknown_mode")
    told = f"a packet of mode {kind} has {size} bytes, was {found}"
    if found < size:
        raise TruncatedError(told)
    read_packet(frame[:size], ticks)
    raise MalformedError(told, "oversized")


def _instrument(head: bytes) -> tuple[str, float]:
    """`exchange type|token`, as the master has it, and the divisor of its prices."""
    token = head[1:].partition(b"\0")[0]
    if not token.isalnum():
        raise MalformedError(f"token {token!r} is no word")
    return f"{head[0]}|{token.decode()}", _DIVISORS.get(head[0], 100.0)


_INSTRUMENTS: Final = Known(_instrument)


def _ltp(frame: bytes) -> Tick:
    head, time, ltp = _read_ltp(frame)
    key, divisor = _INSTRUMENTS[head]
    stamp = time if 0 < time <= _MAX_TIME_MS else None
    return Tick(key, _LTP, ltp / divisor, exchange_timestamp=stamp)


def _quote(frame: bytes) -> Tick:
    (
        head, time, ltp, ltq, average, volume, bought, sold, opened, high, low, close,
    ) = _read_quote(frame)  # fmt: skip
    if not (abs(bought) <= _MAX_QUANTITY and abs(sold) <= _MAX_QUANTITY):
        raise _not_quantities(bought, sold)
    key, d = _INSTRUMENTS[head]
    # Positional in the order of `Tick`, here and below: keywords cost a third more.
    return Tick(
        key,
        _QUOTED,
        ltp / d,
        ltq,
        average / d,
        volume,
        int(bought),
        int(sold),
        opened / d,
        high / d,
        low / d,
        close / d,
        exchange_timestamp=time if 0 < time <= _MAX_TIME_MS else None,
    )


def _snap(frame: bytes) -> Tick:
    (
        head, time, ltp, ltq, average, volume, bought, sold, opened, high, low, close, traded, oi,
        f0, q0, p0, n0, f1, q1, p1, n1, f2, q2, p2, n2, f3, q3, p3, n3, f4, q4, p4, n4,
        f5, q5, p5, n5, f6, q6, p6, n6, f7, q7, p7, n7, f8, q8, p8, n8, f9, q9, p9, n9,
        upper, lower,
    ) = _read_snap(frame)  # fmt: skip
    if not (abs(bought) <= _MAX_QUANTITY and abs(sold) <= _MAX_QUANTITY):
        raise _not_quantities(bought, sold)
    key, d = _INSTRUMENTS[head]
    if (f0, f1, f2, f3, f4, f5, f6, f7, f8, f9) == _FIVE_BUYS_FIVE_SELLS:
        book = Book(
            [(p0 / d, q0, n0), (p1 / d, q1, n1), (p2 / d, q2, n2), (p3 / d, q3, n3),
             (p4 / d, q4, n4)],
            [(p5 / d, q5, n5), (p6 / d, q6, n6), (p7 / d, q7, n7), (p8 / d, q8, n8),
             (p9 / d, q9, n9)],
        )  # fmt: skip
    else:
        book = _book_by_flag(frame, d)
    traded *= 1000
    return Tick(
        key,
        _DEPTH,
        ltp / d,
        ltq,
        average / d,
        volume,
        int(bought),
        int(sold),
        opened / d,
        high / d,
        low / d,
        close / d,
        traded if 0 < traded <= _MAX_TIME_MS else None,
        oi,
        None,
        None,
        time if 0 < time <= _MAX_TIME_MS else None,
        book,
        upper / d,
        lower / d,
    )


def _book_by_flag(frame: bytes, divisor: float) -> Book:
    """Rows in another order than the documented one: the flag says whose each is."""
    sides: tuple[list[Row], list[Row]] = ([], [])
    for flag, quantity, price, orders in _read_row(frame[147:347]):
        if flag not in {0, 1}:
            raise MalformedError(f"a row's flag is 1 (buy) or 0 (sell), was {flag}")
        sides[flag].append((price / divisor, quantity, orders))
    return Book(buy=sides[1], sell=sides[0])


def _deep(frame: bytes) -> Tick:
    """Twenty levels and nothing else: no price of a trade."""
    head, *times = _read_deep(frame)
    key, d = _INSTRUMENTS[head]
    book = Book(_deep_side(frame[43:243], d), _deep_side(frame[243:], d))
    return Tick(key, _DEPTH, exchange_timestamp=_first_time(times), depth=book)


def _deep_side(rows: bytes, divisor: float) -> list[Row]:
    return [(price / divisor, quantity, orders) for quantity, price, orders in _read_deep_row(rows)]


def _first_time(times: list[int]) -> int | None:
    """The exchange's time, which is the first number if that is one.

    The SDK skips the first, and calls the second the time of the exchange and of receipt,
    which the documentation calls a dummy.
    """
    return next((time for time in times if _MIN_TIME_MS <= time <= _MAX_TIME_MS), None)


def _not_quantities(bought: float, sold: float) -> MalformedError:
    return MalformedError(f"total quantities {bought} and {sold}", "not_finite")
