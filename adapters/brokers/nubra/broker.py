"""Nubra: requests as words, ticks as protobuf, order updates on a socket of their own.

A request is one line of text that holds the session token, so requests are never logged.
Sources: nubra-sdk 0.5.4, Nubra's API documentation.

| channel      | asked for by   | tells                                             |
|--------------|----------------|---------------------------------------------------|
| index        | exchange, name | price, high, low, previous close, volume           |
| index_bucket | exchange, name | candles; the day's one has the open                |
| orderbook    | ref_id         | price, volume, book                                |
| greeks       | ref_id         | an option's price, volume and open interest        |

What trades is asked for on the order book in every mode, because nobody knows whether it
ticks on the index channel: the documentation says so, OpenAlgo's users saw it stay silent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from msgspec import Struct, field

from adapters.broker import Broker, MasterSource, Pace, Stream
from adapters.brokers.nubra.feed import FeedReader, read_text
from adapters.brokers.nubra.master import openalgo_token, read_master
from adapters.brokers.nubra.requests import feed_requests
from adapters.brokers.nubra.token import INDEX, address, keys_of
from adapters.codec import Account, Codec, Decoded, Handshake, HttpRequest, WireFrame
from adapters.errors import BrokerError, Verdict
from bus.clock import SystemClock
from bus.topics import Mode

HOST: Final = "wss://api.nubra.io"
FEED_PATH: Final = "/apibatch/ws"
ORDERS_PATH: Final = "/ws"

FEED: Final = "feed"
DEPTH20: Final = "depth20"
ORDERS: Final = "orders"
_LEVELS: Final = {FEED: 5, DEPTH20: 20}
_ADD: Final = "batch_subscribe"
_REMOVE: Final = "batch_unsubscribe"

#: What OpenAlgo logs in as; the feed's device has to be the login's.
DEFAULT_DEVICE: Final = "OPENALGO"
#: HTTP status of an expired session.
SESSION_EXPIRED: Final = 440
_NO_SESSION: Final = frozenset({401, SESSION_EXPIRED})
_INDIA: Final = timedelta(hours=5, minutes=30)


class _Addresses(Struct):
    market_ws_url: str | None = None
    user_ws_url: str | None = None


class _UserInfo(Struct):
    """`/userinfo`: the sockets of this session, where they are not the usual ones."""

    env_info: _Addresses = field(default_factory=_Addresses)


_decode_user_info = msgspec.json.Decoder(_UserInfo).decode


class Nubra(Codec):
    """One connection, for ticks or for orders."""

    def __init__(self, account: Account, stream: str) -> None:
        super().__init__(account, stream)
        self._address = ""
        self._reader = FeedReader()

    # --- connecting ---------------------------------------------------------------------

    def prepare(self) -> HttpRequest:
        headers = _headers(self.account, _token(self.account))
        return HttpRequest(url=f"{_web(self.account)}/userinfo", headers=headers)

    def prepared(self, status: int, body: bytes) -> None:
        """A session that is refused here is refused there; any other failure only means that
        the usual address is taken."""
        if status in _NO_SESSION:
            super().prepared(status, body)
        try:
            told = _decode_user_info(body).env_info
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return
        address = told.user_ws_url if self.stream == ORDERS else told.market_ws_url
        # The token goes there, so it has to be a place that nobody can listen at.
        if address is not None and address.startswith("wss://"):
            self._address = address

    def handshake(self) -> Handshake:
        usual = _host(self.account) + (ORDERS_PATH if self.stream == ORDERS else FEED_PATH)
        headers = _headers(self.account, _token(self.account))
        return Handshake(url=self._address or usual, headers=headers)

    def login(self) -> Sequence[WireFrame]:
        """Ticks need none; orders are pushed to whoever says who it is."""
        if self.stream != ORDERS:
            return ()
        return [f"subscribe {_token(self.account)} notifications notification"]

    def refused(self, status: int, headers: Mapping[str, str], body: str) -> Verdict:
        if status == SESSION_EXPIRED:
            return Verdict.NEEDS_TOKEN
        return super().refused(status, headers, body)

    # --- asking -------------------------------------------------------------------------

    def subscribe(self, tokens: Sequence[str], mode: Mode) -> list[WireFrame]:
        frames = self._requests(_ADD, tokens, None, mode)
        if any(address(token).kind != INDEX for token in tokens):
            # For the whole connection. Said behind each request for books, as OpenAlgo does:
            # its authors found that books begin to flow only then.
            depth = f"orderbook_depth {_LEVELS[self.stream]}"
            frames.append(f"{_ADD} {_token(self.account)} {depth}")
        return frames

    def unsubscribe(self, tokens: Sequence[str], mode: Mode) -> list[WireFrame]:
        return self._requests(_REMOVE, tokens, None, mode)

    def change(self, tokens: Sequence[str], before: Mode, after: Mode) -> list[WireFrame]:
        """Only the channels that are not in both modes; books are."""
        return self._requests(_REMOVE, tokens, after, before) + self._requests(
            _ADD, tokens, before, after
        )

    def _requests(
        self, verb: str, tokens: Sequence[str], but: Mode | None, mode: Mode
    ) -> list[WireFrame]:
        start = f"{verb} {_token(self.account)}"
        return [f"{start} {request}" for request in feed_requests(tokens, but, mode)]

    # --- reading ------------------------------------------------------------------------

    def read(self, frame: WireFrame, out: Decoded) -> None:
        if isinstance(frame, str):
            read_text(frame, out)
        else:
            self._reader.read(frame, out)


def _token(account: Account) -> str:
    """The session token, which is a word of every request.

    Raises:
        BrokerError: it has blanks in it, or characters that no header can hold.
    """
    token = account.reveal("access_token")
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise BrokerError("bad_token", "access_token is no single word", Verdict.NEEDS_TOKEN)
    return token


def _headers(account: Account, token: str) -> dict[str, str]:
    device = account.credentials.get("device_id")
    return {
        "Authorization": f"Bearer {token}",
        "x-device-id": device.reveal() if device else DEFAULT_DEVICE,
    }


def _host(account: Account) -> str:
    return account.url.rstrip("/") or HOST


def _web(account: Account) -> str:
    """Where HTTP is answered: on the feed's host, at Nubra and in its simulator."""
    return "http" + _host(account).removeprefix("ws")


