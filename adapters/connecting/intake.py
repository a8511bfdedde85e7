"""Taking whole messages out of a WebSocket server's byte stream, many at once. Pure.

A broker's ticks are small and many, and a general receiver spends more time on each message
than its decoding takes. The usual one, whole and in one frame, is cut out here; whatever else
comes (handshake, pings, fragments, the close frame, breaches of the protocol) goes on to the
WebSocket library as it is, frame by frame, so that the library always stands between two
frames and everything but the common case stays its business.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final, Literal, TypeAlias


class Owed(enum.Enum):
    """Stands in the order of messages for one that the library has to hand out."""

    MESSAGE = enum.auto()


OWED: Final = Owed.MESSAGE
Message: TypeAlias = bytes | str | Literal[Owed.MESSAGE]

_TEXT, _BINARY = 0x81, 0x82  # FIN and the opcode, without reserved bits
_CONTINUED_END: Final = 0x80
_CLOSE: Final = 0x88
_CONTROL: Final = frozenset({_CLOSE, 0x89, 0x8A})
#: What may come between messages, and within one.
_BETWEEN: Final = frozenset({_TEXT, _BINARY, 0x01, 0x02}) | _CONTROL
_WITHIN: Final = frozenset({0x00, _CONTINUED_END}) | _CONTROL
_LENGTH_16, _LENGTH_64 = 126, 127
_ENDLESS: Final = 1 << 64


class Intake:
    """One connection's bytes after the handshake.

    Args:
        rest: what takes the bytes that are no whole message in one frame.
        max_bytes: of a message; a longer one is the library's to refuse.
    """

    def __init__(self, rest: Callable[[bytes], None], max_bytes: int) -> None:
        self._rest = rest
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self._held = 0
        #: Bytes that have to be there before the first frame can be read on.
        self._needed = 2
        self._expected = _BETWEEN
        self._is_given_up = False

    def give_up(self) -> None:
        """From now on everything is the library's."""
        self._is_given_up = True

    def feed(self, data: bytes, messages: list[Message]) -> None:
        """Append the messages that are complete now."""
        if self._is_given_up:
            self._rest(data)
            return
        if self._parts:
            self._parts.append(data)
            self._held += len(data)
            if self._held < self._needed:
                return
            data = b"".join(self._parts)
            self._parts.clear()
        at = self._take(data, messages)
        if at < len(data):
            self._parts.append(data[at:])
            self._held = len(data) - at

    def _take(self, data: bytes, messages: list[Message]) -> int:
        """Where the first frame begins that is not complete."""
        at, size = 0, len(data)
        self._needed = 2
        while at + 2 <= size:
            kind, length = data[at], data[at + 1]
            start = at + 2
            if length >= _LENGTH_16:
                start, length = _long(data, at)
            if kind not in self._expected or length > self._max_bytes:
                return self._hand_over(data, at)
            end = start + length
            if end > size:
                self._needed = end - at
                break
            if kind == _BINARY:
                messages.append(data[start:end])
            elif kind == _TEXT:
                messages.append(self._text(data, at, start, end))
            else:
                self._rest(data[at:end])
                if kind == _CLOSE:  # nothing that comes behind it counts
                    return self._hand_over(data, end)
                self._follow(kind, messages)
            at = end
        return at

    def _text(self, data: bytes, at: int, start: int, end: int) -> Message:
        try:
            return data[start:end].decode()
        except UnicodeDecodeError:  # ends the connection, with the right code
            self._rest(data[at:end])
            return OWED

    def _follow(self, kind: int, messages: list[Message]) -> None:
        """The library has a fragment, or a ping or pong, which stand anywhere."""
        if kind == _CONTINUED_END:
            self._expected = _BETWEEN
            messages.append(OWED)
        elif kind not in _CONTROL:
            self._expected = _WITHIN

    def _hand_over(self, data: bytes, at: int) -> int:
        self._is_given_up = True
        if at < len(data):
            self._rest(data[at:])
        return len(data)


def _long(data: bytes, at: int) -> tuple[int, int]:
    """Where the payload of a frame begins, and its length, when that is not in one byte.

    What no server may send is longer than anything: masked frames, control frames of this size.
    """
    told = data[at + 1]
    if told > _LENGTH_64 or data[at] in _CONTROL:
        return at, _ENDLESS
    start = at + (4 if told == _LENGTH_16 else 10)
    return start, int.from_bytes(data[at + 2 : start], "big") if start <= len(data) else 0
