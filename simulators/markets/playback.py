"""Pacing: which events of a market are due when. Pure: the time is passed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from simulators.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from simulators.markets.market import Event, Snapshot

#: Market seconds between the last event of one round and the first of the next.
LOOP_PAUSE_S: Final = 1.0


class Playback:
    """Plays a market's events at a speed.

    An event at `at` market seconds is due at `at / speed` seconds of playing; at speed 0
    everything is due at once. A player that falls behind drops nothing: what is overdue
    comes in the next turns.

    Attributes:
        position: events played so far, over all rounds.
    """

    def __init__(
        self, events: Callable[[], Iterator[Event]], *, speed: float, loop: bool = False
    ) -> None:
        self.position = 0
        self._events = events
        self._speed = speed
        self._loop = loop
        self._round = events()
        self._round_began = 0.0
        self._next: Event | None = None
        self._next_at = 0.0
        self._failure: DataError | None = None
        self._advance()

    def due(self, elapsed: float, limit: int) -> list[Snapshot]:
        """The snapshots due after `elapsed` seconds of playing, at most `limit` of them.

        Raises:
            DataError: the market cannot be read on; raised once, after all that came before.
        """
        now = elapsed * self._speed if self._speed else float("inf")
        due: list[Snapshot] = []
        while self._next is not None and len(due) < limit and self._next_at <= now:
            due.append(self._next.snapshot)
            self._advance()
        self.position += len(due)
        if self._failure is not None and not due:
            failure, self._failure = self._failure, None
            raise failure
        return due

    def wait(self, elapsed: float) -> float:
        """Seconds from `elapsed` until the next event is due; 0 if one is, or none is left."""
        if self._next is None or not self._speed:
            return 0.0
        return max(0.0, self._next_at / self._speed - elapsed)

    @property
    def finished(self) -> bool:
        """The market has ended, and is not looped."""
        return self._next is None and self._failure is None

    def _advance(self) -> None:
        """Take the next event from the market, beginning a new round where there is one."""
        try:
            event = next(self._round, None)
            if event is None and self._loop and self._next is not None:
                self._round = self._events()
                self._round_began = self._next_at + LOOP_PAUSE_S
                event = next(self._round, None)
        except DataError as failure:
            self._failure = failure
            event = None
        self._next = event
        if event is not None:
            self._next_at = self._round_began + event.at
