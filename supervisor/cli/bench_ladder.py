"""What `bench` makes of its figures: which step was kept up, and what that means. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

#: Less of what the market sent than this did not arrive in time.
KEPT: Final = 0.95
#: A price that is older than this is of no use to a trader's program.
P99_US: Final = 100_000.0
#: A liquid symbol of NSE ticks about so often a second.
_TICKS_PER_SYMBOL: Final = 1.0


@dataclass(frozen=True)
class Step:
    """One load. Latencies in microseconds, from the broker's bytes to the client's socket, None
    where nothing was measured; `share` is what arrived of what the market sent."""

    clients: int
    rate: float
    delivered_per_s: float
    share: float
    lost: int
    conflated: int
    cpu_percent: float
    p50_us: float | None
    p99_us: float | None
    p999_us: float | None

    @property
    def trouble(self) -> str:
        """Why the machine did not keep up; empty: it did."""
        if self.lost:
            return f"{self.lost:,} ticks were lost"
        if self.conflated:
            return f"{self.conflated:,} ticks were conflated: clients were behind"
        if self.share < KEPT:
            return f"only {self.share:.0%} arrived in time"
        if self.p99_us is None:
            return "no latency was measured"
        if self.p99_us > P99_US:
            return f"p99 is {self.p99_us / 1000:.0f} ms, above {P99_US / 1000:.0f} ms"
        return ""


def ladder(first: int, most: int) -> list[int]:
    """Numbers of clients: each step about twice the one before, the last one `most`."""
    steps = [min(first, most)]
    while steps[-1] < most:
        steps.append(min(most, steps[-1] * 2))
    return steps


def best(steps: Sequence[Step]) -> Step | None:
    """The last one that was kept up before the first that was not."""
    kept = None
    for step in steps:
        if step.trouble:
            break
        kept = step
    return kept


def verdict(steps: Sequence[Step]) -> list[str]:
    """The outcome in sentences."""
    kept = best(steps)
    failed = next((step for step in steps if step.trouble), None)
    if kept is None:
        reason = failed.trouble if failed else "nothing was measured"
        return [f"This machine did not keep up with the smallest load: {reason}.",
                "Look at what else is running, then try again with a lower --rate."]  # fmt: skip
    told = [
        f"This machine carries {kept.clients} clients with {kept.rate:,.0f} ticks/s each: "
        f"{kept.delivered_per_s:,.0f} messages/s"
        + ("." if failed else ", and more than was tried: see --max-clients."),
    ]
    symbols = max(1, int(kept.rate / _TICKS_PER_SYMBOL))
    told.append(
        f"That is {kept.clients} programs with {symbols:,} symbols each, at {_TICKS_PER_SYMBOL:g} "
        "tick a second per symbol."
    )
    if failed:
        told.append(f"With {failed.clients} clients it did not keep up: {failed.trouble}.")
    return told
