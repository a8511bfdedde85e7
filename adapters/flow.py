"""The way of ticks through an adapter: each to its route, and what is held back is counted."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from adapters.codec import Key, Tick
from adapters.normalize import Publish, Route
from adapters.quarantine import Reason
from bus.clock import Clock
from bus.latency import Latency, LatencyMeter
from bus.messages import Stats
from bus.rate import Rate

logger = logging.getLogger(__name__)

_HELD_BACK: Final = "held back: %s, first by %s at %s; later ones are only counted"


class Flow:
    """Every stream's ticks, on their way to `publish`."""

    def __init__(self, clock: Clock, routes: Mapping[str, Mapping[Key, Route]]) -> None:
        self._clock = clock
        self._routes = routes
        self._ticks_total = 0
        self._unknown_total = 0
        self._held_back: Counter[Reason] = Counter()
        self._last_tick_at: float | None = None
        self._rate = Rate(clock.monotonic())
        self._meter = LatencyMeter()

    def taker(self, stream: str, publish: Publish) -> Callable[[list[Tick], int], None]:
        """What takes a stream's ticks: two streams may call an instrument the same."""
        find, clock, held_back = self._routes.get(stream, {}).get, self._clock, self._held_back
        took = self._meter.note

        def take(ticks: list[Tick], received_ns: int) -> None:
            for tick in ticks:
                route = find(tick.key)
                if route is None:
                    self._unknown_total += 1
                elif (reason := route.emit(tick, received_ns, publish)) is not None:
                    held_back[reason] += 1
                    if held_back[reason] == 1:
                        logger.warning(_HELD_BACK, reason, tick.key, tick.ltp)
            self._ticks_total += len(ticks)
            self._last_tick_at = clock.monotonic()
            took(clock.unix_ns() - received_ns)

        return take

    def latency(self) -> Latency:
        """From the arrival of ticks until they were published."""
        return self._meter.counted()

    def stats(self) -> Stats:
        now, last = self._clock.monotonic(), self._last_tick_at
        return {
            "ticks_total": self._ticks_total,
            "ticks_per_s": self._rate.sample(now, self._ticks_total),
            "last_tick_age_s": None if last is None else round(now - last, 3),
            "unknown_token_total": self._unknown_total,
            "quarantined_total": self._held_back.total(),
            **{f"quarantined_{reason}": self._held_back[reason] for reason in Reason},
        }
