"""How long ticks take: histograms with fixed buckets, cheap enough to fill on their path.

A process counts from its start and reports the counts with every heartbeat. Whoever wants the
p99 of the last seconds subtracts what was counted before; Prometheus takes them as they are.
"""

from __future__ import annotations

import operator
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from bus.frames import Frame, Kind

#: Upper ends of the buckets in microseconds, six a decade; one more bucket has no end.
BOUNDS_US: Final = (
    *(round(step * 10.0**decade) for decade in range(1, 7) for step in (1, 1.5, 2, 3, 5, 7)),
    10_000_000,
)
_BOUNDS_NS: Final = tuple(bound * 1000 for bound in BOUNDS_US)
_BUCKETS: Final = len(BOUNDS_US) + 1
#: One tick in so many is measured where they come in bulk.
STRIDE: Final = 16


class Latency(Struct, frozen=True):
    """What was counted: how many in each bucket (not cumulative), and their sum in microseconds."""

    counts: tuple[int, ...] = (0,) * _BUCKETS
    sum_us: int = 0

    @property
    def total(self) -> int:
        return sum(self.counts)

    def since(self, before: Latency) -> Latency:
        """What came after; all of it when the process began anew in between."""
        counts = tuple(now - then for now, then in zip(self.counts, before.counts, strict=False))
        if len(counts) != _BUCKETS or min(counts) < 0:
            return self
        return Latency(counts, self.sum_us - before.sum_us)

    def plus(self, more: Latency) -> Latency:
        """Both together; `more` alone when this is from a version with other buckets."""
        if len(self.counts) != len(more.counts):
            return more
        counts = tuple(map(operator.add, self.counts, more.counts))
        return Latency(counts, self.sum_us + more.sum_us)

    def quantile(self, part: float) -> float | None:
        """Microseconds that `part` of all took at most, told to a bucket; None for no ticks.

        Inside a bucket ticks are taken to be spread evenly; beyond the last bound nothing more
        is known than the bound.
        """
        wanted = self.total * part
        if not wanted:
            return None
        below, seen = 0, 0
        for bound, count in zip(BOUNDS_US, self.counts, strict=False):
            if count and seen + count >= wanted:
                return below + (bound - below) * (wanted - seen) / count
            below, seen = bound, seen + count
        return float(BOUNDS_US[-1])


class LatencyMeter:
    """Counts as it goes."""

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self._sum_ns = 0
        self._skip = 0

    def note(self, took_ns: int) -> None:
        """One tick; a clock that was set back counts as no time at all."""
        took_ns = max(took_ns, 0)
        self._counts[bisect_left(_BOUNDS_NS, took_ns)] += 1
        self._sum_ns += took_ns

    def passes(self, count: int) -> bool:
        """Whether none of the next `count` frames is to be measured; they are then passed over.

        So that a small batch, of which most are not, does not even cost a look at the clock.
        """
        if self._skip < count:
            return False
        self._skip -= count
        return True

    def sample(self, frames: Sequence[Frame], now_ns: int) -> None:
        """A batch that arrived: every sixteenth frame is measured, across batches.

        By frames and not by batches: else the quiet moments, with their small batches, would
        count as much as the busy ones.
        """
        for frame in frames[self._skip :: STRIDE]:
            if frame.kind == Kind.TICK:
                self.note(now_ns - frame.received_ns)
        self._skip = (self._skip - len(frames)) % STRIDE

    def counted(self) -> Latency:
        return Latency(tuple(self._counts), self._sum_ns // 1000)
