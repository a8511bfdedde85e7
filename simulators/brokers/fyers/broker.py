"""Fyers: one simulator of its three sockets, told apart by their paths.

Prices are at `/hsm/v1-5/prod` (or anywhere else), deep books at `/versova`, orders at
`/trade/v3`. The price socket logs in by message, the others by header. The order
socket answers, and tells of made-up orders where the settings want them.
"""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from bus.settings import SimulatorSettings
from simulators.broker import Document, Reaction, RefusedError, Request
from simulators.brokers import order_words
from simulators.brokers.fyers.hsm import HsmSession
from simulators.brokers.fyers.names import SEGMENTS, fytoken, master_csv, masters, place, ticker
from simulators.brokers.fyers.packets import BOOK, INDEX, SCRIP, state
from simulators.brokers.fyers.tbt import MODE, TbtSession
from simulators.brokers.fyers.tbt import state as deep_state
from simulators.markets.market import Instrument, Snapshot
from simulators.settings import HOST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulators.orders import MadeOrder

TBT_PATH: Final = "/versova"
ORDERS_PATH: Final = "/trade/v3"
_HSM_ACCOUNT: Final = "hsm"
_DEEP_EXCHANGES: Final = frozenset({"NSE", "NFO"})


class Fyers:
    """Fyers' protocols over one market's instruments."""

    # No socket speaks when there is nothing to say: clients ping.
    heartbeat: str | bytes = "pong"
    heartbeat_s: float = math.inf
    max_connections: int = 3

    def __init__(self, instruments: Sequence[Instrument], settings: SimulatorSettings) -> None:
        self._settings = settings
        self._instruments = instruments
        self._topics: dict[str, int] = {}
        self._tickers: dict[str, int] = {}
        self._names = [("", "")] * len(instruments)
        for number, instrument in enumerate(instruments):
            if instrument.exchange in SEGMENTS:
                self._enter(number, instrument)

    def _enter(self, number: int, instrument: Instrument) -> None:
        where = place(instrument)
        kinds = (INDEX,) if instrument.is_index else (SCRIP, BOOK)
        self._topics.update({f"{kind}|{where}": number for kind in kinds})
        self._names[number] = ticker(instrument), fytoken(instrument)
        if instrument.exchange in _DEEP_EXCHANGES:
            self._tickers[ticker(instrument)] = number

    def login(self, request: Request) -> str:
        """Connections are counted per socket; the price socket asks for nothing here."""
        if request.path not in {TBT_PATH, ORDERS_PATH}:
            return _HSM_ACCOUNT
        app, _, token = request.headers.get("authorization", "").partition(":")
        wanted = self._settings
        is_right = app == (wanted.api_key or app) and token == (wanted.access_token or token)
        if not (app and token and is_right):
            raise RefusedError(401, '{"s":"error","code":-16,"message":"Could not authenticate"}')
        return f"{app} {request.path}"

    def session(self) -> FyersSession:
        return FyersSession(self)

    def talk(self, path: str) -> HsmSession | TbtSession | OrderSession:
        """The server's side of a connection to a path."""
        if path == TBT_PATH:
            return TbtSession(self._tickers, self._names)
        if path == ORDERS_PATH:
            return OrderSession()
        return HsmSession(self._topics, self._instruments, hsm_key(self._settings.access_token))

    def packet(self, snapshot: Snapshot, mode: str) -> bytes:
        """All that the topics of a mode tell; a session sends what is new of it."""
        instrument = self._instruments[snapshot.number]
        if mode == MODE:
            return deep_state(snapshot)
        return b"".join(state(snapshot, instrument, kind) for kind in mode.split())

    def frames(self, packets: Sequence[bytes]) -> Iterator[str | bytes]:
        """A session makes its frames itself."""
        return iter(packets)

    def document(self, path: str) -> Document | None:
        """`/sym_details/FILE`: a master as Fyers gives it out; `/instruments`: all in one."""
        if path == "/instruments":
            return Document("text/csv", master_csv(self._instruments).encode())
        content = masters(self._instruments).get(path.removeprefix("/sym_details/"))
        if content is None:
            return None
        kind = "application/json" if path.endswith(".json") else "text/csv"
        return Document(kind, content.encode())

    def hint(self, port: int) -> str:
        token = self._settings.access_token or access_token("any")
        app = self._settings.api_key or "SIMULATOR-100"
        return (
            f'url = "ws://{HOST}:{port}"\n'
            f'instruments = "http://{HOST}:{port}/instruments"\n'
            f'credentials = {{ access_token = "{app}:{token}" }}'
        )


class FyersSession:
    """A connection, whichever socket it turns out to be to."""

    def __init__(self, broker: Fyers) -> None:
        self.modes: dict[int, str] = {}
        self._broker = broker
        self._talk: HsmSession | TbtSession | OrderSession = OrderSession()

    def opened(self, request: Request) -> Reaction:
        self._talk = self._broker.talk(request.path)
        self.modes = self._talk.modes
        return Reaction()

    def receive(self, message: str | bytes) -> Reaction:
        return self._talk.receive(message)

    def order(self, order: MadeOrder) -> str | None:
        return self._talk.order(order) if isinstance(self._talk, OrderSession) else None

    def frames(self, packets: Sequence[bytes]) -> Iterator[bytes]:
        return self._talk.frames(packets)


class OrderSession:
    """A connection that tells of orders, once it was asked to."""

    def __init__(self) -> None:
        self.modes: dict[int, str] = {}
        self._is_asked = False

    def receive(self, message: str | bytes) -> Reaction:
        if message in {"ping", b"ping"}:
            return Reaction(replies=["pong"])
        self._is_asked = True
        return Reaction(replies=['{"code":1605,"message":"Successfully subscribed","s":"ok"}'])

    def order(self, order: MadeOrder) -> str | None:
        return order_words.fyers(order) if self._is_asked else None

    def frames(self, packets: Sequence[bytes]) -> Iterator[bytes]:
        return iter(packets)


class _Claims(Struct):
    hsm_key: str
    exp: int = 0


def access_token(key: str) -> str:
    """A made-up JWT that carries a key of the price socket."""
    claims = msgspec.json.encode(_Claims(key, exp=2**32))
    parts = (b'{"alg":"none"}', claims, b"simulator")
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def hsm_key(token: str) -> str:
    """The key in a JWT; the token itself if it is none, so that any text can be accepted."""
    try:
        payload = base64.urlsafe_b64decode(f"{token.split('.')[1]}===")
        return msgspec.json.decode(payload, type=_Claims).hsm_key
    except (IndexError, ValueError, msgspec.DecodeError):
        return token
