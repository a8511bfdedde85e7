"""The one seam through which time enters.

Pure objects get the time as an argument; shells read it from a `Clock`, so that a test can
bring its own.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Two times: one for intervals, one for people and other machines."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back, unmoved by clock changes."""
        ...

    def unix_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def monotonic(self) -> float:
        return time.monotonic()

    def unix_ns(self) -> int:
        return time.time_ns()
