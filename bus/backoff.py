"""Exponential back-off with full jitter, pure.

The delay before attempt n is uniform in [0, min(cap, base * 2**n)]: full jitter spreads a
crowd of retries best. A stable stretch after a success forgets the failures, so that a crash
a day is always answered at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random


@dataclass
class Backoff:
    """Delays in seconds between attempts; `random` is the caller's, for seeds."""

    base_s: float = 0.5
    cap_s: float = 30.0
    stable_s: float = 60.0
    random: Random = field(default_factory=Random, repr=False)
    failures: int = 0
    _up_since: float | None = None

    def ceiling_s(self) -> float:
        """The longest that the next delay can be."""
        # 2**63 s is past any cap; bounding the exponent keeps the float finite.
        return min(self.cap_s, self.base_s * 2.0 ** min(self.failures, 63))

    def succeeded(self, now: float) -> None:
        """The attempt worked; if it lasts `stable_s`, earlier failures are forgotten."""
        self._up_since = now

    def failed(self, now: float) -> float:
        """The attempt failed, or ended: how many seconds to wait before the next."""
        if self._up_since is not None and now - self._up_since >= self.stable_s:
            self.failures = 0
        self._up_since = None
        delay = self.random.uniform(0.0, self.ceiling_s())
        self.failures += 1
        return delay

    def reset(self) -> None:
        """Forget everything, as after an operator's word."""
        self.failures = 0
        self._up_since = None
