"""When a process has grown too large, as a pure decision with hysteresis.

A leak is a level that stays, not a peak, so several looks in a row must agree. A process that
was replaced and is as large again does not leak, it is large: nothing more is done about it
until it has once been well below the ceiling, or a long time has passed.
"""

from __future__ import annotations

from typing import Final

#: Seconds between two looks at a process.
LOOK_S: Final = 5.0
_LOOKS: Final = 3
#: Part of the ceiling below which a process counts as healthy again.
_HEALTHY: Final = 0.8
#: Seconds after which one that never became healthy is tried once more.
_REST_S: Final = 1800.0


class Ceiling:
    """One process's memory, looked at every `LOOK_S`. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._over = 0
        self._replaced_at: float | None = None

    def observe(self, now: float, rss_bytes: int, limit_bytes: int | None) -> bool:
        """Whether it is time to replace the process."""
        if limit_bytes is None or rss_bytes <= limit_bytes:
            self._over = 0
            if limit_bytes is None or rss_bytes <= limit_bytes * _HEALTHY:
                self._replaced_at = None
            return False
        self._over += 1
        if self._over < _LOOKS:
            return False
        if self._replaced_at is not None and now - self._replaced_at < _REST_S:
            return False
        self._over, self._replaced_at = 0, now
        return True
