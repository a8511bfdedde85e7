"""What arrives from a stream: whether something is missing on the way, and under which
sequences it goes on. Pure."""

from __future__ import annotations

from typing import Final

from bridge.errors import SubjectError

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


class Sequences:
    """Sequences here for ticks that have theirs already.

    Each topic counts on from one life of the adapter there to the next, and shows the holes
    that its sequences show there. What was relayed already is known by its sequence.
    """

    def __init__(self) -> None:
        self.lost_total = 0
        self.repeated_total = 0
        #: By topic: generation and sequence there, sequence here. Generation -1: unknown.
        self._last: dict[bytes, tuple[int, int, int]] = {}

    def of(self, topic: bytes, generation: int, sequence: int) -> int | None:
        """The sequence here; None: it was relayed already."""
        was, there, here = self._last.get(topic, (-1, 0, 0))
        step = sequence - there if generation == was else 1
        if step <= 0:
            self.repeated_total += 1
            return None
        self.lost_total += step - 1
        self._last[topic] = generation, sequence, here + step
        return here + step

    def pause(self, topic: bytes) -> None:
        """Nobody wants it now: what it misses meanwhile is no loss."""
        if topic in self._last:
            self._last[topic] = -1, 0, self._last[topic][2]
