"""The way of ticks through an adapter: each to its route, and what is held back is counted."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from adapters.codec import Key, Tick
from adapters.ticks.normalize import Publish, Route
from adapters.ticks.quarantine import Reason
from bus.clock import Clock
from bus.control.messages import Stats
from bus.measuring.latency import STRIDE, Latency, LatencyMeter
from bus.measuring.rate import Rate

logger = logging.getLogger(__name__)

#: Older than this is what was traded last, told to one who has just subscribed.
_SNAPSHOT_NS: Final = 60 * 10**9
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
        self._from_exchange = LatencyMeter()
        self._until_measured = 0

    def taker(self, stream: str, publish: Publish) -> Callable[[list[Tick], int], None]:
        """What takes a stream's ticks: two streams may call an instrument the same."""
        find, clock, held_back = self._routes.get(stream, {}).get, self._clock, self._held_back
        took = self._meter.note

        def take(ticks: list[Tick], received_ns: int) -> None:
            self._until_measured -= 1
            if self._until_measured < 0:
                self._until_measured = STRIDE - 1
                self._measure(ticks, received_ns)
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

    def _measure(self, ticks: list[Tick], received_ns: int) -> None:
        """From the exchange's own time until the arrival, of one tick in its resolution."""
        stamp_ms = ticks[0].exchange_timestamp if ticks else None
        if stamp_ms is not None:
            took_ns = received_ns - stamp_ms * 1_000_000
            if took_ns < _SNAPSHOT_NS:
                self._from_exchange.note(took_ns)

    def legs(self) -> dict[str, Latency]:
        """`exchange`: from the exchange's time in ticks until they arrived here."""
        return {"exchange": self._from_exchange.counted()}

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
