"""Fyers' price socket (HSM): snapshots of topics, then changes by position.

A message is `uint16 length, uint8 type`, big-endian. Replies and requests go on with a count of
fields, each `uint8 id, uint16 size, value`. Data (type 6) goes on with `uint32 number, uint16
count` and so many records:

    S  topic id, name, count, values, 2 bytes, uint16 multiplier, uint8 precision, 3 strings
    U  topic id, count, values
    L  topic id, the last price

Values are int32 by position; the smallest one says "not sent", in a change "as before". A topic
is `sf` (a scrip), `if` (an index) or `dp` (a book of five levels); there is one tick per record
that changes anything. Source: fyers-apiv3 3.2.0. The length is not relied on: that SDK itself
writes wrong ones.

An instrument in mode LTP gets its full topic: whether one connection may mix full and lite is
not known, and a lite record tells no time of trade. Lite records are understood all the same.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from adapters.brokers.fyers.account import book_topic, hsm_key, price_topic
from adapters.brokers.fyers.topics import KINDS, Topic
from adapters.codec import (
    Account,
    Codec,
    Decoded,
    Handshake,
    LoggedIn,
    Tick,
    WireFrame,
)
from adapters.errors import BrokerError, MalformedError, TruncatedError, Verdict
from bus.topics import Mode

ORIGIN: Final = "wss://socket.fyers.in"
PATH: Final = "/hsm/v1-5/prod"
#: The SDK's own; any from 1 to 30 does.
CHANNEL: Final = 11
SOURCE: Final = b"openalgo-stream"

_AUTH, _ACK, _SUBSCRIBE, _UNSUBSCRIBE, _DATA = 1, 3, 4, 5, 6
_PAUSE, _RESUME, _PONG, _MODE, _MASTER, _CUSTOM = 7, 8, 11, 12, 13, 51
_REFUSALS: Final = {
    _AUTH: "auth_failed",
    _SUBSCRIBE: "subscribe_failed",
    _UNSUBSCRIBE: "unsubscribe_failed",
    _PAUSE: "pause_failed",
    _RESUME: "resume_failed",
    _MODE: "mode_failed",
}
_SNAPSHOT, _UPDATE, _LITE = b"SUL"
_DONE: Final = b"K"
_FULL_MODE: Final = b"F"

_read_head = struct.Struct(">IH").unpack_from
_read_int = struct.Struct(">i").unpack_from
_read_scale = struct.Struct(">2xHB").unpack_from
_read_field = struct.Struct(">BH").unpack_from
#: Readers of so many values.
_READ_VALUES: Final = [struct.Struct(f">{count}i").unpack_from for count in range(256)]

_LTP, _DEPTH = Mode.LTP, Mode.DEPTH


class Hsm(Codec):
    """One connection to the price socket; it keeps every topic's latest values."""

    def __init__(self, account: Account, stream: str) -> None:
        super().__init__(account, stream)
        self._topics: dict[int, Topic] = {}
        #: Data messages between two acknowledgements; 0: none are wanted.
        self._ack_every = 0
        self._unacknowledged = 0

    def handshake(self) -> Handshake:
        hsm_key(self.account)  # refuse a token that cannot log in before anybody is called
        return Handshake(url=(self.account.url.rstrip("/") or ORIGIN) + PATH)

    def login(self) -> Sequence[WireFrame]:
        key = hsm_key(self.account)
        return [
            _message(_AUTH, (1, key), (2, b"P"), (3, b"\x01"), (4, SOURCE)),
            _message(_MODE, (1, struct.pack(">Q", 1 << CHANNEL)), (2, _FULL_MODE)),
        ]

    def ping(self) -> WireFrame:
        return b"\x00\x01\x0b"

    def subscribe(self, tokens: Sequence[str], mode: Mode) -> list[WireFrame]:
        """A book has no price in it, so an instrument in mode DEPTH has two topics."""
        return _request(_SUBSCRIBE, _topics(tokens, mode))

    def unsubscribe(self, tokens: Sequence[str], mode: Mode) -> list[WireFrame]:
        return _request(_UNSUBSCRIBE, _topics(tokens, mode))

    def change(self, tokens: Sequence[str], before: Mode, after: Mode) -> list[WireFrame]:
        """LTP and QUOTE are the same topic; only the book comes and goes."""
        if (before is _DEPTH) == (after is _DEPTH):
            return []
        return _request(_SUBSCRIBE if after is _DEPTH else _UNSUBSCRIBE, _books(tokens))

    def read(self, frame: WireFrame, out: Decoded) -> None:
        if isinstance(frame, str):
            raise MalformedError("text where only binary messages are spoken")
        try:
            if frame[2] == _DATA:
                self._read_data(frame, out)
            else:
                self._read_reply(frame, out)
        except (struct.error, IndexError):
            raise TruncatedError(f"a message ends at byte {len(frame)}, within a value") from None

    # --- data -------------------------------------------------------------------------------

    def _read_data(self, frame: bytes, out: Decoded) -> None:
        """Raises struct.error or IndexError where the message ends too early."""
        number, count = _read_head(frame, 3)
        self._acknowledge(number, out)
        topics, ticks = self._topics, out.ticks
        at = 9
        for _ in range(count):
            kind = frame[at]
            if kind == _UPDATE:
                topic = topics.get(frame[at + 1] << 8 | frame[at + 2])
                size = frame[at + 3]
                values = _READ_VALUES[size](frame, at + 4)
                at += 4 + 4 * size
                # Of a topic whose snapshot was never seen, nothing can be told.
                if topic is not None and topic.merge(values):
                    ticks.append(topic.tick())
            elif kind == _SNAPSHOT:
                at = self._read_snapshot(frame, at + 1, ticks)
            elif kind == _LITE:
                topic = topics.get(frame[at + 1] << 8 | frame[at + 2])
                values = _read_int(frame, at + 3)
                at += 7
                if topic is not None and topic.has_price and topic.merge(values):
                    ticks.append(Tick(topic.key, _LTP, topic.price(values[0])))
            else:
                raise MalformedError(f"no kind of record: {kind}")

    def _read_snapshot(self, frame: bytes, at: int, ticks: list[Tick]) -> int:
        """Where the record ends. A topic's id may be given anew at any time."""
        number = frame[at] << 8 | frame[at + 1]
        name, at = _string(frame, at + 2)
        size = frame[at]
        values = _READ_VALUES[size](frame, at + 1)
        at += 1 + 4 * size
        multiplier, precision = _read_scale(frame, at)
        at += 5
        for _ in range(3):  # exchange, exchange token, symbol
            _, at = _string(frame, at)
        if not multiplier:
            raise MalformedError(f"topic {name!r} has the multiplier 0")
        kind = KINDS.get(name[:3])
        if kind is None:
            raise MalformedError(f"no kind of topic: {name!r}")
        topic = self._topics[number] = kind(name, 10**precision * multiplier, values)
        ticks.append(topic.tick())
        return at

    def _acknowledge(self, number: int, out: Decoded) -> None:
        self._unacknowledged += 1
        if 0 < self._ack_every <= self._unacknowledged:
            self._unacknowledged = 0
            out.replies.append(_message(_ACK, (1, struct.pack(">I", number))))

    # --- replies ----------------------------------------------------------------------------

    def _read_reply(self, frame: bytes, out: Decoded) -> None:
        kind = frame[2]
        if kind in _REFUSALS:
            fields = _fields(frame)
            if fields.get(1) != _DONE:
                told = fields.get(1, b"").decode("ascii", "replace")
                verdict = Verdict.NEEDS_TOKEN if kind == _AUTH else Verdict.GO_ON
                raise BrokerError(_REFUSALS[kind], f"{_REFUSALS[kind]}: {told!r}", verdict)
            if kind == _AUTH:
                self._ack_every = int.from_bytes(fields.get(2, b""), "big")
                out.events.append(LoggedIn())
        elif kind == _CUSTOM:
            fields = _fields(frame)
            code = int.from_bytes(fields.get(1, b""), "big", signed=True)
            raise BrokerError(str(code), f"{code}: {fields.get(2, b'').decode(errors='replace')}")
        elif kind not in {_PONG, _MASTER}:
            raise MalformedError(f"no type of message: {kind}")


