"""Angel One's binary packets, from snapshots.

Source: SmartAPI's documentation of WebSocket Streaming 2.0; mode 4 from smartapi-python
1.5.5. Little-endian; a packet's first byte is its mode, which decides its size, so that
packets of several modes may stand behind one another and be told apart.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Final

from simulators.markets.market import DEPTH_LEVELS, Instrument, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

LTP: Final = 1
QUOTE: Final = 2
SNAP_QUOTE: Final = 3
DEPTH_20: Final = 4
#: Mode -> bytes of its packet.
SIZES: Final = {LTP: 51, QUOTE: 123, SNAP_QUOTE: 379, DEPTH_20: 443}

EXCHANGE_TYPES: Final = {
    "NSE": 1,
    "NSE_INDEX": 1,
    "NFO": 2,
    "BSE": 3,
    "BSE_INDEX": 3,
    "BFO": 4,
    "MCX": 5,
    "MCX_INDEX": 5,
    "NCDEX": 7,
    "CDS": 13,
}
#: Tokens that the broker gives to indices in place of the exchange's own.
_INDEX_TOKENS: Final = {
    "NIFTY": 99926000,
    "BANKNIFTY": 99926009,
    "NIFTYNXT50": 99926013,
    "INDIAVIX": 99926017,
    "FINNIFTY": 99926037,
    "MIDCPNIFTY": 99926074,
    "SENSEX": 99919000,
}
_FIRST_OTHER_INDEX: Final = 99_930_000

_CURRENCY: Final = 13
_CURRENCY_DIVISOR: Final = 10_000_000
_LEVELS_OF_DEPTH_20: Final = 20
_MAX_INT32: Final = 2**31 - 1
_MAX_INT16: Final = 2**15 - 1

#: Mode, exchange type, token, sequence number, exchange's time in ms, last price.
_LTP: Final = struct.Struct("<BB25s3q")
#: Last quantity, average, volume; total buy and sell; open, high, low, close.
_QUOTE: Final = struct.Struct("<3q2d4q")
#: Time of the last trade in s, open interest, its change in percent.
_TRADED: Final = struct.Struct("<2qd")
#: 1 for buy or 0 for sell, quantity, price, orders.
_ROW: Final = struct.Struct("<hqqh")
#: Upper and lower circuit, highest and lowest of 52 weeks: a market here knows none.
_LIMITS: Final = bytes(4 * 8)
#: Mode, exchange type, token, exchange's time, time of receipt, both in ms.
_DEPTH_20: Final = struct.Struct("<BB25s2q")
#: Quantity, price, orders.
_DEPTH_20_ROW: Final = struct.Struct("<iih")


def token(instrument: Instrument) -> str:
    """The broker's number of an instrument, unique within its exchange type."""
    if not instrument.is_index:
        return str(instrument.exchange_token)
    other = _FIRST_OTHER_INDEX + instrument.exchange_token
    return str(_INDEX_TOKENS.get(instrument.symbol, other))


def encode(instrument: Instrument, snapshot: Snapshot, mode: int) -> bytes:
    """The packet of a snapshot in a mode.

    An index has no sequence number; elsewhere it is the time, which grows as well.
    """
    kind = EXCHANGE_TYPES[instrument.exchange]
    scale = _CURRENCY_DIVISOR if kind == _CURRENCY else 100
    number, now_ms = token(instrument).encode(), snapshot.exchange_ms
    if mode == DEPTH_20:
        head = _DEPTH_20.pack(mode, kind, number, now_ms, now_ms)
        return head + _depth_20(snapshot, scale)
    sequence = 0 if instrument.is_index else now_ms
    packet = _LTP.pack(mode, kind, number, sequence, now_ms, _scaled(snapshot.ltp, scale))
    if mode >= QUOTE:
        packet += _quote(snapshot, scale)
    if mode == SNAP_QUOTE:
        # The change of the open interest is documented to be garbage: here the worst there is.
        packet += _TRADED.pack(snapshot.last_trade_ms // 1000, snapshot.oi, math.nan)
        packet += _best_five(snapshot, scale) + _LIMITS
    return packet


def split(packets: bytes) -> Iterator[bytes]:
    """Packets that stand behind one another, one by one."""
    start = 0
    while start < len(packets):
        end = start + SIZES[packets[start]]
        yield packets[start:end]
        start = end


def _quote(snapshot: Snapshot, scale: int) -> bytes:
    prices = snapshot.open, snapshot.high, snapshot.low, snapshot.close
    return _QUOTE.pack(
        snapshot.last_quantity,
        _scaled(snapshot.average_price, scale),
        snapshot.volume,
        snapshot.buy_quantity,
        snapshot.sell_quantity,
        *(_scaled(price, scale) for price in prices),
    )


def _best_five(snapshot: Snapshot, scale: int) -> bytes:
    rows = []
    for flag, side in ((1, snapshot.bids), (0, snapshot.asks)):
        for price, quantity, orders in side[:DEPTH_LEVELS]:
            rows.append(_ROW.pack(flag, quantity, _scaled(price, scale), min(orders, _MAX_INT16)))
        rows += [_ROW.pack(flag, 0, 0, 0)] * (DEPTH_LEVELS - len(side))
    return b"".join(rows)


def _depth_20(snapshot: Snapshot, scale: int) -> bytes:
    rows = []
    for side in (snapshot.bids, snapshot.asks):
        for price, quantity, orders in side[:_LEVELS_OF_DEPTH_20]:
            fields = min(quantity, _MAX_INT32), min(_scaled(price, scale), _MAX_INT32)
            rows.append(_DEPTH_20_ROW.pack(*fields, min(orders, _MAX_INT16)))
        rows += [bytes(_DEPTH_20_ROW.size)] * (_LEVELS_OF_DEPTH_20 - len(side))
    return b"".join(rows)


def _scaled(price: float, scale: int) -> int:
    """A price in the integers of a packet, rounded half up; prices are never negative there."""
    return int(price * scale + 0.5)
