"""Fyers' price socket as the server sees it: login by message, topics on channels.

Where fyers-apiv3 does not say what the real server does, this one does what is hardest on a
client: nothing is given to who is not logged in; a topic that is asked for again begins anew,
with a snapshot and another number; unknown topics are ignored without a word; the length in
front of a request is not looked at, since the SDK writes wrong ones.
"""

from __future__ import annotations

import itertools
import struct
from typing import TYPE_CHECKING, Final

from simulators.broker import Reaction
from simulators.brokers.fyers.packets import (
    BOOK,
    lite_record,
    message,
    snapshot_record,
    states,
    update_record,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from simulators.brokers.fyers.packets import State
    from simulators.markets.market import Instrument

AUTH, ACK, SUBSCRIBE, UNSUBSCRIBE, PAUSE, RESUME, MODE = 1, 3, 4, 5, 7, 8, 12
_CUSTOM: Final = 51
LITE: Final = b"L"
#: Data messages that a client may leave without an acknowledgement; nothing happens if it does.
ACK_INTERVAL: Final = 50
MAX_TOPICS: Final = 5000
LIMIT_CODE: Final = 51001
#: Records in one message; 100 snapshots are 20 kB, and a message's length has 16 bits.
MAX_RECORDS: Final = 100
_BADLY_MADE: Final = (struct.error, IndexError, ValueError)


class HsmSession:
    """One connection. `topics`: topic -> instrument number; `instruments` by number."""

    def __init__(
        self, topics: Mapping[str, int], instruments: Sequence[Instrument], hsm_key: str
    ) -> None:
        self.modes: dict[int, str] = {}
        self.acknowledged = 0
        self._topics = topics
        self._instruments = instruments
        self._hsm_key = hsm_key
        self._is_logged_in = False
        self._numbers = itertools.count(1)
        self._ids = itertools.count(1)
        #: Per topic asked for: its channel.
        self._channels: dict[str, int] = {}
        self._lite: set[int] = set()
        self._paused: set[int] = set()
        #: Per topic whose snapshot was sent: the number it goes by, and what was sent last.
        self._sent: dict[str, tuple[int, tuple[int, ...]]] = {}
        self._topic_of = {(number, topic[:2]): topic for topic, number in topics.items()}

    def receive(self, message: str | bytes) -> Reaction:
        """Take a request; what is none is not answered."""
        if isinstance(message, str) or len(message) < 4:
            return Reaction()  # a ping has three bytes, and is not answered either
        try:
            fields = _fields(message)
            return self._answer(message[2], fields)
        except _BADLY_MADE:
            return Reaction()

    def _answer(self, kind: int, fields: Mapping[int, bytes]) -> Reaction:
        if kind == AUTH:
            return self._log_in(fields.get(1, b""))
        if kind == ACK:
            [self.acknowledged] = struct.unpack(">I", fields[1])
            return Reaction()
        if not self._is_logged_in:
            return Reaction(replies=[_reply(kind, b"N")])
        if kind in {PAUSE, RESUME, MODE}:
            return self._set_channels(kind, fields)
        if kind not in {SUBSCRIBE, UNSUBSCRIBE}:
            return Reaction()
        names = _names(fields[1])
        return self._subscribe(names, fields[2][0]) if kind == SUBSCRIBE else self._drop(names)

    def _log_in(self, key: bytes) -> Reaction:
        self._is_logged_in = bool(key) and key.decode() == (self._hsm_key or key.decode())
        if not self._is_logged_in:
            return Reaction(replies=[_reply(AUTH, b"N")])
        interval = struct.pack(">I", ACK_INTERVAL)
        return Reaction(replies=[_message(AUTH, (1, b"K"), (2, interval))])

    def _subscribe(self, names: list[str], channel: int) -> Reaction:
        known = [name for name in dict.fromkeys(names) if name in self._topics]
        if len(self._channels.keys() | set(known)) > MAX_TOPICS:
            return Reaction(replies=[_limit()])
        for name in known:
            self._channels[name] = channel
            self._sent.pop(name, None)
        numbers = self._set_modes(known)
        return Reaction(replies=[_reply(SUBSCRIBE, b"K")], changed=numbers)

    def _drop(self, names: list[str]) -> Reaction:
        known = [name for name in names if self._channels.pop(name, None) is not None]
        for name in known:
            self._sent.pop(name, None)
        return Reaction(replies=[_reply(UNSUBSCRIBE, b"K")], changed=self._set_modes(known))

    def _set_modes(self, names: list[str]) -> list[int]:
        """A mode is the kinds of topics of an instrument that are asked for."""
        numbers = list(dict.fromkeys(self._topics[name] for name in names))
        for number in numbers:
            kinds = [
                kind
                for kind in ("sf", "if", BOOK)
                if self._topic_of.get((number, kind)) in self._channels
            ]
            if kinds:
                self.modes[number] = " ".join(kinds)
            else:
                self.modes.pop(number, None)
        return numbers

    def _set_channels(self, kind: int, fields: Mapping[int, bytes]) -> Reaction:
        [mask] = struct.unpack(">Q", fields[1])
        channels = {channel for channel in range(64) if mask >> channel & 1}
        if kind == MODE:
            self._lite = self._lite | channels if fields[2] == LITE else self._lite - channels
        elif kind == PAUSE:
            self._paused |= channels
        else:
            self._paused -= channels
        resumed = list(self.modes) if kind == RESUME else []
        return Reaction(replies=[_reply(kind, b"K")], changed=resumed)

    def frames(self, packets: Sequence[bytes]) -> Iterator[bytes]:
        """What of some states this connection has not been told yet."""
        found = (self._record(state) for packet in packets for state in states(packet))
        records = [record for record in found if record]
        for first in range(0, len(records), MAX_RECORDS):
            number = next(self._numbers) & 0xFFFFFFFF
            yield message(number, records[first : first + MAX_RECORDS])

    def _record(self, state: State) -> bytes:
        topic = self._topic_of[state.number, state.kind]
        channel = self._channels.get(topic)
        if channel is None or channel in self._paused:
            return b""
        sent = self._sent.get(topic)
        if sent is None:
            number = next(self._ids) & 0xFFFF
            self._sent[topic] = number, state.values
            instrument = self._instruments[state.number]
            return snapshot_record(topic, number, state.values, instrument)
        number, before = sent
        self._sent[topic] = number, state.values
        if channel in self._lite and state.kind != BOOK:
            return lite_record(number, before, state.values)
        return update_record(number, before, state.values)


def _fields(request: bytes) -> dict[int, bytes]:
    """A request's fields; raises struct.error or ValueError if it is none."""
    fields = {}
    at = 4
    for _ in range(request[3]):
        name, size = struct.unpack_from(">BH", request, at)
        at += 3 + size
        if at > len(request):
            raise ValueError("a field ends behind the request")
        fields[name] = request[at - size : at]
    return fields


def _names(listed: bytes) -> list[str]:
    """The topics of a request; raises IndexError or ValueError if they are none."""
    count = int.from_bytes(listed[:2], "big")
    names, at = [], 2
    for _ in range(count):
        end = at + 1 + listed[at]
        names.append(listed[at + 1 : end].decode("ascii"))
        at = end
    return names


def _reply(kind: int, word: bytes) -> bytes:
    return _message(kind, (1, word))


def _limit() -> bytes:
    """What is said when a plan's topics are used up."""
    code = struct.pack(">i", LIMIT_CODE)
    text = b"Symbol limit exceeded on plan"
    return _message(_CUSTOM, (1, code), (2, text), (3, bytes([SUBSCRIBE])))


def _message(kind: int, *fields: tuple[int, bytes]) -> bytes:
    body = b"".join(struct.pack(">BH", name, len(value)) + value for name, value in fields)
    return struct.pack(">HBB", len(body) + 2, kind, len(fields)) + body