def _string(frame: bytes, at: int) -> tuple[str, int]:
    """A string behind its length, and where it ends."""
    end = at + 1 + frame[at]
    if end > len(frame):
        raise TruncatedError(f"a string of {frame[at]} bytes at byte {at + 1} of {len(frame)}")
    return frame[at + 1 : end].decode("ascii", "replace"), end


def _fields(frame: bytes) -> dict[int, bytes]:
    """The fields of a reply."""
    fields = {}
    at = 4
    for _ in range(frame[3]):
        name, size = _read_field(frame, at)
        at += 3 + size
        if at > len(frame):
            raise TruncatedError(f"a field of {size} bytes ends at byte {at} of {len(frame)}")
        fields[name] = frame[at - size : at]
    return fields


def _message(kind: int, *fields: tuple[int, bytes]) -> bytes:
    body = b"".join(struct.pack(">BH", name, len(value)) + value for name, value in fields)
    return struct.pack(">HBB", len(body) + 2, kind, len(fields)) + body


def _topics(tokens: Sequence[str], mode: Mode) -> list[str]:
    prices = [price_topic(token) for token in tokens]
    return prices + _books(tokens) if mode is _DEPTH else prices


def _books(tokens: Sequence[str]) -> list[str]:
    return [book for book in map(book_topic, tokens) if book is not None]


def _request(kind: int, topics: Sequence[str]) -> list[WireFrame]:
    """The message about some topics, or none for none."""
    if not topics:
        return []
    names = b"".join(bytes([len(topic)]) + topic.encode("ascii") for topic in topics)
    listed = struct.pack(">H", len(topics)) + names
    return [_message(kind, (1, listed), (2, bytes([CHANNEL])))]
