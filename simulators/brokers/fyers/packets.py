"""The records of Fyers' price socket. Source: fyers-apiv3 3.2.0, which reads them.

What a topic tells is a row of int32 by position. `state` makes that row from a snapshot; what
a connection is sent of it, a snapshot or a change, depends on what it was sent before, so
that `snapshot_record`, `update_record` and `lite_record` are the connection's to choose.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from simulators.markets.market import DEPTH_LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulators.markets.market import Instrument, Snapshot

SCRIP: Final = "sf"
INDEX: Final = "if"
BOOK: Final = "dp"
#: The value that says: not sent, or as before.
ABSENT: Final = -(2**31)
_MAX: Final = 2**31 - 1
#: By exchange: decimals of a price.
_PRECISIONS: Final = {"CDS": 4, "BCD": 4}
_MULTIPLIER: Final = 1

_HEAD: Final = struct.Struct(">I2sB")
_ID: Final = struct.Struct(">H")


class State(NamedTuple):
    """A topic's values in full. `number` is the instrument's."""

    number: int
    kind: str
    values: tuple[int, ...]


def precision(instrument: Instrument) -> int:
    return _PRECISIONS.get(instrument.exchange, 2)


def state(snapshot: Snapshot, instrument: Instrument, kind: str) -> bytes:
    """A topic's values as packed; they stay inside the simulator."""
    values = _VALUES[kind](snapshot, instrument)
    return _HEAD.pack(snapshot.number, kind.encode(), len(values)) + _pack(values)


def states(packet: bytes) -> Iterator[State]:
    """What any number of `state`s, one behind another, hold."""
    at = 0
    while at < len(packet):
        number, kind, count = _HEAD.unpack_from(packet, at)
        at += _HEAD.size
        yield State(number, kind.decode(), struct.unpack_from(f">{count}i", packet, at))
        at += 4 * count


def snapshot_record(
    topic: str, number: int, values: Sequence[int], instrument: Instrument
) -> bytes:
    """Kind S: the topic's number and name, its values, and how to read prices."""
    strings = (instrument.exchange.partition("_")[0], str(instrument.exchange_token))
    return b"".join(
        (
            b"S",
            _ID.pack(number),
            _string(topic),
            bytes([len(values)]),
            _pack(values),
            struct.pack(">2xHB", _MULTIPLIER, precision(instrument)),
            *(_string(text) for text in (*strings, instrument.symbol)),
        )
    )


def update_record(number: int, before: Sequence[int], values: Sequence[int]) -> bytes:
    """Kind U: what changed, or nothing if nothing did."""
    changed = [ABSENT if old == new else new for old, new in zip(before, values, strict=True)]
    if before == values:
        return b""
    return b"U" + _ID.pack(number) + bytes([len(changed)]) + _pack(changed)


def lite_record(number: int, before: Sequence[int], values: Sequence[int]) -> bytes:
    """Kind L: the last price if it changed."""
    if before[0] == values[0]:
        return b""
    return b"L" + _ID.pack(number) + _pack(values[:1])


def message(number: int, records: Sequence[bytes]) -> bytes:
    """A data message around records."""
    body = struct.pack(">BIH", 6, number, len(records)) + b"".join(records)
    return _ID.pack(len(body)) + body


def _scrip(snapshot: Snapshot, instrument: Instrument) -> list[int]:
    scale = 10 ** precision(instrument)
    bid, ask = next(iter(snapshot.bids), None), next(iter(snapshot.asks), None)
    return [
        _scaled(snapshot.ltp, scale),
        snapshot.volume,
        snapshot.last_trade_ms // 1000,
        snapshot.exchange_ms // 1000,
        bid.quantity if bid else 0,
        ask.quantity if ask else 0,
        _scaled(bid.price, scale) if bid else 0,
        _scaled(ask.price, scale) if ask else 0,
        snapshot.last_quantity,
        snapshot.buy_quantity,
        snapshot.sell_quantity,
        _scaled(snapshot.average_price, scale),
        ABSENT if instrument.expiry is None else snapshot.oi,
        _scaled(snapshot.low, scale),
        _scaled(snapshot.high, scale),
        ABSENT,  # the year's high and low, and the day's circuits: no source here has them
        ABSENT,
        ABSENT,
        ABSENT,
        _scaled(snapshot.open, scale),
        _scaled(snapshot.close, scale),
    ]


def _index(snapshot: Snapshot, instrument: Instrument) -> list[int]:
    scale = 10 ** precision(instrument)
    prices = (snapshot.high, snapshot.low, snapshot.open)
    return [
        _scaled(snapshot.ltp, scale),
        _scaled(snapshot.close, scale),
        snapshot.exchange_ms // 1000,
        *(_scaled(price, scale) for price in prices),
    ]


def _book(snapshot: Snapshot, instrument: Instrument) -> list[int]:
    scale = 10 ** precision(instrument)
    sides = [
        [*side[:DEPTH_LEVELS], *[(0.0, 0, 0)] * (DEPTH_LEVELS - len(side))]
        for side in (snapshot.bids, snapshot.asks)
    ]
    levels = [level for side in sides for level in side]
    return [
        *(_scaled(price, scale) for price, _, _ in levels),
        *(quantity for _, quantity, _ in levels),
        *(orders for _, _, orders in levels),
    ]


_VALUES: Final = {SCRIP: _scrip, INDEX: _index, BOOK: _book}


def _scaled(price: float, scale: int) -> int:
    """A price in a record's integers, rounded half up."""
    return int(price * scale + 0.5)


def _pack(values: Sequence[int]) -> bytes:
    """Values that no field can hold become its limit."""
    try:
        return struct.pack(f">{len(values)}i", *values)
    except struct.error:
        capped = (min(max(value, ABSENT), _MAX) for value in values)
        return struct.pack(f">{len(values)}i", *capped)


def _string(text: str) -> bytes:
    encoded = text.encode("ascii", "replace")[:255]
    return bytes([len(encoded)]) + encoded
