"""Zerodha: the ticker of Kite Connect v3.

A binary frame is `uint16 count`, then per packet `uint16 length` and the packet, big-endian
and unsigned. A packet's kind is its length; each is a full snapshot, nothing is merged.
Text frames are JSON: order updates, errors, messages. Sources: kite.trade/docs/connect/v3,
kiteconnect 5.2.2; what only one of them says is marked.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from adapters.broker import Broker, MasterSource, OpenAlgoLogin, OpenAlgoRow, Pace, Stream
from adapters.brokers.zerodha.master import is_token, read_master
from adapters.brokers.zerodha.orders import read_order
from adapters.codec import (
    Account,
    Book,
    Codec,
    Decoded,
    Handshake,
    Key,
    Notice,
    Tick,
    WireFrame,
)
from adapters.errors import BrokerError, MalformedError, TruncatedError, Verdict
from bus.topics import Mode

FEED_URL: Final = "wss://ws.kite.trade"
MASTER_URL: Final = "https://api.kite.trade/instruments"
VERSION_HEADER: Final = {"X-Kite-Version": "3"}

_WIRE_MODES: Final = {Mode.LTP: "ltp", Mode.QUOTE: "quote", Mode.DEPTH: "full"}

#: Prices are integers of 1/divisor rupees; the divisor depends on the token's lowest byte.
_DIVISORS: Final = [100.0] * 256
_DIVISORS[3] = 10_000_000.0  # CDS
_DIVISORS[6] = 10_000.0  # BCD; the documentation says 10,000,000, both official SDKs this
_DIVISORS[12] = 10_000.0  # NCO (SDK only)

_read_ltp = struct.Struct(">II").unpack_from
_read_ltps = struct.Struct(">2xII").iter_unpack  # with the length before each
_read_index = struct.Struct(">6I").unpack_from  # token, ltp, HIGH, LOW, OPEN, close
_read_quote = struct.Struct(">11I").unpack_from
_read_full = struct.Struct(">16I").unpack_from
_read_time = struct.Struct(">I").unpack_from
#: Five buys, then five sells, each: quantity, price, orders, two bytes of padding.
_read_book = struct.Struct(">" + "IIH2x" * 10).unpack_from

_LTP, _QUOTE, _DEPTH = Mode.LTP, Mode.QUOTE, Mode.DEPTH


class _Text(Struct):
    type: str
    data: msgspec.Raw = msgspec.Raw(b"null")


_decode_text = msgspec.json.Decoder(_Text).decode
_AUTH_WORDS: Final = ("tokenexception", "api_key", "access_token")


class Zerodha(Codec):
    """One connection to the Kite ticker; it remembers nothing."""

    def handshake(self) -> Handshake:
        query = urlencode({n: self.account.reveal(n) for n in ("api_key", "access_token")})
        return Handshake(url=f"{self.account.url or FEED_URL}?{query}", headers=VERSION_HEADER)

    def subscribe(self, tokens: Sequence[str], mode: Mode) -> list[WireFrame]:
        """A bare subscribe gives mode quote, so the mode follows at once."""
        return [_request("subscribe", tokens), _mode_request(tokens, mode)]

    def unsubscribe(self, tokens: Sequence[str], mode: Mode) -> list[WireFrame]:
        return [_request("unsubscribe", tokens)]

    def change(self, tokens: Sequence[str], before: Mode, after: Mode) -> list[WireFrame]:
        return [_mode_request(tokens, after)]

    def read(self, frame: WireFrame, out: Decoded) -> None:
        if isinstance(frame, str):
            _read_text(frame, out)
        elif len(frame) > 1:  # anything shorter is a heartbeat
            _read_packets(frame, out.ticks)


def _request(action: str, tokens: Sequence[str]) -> str:
    return f'{{"a":"{action}","v":[{",".join(tokens)}]}}'


def _mode_request(tokens: Sequence[str], mode: Mode) -> str:
    return f'{{"a":"mode","v":["{_WIRE_MODES[mode]}",[{",".join(tokens)}]]}}'


def _read_packets(frame: bytes, ticks: list[Tick]) -> None:
    size = len(frame)
    start = 2
    count = frame[0] << 8 | frame[1]
    if size == 2 + 10 * count and frame[2::10].count(0) == frame[3::10].count(8) == count:
        ticks += [  # instruments in mode ltp and no others: half of a packet's cost is saved
            Tick(token, _LTP, ltp / _DIVISORS[token & 0xFF]) for token, ltp in _read_ltps(frame[2:])
        ]
        return
    for _ in range(count):
        if start + 2 > size:
            raise TruncatedError(f"a packet is announced at byte {start} of {size}")
        length = frame[start] << 8 | frame[start + 1]
        start += 2
        if start + length > size:
            raise TruncatedError(f"a packet of {length} bytes at byte {start} of {size}")
        if length == 8:
            token, ltp = _read_ltp(frame, start)
            ticks.append(Tick(token, _LTP, ltp / _DIVISORS[token & 0xFF]))
        elif length == 184:
            ticks.append(_full(frame, start))
        elif length == 44:
            ticks.append(_quote(frame, start))
        elif length in {28, 32}:
            ticks.append(_index(frame, start, length))
        start += length  # other lengths are kinds that a later version may add


def _index(frame: bytes, start: int, length: int) -> Tick:
    """An index: its order of prices is its own. 28 bytes in mode quote, 32 in mode full."""
    token, ltp, high, low, opened, close = _read_index(frame, start)
    divisor = _DIVISORS[token & 0xFF]
    time = _read_time(frame, start + 28)[0] if length == 32 else 0
    return Tick(
        token,
        _QUOTE,
        ltp / divisor,
        open=opened / divisor,
        high=high / divisor,
        low=low / divisor,
        close=close / divisor,
        exchange_timestamp=time * 1000 or None,
    )


def _quote(frame: bytes, start: int) -> Tick:
    token, ltp, ltq, average, volume, bought, sold, opened, high, low, close = _read_quote(
        frame, start
    )
    divisor = _DIVISORS[token & 0xFF]
    # Positional in the order of `Tick`, here and below: keywords cost a third more.
    return Tick(
        token,
        _QUOTE,
        ltp / divisor,
        ltq,
        average / divisor,
        volume,
        bought,
        sold,
        opened / divisor,
        high / divisor,
        low / divisor,
        close / divisor,
    )


def _full(frame: bytes, start: int) -> Tick:
    (
        token, ltp, ltq, average, volume, bought, sold, opened, high, low, close,
        traded, oi, oi_high, oi_low, time,
    ) = _read_full(frame, start)  # fmt: skip
    (
        q0, p0, n0, q1, p1, n1, q2, p2, n2, q3, p3, n3, q4, p4, n4,
        q5, p5, n5, q6, p6, n6, q7, p7, n7, q8, p8, n8, q9, p9, n9,
    ) = _read_book(frame, start + 64)  # fmt: skip
    d = _DIVISORS[token & 0xFF]
    buy = [(p0 / d, q0, n0), (p1 / d, q1, n1), (p2 / d, q2, n2), (p3 / d, q3, n3), (p4 / d, q4, n4)]
    sell = [
        (p5 / d, q5, n5), (p6 / d, q6, n6), (p7 / d, q7, n7), (p8 / d, q8, n8), (p9 / d, q9, n9)
    ]  # fmt: skip
    return Tick(
        token,
        _DEPTH,
        ltp / d,
        ltq,
        average / d,
        volume,
        bought,
        sold,
        opened / d,
        high / d,
        low / d,
        close / d,
        traded * 1000 or None,
        oi,
        oi_high,
        oi_low,
        time * 1000 or None,
        Book(buy, sell),
    )


def _read_text(text: str, out: Decoded) -> None:
    try:
        message = _decode_text(text)
        if message.type == "order":
            out.events.append(read_order(message.data))
            return
        told = msgspec.json.decode(message.data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise MalformedError(f"a text frame that is no message: {error}") from None
    words = told if isinstance(told, str) else bytes(message.data).decode()
    if message.type != "error":
        out.events.append(Notice(words))
        return
    is_about_token = any(word in words.lower() for word in _AUTH_WORDS)
    verdict = Verdict.NEEDS_TOKEN if is_about_token else Verdict.GO_ON
    raise BrokerError("broker_error", words, verdict)


def _keys(token: str) -> Sequence[Key]:
    return (int(token),)


def _openalgo_token(row: OpenAlgoRow) -> str:
    """OpenAlgo keeps `instrument_token::::exchange_token`."""
    token = row.token.partition("::::")[0]
    return token if is_token(token) else ""


def _masters(account: Account) -> tuple[MasterSource, ...]:
    token = f"token {account.reveal('api_key')}:{account.reveal('access_token')}"
    return (MasterSource(url=MASTER_URL, headers={**VERSION_HEADER, "Authorization": token}),)


def _openalgo_login(login: OpenAlgoLogin) -> Mapping[str, str]:
    """OpenAlgo keeps `api_key:access_token`."""
    api_key, _, access_token = login.auth.partition(":")
    return {"api_key": api_key, "access_token": access_token}


BROKER: Final = Broker(
    name="zerodha",
    title="Zerodha",
    credentials=("api_key", "access_token"),
    exchanges=(
        *("NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX", "NCO"),
        *("NSE_INDEX", "BSE_INDEX", "MCX_INDEX", "CDS_INDEX", "GLOBAL_INDEX"),
    ),
    streams=(
        Stream(
            symbols_per_connection=3000,
            connections=3,
            # The documentation names no limit; OpenAlgo's users run with this one.
            batch=200,
            # No limit is documented. 3,000 instruments are 30 requests: replayed in a second.
            pace=Pace(per_second=20.0, burst=10),
            # The server beats every couple of seconds when there is nothing to tell.
            silence_s=10.0,
        ),
    ),
    may_overlap=True,
    orders_in_feed=True,
    codec=Zerodha,
    master_reader=read_master,
    masters=_masters,
    openalgo_token=_openalgo_token,
    openalgo_login=_openalgo_login,
    keys_of=_keys,
)
