"""Token buckets and growing delays: how often is too often. Pure: the time is passed in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from bus.access import LimitSettings

#: Addresses remembered at most; the one that was longest quiet is forgotten first.
MAX_ADDRESSES: Final = 4096


class Bucket(Struct):
    """`rate` per second in the long run, `burst` at once. Starts full."""

    rate: float
    burst: float
    _level: float = -1.0
    _at: float = 0.0

    def level(self, now: float) -> float:
        """How many are within the limit at once now."""
        if self._level < 0:
            return self.burst
        return min(self.burst, self._level + (now - self._at) * self.rate)

    def fill(self, level: float, now: float) -> None:
        """As another bucket was left."""
        self._level, self._at = max(0.0, level), now

    def take(self, now: float) -> bool:
        """Whether one more is within the limit."""
        self._level, self._at = self.level(now), now
        if self._level < 1.0:
            return False
        self._level -= 1.0
        return True


class Buckets:
    """One bucket per address."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: dict[str, Bucket] = {}

    def take(self, address: str, now: float) -> bool:
        bucket = self._buckets.pop(address, None) or Bucket(self._rate, self._burst)
        if len(self._buckets) >= MAX_ADDRESSES:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[address] = bucket
        return bucket.take(now)


class _Failures(Struct):
    count: int
    at: float


class FailedLogins:
    """How long an address has to wait for the answer to a login that fails.

    The first `free` are answered at once, then each waits twice as long as the one before.
    Only failures wait, so one program with a stale key does not lock out its neighbours.
    """

    def __init__(self, free: int, delay_s: float, delay_max_s: float, memory_s: float) -> None:
        self._free = free
        self._delay_s = delay_s
        self._delay_max_s = delay_max_s
        self._memory_s = memory_s
        self._failures: dict[str, _Failures] = {}

    @classmethod
    def by(cls, limits: LimitSettings) -> FailedLogins:
        """As `[limits]` says."""
        return cls(
            limits.free_failed_logins,
            limits.failed_login_delay_s,
            limits.failed_login_delay_max_s,
            limits.failed_login_memory_s,
        )

    def failed(self, address: str, now: float) -> float:
        """One more; seconds until it may be answered."""
        failures = self._failures.pop(address, None)
        if failures is None or now - failures.at >= self._memory_s:
            failures = _Failures(0, now)
        if len(self._failures) >= MAX_ADDRESSES:
            del self._failures[next(iter(self._failures))]
        failures.count += 1
        failures.at = now
        self._failures[address] = failures
        return self._delay(failures.count)

    def remembered(self, now: float) -> Iterator[tuple[str, int, float]]:
        """Each address with its failures and the age of the last one."""
        for address, failures in self._failures.items():
            yield address, failures.count, now - failures.at

    def remember(self, address: str, count: int, at: float) -> None:
        """What another process knows of an address."""
        if len(self._failures) < MAX_ADDRESSES:
            self._failures.setdefault(address, _Failures(count, at))

    def delay(self, address: str, now: float) -> float:
        """What the address has earned by now."""
        failures = self._failures.get(address)
        if failures is None or now - failures.at >= self._memory_s:
            return 0.0
        return self._delay(failures.count)

    def _delay(self, count: int) -> float:
        over = count - self._free
        if over <= 0:
            return 0.0
        return min(self._delay_max_s, self._delay_s * 2.0 ** min(over - 1, 32))
