"""Nubra's protobuf messages, written by hand from the schema in nubra-sdk 0.5.4.

Not with the adapter's generated module, so that each checks the other. Prices in paise, times
in ns; a field of 0 is not sent. A packet is a list of entries, one per channel that the
instrument is fed on; a frame carries many entries of one channel.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from simulators.markets.deepbook import deep_side
from simulators.markets.market import Instrument, Level, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

INDEX: Final = "index"
BUCKET: Final = "index_bucket"
BOOK: Final = "orderbook"
GREEKS: Final = "greeks"
CHAIN: Final = "option"

_MESSAGES: Final = {
    INDEX: "BatchWebSocketIndexMessage",
    BUCKET: "BatchWebSocketIndexBucketMessage",
    BOOK: "BatchWebSocketOrderbookMessage",
    GREEKS: "BatchWebSocketGreeksMessage",
    CHAIN: "WebSocketMsgOptionChainUpdate",
}
_TYPE_PREFIX: Final = "type.googleapis.com/protos.zanskarsecurities.nubrafrontend."
_ANY: Final = "type.googleapis.com/google.protobuf.Any"
_DAY_INTERVAL: Final = 13
_FLOAT: Final = struct.Struct("<f")
_NS_PER_MS: Final = 1_000_000
#: Entries of one frame: some 100 kB of full books.
MAX_ENTRIES: Final = 200


class Feed(NamedTuple):
    """How one instrument is named and what of it is told."""

    instrument: Instrument
    name: str
    exchange: str
    ref_id: int


class Entry(msgspec.Struct, array_like=True):
    """One instrument in a batch: the batch's time and the field that it stands in."""

    channel: str
    time_ns: int
    field: int
    body: bytes


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[Entry]).decode


def packet(feed: Feed, snapshot: Snapshot, channels: Sequence[str], levels: int) -> bytes:
    """The entries of a snapshot on some channels, with books of `levels` a side at most."""
    time_ns = snapshot.exchange_ms * _NS_PER_MS
    # Indices stand in the first list of a batch and what trades in the second, but where
    # there is one list only.
    by_name = 2 if feed.instrument.is_index else 3
    entries = []
    for channel in channels:
        if channel == INDEX:
            entry = Entry(channel, time_ns, by_name, _index(feed, snapshot, time_ns))
        elif channel == BUCKET:
            entry = Entry(channel, time_ns, by_name, _bucket(feed, snapshot, time_ns))
        elif channel == BOOK:
            entry = Entry(channel, time_ns, 2, _book(feed, snapshot, time_ns, levels))
        elif channel == GREEKS:
            entry = Entry(channel, time_ns, 2, _option(feed, snapshot, time_ns))
        else:
            entry = Entry(channel, time_ns, 0, _chain(feed, snapshot, time_ns))
        entries.append(entry)
    return _pack(entries)


def frames(packets: Sequence[bytes]) -> Iterator[bytes]:
    """The frames of some packets; of each channel, entries stay in their order."""
    batches: dict[str, list[Entry]] = {}
    for one in packets:
        for entry in _unpack(one):
            batches.setdefault(entry.channel, []).append(entry)
    for channel, entries in batches.items():
        step = 1 if channel == CHAIN else MAX_ENTRIES  # a chain's update is a message of its own
        for first in range(0, len(entries), step):
            part = entries[first : first + step]
            if channel == CHAIN:
                yield frame(_MESSAGES[channel], part[0].body)
            else:
                bodies = (data_field(entry.field, entry.body) for entry in part)
                batch = number_field(1, part[-1].time_ns) + b"".join(bodies)
                yield frame(_MESSAGES[channel], batch)


def frame(message: str, body: bytes) -> bytes:
    """A message as it is sent: an Any inside an Any."""
    inner = data_field(1, (_TYPE_PREFIX + message).encode()) + data_field(2, body)
    return data_field(1, _ANY.encode()) + data_field(2, inner)


def _index(feed: Feed, snapshot: Snapshot, time_ns: int) -> bytes:
    change = (snapshot.ltp / snapshot.close - 1) * 100 if snapshot.close else 0.0
    return b"".join(
        (
            data_field(1, feed.name.encode()),
            number_field(2, time_ns),
            number_field(3, paise(snapshot.ltp)),
            number_field(4, paise(snapshot.high)),
            number_field(5, paise(snapshot.low)),
            number_field(6, snapshot.volume),
            b"\x3d" + _FLOAT.pack(change) if change else b"",
            number_field(8, snapshot.last_quantity),
            number_field(9, paise(snapshot.close)),
            data_field(10, feed.exchange.encode()),
        )
    )


def _bucket(feed: Feed, snapshot: Snapshot, time_ns: int) -> bytes:
    return b"".join(
        (
            data_field(1, feed.name.encode()),
            data_field(2, feed.exchange.encode()),
            number_field(3, _DAY_INTERVAL),
            number_field(4, time_ns),
            number_field(5, paise(snapshot.open)),
            number_field(6, paise(snapshot.high)),
            number_field(7, paise(snapshot.low)),
            number_field(8, paise(snapshot.ltp)),
            number_field(9, snapshot.volume),
            number_field(10, snapshot.last_quantity),
            number_field(11, snapshot.volume),
        )
    )


def _book(feed: Feed, snapshot: Snapshot, time_ns: int, levels: int) -> bytes:
    return b"".join(
        (
            number_field(1, feed.instrument.exchange_token),
            number_field(2, time_ns),
            *(data_field(3, _level(level)) for level in deep_side(snapshot.bids, levels)),
            *(data_field(4, _level(level)) for level in deep_side(snapshot.asks, levels)),
            number_field(5, paise(snapshot.ltp)),
            number_field(6, snapshot.last_quantity),
            number_field(7, snapshot.volume),
            number_field(8, feed.ref_id),
        )
    )


def _level(level: Level) -> bytes:
    price, quantity, orders = level
    return number_field(1, paise(price)) + number_field(2, quantity) + number_field(3, orders)


def _option(feed: Feed, snapshot: Snapshot, time_ns: int) -> bytes:
    """Without the greeks themselves, which no market here has."""
    return b"".join(
        (
            number_field(1, feed.instrument.exchange_token),
            number_field(2, time_ns),
            number_field(3, paise(feed.instrument.strike)),
            number_field(4, feed.instrument.lot_size),
            number_field(5, paise(snapshot.ltp)),
            number_field(12, snapshot.oi),
            number_field(13, snapshot.volume),
            number_field(14, feed.ref_id),
        )
    )


def _chain(feed: Feed, snapshot: Snapshot, time_ns: int) -> bytes:
    """An option chain's update: the one strike that changed."""
    instrument = feed.instrument
    side = 3 if instrument.kind == "CE" else 4
    return b"".join(
        (
            data_field(1, instrument.name.encode()),
            data_field(2, f"{instrument.expiry:%Y%m%d}".encode() if instrument.expiry else b""),
            data_field(side, _option(feed, snapshot, time_ns)),
            data_field(7, feed.exchange.encode()),
        )
    )


def paise(rupees: float) -> int:
    """Rounded half up; no price is negative."""
    return int(rupees * 100 + 0.5)


def number_field(number: int, value: int) -> bytes:
    """A field of any integer type; nothing for 0."""
    return _varint(number << 3) + _varint(value) if value else b""


def data_field(number: int, data: bytes) -> bytes:
    """A field of text, bytes or a message, which may be empty."""
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    value &= 2**64 - 1  # negative numbers are sent as their two's complement
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
