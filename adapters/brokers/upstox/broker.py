"""Upstox: Market Data Feed V3, and the account's orders on a socket of their own.

Requests are JSON with the binary opcode (a text frame is not answered); ticks are protobuf
(`adapters/wire/upstox.proto`), one `FeedResponse` a frame with any number of instruments in
it. Both name an instrument by its key (`NSE_EQ|INE002A01018`), which is the master's token.

The address answers with a redirect to one that holds a single-use code. The WebSocket client
follows it at every connect, and leaves the token out when that is another host, so no
separate authorize call is made. Sources: documentation of V3, upstox-python-sdk 2.30.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Raw, Struct

from adapters.broker import Broker, MasterSource, OpenAlgoRow, Pace, Stream
from adapters.brokers.upstox.feed import read_feeds
from adapters.brokers.upstox.master import EXCHANGES, read_master
from adapters.brokers.upstox.orders import read_order
from adapters.codec import Account, Codec, Decoded, Handshake, Notice, Tick, WireFrame
from adapters.errors import BrokerError, MalformedError, Verdict
from bus.topics import Mode

ADDRESS: Final = "wss://api.upstox.com"
FEED_PATH: Final = "/v3/feed/market-data-feed"
ORDERS_PATH: Final = "/v2/feed/portfolio-stream-feed?update_types=order"
MASTER_URL: Final = "https://assets.upstox.com/market-quote/instruments/exchange/complete.json.gz"

DEPTH30: Final = "depth30"
ORDERS: Final = "orders"

_WIRE_MODES: Final = {Mode.LTP: "ltpc", Mode.QUOTE: "full", Mode.DEPTH: "full"}


class _Text(Struct):
    """A refused request; no other text frame is known."""

    status: str = ""
    method: str = ""
    error: Raw = Raw(b"null")


_decode_text = msgspec.json.Decoder(_Text).decode


class Upstox(Codec):
    """One connection of any of the three streams."""

    def __init__(self, account: Account, stream: str) -> None:
        super().__init__(account, stream)
        self._last: dict[str, Tick] = {}
        self._requests_total = 0

    def handshake(self) -> Handshake:
        path = ORDERS_PATH if self.stream == ORDERS else FEED_PATH
        token = self.account.reveal("access_token")
        headers = {"Authorization": f"Bearer {token}", "Accept": "*/*"}
        return Handshake(url=(self.account.url.rstrip("/") or ADDRESS) + path, headers=headers)

    def refused(self, status: int, headers: Mapping[str, str], body: str) -> Verdict:
        """A bad token is a 401; a 403 is about the number of connections or the plan."""
        return Verdict.SLOW_DOWN if status == 403 else super().refused(status, headers, body)

    def subscribe(self, tokens: Sequence[str], mode: Mode) -> list[WireFrame]:
        return [self._request("sub", tokens, mode)]

    def unsubscribe(self, tokens: Sequence[str], mode: Mode) -> list[WireFrame]:
        for token in tokens:
            self._last.pop(token, None)
        return [self._request("unsub", tokens, None)]

    def change(self, tokens: Sequence[str], before: Mode, after: Mode) -> list[WireFrame]:
        return [self._request("change_mode", tokens, after)]

    def _request(self, method: str, tokens: Sequence[str], mode: Mode | None) -> bytes:
        data: dict[str, str | Sequence[str]] = {"instrumentKeys": tokens}
        if mode is not None:
            data["mode"] = "full_d30" if self.stream == DEPTH30 else _WIRE_MODES[mode]
        self._requests_total += 1
        guid = f"{self.stream}-{self._requests_total}"
        return msgspec.json.encode({"guid": guid, "method": method, "data": data})

    def read(self, frame: WireFrame, out: Decoded) -> None:
        if self.stream == ORDERS:
            read_order(frame, out)
        elif isinstance(frame, str):
            _read_text(frame, out)
        else:
            read_feeds(frame, self.modes, self._last, out.ticks)


def _read_text(text: str, out: Decoded) -> None:
    try:
        message = _decode_text(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise MalformedError(f"a text frame that is no message: {error}") from None
    if message.status != "failed":
        out.events.append(Notice(text))
        return
    raise BrokerError("request_failed", f"{message.method}: {bytes(message.error).decode()}")


def _masters(_: Account) -> tuple[MasterSource, ...]:
    return (MasterSource(url=MASTER_URL),)


def _openalgo_token(row: OpenAlgoRow) -> str:
    """OpenAlgo keeps the whole key, or its number, beside the segment."""
    return f"{row.brexchange}|{row.token.rpartition('|')[2]}"


#: No limits are documented; so 1,500 instruments are asked for in one second.
_PACE: Final = Pace(per_second=5.0, burst=3)

BROKER: Final = Broker(
    name="upstox",
    title="Upstox",
    credentials=("access_token",),
    exchanges=tuple(dict.fromkeys(EXCHANGES.values())),
    streams=(
        Stream(
            # What a connection carries in mode full beside other modes; full alone may be
            # 2,000, ltpc alone 5,000.
            symbols_per_connection=1500,
            # Of an ordinary account; the Plus plan has 5.
            connections=2,
            batch=500,
            pace=_PACE,
            silence_s=None,
        ),
        Stream(
            name=DEPTH30,
            # The Plus plan only: of its 5 connections those that the first stream leaves.
            symbols_per_connection=50,
            connections=3,
            batch=50,
            modes=(Mode.DEPTH,),
            depth_levels=30,
            pace=_PACE,
            silence_s=None,
        ),
        Stream(
            name=ORDERS,
            purpose="orders",
            symbols_per_connection=0,
            connections=1,
            modes=(),
            pace=_PACE,
            silence_s=None,
        ),
    ),
    # One connection more than the plan allows: nobody says which of them is ended.
    may_overlap=False,
    codec=Upstox,
    master_reader=read_master,
    masters=_masters,
    openalgo_token=_openalgo_token,
)
