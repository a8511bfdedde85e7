"""Upstox's V3 feed: a redirect to a single-use address, JSON requests in binary frames.

Sources: Upstox's documentation and Python SDK. Where those do not say what the real server
does, this one does what is hardest on a client:

* a request in a text frame is not answered, as with the real one;
* a key that is asked for again in the mode that it has gets no new snapshot;
* `change_mode` for a key that is not subscribed does nothing;
* unknown keys are ignored without a word, there is no acknowledgement of anything.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct, field

from bus.settings import SimulatorSettings
from simulators.broker import Document, Reaction, RefusedError, Request
from simulators.brokers import order_words
from simulators.brokers.upstox.master import SEGMENTS, instrument_key, instruments_json
from simulators.brokers.upstox.packets import (
    LTPC,
    MODES,
    NORMAL_OPEN,
    market_info,
    messages,
    packet,
)
from simulators.markets.market import Instrument, Snapshot
from simulators.settings import HOST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from simulators.orders import MadeOrder

_FEED: Final = "/v3/feed/market-data-feed"
_ORDERS: Final = "/v2/feed/portfolio-stream-feed"
#: Where each address redirects to; the second is the one that gets connections.
_REDIRECTS: Final = {
    _FEED: "/market-data-feeder/v3/upstox-developer-api/feeds",
    _ORDERS: "/upstox-developer-api/order-updates/feed",
}
_ORDERS_FEED: Final = _REDIRECTS[_ORDERS]


class Upstox:
    """Upstox's protocol over one market's instruments."""

    heartbeat: str | bytes = b""
    heartbeat_s: float = 10.0
    #: Of the Plus plan, which has books of 30 levels too.
    max_connections: int = 5

    def __init__(self, instruments: Sequence[Instrument], settings: SimulatorSettings) -> None:
        self._settings = settings
        self._instruments = instruments
        self._keys = [instrument_key(instrument) for instrument in instruments]
        self._numbers = {key: number for number, key in enumerate(self._keys)}
        #: Codes that were given out and not used: the path that they open, and the token.
        self._codes: dict[str, tuple[str, str]] = {}

    def login(self, request: Request) -> str:
        """The account behind a single-use address; connections count per kind of stream."""
        target = _REDIRECTS.get(request.path)
        if target is not None:
            raise self._redirect(target, request)
        path, token = self._codes.pop(request.query.get("code", ""), ("", ""))
        if not path or path != request.path:
            raise RefusedError(403, _error("UDAPI100058", "This address is not authorized."))
        return f"{token} {path}"

    def _redirect(self, target: str, request: Request) -> RefusedError:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        wanted = self._settings.access_token
        if scheme != "Bearer" or not token or (wanted and token != wanted):
            return RefusedError(401, _error("UDAPI100050", "Invalid token used to access API"))
        code = secrets.token_hex(16)
        self._codes[code] = target, token
        host = request.headers.get("host", "")
        return RefusedError(302, "Found", {"Location": f"ws://{host}{target}?code={code}"})

    def session(self) -> UpstoxSession:
        states = {SEGMENTS[i.exchange]: NORMAL_OPEN for i in self._instruments}
        return UpstoxSession(self._numbers, market_info(states))

    def packet(self, snapshot: Snapshot, mode: str) -> bytes:
        number = snapshot.number
        is_index = self._instruments[number].is_index
        return packet(self._keys[number], snapshot, mode, is_index=is_index)

    def frames(self, packets: Sequence[bytes]) -> Iterator[bytes]:
        return messages(packets, set())

    def document(self, path: str) -> Document | None:
        """`/instruments`: the master, as Upstox gives it out but for the packing."""
        if path != "/instruments":
            return None
        return Document("application/json", instruments_json(self._instruments))

    def hint(self, port: int) -> str:
        return f'url = "ws://{HOST}:{port}"\ninstruments = "http://{HOST}:{port}/instruments"'


class UpstoxSession:
    """What one connection has asked for; on one for orders there is nothing to ask."""

    def __init__(self, numbers: Mapping[str, int], greeting: bytes) -> None:
        self.modes: dict[int, str] = {}
        self._numbers = numbers
        self._greeting = greeting
        self._is_for_orders = False
        #: Instruments whose first feed is still to come.
        self._fresh: set[int] = set()

    def opened(self, request: Request) -> Reaction:
        """A feed speaks first: it tells the state of the market."""
        self._is_for_orders = request.path == _ORDERS_FEED
        return Reaction() if self._is_for_orders else Reaction(replies=[self._greeting])

    def order(self, order: MadeOrder) -> str | None:
        return order_words.upstox(order) if self._is_for_orders else None

    def frames(self, packets: Sequence[bytes]) -> Iterator[bytes]:
        return messages(packets, self._fresh)

    def receive(self, message: str | bytes) -> Reaction:
        if self._is_for_orders or isinstance(message, str):
            return Reaction()
        try:
            return self._answer(_decode(message))
        except (msgspec.MsgspecError, UnicodeError) as problem:
            return _failed("", str(problem))

    def _answer(self, request: _Request) -> Reaction:
        mode, method = request.data.mode, request.method
        if mode and mode not in MODES:
            return _failed(method, f"invalid mode {mode[:32]!r}")
        keys = request.data.instrumentKeys
        numbers = [self._numbers[key] for key in keys if key in self._numbers]
        if method == "sub":
            return self._feed(numbers, mode or LTPC)
        if method == "change_mode" and mode:
            return self._feed([n for n in numbers if n in self.modes], mode)
        if method == "unsub":
            self._fresh.difference_update(numbers)
            return Reaction(changed=[n for n in numbers if self.modes.pop(n, None)])
        return _failed(method, "invalid method, or no mode")

    def _feed(self, numbers: list[int], mode: str) -> Reaction:
        changed = [n for n in dict.fromkeys(numbers) if self.modes.get(n) != mode]
        self._fresh.update(n for n in changed if n not in self.modes)
        self.modes.update(dict.fromkeys(changed, mode))
        return Reaction(changed=changed)


class _Data(Struct):
    instrumentKeys: list[str] = []  # noqa: N815 (Upstox's word)
    mode: str = ""


class _Request(Struct):
    guid: str
    method: str
    data: _Data = field(default_factory=_Data)


_decode = msgspec.json.Decoder(_Request).decode


def _failed(method: str, text: str) -> Reaction:
    body = {"status": "failed", "method": method, "error": {"message": text}}
    return Reaction(replies=[msgspec.json.encode(body).decode()])


def _error(code: str, text: str) -> str:
    body = {"status": "error", "errors": [{"errorCode": code, "message": text}]}
    return msgspec.json.encode(body).decode()
