"""Dhan: DhanHQ v2. A live feed, books of 20 and of 200 levels, and order updates.

Each is a WebSocket of its own; requests are JSON, market data is binary (`feed`, `depth`),
orders are JSON (`orders`). Nothing is acknowledged.
Sources: dhanhq 2.3.0, dhanhq.co/docs/v2; what only users report is marked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec

from adapters.broker import Broker, MasterSource, OpenAlgoLogin, OpenAlgoRow, Pace, Stream
from adapters.brokers.dhan.depth import DepthReader
from adapters.brokers.dhan.feed import FeedReader
from adapters.brokers.dhan.master import read_master
from adapters.brokers.dhan.orders import read_order
from adapters.brokers.dhan.wire import SEGMENT_OF
from adapters.codec import Account, Codec, Decoded, Handshake, WireFrame
from adapters.errors import Verdict
from bus.topics import Mode

FEED, DEPTH20, DEPTH200, ORDERS = "feed", "depth20", "depth200", "orders"

#: Users report that the 200 levels hold at the root path only, as the SDK has it; the
#: documentation says /twohundreddepth.
URLS: Final = {
    FEED: "wss://api-feed.dhan.co",
    DEPTH20: "wss://depth-api-feed.dhan.co/twentydepth",
    DEPTH200: "wss://full-depth-api.dhan.co/",
    ORDERS: "wss://api-order-update.dhan.co",
}
#: Where the streams are at an address of the configuration, which is one host for all.
PATHS: Final = {
    FEED: "/",
    DEPTH20: "/twentydepth",
    DEPTH200: "/twohundreddepth",
    ORDERS: "/order-update",
}
MASTER_URL: Final = "https://images.dhan.co/api-data/api-scrip-master.csv"

#: Request codes: to ask, and to end it.
_CODES: Final = {Mode.LTP: (15, 16), Mode.QUOTE: (17, 18), Mode.DEPTH: (21, 22)}
#: The same for a deep book. The SDK ends it with 24; the documentation, and users, with 25.
_BOOK, _BOOK_END = 23, 25
#: OpenAlgo keeps `client_id:::api_key` in one word.
_CLIENT_ID_END: Final = ":::"


class Connection(Codec):
    """What all of Dhan's connections have in common."""

    def address(self) -> str:
        """Where the stream is, without a query."""
        base = self.account.url.rstrip("/")
        return base + PATHS[self.stream] if base else URLS[self.stream]

    def credentials(self) -> tuple[str, str]:
        """Client id and access token."""
        client_id = self.account.reveal("client_id").partition(_CLIENT_ID_END)[0]
        return client_id, self.account.reveal("access_token")

    def refused(self, status: int, headers: Mapping[str, str], body: str) -> Verdict:
        """No data plan, or too many attempts: more of them make it worse."""
        if status == 429 or "blocked" in body.lower():
            return Verdict.FATAL
        return super().refused(status, headers, body)


class Market(Connection):
    """A connection for ticks, of any of the three streams; the token stands in its URL."""

    def handshake(self) -> Handshake:
        client_id, token = self.credentials()
        query = {"token": token, "clientId": client_id, "authType": "2"}
        if self.stream == FEED:
            query = {"version": "2", **query}
        return Handshake(url=f"{self.address()}?{urlencode(query)}")

    def subscribe(self, tokens: Sequence[str], mode: Mode) -> list[WireFrame]:
        return self._requests(_CODES[mode][0] if self.stream == FEED else _BOOK, tokens)

    def unsubscribe(self, tokens: Sequence[str], mode: Mode) -> list[WireFrame]:
        return self._requests(_CODES[mode][1] if self.stream == FEED else _BOOK_END, tokens)

    def _requests(self, code: int, tokens: Sequence[str]) -> list[WireFrame]:
        if self.stream == DEPTH200:  # one instrument a request, and in another form
            return [f'{{"RequestCode":{code},{_named(token)}}}' for token in tokens]
        named = ",".join([f"{{{_named(token)}}}" for token in tokens])
        return [
            f'{{"RequestCode":{code},"InstrumentCount":{len(tokens)},"InstrumentList":[{named}]}}'
        ]


