"""Connections that have not logged in yet: few, so that they cost little. Pure.

When the room is full the newcomer is let in and the oldest one goes, of the address that has
the most. So whoever opens connections and leaves them half open only pushes out its own, and
a client that logs in at once, as all do, gets in at any time.
"""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class WaitingRoom(Generic[T]):
    """Holds at most `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: dict[T, str] = {}
        self._by_address: dict[str, dict[T, None]] = {}
        #: How many were made to go.
        self.evicted_total = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, who: T, address: str) -> T | None:
        """Returns who has to go for it."""
        self._waiting[who] = address
        self._by_address.setdefault(address, {})[who] = None
        if len(self._waiting) <= self._limit:
            return None
        crowd = max(self._by_address.values(), key=len)
        oldest = next(iter(crowd))
        self.leave(oldest)
        self.evicted_total += 1
        return oldest

    def leave(self, who: T) -> None:
        """It logged in or is gone; who is not here changes nothing."""
        address = self._waiting.pop(who, None)
        if address is None:
            return
        same = self._by_address[address]
        del same[who]
        if not same:
            del self._by_address[address]
