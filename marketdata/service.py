"""The market-data service's process: a tap on every adapter, into the last-value cache.

A tap gets what flows and causes no demand, so this process can never make a broker work
more, and can stall without delaying a tick to anybody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final

from bus.flow import Flow
from bus.frames import Frame, Kind
from bus.latency import Latency
from bus.messages import PublisherEntry, Stats
from bus.process import Bootstrap, Host
from bus.settings import MarketDataBootstrap
from bus.subscriber import Feed, Subscriber
from marketdata.cache import LastValues

logger = logging.getLogger(__name__)

_TIDY_S: Final = 300.0


class MarketDataService:
    """Keeps the last value of all that flows. Implements `bus.process.Service`."""

    def __init__(self, host: Host, boot: Bootstrap) -> None:
        self._host = host
        self._settings = boot.settings_as(MarketDataBootstrap).marketdata
        self._values = LastValues()
        self._subscriber = Subscriber(
            host.context, secret=host.secret, on_frames=self._on_frames, tap=True
        )
        self._tidier: asyncio.Task[None] | None = None
        self._flow = Flow(host.clock)

    @property
    def ready(self) -> bool:
        return True

    async def start(self) -> str:
        self._tidier = asyncio.create_task(self._tidy())
        return ""

    async def stop(self) -> None:
        if self._tidier is not None:
            self._tidier.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._tidier
        self._subscriber.close()

    def follow(self, publishers: list[PublisherEntry]) -> None:
        self._subscriber.follow(publishers)

    def stats(self) -> Stats:
        newest_ns = self._values.newest_ns()
        age_s = None if newest_ns is None else (self._host.clock.unix_ns() - newest_ns) / 1e9
        return {
            "feeds": sum(feed.trusted for feed in self._subscriber.feeds),
            "instruments": self._values.instruments,
            "topics": len(self._values),
            "ticks_total": self._values.ticks_total,
            "ticks_per_s": self._flow.stats()["ticks_per_s"],
            "last_tick_age_s": None if age_s is None else round(age_s, 3),
            "lost_total": self._subscriber.lost_total,
        }

    def latency(self) -> Latency:
        """From the adapter's receipt until it can be asked for here."""
        return self._flow.latency()

    def _on_frames(self, _feed: Feed, frames: list[Frame]) -> None:
        put = self._values.put
        ticks = [frame for frame in frames if frame.kind == Kind.TICK]
        for frame in ticks:
            put(frame)
        self._flow.took(ticks)

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(_TIDY_S)
            horizon = self._host.clock.unix_ns() - int(self._settings.forget_after_s * 1e9)
            dropped = self._values.drop_older(horizon)
            if dropped:
                logger.info("forgot %d topics without a tick", dropped)
