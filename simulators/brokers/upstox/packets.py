"""Upstox's protobuf messages from snapshots. Source: the compiled schema of Upstox's Python SDK.

A packet is one entry of a message's map of feeds, behind a head that stays inside the
simulator: when its snapshot was, and of which instrument.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from simulators.brokers.protowire import double, integer, nested, text
from simulators.markets.deepbook import deep_side

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from simulators.markets.market import Snapshot

LTPC: Final = "ltpc"
FULL: Final = "full"
OPTION_GREEKS: Final = "option_greeks"
FULL_D30: Final = "full_d30"
#: Mode -> its number in `requestMode`.
MODES: Final = {LTPC: 0, FULL: 1, OPTION_GREEKS: 2, FULL_D30: 3}
_LEVELS: Final = {FULL: 5, FULL_D30: 30}

_INITIAL_FEED: Final = 0
_LIVE_FEED: Final = 1
_MARKET_INFO: Final = 2
NORMAL_OPEN: Final = 2
#: Instruments in one message; 100 full ones are 40 kB, which any client reads.
MAX_FEEDS: Final = 100

_HEAD: Final = struct.Struct(">qI")
_DAY_MS: Final = 86_400_000
_INDIA_MS: Final = 19_800_000
_MINUTE_MS: Final = 60_000


def packet(key: str, snapshot: Snapshot, mode: str, *, is_index: bool) -> bytes:
    """An instrument's entry in a mode, behind its head."""
    body = text(1, key) + nested(2, _feed(snapshot, mode, is_index=is_index))
    return _HEAD.pack(snapshot.exchange_ms, snapshot.number) + nested(2, body)


def messages(packets: Iterable[bytes], fresh: set[int]) -> Iterator[bytes]:
    """As few messages as carry these packets in order.

    A map has one entry a key, so an instrument that comes again begins a new message. The
    first feed of an instrument in `fresh` is an initial one, and takes it out of there.
    """
    entries: dict[int, bytes] = {}
    latest_ms, is_initial = 0, False
    for item in packets:
        at_ms, number = _HEAD.unpack_from(item)
        if entries and (
            number in entries or (number in fresh) != is_initial or len(entries) == MAX_FEEDS
        ):
            yield _message(entries.values(), latest_ms, is_initial=is_initial)
            entries, latest_ms = {}, 0
        is_initial = number in fresh
        entries[number] = item[_HEAD.size :]
        latest_ms = max(latest_ms, at_ms)
        fresh.discard(number)
    if entries:
        yield _message(entries.values(), latest_ms, is_initial=is_initial)


def market_info(segments: Mapping[str, int]) -> bytes:
    """The message that a connection begins with: each segment's state."""
    states = [nested(1, text(1, name) + integer(2, state)) for name, state in segments.items()]
    return integer(1, _MARKET_INFO) + nested(4, b"".join(states))


def _message(entries: Iterable[bytes], at_ms: int, *, is_initial: bool) -> bytes:
    kind = _INITIAL_FEED if is_initial else _LIVE_FEED
    return b"".join((integer(1, kind), *entries, integer(3, at_ms)))


def _feed(snapshot: Snapshot, mode: str, *, is_index: bool) -> bytes:
    trade = nested(1, _trade(snapshot))
    if mode == LTPC:
        body = trade
    elif mode == OPTION_GREEKS:
        body = nested(3, trade + _first_level(snapshot))
    elif is_index:
        body = nested(2, nested(2, trade + nested(2, _candles(snapshot))))
    else:
        body = nested(2, nested(1, trade + _market(snapshot, _LEVELS[mode])))
    return body + integer(4, MODES[mode])


def _trade(snapshot: Snapshot) -> bytes:
    return b"".join(
        (
            double(1, snapshot.ltp),
            integer(2, snapshot.last_trade_ms),
            integer(3, snapshot.last_quantity),
            double(4, snapshot.close),
        )
    )


def _market(snapshot: Snapshot, levels: int) -> bytes:
    return b"".join(
        (
            nested(2, b"".join([nested(1, level) for level in _book(snapshot, levels)])),
            nested(4, _candles(snapshot)),
            double(5, snapshot.average_price),
            integer(6, snapshot.volume),
            double(7, snapshot.oi),
            double(9, snapshot.buy_quantity),
            double(10, snapshot.sell_quantity),
        )
    )


def _first_level(snapshot: Snapshot) -> bytes:
    levels = [nested(2, level) for level in _book(snapshot, 1)]
    return b"".join((*levels, integer(4, snapshot.volume), double(5, snapshot.oi)))


def _book(snapshot: Snapshot, levels: int) -> Iterator[bytes]:
    """A level has both sides; a side that has fewer levels is 0 there, so not written."""
    bids, asks = deep_side(snapshot.bids, levels), deep_side(snapshot.asks, levels)
    for at in range(max(len(bids), len(asks))):
        bid, ask = bids[at : at + 1], asks[at : at + 1]
        yield b"".join(
            (
                *(integer(1, quantity) + double(2, price) for price, quantity, _ in bid),
                *(integer(3, quantity) + double(4, price) for price, quantity, _ in ask),
            )
        )


def _candles(snapshot: Snapshot) -> bytes:
    """The day's candle, and one minute's that holds the last trade only."""
    at, last = snapshot.last_trade_ms, snapshot.ltp
    day_ms = max(0, at - (at + _INDIA_MS) % _DAY_MS)
    day = _candle("1d", (snapshot.open, snapshot.high, snapshot.low, last), snapshot.volume, day_ms)
    minute = _candle("I1", (last,) * 4, snapshot.last_quantity, at - at % _MINUTE_MS)
    return nested(1, day) + nested(1, minute)


def _candle(interval: str, prices: Sequence[float], volume: int, start_ms: int) -> bytes:
    numbered = enumerate(prices, 2)
    return b"".join(
        (
            text(1, interval),
            *(double(number, price) for number, price in numbered),
            integer(6, volume),
            integer(7, start_ms),
        )
    )
