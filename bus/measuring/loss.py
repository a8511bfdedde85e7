"""Counting what was lost, from the holes in each topic's sequence. Pure."""

from __future__ import annotations


class LossCounter:
    """The next sequence expected per topic of one publisher generation.

    The first frame of a topic sets the start: what was published before the subscription
    arrived was never promised.
    """

    def __init__(self) -> None:
        self.lost_total = 0
        self._next: dict[bytes, int] = {}

    def note(self, topic: bytes, sequence: int) -> int:
        """A frame arrived: how many before it, of this topic, did not."""
        expected = self._next.get(topic)
        self._next[topic] = sequence + 1
        if expected is None or sequence <= expected:
            return 0
        lost = sequence - expected
        self.lost_total += lost
        return lost

    def forget(self, topic: bytes) -> None:
        """The topic is no longer subscribed: a later first frame starts it afresh."""
        self._next.pop(topic, None)
