"""What arrives from a stream: whether something is missing on the way, and under which
sequences it goes on. Pure."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from bridge.errors import SubjectError
from bus.clock import Clock
from bus.topics import NUL

#: Words of a message's reply subject, without and with a JetStream domain, and where the
#: stream's sequence stands in them; the consumer's follows it.
_PLACES: Final = {9: 5, 11: 7, 12: 7}


class Order:
    """Messages of one consumer come under consecutive numbers; a hole is asked for again."""

    def __init__(self) -> None:
        self.last = 0

    def take(self, reply: str) -> int | None:
        """The stream's sequence of a message, from its reply subject; None: something before
        it is missing.

        Raises:
            SubjectError: it did not come from a stream.
        """
        words = reply.split(".")
        try:
            place = _PLACES[len(words)]
            sequence, number = int(words[place]), int(words[place + 1])
        except (KeyError, ValueError):
            raise SubjectError(f"no message of a stream: {reply!r}") from None
        if number != self.last + 1:
            return None
        self.last = number
        return sequence


class Count(Struct, frozen=True):
    """Where the sequences of each topic are. Whoever goes on with a count gives the same ticks the
    same sequences; one that begins anew does so behind all that were ever given.

    `first` is what topics begin behind; `last` has by topic, without NUL: generation and sequence
    there, sequence here. Generation -1: unknown.
    """

    first: int
    last: dict[str, tuple[int, int, int]] = {}

    @classmethod
    def anew(cls, clock: Clock) -> Count:
        """Micro-seconds go faster than ticks of a topic."""
        return cls(clock.unix_ns() // 1000)


class Sequences:
    """Sequences here for ticks that have theirs already.

    Each topic counts on from one life of the adapter there to the next, and from one life here to
    the next (`Count`), and shows the holes that its sequences show there. What was relayed already
    is known by its sequence.
    """

    def __init__(self, count: Count) -> None:
        self.lost_total = 0
        self.repeated_total = 0
        self.go_on(count)

    def go_on(self, count: Count) -> None:
        """From another life's count, before anything was counted here."""
        self._first = count.first
        self._inherited = {topic.encode() + NUL for topic in count.last}
        self._last = {topic.encode() + NUL: place for topic, place in count.last.items()}

    @property
    def count(self) -> Count:
        """As it is now."""
        last = {topic[:-1].decode(): place for topic, place in self._last.items()}
        return Count(self._first, last)

    def of(self, topic: bytes, generation: int, sequence: int) -> int | None:
        """The sequence here; None: it was relayed already."""
        was, there, here = self._last.get(topic, (-1, 0, self._first))
        step = sequence - there if generation == was else 1
        if step <= 0:
            self.repeated_total += 1
            return None
        if topic in self._inherited:
            self._inherited.discard(topic)  # perhaps nobody wanted it in between
        else:
            self.lost_total += step - 1
        self._last[topic] = generation, sequence, here + step
        return here + step

    def pause(self, topic: bytes) -> None:
        """Nobody wants it now: what it misses meanwhile is no loss."""
        if topic in self._last:
            self._last[topic] = -1, 0, self._last[topic][2]
