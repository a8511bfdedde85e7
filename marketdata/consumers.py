"""Who is told of ticks, in which order, and who may be told less. Pure.

CRITICAL consumers (orders, stops) are called first, with every tick, before anything else is done
with a batch; HIGH ones (somebody who waits for a first price) after them. NORMAL and LOW ones
never stand in their way: of each instrument and mode they get the newest tick only, on a turn of
their own that has a budget. What a newer tick replaced is counted.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable, Collection
from typing import TypeAlias

from bus.topics import Mode
from marketdata.cache import Entry, Tick

logger = logging.getLogger(__name__)

Call: TypeAlias = Callable[[list[Tick]], None]


class Priority(enum.IntEnum):
    CRITICAL = 1
    HIGH = 2
    NORMAL = 3
    LOW = 4


class Consumer:
    """One of them, from `Board.add`. `instruments` are (exchange, symbol); None: all."""

    def __init__(
        self,
        call: Call,
        priority: Priority,
        modes: Collection[Mode],
        instruments: set[tuple[str, str]] | None,
    ) -> None:
        self.priority = priority
        self.conflated_total = 0
        self.failures_total = 0
        self.instruments = instruments
        self._call = call
        self._modes = frozenset(modes)
        self._waiting: dict[tuple[Entry, Mode], Tick] = {}

    @property
    def waiting(self) -> int:
        """Ticks that wait for its turn."""
        return len(self._waiting)

    def chosen(self, ticks: list[Tick]) -> list[Tick]:
        """What of a batch is for it."""
        modes, only = self._modes, self.instruments
        if only is None:
            return [tick for tick in ticks if tick.mode in modes]
        return [
            tick
            for tick in ticks
            if tick.mode in modes and (tick.entry.exchange, tick.entry.symbol) in only
        ]

    def tell(self, ticks: list[Tick]) -> None:
        """Call it now. What goes wrong in it is its own affair: counted, and logged once."""
        try:
            self._call(ticks)
        except Exception:
            self.failures_total += 1
            if self.failures_total == 1:
                logger.exception("a consumer of ticks failed; it goes on being told")

    def keep(self, ticks: list[Tick]) -> None:
        """Put ticks by for its turn; a newer one takes the place of an older."""
        waiting = self._waiting
        for tick in ticks:
            key = (tick.entry, tick.mode)
            if key in waiting:
                self.conflated_total += 1
            waiting[key] = tick

    def take_turn(self, budget: int) -> int:
        """Tell it at most `budget` of what waits, longest waiting first; how many it was."""
        keys = [key for key, _ in zip(self._waiting, range(budget), strict=False)]
        if keys:
            self.tell([self._waiting.pop(key) for key in keys])
        return len(keys)


class Board:
    """All consumers of one cache."""

    def __init__(self) -> None:
        self._at_once: list[Consumer] = []
        self._in_turn: list[Consumer] = []

    def add(
        self,
        call: Call,
        priority: Priority,
        *,
        modes: Collection[Mode] = tuple(Mode),
        instruments: set[tuple[str, str]] | None = None,
    ) -> Consumer:
        """Tell `call` of ticks from now on. `instruments` may be changed at any time."""
        consumer = Consumer(call, priority, modes, instruments)
        consumers = self._at_once if priority <= Priority.HIGH else self._in_turn
        consumers.append(consumer)
        consumers.sort(key=lambda one: one.priority)  # stable: the elder of equals comes first
        return consumer

    def remove(self, consumer: Consumer) -> None:
        for consumers in (self._at_once, self._in_turn):
            if consumer in consumers:
                consumers.remove(consumer)

    @property
    def waiting(self) -> int:
        """Ticks that wait for a turn."""
        return sum(consumer.waiting for consumer in self._in_turn)

    @property
    def conflated_total(self) -> int:
        return sum(consumer.conflated_total for consumer in self._in_turn)

    def publish(self, ticks: list[Tick]) -> None:
        """A batch of believed ticks, in order."""
        for consumer in list(self._at_once):
            if chosen := consumer.chosen(ticks):
                consumer.tell(chosen)
        for consumer in self._in_turn:
            if chosen := consumer.chosen(ticks):
                consumer.keep(chosen)

    def take_turn(self, budget: int) -> bool:
        """Let the others have their turn, NORMAL ones before LOW ones, `budget` ticks in all;
        whether something still waits."""
        for consumer in list(self._in_turn):
            if budget <= 0:
                break
            budget -= consumer.take_turn(budget)
        return self.waiting > 0
