"""Kite's binary packets, both ways. Source: Zerodha's Python SDK, checked with its fixtures.

Everything is big-endian and unsigned; a packet's kind is its length: 8 ltp, 28 index quote,
32 index full, 44 quote, 184 full. Prices are integers in rupees times a divisor that the
segment (the token's low byte) decides.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from simulators.markets.market import DEPTH_LEVELS, Level, Snapshot

LTP: Final = "ltp"
QUOTE: Final = "quote"
FULL: Final = "full"
MODES: Final = frozenset({LTP, QUOTE, FULL})

SEGMENTS: Final = {
    "NSE": 1,
    "NFO": 2,
    "CDS": 3,
    "BSE": 4,
    "BFO": 5,
    "BCD": 6,
    "MCX": 7,
    "NSE_INDEX": 9,
    "BSE_INDEX": 9,
    "MCX_INDEX": 9,
    "CDS_INDEX": 9,
    "NCO": 12,
}
INDEX_SEGMENT: Final = 9
_DIVISORS: Final = {3: 10_000_000, 6: 10_000, 12: 10_000}

_MAX_UINT32: Final = 2**32 - 1
_MAX_UINT16: Final = 2**16 - 1

_LTP: Final = struct.Struct(">2I")
_INDEX_QUOTE: Final = struct.Struct(">7I")
_INDEX_FULL: Final = struct.Struct(">8I")
_QUOTE: Final = struct.Struct(">11I")
_FULL: Final = struct.Struct(">16I" + "2IH2x" * 2 * DEPTH_LEVELS)


def instrument_token(exchange: str, exchange_token: int) -> int:
    """Kite's number for an instrument of an OpenAlgo exchange."""
    return exchange_token * 256 + SEGMENTS[exchange]


def divisor(token: int) -> int:
    """What a rupee is worth in the integers of this token's packets."""
    return _DIVISORS.get(token & 0xFF, 100)


def encode(token: int, snapshot: Snapshot, mode: str) -> bytes:
    """The packet of a snapshot in a mode. Values that no field can hold become its limit."""
    scale = divisor(token)
    if mode == LTP:
        return _pack(_LTP, [token, _scaled(snapshot.ltp, scale)])
    if token & 0xFF == INDEX_SEGMENT:
        return _encode_index(token, snapshot, mode, scale)
    fields = [
        token,
        _scaled(snapshot.ltp, scale),
        snapshot.last_quantity,
        _scaled(snapshot.average_price, scale),
        snapshot.volume,
        snapshot.buy_quantity,
        snapshot.sell_quantity,
        _scaled(snapshot.open, scale),
        _scaled(snapshot.high, scale),
        _scaled(snapshot.low, scale),
        _scaled(snapshot.close, scale),
    ]
    if mode == QUOTE:
        return _pack(_QUOTE, fields)
    fields += (
        snapshot.last_trade_ms // 1000,
        snapshot.oi,
        snapshot.oi_high,
        snapshot.oi_low,
        snapshot.exchange_ms // 1000,
    )
    for side in (snapshot.bids, snapshot.asks):
        for price, quantity, orders in side[:DEPTH_LEVELS]:
            fields += (quantity, _scaled(price, scale), min(orders, _MAX_UINT16))
        fields += (0, 0, 0) * (DEPTH_LEVELS - len(side))
    return _pack(_FULL, fields)


def _encode_index(token: int, snapshot: Snapshot, mode: str, scale: int) -> bytes:
    ltp, close = _scaled(snapshot.ltp, scale), _scaled(snapshot.close, scale)
    fields = [
        token,
        ltp,
        _scaled(snapshot.high, scale),
        _scaled(snapshot.low, scale),
        _scaled(snapshot.open, scale),
        close,
        (ltp - close) & _MAX_UINT32,  # as two's complement: the one field with a sign
    ]
    if mode == QUOTE:
        return _pack(_INDEX_QUOTE, fields)
    return _pack(_INDEX_FULL, [*fields, snapshot.exchange_ms // 1000])


def _scaled(price: float, scale: int) -> int:
    """A price in the integers of a packet, rounded half up; prices are never negative there."""
    return int(price * scale + 0.5)


def _pack(layout: struct.Struct, fields: list[int]) -> bytes:
    try:
        return layout.pack(*fields)
    except struct.error:  # out of range: rare, so the range is not checked on every tick
        return layout.pack(*(min(max(field, 0), _MAX_UINT32) for field in fields))


def decode(packet: bytes, number: int) -> tuple[int, Snapshot]:
    """The token of a captured packet, and its content as a snapshot of instrument `number`.

    Raises:
        ValueError: no packet has this length.
    """
    if len(packet) == _LTP.size:
        token, ltp = _LTP.unpack(packet)
        return token, Snapshot(number=number, ltp=ltp / divisor(token))
    if len(packet) in (_INDEX_QUOTE.size, _INDEX_FULL.size):
        return _decode_index(packet, number)
    if len(packet) not in (_QUOTE.size, _FULL.size):
        raise ValueError(f"a Kite packet has 8, 28, 32, 44 or 184 bytes, was {len(packet)}")
    token, ltp, ltq, average, volume, buy, sell, *ohlc = _QUOTE.unpack_from(packet)
    scale = divisor(token)
    open_, high, low, close = (price / scale for price in ohlc)
    snapshot = Snapshot(
        number=number,
        ltp=ltp / scale,
        last_quantity=ltq,
        average_price=average / scale,
        volume=volume,
        buy_quantity=buy,
        sell_quantity=sell,
        open=open_,
        high=high,
        low=low,
        close=close,
    )
    if len(packet) == _QUOTE.size:
        return token, snapshot
    traded, oi, oi_high, oi_low, stamped, *book = _FULL.unpack(packet)[11:]
    return token, msgspec.structs.replace(
        snapshot,
        last_trade_ms=traded * 1000,
        exchange_ms=stamped * 1000,
        oi=oi,
        oi_high=oi_high,
        oi_low=oi_low,
        bids=_levels(book[:15], scale),
        asks=_levels(book[15:], scale),
    )


def _decode_index(packet: bytes, number: int) -> tuple[int, Snapshot]:
    token, ltp, high, low, open_, close, _change = _INDEX_QUOTE.unpack_from(packet)
    seconds = _INDEX_FULL.unpack(packet)[7] if len(packet) == _INDEX_FULL.size else 0
    scale = divisor(token)
    return token, Snapshot(
        number=number,
        ltp=ltp / scale,
        open=open_ / scale,
        high=high / scale,
        low=low / scale,
        close=close / scale,
        exchange_ms=seconds * 1000,
    )


def _levels(fields: list[int], scale: int) -> tuple[Level, ...]:
    """Five levels from the fifteen numbers of one side of a book."""
    return tuple(
        Level(fields[at + 1] / scale, fields[at], fields[at + 2]) for at in range(0, 15, 3)
    )
