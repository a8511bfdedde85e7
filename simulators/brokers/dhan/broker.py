"""Dhan's v2 protocol: login by query string, JSON requests, binary packets, four endpoints.

Sources: Dhan's documentation and Python SDK. What each real host has at its root is told
apart by path here, since a simulator is one host. Where the sources do not say what the real
server does, this one does what is hardest on a client:

* nothing is acknowledged, and what is wrong or too much is ignored without a word;
* an instrument is fed in the mode that was asked for last; ending another one does nothing;
* each packet of the feed is a message of its own, since the SDK reads no second one.

The account's orders are made up; the first is told after the login.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from msgspec import Struct

from bus.settings import SimulatorSettings
from simulators.broker import Document, Reaction, RefusedError, Request
from simulators.brokers import order_words
from simulators.brokers.dhan.master import SEGMENTS, master_csv, security_id
from simulators.brokers.dhan.packets import (
    CODE_CLOSE,
    CODE_INTEREST,
    DEPTH20,
    DEPTH200,
    FULL,
    QUOTE,
    TICKER,
    encode,
    split,
)
from simulators.markets.market import Instrument, Snapshot
from simulators.orders import UPDATES, MadeOrder, orders
from simulators.settings import HOST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_MASTERS: Final = {"/instruments", "/api-data/api-scrip-master.csv"}


class Stream(NamedTuple):
    """What an endpoint takes: codes that ask for a mode, codes that end one, and how many."""

    name: str
    asks: Mapping[int, str]
    ends: Mapping[int, str]
    instruments: int
    exchanges: frozenset[str]
    batch: int


_NSE: Final = frozenset({"NSE", "NFO"})
_FEED: Final = Stream(
    "feed",
    {15: TICKER, 17: QUOTE, 21: FULL},
    {16: TICKER, 18: QUOTE, 22: FULL},
    5000,
    frozenset(SEGMENTS),
    100,
)
#: The documentation ends a book with 25, the SDK with 24.
_DEPTH20: Final = Stream("depth20", {23: DEPTH20}, {24: DEPTH20, 25: DEPTH20}, 50, _NSE, 50)
_DEPTH200: Final = Stream("depth200", {23: DEPTH200}, {24: DEPTH200, 25: DEPTH200}, 1, _NSE, 1)
_ORDERS: Final = Stream("orders", {}, {}, 0, frozenset(), 0)
_STREAMS: Final = {
    "/": _FEED,
    "/twentydepth": _DEPTH20,
    "/twohundreddepth": _DEPTH200,
    "/order-update": _ORDERS,
}


class Dhan:
    """Dhan's protocol over one market's instruments."""

    #: WebSocket pings; a socket without a pong for 40 s is dropped.
    heartbeat: str | bytes = b""
    heartbeat_s: float = 10.0
    #: Of each kind of stream.
    max_connections: int = 5

    def __init__(self, instruments: Sequence[Instrument], settings: SimulatorSettings) -> None:
        self._settings = settings
        self._instruments = instruments
        self._places = [
            (SEGMENTS[i.exchange].number, security_id(i)) if i.exchange in SEGMENTS else (0, 0)
            for i in instruments
        ]
        self._numbers = {
            (SEGMENTS[i.exchange].name, str(security_id(i))): number
            for number, i in enumerate(instruments)
            if i.exchange in SEGMENTS
        }

    def login(self, request: Request) -> str:
        """The client id and the stream; HTTP 401 for credentials that are not accepted.

        The order channel has its credentials in a message, so that everybody may open it.
        """
        stream = _STREAMS.get(request.path)
        if stream is None:
            raise RefusedError(404, "Not found")
        if stream is _ORDERS:
            return stream.name
        client_id, token = request.query.get("clientId", ""), request.query.get("token", "")
        if not accepted(self._settings, client_id, token):
            raise RefusedError(401, "Unauthorized")
        wanted = {"authType": "2", "version": "2"} if stream is _FEED else {"authType": "2"}
        if any(request.query.get(name) != value for name, value in wanted.items()):
            raise RefusedError(400, f"Bad request: {wanted}")
        return f"{client_id} {stream.name}"

    def session(self) -> DhanSession:
        return DhanSession(self._numbers, self._instruments, self._settings)

    def packet(self, snapshot: Snapshot, mode: str) -> bytes:
        """All that could be told now; the session leaves out what it has told."""
        return encode(*self._places[snapshot.number], snapshot, mode)

    def frames(self, packets: Sequence[bytes]) -> Iterator[str | bytes]:
        yield from packets

    def document(self, path: str) -> Document | None:
        """The compact master."""
        if path not in _MASTERS:
            return None
        return Document("text/csv", master_csv(self._instruments).encode())

    def hint(self, port: int) -> str:
        return f'url = "ws://{HOST}:{port}"\ninstruments = "http://{HOST}:{port}/instruments"'


class DhanSession:
    """What one connection has asked for, and what it was told that is not told again."""

    def __init__(
        self,
        numbers: Mapping[tuple[str, str], int],
        instruments: Sequence[Instrument],
        settings: SimulatorSettings,
    ) -> None:
        self.modes: dict[int, str] = {}
        self._numbers = numbers
        self._instruments = instruments
        self._settings = settings
        self._stream = _FEED
        self._is_logged_in = False
        #: Segment and id as in packets -> their last packets without a tick, by code.
        self._told: dict[bytes, dict[int, bytes]] = {}

    def opened(self, request: Request) -> Reaction:
        self._stream = _STREAMS[request.path]
        return Reaction()

    def receive(self, message: str | bytes) -> Reaction:
        """Take a request; what is none is ignored."""
        try:
            if self._stream is _ORDERS:
                return self._log_in(_decode_login(message))
            request = _decode_request(message)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return Reaction()
        named = request.InstrumentList or [_Named(request.ExchangeSegment, request.SecurityId)]
        if len(named) > self._stream.batch:
            return Reaction()
        places = [(one.ExchangeSegment, one.SecurityId) for one in named]
        numbers = [self._numbers[place] for place in places if place in self._numbers]
        if request.RequestCode in self._stream.asks:
            return self._feed(numbers, self._stream.asks[request.RequestCode])
        mode = self._stream.ends.get(request.RequestCode)
        ended = [n for n in numbers if mode is not None and self.modes.get(n) == mode]
        for number in ended:
            del self.modes[number]
        return Reaction(changed=ended)

    def frames(self, packets: Sequence[bytes]) -> Iterator[str | bytes]:
        """A message per packet of the feed; both sides of a deep book in one."""
        if self._stream is not _FEED:
            yield from packets
            return
        for packet in (single for several in packets for single in split(several)):
            if packet[0] in {CODE_CLOSE, CODE_INTEREST}:
                told = self._told.setdefault(packet[3:8], {})
                if told.get(packet[0]) == packet:
                    continue
                told[packet[0]] = packet
            yield packet

    def _feed(self, numbers: list[int], mode: str) -> Reaction:
        changed = []
        for number in dict.fromkeys(numbers):
            is_new = number not in self.modes
            if self._instruments[number].exchange not in self._stream.exchanges:
                continue
            if is_new and len(self.modes) >= self._stream.instruments:
                continue
            self.modes[number] = mode
            changed.append(number)
        self._forget(changed)
        return Reaction(changed=changed)

    def _forget(self, numbers: Sequence[int]) -> None:
        """Whoever subscribes is told the previous close, each time."""
        for number in numbers:
            instrument = self._instruments[number]
            segment = SEGMENTS[instrument.exchange].number
            place = bytes([segment]) + security_id(instrument).to_bytes(4, "little")
            self._told.pop(place, None)

    def _log_in(self, login: _Login) -> Reaction:
        request = login.LoginReq
        if not accepted(self._settings, request.ClientId, request.Token):
            return Reaction()
        self._is_logged_in = True
        first = islice(orders(self._instruments), UPDATES)
        return Reaction(replies=[order_words.dhan(order) for order in first])

    def order(self, order: MadeOrder) -> str | None:
        return order_words.dhan(order) if self._is_logged_in else None


class _Named(Struct):
    ExchangeSegment: str
    SecurityId: str


class _Request(Struct):
    """Both forms: with a list, and flat for a book of 200 levels."""

    RequestCode: int
    InstrumentList: list[_Named] = []
    ExchangeSegment: str = ""
    SecurityId: str = ""


class _Credentials(Struct):
    ClientId: str
    Token: str


class _Login(Struct):
    LoginReq: _Credentials


_decode_request = msgspec.json.Decoder(_Request).decode
_decode_login = msgspec.json.Decoder(_Login).decode


def accepted(settings: SimulatorSettings, client_id: str, token: str) -> bool:
    """Whether a pair may log in: the one of the settings, or any that is not empty."""
    if not (client_id and token):
        return False
    return settings.api_key in {"", client_id} and settings.access_token in {"", token}
