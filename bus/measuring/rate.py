"""How many a second, over a stretch of time that means something. Pure, times in seconds."""

from __future__ import annotations

from typing import Final

#: The shortest time over which a rate of ticks means something.
WINDOW_S: Final = 0.5


class Rate:
    """Events per second since the last sample that is old enough."""

    def __init__(self, now: float) -> None:
        self._at = now
        self._total = 0
        self._rate = 0.0

    def sample(self, now: float, total: int) -> float:
        elapsed = now - self._at
        if elapsed >= WINDOW_S:
            self._rate = round((total - self._total) / elapsed, 1)
            self._at, self._total = now, total
        return self._rate
