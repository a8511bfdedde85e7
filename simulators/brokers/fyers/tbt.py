"""Fyers' socket for books of 50 levels as the server sees it: JSON in, protobuf out.

The first message of a ticker is its whole book, later ones hold the levels that changed, each
under its number and with only what changed in it. Where fyers-apiv3 does not say what the
real server does: a ticker beyond the fifth is refused with an error message, unknown tickers
are ignored, a ticker that is asked for again begins anew.
"""

from __future__ import annotations

import itertools
import struct
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct, field

from simulators.broker import Reaction
from simulators.brokers.protowire import integer, nested, text
from simulators.markets.deepbook import deepened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from simulators.markets.market import Level, Snapshot

LEVELS: Final = 50
MAX_TICKERS: Final = 5
MODE: Final = "deep"
_HEAD: Final = struct.Struct(">IQQQHH")
_LEVEL: Final = struct.Struct(">qII")
_NOTHING: Final = (0, 0, 0)


class _Data(Struct):
    subs: int = 0
    symbols: list[str] = []
    mode: str = ""
    channel: str = ""
    resumeChannels: list[str] = []  # noqa: N815 (Fyers' word)
    pauseChannels: list[str] = []  # noqa: N815


class _Request(Struct):
    type: int
    data: _Data = field(default_factory=_Data)


_decode = msgspec.json.Decoder(_Request).decode


def state(snapshot: Snapshot) -> bytes:
    """A whole book as packed; it stays inside the simulator."""
    bids, asks = (deepened(side, LEVELS) for side in (snapshot.bids, snapshot.asks))
    head = _HEAD.pack(
        snapshot.number,
        max(0, snapshot.exchange_ms // 1000),
        max(0, snapshot.buy_quantity),
        max(0, snapshot.sell_quantity),
        len(bids),
        len(asks),
    )
    return head + b"".join(_pack(level) for level in (*bids, *asks))


def _pack(level: Level) -> bytes:
    price, quantity, orders = level
    limit = 2**32 - 1
    return _LEVEL.pack(int(price * 100 + 0.5), min(quantity, limit), min(orders, limit))


class TbtSession:
    """One connection."""

    def __init__(self, tickers: Mapping[str, int], names: Sequence[tuple[str, str]]) -> None:
        """`tickers`: ticker -> instrument number; `names`: ticker and token by number."""
        self.modes: dict[int, str] = {}
        self._tickers = tickers
        self._names = names
        self._channels: dict[int, str] = {}
        self._resumed: set[str] = set()
        self._sequence = itertools.count(1)
        #: Per instrument whose book was sent: totals, bids and asks as they were.
        self._sent: dict[int, _Sent] = {}

    def receive(self, message: str | bytes) -> Reaction:
        if message in {"ping", b"ping"}:
            return Reaction(replies=["pong"])
        try:
            request = _decode(message)
        except (msgspec.MsgspecError, UnicodeError) as problem:
            return Reaction(replies=[_error(f"invalid request: {problem}")])
        data = request.data
        if request.type == 2:
            return self._switch(set(data.resumeChannels), set(data.pauseChannels))
        numbers = [self._tickers[name] for name in data.symbols if name in self._tickers]
        if request.type == 1 and data.subs == 1:
            return self._subscribe(numbers, data.channel)
        if request.type == 1 and data.subs == -1:
            return Reaction(changed=[n for n in numbers if self._drop(n)])
        return Reaction(replies=[_error("invalid request")])

    def _subscribe(self, numbers: list[int], channel: str) -> Reaction:
        if len(self.modes.keys() | set(numbers)) > MAX_TICKERS:
            return Reaction(replies=[_error(f"at most {MAX_TICKERS} symbols per connection")])
        for number in numbers:
            self.modes[number] = MODE
            self._channels[number] = channel
            self._sent.pop(number, None)
        return Reaction(changed=numbers)

    def _drop(self, number: int) -> bool:
        self._sent.pop(number, None)
        self._channels.pop(number, None)
        return self.modes.pop(number, None) is not None

    def _switch(self, resumed: set[str], paused: set[str]) -> Reaction:
        fresh = resumed - self._resumed
        self._resumed = (self._resumed | resumed) - paused
        return Reaction(changed=[n for n, channel in self._channels.items() if channel in fresh])

    def frames(self, packets: Sequence[bytes]) -> Iterator[bytes]:
        """A message per book that is new, or has changed since it was sent."""
        for packet in packets:
            number, fed, bought, sold, bids, asks = _HEAD.unpack_from(packet)
            if self._channels.get(number) not in self._resumed:
                continue
            levels = list(_LEVEL.iter_unpack(packet[_HEAD.size :]))
            now = _Sent(bought, sold, levels[:bids], levels[bids : bids + asks])
            before = self._sent.get(number)
            if now != before:
                self._sent[number] = now
                yield self._message(number, fed, now, before)

    def _message(self, number: int, fed: int, now: _Sent, before: _Sent | None) -> bytes:
        ticker, token = self._names[number]
        feed = b"".join(
            (
                nested(5, now.changes(before or _Sent())),
                nested(6, integer(1, fed)),
                nested(7, integer(1, fed)),
                text(8, token),
                integer(9, next(self._sequence)),
                integer(10, before is None),
                text(11, ticker),
            )
        )
        entry = text(1, token) + nested(2, feed)
        return integer(1, 6) + nested(2, entry) + integer(3, before is None)


class _Sent(Struct):
    """A book as sent; levels are price in paise, quantity, orders."""

    bought: int = 0
    sold: int = 0
    bids: list[tuple[int, ...]] = []
    asks: list[tuple[int, ...]] = []

    def changes(self, before: _Sent) -> bytes:
        """A Depth that turns another book into this one; an empty book is turned into a whole."""
        parts = []
        if self.bought != before.bought:
            parts.append(nested(1, integer(1, self.bought)))
        if self.sold != before.sold:
            parts.append(nested(2, integer(1, self.sold)))
        for place, new, old in ((3, self.asks, before.asks), (4, self.bids, before.bids)):
            pairs = itertools.zip_longest(new, old, fillvalue=_NOTHING)
            parts += [
                nested(place, _level(at, now, then))
                for at, (now, then) in enumerate(pairs)
                if now != then
            ]
        return b"".join(parts)


def _level(at: int, now: Sequence[int], then: Sequence[int]) -> bytes:
    """A MarketLevel with what changed, and its number."""
    changed = (
        nested(name, integer(1, new))
        for name, (new, old) in enumerate(zip(now, then, strict=True), 1)
        if new != old
    )
    return b"".join(changed) + nested(4, integer(1, at))


def _error(words: str) -> bytes:
    return integer(1, 8) + text(4, words) + integer(5, 1)
