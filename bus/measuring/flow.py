"""What flows through a consumer of the bus: how many ticks, how fast, how old, how late."""

from __future__ import annotations

from collections.abc import Sequence

from bus.clock import Clock
from bus.control.messages import Stats
from bus.frames import Frame
from bus.measuring.latency import Latency, LatencyMeter
from bus.measuring.rate import Rate


class Flow:
    """Told of each batch as it comes, and of its ticks after they were dealt with."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rate = Rate(clock.monotonic())
        self._meter = LatencyMeter()
        self._arrivals = LatencyMeter()
        self._last_at: float | None = None
        self.ticks_total = 0

    def came(self, frames: Sequence[Frame]) -> None:
        """A batch was read from the bus; the latency is from the adapter's receipt until now."""
        if not self._arrivals.passes(len(frames)):
            self._arrivals.sample(frames, self._clock.unix_ns())

    def took(self, frames: Sequence[Frame]) -> None:
        """A batch went on its way; the latency is from the adapter's receipt until now."""
        if not frames:
            return
        self.ticks_total += len(frames)
        if not self._meter.passes(len(frames)):
            self._meter.sample(frames, self._clock.unix_ns())
        self._last_at = self._clock.monotonic()

    def stats(self) -> Stats:
        now = self._clock.monotonic()
        return {
            "ticks_total": self.ticks_total,
            "ticks_per_s": self._rate.sample(now, self.ticks_total),
            "last_tick_age_s": None if self._last_at is None else round(now - self._last_at, 3),
        }

    def latency(self) -> Latency:
        return self._meter.counted()

    def legs(self) -> dict[str, Latency]:
        """`arrival`: the first part of the way that `latency` tells, until ticks were read."""
        return {"arrival": self._arrivals.counted()}
