"""What is to go to the stream: bounded, in order, each once. Pure.

A message is sent with the sequence that the stream must have reached (`take`), so the stream
takes none whose predecessor it does not have: whatever fails, what it holds is a beginning of
what was put here, without a hole, and an acknowledgement counts for all before it. After a
failure the stream's last message says where to go on (`resume`).

    put --> waiting --take--> flight --acknowledged--> gone
                        ^--------'  rewind
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

#: What a message costs beside its texts and its payload.
_OVERHEAD_BYTES: Final = 400


class Message(NamedTuple):
    """One message; `ident` tells it from every other."""

    subject: str
    ident: str
    flags: int
    payload: bytes

    @property
    def size(self) -> int:
        return len(self.subject) + len(self.ident) + len(self.payload) + _OVERHEAD_BYTES


class Sending(NamedTuple):
    """A message on its way; the stream must be at `after` to take it."""

    after: int
    message: Message


class Outbox:
    """At most `limit_bytes`, of which `window` messages are on their way at a time."""

    def __init__(self, limit_bytes: int, window: int) -> None:
        self.lost_total = 0
        self.refused_total = 0
        self.sent_total = 0
        self.bytes = 0
        self._limit_bytes = limit_bytes
        self._window = window
        self._waiting: deque[Message] = deque()
        #: Sent at least once, and not known to be in the stream.
        self._flight: deque[Message] = deque()
        #: How many of `_flight` were sent since the last rewind.
        self._sent = 0
        #: Sequence of the last message that is known to be in the stream.
        self._reached = 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._flight)

    @property
    def in_flight(self) -> int:
        return self._sent

    def put(self, message: Message) -> None:
        """To be sent; if too much waits already, the oldest is lost."""
        self._waiting.append(message)
        self.bytes += message.size
        while self.bytes > self._limit_bytes and self._waiting:
            self.bytes -= self._waiting.popleft().size
            self.lost_total += 1

    def resume(self, last_sequence: int, last_ident: str) -> None:
        """A new connection: the stream is at `last_sequence`, which is `last_ident`'s."""
        self.rewind()
        self._reached = last_sequence
        known = [n for n, message in enumerate(self._flight) if message.ident == last_ident]
        if known:
            self._drop(known[0] + 1)

    def take(self) -> Sending | None:
        """The next to be sent; None: nothing is, or the window is full."""
        if self._sent >= self._window:
            return None
        if self._sent == len(self._flight):
            if not self._waiting:
                return None
            self._flight.append(self._waiting.popleft())
        sending = Sending(self._reached + self._sent, self._flight[self._sent])
        self._sent += 1
        return sending

    def acknowledged(self, after: int) -> None:
        """What was sent with `after` is in the stream, and so is all that was sent before."""
        count = min(after + 1 - self._reached, self._sent)
        if count > 0:
            self._reached += count
            self._sent -= count
            self._drop(count)

    def refused(self, after: int) -> None:
        """What was sent with `after` will never be taken. Rewind next."""
        place = after - self._reached
        if 0 <= place < self._sent:
            self.bytes -= self._flight[place].size
            del self._flight[place]
            self._sent -= 1
            self.refused_total += 1

    def rewind(self) -> None:
        """Nothing that is on its way can be relied on."""
        self._sent = 0

    def _drop(self, count: int) -> None:
        for _ in range(count):
            self.bytes -= self._flight.popleft().size
        self.sent_total += count