class Feed(FeedReader, Market):
    """Ticks of every mode."""


class Depth20(DepthReader, Market):
    """Books of 20 levels."""

    levels = 20


class Depth200(DepthReader, Market):
    """Books of 200 levels."""

    levels = 200


class Orders(Connection):
    """The account's orders. The login is not answered, and nothing is asked for."""

    def handshake(self) -> Handshake:
        return Handshake(url=self.address())

    def login(self) -> Sequence[WireFrame]:
        client_id, token = self.credentials()
        request = {"MsgCode": 42, "ClientId": client_id, "Token": token}
        return [msgspec.json.encode({"LoginReq": request, "UserType": "SELF"}).decode()]

    def subscribe(self, tokens: Sequence[str], mode: Mode) -> list[WireFrame]:
        return []

    def unsubscribe(self, tokens: Sequence[str], mode: Mode) -> list[WireFrame]:
        return []

    def read(self, frame: WireFrame, out: Decoded) -> None:
        read_order(frame, out)


_CODECS: Final[dict[str, type[Connection]]] = {
    FEED: Feed,
    DEPTH20: Depth20,
    DEPTH200: Depth200,
    ORDERS: Orders,
}


def codec(account: Account, stream: str) -> Codec:
    """A connection of a stream."""
    return _CODECS[stream](account, stream)


def openalgo_token(row: OpenAlgoRow) -> str:
    """OpenAlgo keeps the bare security id."""
    segment = SEGMENT_OF.get(row.exchange)
    return f"{segment}|{row.token}" if segment else ""


def _named(token: str) -> str:
    segment, _, security_id = token.partition("|")
    return f'"ExchangeSegment":"{segment}","SecurityId":"{security_id}"'


def masters(_: Account) -> tuple[MasterSource, ...]:
    """The compact master, which anybody gets."""
    return (MasterSource(url=MASTER_URL),)


#: No limit of requests is documented.
_PACE: Final = Pace(per_second=10.0, burst=10)
#: The server pings every 10 s, and ticks come in market hours only: that a feed is dead is
#: told by our own pings, or by the lack of ticks while there should be some.
_PING_S: Final = 10.0

FEED_STREAM: Final = Stream(
    name=FEED,
    symbols_per_connection=5000,
    connections=5,
    batch=100,
    pace=_PACE,
    websocket_ping_s=_PING_S,
    silence_s=None,
)


def _openalgo_login(login: OpenAlgoLogin) -> Mapping[str, str]:
    """OpenAlgo's key of the app is `client_id:::api_key`."""
    return {"client_id": login.api_key.partition(":::")[0], "access_token": login.auth}


BROKER: Final = Broker(
    name="dhan",
    title="Dhan",
    credentials=("client_id", "access_token"),
    exchanges=tuple(SEGMENT_OF),
    streams=(
        FEED_STREAM,
        Stream(
            name=DEPTH20,
            symbols_per_connection=50,
            connections=5,
            batch=50,
            modes=(Mode.DEPTH,),
            exchanges=("NSE", "NFO"),
            depth_levels=Depth20.levels,
            book_only=True,
            pace=_PACE,
            websocket_ping_s=_PING_S,
            silence_s=None,
        ),
        Stream(
            name=DEPTH200,
            symbols_per_connection=1,
            connections=5,
            batch=1,
            modes=(Mode.DEPTH,),
            exchanges=("NSE", "NFO"),
            depth_levels=Depth200.levels,
            book_only=True,
            pace=_PACE,
            websocket_ping_s=_PING_S,
            silence_s=None,
        ),
        Stream(
            name=ORDERS,
            purpose="orders",
            symbols_per_connection=1,
            connections=1,
            modes=(),
            pace=_PACE,
            websocket_ping_s=_PING_S,
            silence_s=None,
            stall_s=None,
        ),
    ),
    may_overlap=True,
    codec=codec,
    master_reader=read_master,
    masters=masters,
    openalgo_token=openalgo_token,
    openalgo_login=_openalgo_login,
)
