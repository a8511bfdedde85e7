"""Generations of one adapter that are spliced: what they tell beside their ticks. Pure."""

from __future__ import annotations

from typing import Final

from bus.frames import Frame
from bus.splicing.splice import Splice

#: Order updates of spliced generations that are remembered, so that each is told once.
_ORDERS_REMEMBERED: Final = 4096


class Joint:
    """A splice, what its generations told beside ticks, and since when one is alone."""

    def __init__(self, splice: Splice) -> None:
        self.splice = splice
        #: Each generation's last broker state, and whether that is "connected".
        self.states: dict[int, tuple[Frame, bool]] = {}
        #: By generation and topic: what standbys answered to demand.
        self.verdicts: dict[int, dict[str, Frame]] = {}
        self.alone_since: float | None = None
        #: The one that is alone began after the other ended, and said nothing yet.
        self.awaits_first = False
        #: Whether another generation leads than at the beginning.
        self.changed = False
        self._orders: dict[bytes, None] = {}
        self._repeated_before = 0

    def is_connected(self, generation: int, *, unknown: bool) -> bool:
        """Whether it said that it has its broker; `unknown` where it said nothing yet."""
        said = self.states.get(generation)
        return unknown if said is None else said[1]

    def repeats(self) -> bool:
        """Whether the leader told anything again since the last look."""
        before, self._repeated_before = self._repeated_before, self.splice.repeated_total
        return self._repeated_before > before

    def is_first(self, order: bytes) -> bool:
        """Whether no generation told this order update before."""
        if order in self._orders:
            return False
        self._orders[order] = None
        if len(self._orders) > _ORDERS_REMEMBERED:
            del self._orders[next(iter(self._orders))]
        return True

    def forget(self, topic: bytes) -> None:
        """Nobody wants a topic any more."""
        self.splice.forget(topic)
        for verdicts in self.verdicts.values():
            verdicts.pop(topic.decode(), None)
