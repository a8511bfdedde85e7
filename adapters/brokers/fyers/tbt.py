"""Fyers' socket for books of 50 levels (TBT): a snapshot per ticker, then what changed.

Requests are JSON, what comes is protobuf (`adapters/wire/fyers.proto`), pings are text. A level
is named by its number, 0 is the best; it keeps what a change does not mention. A channel
delivers once it is resumed. The socket's address is asked for over HTTP; where that fails there
is one to fall back to, as in the SDK. Source: fyers-apiv3 3.2.0.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Final

import msgspec
from google.protobuf.message import DecodeError
from msgspec import Struct

from adapters.brokers.fyers.account import authorization, ticker
from adapters.codec import (
    Account,
    Book,
    Codec,
    Decoded,
    Handshake,
    HttpRequest,
    Row,
    Tick,
    WireFrame,
)
from adapters.errors import BrokerError, MalformedError
from adapters.wire.fyers_pb2 import Level, MarketFeed, SocketMessage
from bus.topics import Mode

ADDRESS_URL: Final = "https://api-t1.fyers.in/indus/home/tbtws"
ORIGIN: Final = "wss://rtsocket-api.fyers.in"
PATH: Final = "/versova"
LEVELS: Final = 50
#: One is enough for the five instruments that a connection carries.
CHANNEL: Final = "1"
_PAISE: Final = 100

_parse = SocketMessage.FromString
_NO_LEVEL: Final[Row] = (0.0, 0, 0)


class _Place(Struct):
    socket_url: str


class _Address(Struct):
    """The answer to the question for the socket's address."""

    data: _Place


class _Error(Struct):
    """What the server says in JSON, by one source: an error under either of two names."""

    error: str | bool = ""
    msg: str = ""


_decode_text = msgspec.json.Decoder(_Error).decode


class Tbt(Codec):
    """One connection to the socket for deep books; it keeps every ticker's book."""

    def __init__(self, account: Account, stream: str) -> None:
        super().__init__(account, stream)
        self._books: dict[str, _DeepBook] = {}
        self._url = (account.url.rstrip("/") or ORIGIN) + PATH

    def prepare(self) -> HttpRequest | None:
        headers = {"Authorization": authorization(self.account)}
        return None if self.account.url else HttpRequest(url=ADDRESS_URL, headers=headers)

    def prepared(self, status: int, body: bytes) -> None:
        """Whatever goes wrong here, the other address is left; only TLS gets the token."""
        with contextlib.suppress(msgspec.DecodeError, UnicodeError, RecursionError):
            url = msgspec.json.decode(body, type=_Address).data.socket_url
            if status == 200 and url.startswith("wss://"):
                self._url = url

    def handshake(self) -> Handshake:
        return Handshake(url=self._url, headers={"Authorization": authorization(self.account)})

    def login(self) -> Sequence[WireFrame]:
        data = {"resumeChannels": [CHANNEL], "pauseChannels": []}
        return [msgspec.json.encode({"type": 2, "data": data}).decode()]

    def subscribe(self, tokens: Sequence[str], mode: Mode) -> list[WireFrame]:
        return [_request(1, tokens)]

    def unsubscribe(self, tokens: Sequence[str], mode: Mode) -> list[WireFrame]:
        return [_request(-1, tokens)]

    def read(self, frame: WireFrame, out: Decoded) -> None:
        if isinstance(frame, str):
            _read_text(frame)
            return
        try:
            message = _parse(frame)
        except DecodeError:
            raise MalformedError("no protobuf of the feed, or one that is cut off") from None
        if message.error:
            raise BrokerError("tbt_error", message.text)
        for feed in message.feeds.values():
            self._read_feed(feed, out.ticks, is_snapshot=message.snapshot or feed.snapshot)

    def _read_feed(self, feed: MarketFeed, ticks: list[Tick], *, is_snapshot: bool) -> None:
        if not feed.HasField("depth"):
            return
        name, number = feed.ticker, feed.sequence_number
        if is_snapshot:
            self._books[name] = _DeepBook()
        book = self._books.get(name)
        if book is None:
            raise MalformedError(f"a change of {name} before its book", "reordered")
        if number < book.sequence_number:
            text = f"number {number} of {name} after number {book.sequence_number}"
            raise MalformedError(text, "reordered")
        book.merge(feed)
        ticks.append(book.tick(name))


class _DeepBook:
    """One ticker's book as last told."""

    def __init__(self) -> None:
        self.sequence_number = 0
        self._fed: int | None = None
        self._bought: int | None = None
        self._sold: int | None = None
        self._bids = [_NO_LEVEL] * LEVELS
        self._asks = [_NO_LEVEL] * LEVELS

    def merge(self, feed: MarketFeed) -> None:
        depth = feed.depth
        self.sequence_number = feed.sequence_number
        if feed.HasField("feed_time"):
            self._fed = _milliseconds(feed.feed_time.value)
        if depth.HasField("total_buy_quantity"):
            self._bought = depth.total_buy_quantity.value
        if depth.HasField("total_sell_quantity"):
            self._sold = depth.total_sell_quantity.value
        for level in depth.bids:
            _merge_level(self._bids, level)
        for level in depth.asks:
            _merge_level(self._asks, level)

    def tick(self, name: str) -> Tick:
        """A place without a price is empty: the market has fewer levels."""
        return Tick(
            name,
            Mode.DEPTH,
            total_buy_quantity=self._bought,
            total_sell_quantity=self._sold,
            exchange_timestamp=self._fed,
            depth=Book(
                [row for row in self._bids if row[0] > 0],
                [row for row in self._asks if row[0] > 0],
            ),
        )


def _merge_level(side: list[Row], level: Level) -> None:
    """What is there replaces, 0 too; a level without a number, or beyond the 50, is nobody's."""
    has = level.HasField
    number = level.number.value
    if number >= LEVELS or (number == 0 and not has("number")):
        return
    price, quantity, orders = side[number]
    if has("price"):
        price = level.price.value / _PAISE
    if has("quantity"):
        quantity = level.quantity.value
    if has("orders"):
        orders = level.orders.value
    side[number] = (price, quantity, orders)


def _request(action: int, tokens: Sequence[str]) -> str:
    symbols = [ticker(token) for token in tokens]
    data = {"subs": action, "symbols": symbols, "mode": "depth", "channel": CHANNEL}
    return msgspec.json.encode({"type": 1, "data": data}).decode()


def _read_text(text: str) -> None:
    """A pong is nothing; all else that is text is an error."""
    if text == "pong":
        return
    try:
        told = _decode_text(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise MalformedError(f"text that is no message: {error}") from None
    if told.error or told.msg:
        raise BrokerError("tbt_error", told.msg or str(told.error))


def _milliseconds(time: int) -> int | None:
    """Unix ms of a time in a unit that no source names: seconds were seen; told by its size."""
    if time < 10**11:
        return time * 1000 or None
    return time if time < 10**14 else time // 1_000_000
