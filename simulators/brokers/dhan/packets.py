"""Dhan's binary packets from snapshots. Sources: Dhan's documentation and Python SDK.

Everything is little-endian. The feed's header is code, length, segment, security id; that of
deep books begins with the length, and has a number behind the id.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from simulators.markets.deepbook import deepened
from simulators.markets.market import DEPTH_LEVELS, Level, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TICKER: Final = "ticker"
QUOTE: Final = "quote"
FULL: Final = "full"
DEPTH20: Final = "depth20"
DEPTH200: Final = "depth200"
_LEVELS: Final = {DEPTH20: 20, DEPTH200: 200}

#: Codes of packets.
CODE_TICKER, CODE_QUOTE, CODE_INTEREST, CODE_CLOSE, CODE_FULL = 2, 4, 5, 6, 8
CODE_BIDS, CODE_ASKS = 41, 51

#: Times are told as if India's midnight began the epoch.
_INDIA_S: Final = 19_800
_MAX_UINT32: Final = 2**32 - 1
_MAX_UINT16: Final = 2**16 - 1
#: Beyond this a float32 is infinite.
_MAX_FLOAT32: Final = 3.4e38
_NO_LEVEL: Final = Level(0.0, 0, 0)

_HEADER: Final = struct.Struct("<BHBI")
_TICKER: Final = struct.Struct("<fI")
_QUOTE: Final = struct.Struct("<fHIfIIIffff")
_FULL: Final = struct.Struct("<fHIfIIIIIIffff")
_FULL_ROW: Final = struct.Struct("<IIHHff")
_CLOSE: Final = struct.Struct("<fI")
_INTEREST: Final = struct.Struct("<I")
_DEPTH_HEADER: Final = struct.Struct("<HBBII")
_DEPTH_ROW: Final = struct.Struct("<dII")


def encode(segment: int, security_id: int, snapshot: Snapshot, mode: str) -> bytes:
    """All packets that a snapshot could be told by in a mode, one behind the other.

    On the feed the previous close comes first, and before a quote the open interest; a
    session leaves out what it has told already. Values that no field can hold become its
    limit, but for the last quantity, which wraps around as Dhan's does.
    """
    place = segment, security_id
    if mode in _LEVELS:
        return b"".join(
            _side(code, place, deepened(side, _LEVELS[mode]), snapshot.exchange_ms, mode)
            for code, side in ((CODE_BIDS, snapshot.bids), (CODE_ASKS, snapshot.asks))
        )
    close = _packet(CODE_CLOSE, place, _CLOSE.pack(_float32(snapshot.close), 0))
    if mode == TICKER:
        body = _TICKER.pack(_float32(snapshot.ltp), _india_s(snapshot.last_trade_ms))
        return close + _packet(CODE_TICKER, place, body)
    if mode == FULL:
        return close + _packet(CODE_FULL, place, _full(snapshot))
    interest = b""
    if snapshot.oi:
        interest = _packet(CODE_INTEREST, place, _INTEREST.pack(_uint32(snapshot.oi)))
    body = _QUOTE.pack(*_trade(snapshot), *_day(snapshot))
    return close + interest + _packet(CODE_QUOTE, place, body)


def split(packets: bytes) -> Iterator[bytes]:
    """The single packets of the feed's layout."""
    start = 0
    while start < len(packets):
        end = start + (packets[start + 1] | packets[start + 2] << 8)
        yield packets[start:end]
        start = end


def _packet(code: int, place: tuple[int, int], body: bytes) -> bytes:
    return _HEADER.pack(code, _HEADER.size + len(body), *place) + body


def _full(snapshot: Snapshot) -> bytes:
    interest = [_uint32(value) for value in (snapshot.oi, snapshot.oi_high, snapshot.oi_low)]
    parts = [_FULL.pack(*_trade(snapshot), *interest, *_day(snapshot))]
    for number in range(DEPTH_LEVELS):
        bid = snapshot.bids[number] if number < len(snapshot.bids) else _NO_LEVEL
        ask = snapshot.asks[number] if number < len(snapshot.asks) else _NO_LEVEL
        parts.append(
            _FULL_ROW.pack(
                _uint32(bid.quantity),
                _uint32(ask.quantity),
                min(bid.orders, _MAX_UINT16),
                min(ask.orders, _MAX_UINT16),
                _float32(bid.price),
                _float32(ask.price),
            )
        )
    return b"".join(parts)


def _trade(snapshot: Snapshot) -> tuple[float, ...]:
    """The common beginning of a quote and a full packet; what is for sale comes first."""
    return (
        _float32(snapshot.ltp),
        snapshot.last_quantity & _MAX_UINT16,
        _india_s(snapshot.last_trade_ms),
        _float32(snapshot.average_price),
        _uint32(snapshot.volume),
        _uint32(snapshot.sell_quantity),
        _uint32(snapshot.buy_quantity),
    )


def _day(snapshot: Snapshot) -> tuple[float, ...]:
    """Open, the day's close, high and low; a day that is under way has no close."""
    return _float32(snapshot.open), 0.0, _float32(snapshot.high), _float32(snapshot.low)


def _side(
    code: int, place: tuple[int, int], levels: Sequence[Level], at_ms: int, mode: str
) -> bytes:
    """One side of a deep book: 20 levels always, or as many of 200 as there are."""
    if mode == DEPTH20:
        levels = [*levels, *[_NO_LEVEL] * (_LEVELS[DEPTH20] - len(levels))]
        number = at_ms & _MAX_UINT32  # a sequence number, which grows
    else:
        number = len(levels)
    length = _DEPTH_HEADER.size + len(levels) * _DEPTH_ROW.size
    rows = [_DEPTH_ROW.pack(p, _uint32(quantity), _uint32(n)) for p, quantity, n in levels]
    return b"".join((_DEPTH_HEADER.pack(length, code, *place, number), *rows))


def _india_s(unix_ms: int) -> int:
    return _uint32(unix_ms // 1000 + _INDIA_S) if unix_ms else 0


def _uint32(value: int) -> int:
    return min(max(value, 0), _MAX_UINT32)


def _float32(price: float) -> float:
    return min(max(price, -_MAX_FLOAT32), _MAX_FLOAT32)