def _masters(account: Account) -> tuple[MasterSource, ...]:
    """The instruments of each exchange as they are today in India, and the indices."""
    now = datetime.fromtimestamp(SystemClock().unix_ns() / 1e9, UTC)
    headers = _headers(account, account.reveal("access_token"))
    trading = f"{_web(account)}/refdata/refdata/{(now + _INDIA).date()}?exchange="
    return (
        *(MasterSource(url=trading + venue, headers=headers) for venue in ("NSE", "BSE", "MCX")),
        MasterSource(url=f"{_web(account)}/public/indexes?format=csv"),
    )


#: Nothing is known of how fast requests may come; 200 instruments are half a dozen of them.
_PACE: Final = Pace(per_second=10.0, burst=10)

BROKER: Final = Broker(
    name="nubra",
    title="Nubra",
    credentials=("access_token",),
    exchanges=("NSE", "BSE", "NFO", "BFO", "MCX", "NSE_INDEX", "BSE_INDEX"),
    streams=(
        Stream(
            name=FEED,
            # OpenAlgo's size of a pool. A session has 50,000 points, and an option in a mode
            # above LTP takes nine: 27,000 at most.
            symbols_per_connection=1000,
            connections=3,
            batch=200,
            pace=_PACE,
            websocket_ping_s=20.0,
            silence_s=None,
        ),
        Stream(
            name=DEPTH20,
            symbols_per_connection=1000,
            connections=1,
            batch=200,
            modes=(Mode.DEPTH,),
            exchanges=("NSE", "BSE", "NFO", "BFO", "MCX"),
            depth_levels=20,
            pace=_PACE,
            websocket_ping_s=20.0,
            silence_s=None,
        ),
        Stream(
            name=ORDERS,
            purpose="orders",
            symbols_per_connection=0,
            connections=1,
            pace=_PACE,
            websocket_ping_s=20.0,
            silence_s=None,
        ),
    ),
    # Nothing is known about two sessions of one token.
    may_overlap=False,
    partial_ticks=True,
    codec=Nubra,
    master_reader=read_master,
    masters=_masters,
    openalgo_token=openalgo_token,
    keys_of=keys_of,
)
