"""Angel One: SmartStream v2 and the order-update socket of SmartAPI.

Requests are JSON, ticks are binary (`adapters.brokers.angel.packets`), `ping` and `pong` are texts,
and a request is answered only when it is refused. Sources: SmartAPI's documentation,
smartapi-python 1.5.5; what only one of them says is marked.

Three kinds of connection: `feed`; `depth20`, the same server asked for twenty levels; and
`orders`, which streams by itself once it is open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from adapters.broker import Broker, MasterSource, OpenAlgoLogin, OpenAlgoRow, Pace, Stream
from adapters.brokers.angel.master import read_master
from adapters.brokers.angel.orders import read_order
from adapters.brokers.angel.packets import DEPTH_20, EXCHANGE_TYPES, WIRE_MODES, read_packet
from adapters.codec import Account, Codec, Decoded, Handshake, Notice, WireFrame
from adapters.errors import BrokerError, MalformedError
from bus.topics import Mode

FEED_URL: Final = "wss://smartapisocket.angelone.in/smart-stream"
ORDERS_URL: Final = "wss://tns.angelone.in/smart-order-update"
MASTER_URL: Final = (
    "https://margincalculator.angelbroking.com/OpenAPI_File/files/OpenAPIScripMaster.json"
)
FEED: Final = "feed"
DEPTH20: Final = "depth20"
ORDERS: Final = "orders"

_SUBSCRIBE: Final = 1
_UNSUBSCRIBE: Final = 0
_PONG: Final = "pong"
_BEARER: Final = "Bearer "
_DEEP_MODES: Final = {Mode.DEPTH: DEPTH_20}


class _Refusal(Struct):
    """The server's answer to a request that it cannot meet."""

    errorCode: str = ""  # noqa: N815 - the broker's word
    errorMessage: str = ""  # noqa: N815 - the broker's word


_decode_text = msgspec.json.Decoder(_Refusal).decode


class _SmartStream(Codec):
    """What the three kinds have in common."""

    def headers(self, authorization: str) -> dict[str, str]:
        return {
            "Authorization": authorization,
            "x-api-key": self.account.reveal("api_key"),
            "x-client-code": self.account.reveal("client_code"),
            "x-feed-token": self.account.reveal("feed_token"),
        }

    def jwt(self) -> str:
        """The token of the login, which some keep with the word before it."""
        return self.account.reveal("access_token").removeprefix(_BEARER)


class AngelFeed(_SmartStream):
    """Ticks. Every packet is a full snapshot of its mode: it remembers nothing."""

    def __init__(self, account: Account, stream: str) -> None:
        super().__init__(account, stream)
        self._wire_modes = _DEEP_MODES if stream == DEPTH20 else WIRE_MODES

    def handshake(self) -> Handshake:
        return Handshake(url=self.account.url or FEED_URL, headers=self.headers(self.jwt()))

    def subscribe(self, tokens: Sequence[str], mode: Mode) -> list[WireFrame]:
        return [_request(_SUBSCRIBE, tokens, self._wire_modes[mode])]

    def unsubscribe(self, tokens: Sequence[str], mode: Mode) -> list[WireFrame]:
        return [_request(_UNSUBSCRIBE, tokens, self._wire_modes[mode])]

    def read(self, frame: WireFrame, out: Decoded) -> None:
        if isinstance(frame, str):
            _read_text(frame, out)
        else:
            read_packet(frame, out.ticks)


class AngelOrders(_SmartStream):
    """Order updates. Nothing is asked for: they come by themselves."""

    def handshake(self) -> Handshake:
        url = ORDERS_URL
        if self.account.url:  # the same server in both roles, as a simulator is
            path = urlsplit(ORDERS_URL).path
            url = urlsplit(self.account.url)._replace(path=path).geturl()
        return Handshake(url=url, headers=self.headers(_BEARER + self.jwt()))

    def subscribe(self, tokens: Sequence[str], mode: Mode) -> list[WireFrame]:
        return []

    def unsubscribe(self, tokens: Sequence[str], mode: Mode) -> list[WireFrame]:
        return []

    def read(self, frame: WireFrame, out: Decoded) -> None:
        if frame == _PONG:
            return
        update = read_order(frame)
        if update is not None:
            out.events.append(update)


def _request(action: int, tokens: Sequence[str], mode: int) -> str:
    """One message for all exchanges. Its `correlationID` is optional and left out."""
    numbers: dict[int, list[str]] = {}
    for token in tokens:
        kind, _, number = token.partition("|")
        numbers.setdefault(int(kind), []).append(number)
    listed = [{"exchangeType": kind, "tokens": names} for kind, names in numbers.items()]
    params = {"mode": mode, "tokenList": listed}
    return msgspec.json.encode({"action": action, "params": params}).decode()


def _read_text(text: str, out: Decoded) -> None:
    if text == _PONG:
        return
    try:
        refusal = _decode_text(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise MalformedError(f"a text frame that is no message: {error}") from None
    if refusal.errorCode:
        raise BrokerError(refusal.errorCode, refusal.errorMessage)
    out.events.append(Notice(text))


def _codec(account: Account, stream: str) -> Codec:
    return AngelOrders(account, stream) if stream == ORDERS else AngelFeed(account, stream)


def _openalgo_token(row: OpenAlgoRow) -> str:
    """OpenAlgo keeps the broker's number, which repeats across exchanges."""
    kind = EXCHANGE_TYPES.get(row.exchange)
    return "" if kind is None else f"{kind}|{row.token}"


def _masters(_: Account) -> tuple[MasterSource, ...]:
    return (MasterSource(url=MASTER_URL),)


#: No limit is documented, and a request may name as many instruments as a session may have.
_PACE: Final = Pace(per_second=5.0, burst=5)
#: The documentation wants a ping every 30 s; a pong that is still missing then means that
#: nobody is there. No WebSocket pings beside them: the texts are the documented way.
_PING_S: Final = 10.0
_SILENCE_S: Final = 30.0


def _openalgo_login(login: OpenAlgoLogin) -> Mapping[str, str]:
    return {
        "api_key": login.api_key,
        "access_token": login.auth,
        "client_code": login.client_code,
        "feed_token": login.feed_token,
    }


BROKER: Final = Broker(
    name="angel",
    title="Angel One",
    credentials=("api_key", "access_token", "client_code", "feed_token"),
    exchanges=tuple(EXCHANGE_TYPES),
    streams=(
        Stream(
            name=FEED,
            symbols_per_connection=1000,
            connections=3,
            batch=500,
            pace=_PACE,
            websocket_ping_s=None,
            ping_s=_PING_S,
            silence_s=_SILENCE_S,
        ),
        Stream(  # mode 4 and its limits: the SDK only
            name=DEPTH20,
            symbols_per_connection=50,
            connections=1,
            batch=50,
            modes=(Mode.DEPTH,),
            exchanges=("NSE",),
            depth_levels=20,
            book_only=True,
            pace=_PACE,
            websocket_ping_s=None,
            ping_s=_PING_S,
            silence_s=_SILENCE_S,
        ),
        Stream(
            name=ORDERS,
            purpose="orders",
            symbols_per_connection=1,
            connections=1,
            modes=(),
            pace=_PACE,
            websocket_ping_s=None,
            ping_s=_PING_S,
            silence_s=_SILENCE_S,
            stall_s=None,
        ),
    ),
    # Per client code; the order socket's server counts by itself.
    connections=3,
    may_overlap=True,
    codec=_codec,
    master_reader=read_master,
    masters=_masters,
    openalgo_token=_openalgo_token,
    openalgo_login=_openalgo_login,
)
