"""Nubra's sockets: requests of words with the session token in each, protobuf ticks.

Source: nubra-sdk 0.5.4 and Nubra's documentation. Where those do not say what the real server
does, this one does what is hardest on a client:

* every upgrade is accepted; a wrong token is answered by `Invalid Token`, request by request;
* unknown names and numbers, and names of another exchange, are ignored without a word, and
  nothing is acknowledged;
* contracts are accepted on the index channel, and never tick there.

Who asks for the account's orders gets made-up ones where the settings want them.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from bus.settings import SimulatorSettings
from simulators.broker import Document, Reaction, Request
from simulators.brokers import order_words
from simulators.brokers.nubra.master import feeds, indices_csv, names_asked, refdata
from simulators.brokers.nubra.packets import (
    BOOK,
    BUCKET,
    CHAIN,
    GREEKS,
    INDEX,
    Feed,
    frames,
    packet,
)
from simulators.markets.market import Instrument, Snapshot
from simulators.settings import HOST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from simulators.orders import MadeOrder

#: Of the documentation, per session: what all its subscriptions may weigh, and each one's.
MAX_POINTS: Final = 50_000
_POINTS: Final = {INDEX: 1, BUCKET: 2, BOOK: 5, GREEKS: 1, CHAIN: 20}
#: In this order they stand in a packet: the open is told before the price.
_CHANNELS: Final = (BUCKET, INDEX, BOOK, GREEKS, CHAIN)
MAX_LEVELS: Final = 20
_DAY: Final = "1d"
_INVALID_TOKEN: Final = "Invalid Token"  # noqa: S105 - what the broker says


class Nubra:
    """Nubra's protocol over one market's instruments."""

    # The SDK's socket leaves pings of the server unanswered: there cannot be any.
    heartbeat: str | bytes = b""
    heartbeat_s: float = math.inf
    #: Not documented.
    max_connections: int = 10

    def __init__(self, instruments: Sequence[Instrument], settings: SimulatorSettings) -> None:
        self._settings = settings
        self._feeds = feeds(instruments)

    def login(self, request: Request) -> str:
        """Headers are optional, and looked at by nobody: the SDK sends none."""
        return request.headers.get("authorization", "")

    def session(self) -> NubraSession:
        return NubraSession(self._feeds, self._settings.access_token)

    def packet(self, snapshot: Snapshot, mode: str) -> bytes:
        channels, levels = _read_mode(mode)
        return packet(self._feeds[snapshot.number], snapshot, channels, levels)

    def frames(self, packets: Sequence[bytes]) -> Iterator[bytes]:
        return frames(packets)

    def document(self, path: str) -> Document | None:
        """The master where Nubra has it, of any day, and all of it as `/instruments`."""
        known = list(self._feeds.values())
        if path.startswith("/refdata/refdata/"):
            return Document("application/json", refdata(known).encode())
        if path == "/public/indexes":
            return Document("text/csv", indices_csv(known).encode())
        if path == "/instruments":
            return Document("text/plain", f"{refdata(known)}\n{indices_csv(known)}".encode())
        if path == "/userinfo":
            return Document("application/json", b'{"message":"user info","env_info":{}}')
        return None

    def hint(self, port: int) -> str:
        return f'url = "ws://{HOST}:{port}"\ninstruments = "http://{HOST}:{port}/instruments"'


class NubraSession:
    """What one connection has asked for. A mode is its channels and the depth of its books."""

    def __init__(self, known: Mapping[int, Feed], token: str) -> None:
        self.modes: dict[int, str] = {}
        self._feeds = known
        self._token = token
        self._levels = MAX_LEVELS
        self._wants_orders = False
        self._by_instrument = {feed.instrument: feed for feed in known.values()}
        self._asked: dict[int, set[str]] = {}
        self._by_ref_id = {feed.ref_id: number for number, feed in known.items()}
        self._by_name = {
            (feed.exchange, name): number
            for number, feed in known.items()
            for name in names_asked(feed)
        }

    def receive(self, message: str | bytes) -> Reaction:
        """Take `verb token channel ...`; what is no request is answered by an error text."""
        words = message.split(" ", 3) if isinstance(message, str) else []
        if len(words) < 4:
            return Reaction(replies=["Error: a request is: verb token channel ..."])
        verb, token, channel, rest = words
        if not token or (self._token and token != self._token):
            return Reaction(replies=[_INVALID_TOKEN])
        try:
            return self._obey(verb, channel, rest)
        except (msgspec.MsgspecError, ValueError) as problem:
            return Reaction(replies=[f"Error: {problem}"])

    def order(self, order: MadeOrder) -> bytes | None:
        feed = self._by_instrument.get(order.instrument)
        return order_words.nubra(order, feed) if self._wants_orders and feed else None

    def _obey(self, verb: str, channel: str, rest: str) -> Reaction:
        """Raises ValueError or MsgspecError: it is no request."""
        match verb, channel:
            case "batch_subscribe", "orderbook_depth":
                return self._set_levels(int(rest))
            case "subscribe", "notifications":
                self._wants_orders = True
                return Reaction()
            case "batch_subscribe", "socket_interval" | "post_market":
                return Reaction()
            case "batch_subscribe", _:
                return self._add(self._numbers(channel, rest), channel)
            case "batch_unsubscribe", _:
                return self._drop(self._numbers(channel, rest), channel)
        raise ValueError(f"unknown request {verb[:32]} {channel[:32]}")

    def _numbers(self, channel: str, rest: str) -> list[int]:
        """The instruments that a request names and that tick on its channel.

        Raises:
            ValueError, MsgspecError: it is not of the channel's form.
        """
        if channel == CHAIN:
            return list(self._chains(rest))
        if channel in {INDEX, BUCKET}:
            text, exchange = rest.rsplit(" ", 1)
            if channel == BUCKET:
                text, interval = text.rsplit(" ", 1)
                if interval != _DAY:  # other candles are accepted; nobody here reads them
                    return []
            names = msgspec.json.decode(text, type=_Names).indexes
            numbers = [self._by_name.get((exchange, name.upper())) for name in names]
            return [n for n in numbers if n is not None and self._feeds[n].instrument.kind == "EQ"]
        if channel not in {BOOK, GREEKS}:
            raise ValueError(f"unknown channel {channel[:32]}")
        ref_ids = msgspec.json.decode(rest, type=_Names).instruments
        numbers = [self._by_ref_id.get(ref_id) for ref_id in ref_ids]
        return [n for n in numbers if n is not None and self._ticks(n, channel)]

    def _ticks(self, number: int, channel: str) -> bool:
        instrument = self._feeds[number].instrument
        return not instrument.is_index and (channel == BOOK or instrument.kind in {"CE", "PE"})

    def _chains(self, rest: str) -> Iterator[int]:
        for chain in msgspec.json.decode(rest, type=list[_Chain]):
            for number, feed in self._feeds.items():
                option = feed.instrument
                if option.kind in {"CE", "PE"} and option.expiry is not None:
                    listed = _Chain(feed.exchange, option.name, f"{option.expiry:%Y%m%d}")
                    if listed == chain:
                        yield number

    def _add(self, numbers: Sequence[int], channel: str) -> Reaction:
        asked = {n: self._asked.get(n, set()) | {channel} for n in numbers}
        weight = sum(_POINTS[c] for own in (self._asked | asked).values() for c in own)
        if weight > MAX_POINTS:
            return Reaction(replies=[f"Error: {weight} points of {MAX_POINTS}"])
        self._asked |= asked
        return self._tell(numbers)

    def _drop(self, numbers: Sequence[int], channel: str) -> Reaction:
        asked = [n for n in numbers if channel in self._asked.get(n, ())]
        for number in asked:
            self._asked[number].discard(channel)
        return self._tell(asked)

    def _set_levels(self, levels: int) -> Reaction:
        if not 1 <= levels <= MAX_LEVELS:
            raise ValueError(f"orderbook_depth is 1 to {MAX_LEVELS}")
        if levels == self._levels:
            return Reaction()
        self._levels = levels
        return self._tell([n for n, channels in self._asked.items() if BOOK in channels])

    def _tell(self, numbers: Sequence[int]) -> Reaction:
        for number in numbers:
            channels = self._asked[number]
            if channels:
                self.modes[number] = _mode(channels, self._levels)
            else:
                del self._asked[number]
                self.modes.pop(number, None)
        return Reaction(changed=numbers)


class _Names(msgspec.Struct):
    instruments: list[int] = []
    indexes: list[str] = []


class _Chain(msgspec.Struct):
    exchange: str
    asset: str
    expiry: str


def _mode(channels: Iterable[str], levels: int) -> str:
    """`index_bucket+index+orderbook/5`."""
    return f"{'+'.join(sorted(channels, key=_CHANNELS.index))}/{levels}"


@lru_cache(1024)
def _read_mode(mode: str) -> tuple[tuple[str, ...], int]:
    channels, levels = mode.split("/")
    return tuple(channels.split("+")), int(levels)
