"""Prices on request, of instruments that nobody may have subscribed.

What the cache has is answered at once. Else the instrument is subscribed, the first tick awaited
for a bounded time, and the subscription kept for a while for the next request. The wait is short
where there is a recent value: the instrument may only be quiet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from bus.errors import TopicError
from bus.events import Accepted, Rejected
from bus.topics import Mode, Topic
from marketdata.cache import Tick
from marketdata.consumers import Priority
from marketdata.feeds import Feed
from marketdata.holds import Wanted
from marketdata.market import Market, newest

#: A value not older than this is answered without waiting for a newer one, in seconds.
_YOUNG_S: Final = 1.0
#: How long to wait for a newer one than a value that is not stale yet.
_SHORT_S: Final = 0.5


class Answer(NamedTuple):
    """A tick, or why there is none."""

    tick: Tick | None
    error: str = ""


class Asking:
    """One per process. Made inside a running event loop."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._waiting: dict[tuple[str, str], set[asyncio.Event]] = {}
        self._instruments: set[tuple[str, str]] = set()
        market.board.add(self._ticked, Priority.HIGH, instruments=self._instruments)

    async def ask(
        self, feeds: Sequence[Feed], instruments: Sequence[tuple[str, str]], mode: Mode
    ) -> list[Answer]:
        """The newest tick of each (exchange, symbol) that says at least as much as `mode`."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._one(feeds, exchange, symbol, mode))
                for exchange, symbol in instruments
            ]
        return [task.result() for task in tasks]

    def note(self, verdict: Accepted | Rejected) -> None:
        """An adapter answered a demand."""
        holds = self._market.holds
        if isinstance(verdict, Accepted):
            holds.accepted(verdict.topic)
            return
        holds.refused(verdict, self._market.clock.monotonic())
        topic = Topic.parse(verdict.topic)
        self._wake((topic.exchange, topic.symbol))

    async def _one(self, feeds: Sequence[Feed], exchange: str, symbol: str, mode: Mode) -> Answer:
        """Feed by feed and mode by mode, until one does not refuse."""
        why = "no adapter feeds it"
        try:
            Topic.make("any", exchange, symbol, mode)
            for wanted in self._candidates(feeds, exchange, symbol, mode):
                lease = self._market.holds.lease(
                    wanted, self._market.clock.monotonic(), self._market.settings.hold_s
                )
                if lease is None:
                    why = "too many instruments are asked for at a time"
                    break
                patience = self._patience(feeds, exchange, symbol, wanted.mode)
                await self._until(wanted, feeds, lease.since + patience)
                refusal = self._market.holds.refusal(wanted)
                if refusal is None:
                    why = "no price yet"
                    break
                why = refusal.message
        except TopicError as error:
            return Answer(None, str(error))
        return self._answer(feeds, exchange, symbol, mode, why)

    @staticmethod
    def _candidates(
        feeds: Sequence[Feed], exchange: str, symbol: str, mode: Mode
    ) -> Iterator[Wanted]:
        """Feeds without trouble first; of each the modes that are asked for, or poorer."""
        for feed in sorted(feeds, key=lambda one: bool(one.trouble)):
            for poorer in range(mode, 0, -1):
                yield Wanted(feed.name, exchange, symbol, Mode(poorer))

    def _patience(self, feeds: Sequence[Feed], exchange: str, symbol: str, mode: Mode) -> float:
        """How long from the beginning of the lease a better answer is worth waiting for."""
        market = self._market
        entry = market.find(feeds, exchange, symbol)
        tick = newest(entry, mode) if entry is not None else None
        if tick is None:
            return market.settings.first_tick_timeout_s
        age_s = (market.clock.unix_ns() - tick.frame.received_ns) / 1e9
        if age_s < _YOUNG_S or not market.is_open(exchange):
            return 0.0
        if age_s < market.settings.stale_after_s:
            return min(_SHORT_S, market.settings.first_tick_timeout_s)
        return market.settings.first_tick_timeout_s

    async def _until(self, wanted: Wanted, feeds: Sequence[Feed], deadline: float) -> None:
        """Wait for a newer tick than there is now, for a refusal, or for the deadline."""
        market, key = self._market, (wanted.exchange, wanted.symbol)
        before = self._received_ns(feeds, wanted)
        while (left := deadline - market.clock.monotonic()) > 0:
            if market.holds.refusal(wanted) is not None:
                return
            event = asyncio.Event()
            self._waiting.setdefault(key, set()).add(event)
            self._instruments.add(key)
            try:
                async with asyncio.timeout(left):
                    await event.wait()
            except TimeoutError:
                return
            finally:
                self._forget(key, event)
            if self._received_ns(feeds, wanted) != before:
                return

    def _received_ns(self, feeds: Sequence[Feed], wanted: Wanted) -> int:
        entry = self._market.find(feeds, wanted.exchange, wanted.symbol)
        tick = newest(entry, wanted.mode) if entry is not None else None
        return tick.frame.received_ns if tick is not None else 0

    def _answer(
        self, feeds: Sequence[Feed], exchange: str, symbol: str, mode: Mode, otherwise: str
    ) -> Answer:
        """The best there is; a poorer mode is better than nothing."""
        entry = self._market.find(feeds, exchange, symbol)
        if entry is not None:
            for poorer in range(mode, 0, -1):
                tick = newest(entry, Mode(poorer))
                if tick is not None:
                    return Answer(tick)
        return Answer(None, otherwise)

    def _ticked(self, ticks: list[Tick]) -> None:
        for tick in ticks:
            self._wake((tick.entry.exchange, tick.entry.symbol))

    def _wake(self, key: tuple[str, str]) -> None:
        for event in self._waiting.get(key, ()):
            event.set()

    def _forget(self, key: tuple[str, str], event: asyncio.Event) -> None:
        waiting = self._waiting[key]
        waiting.discard(event)
        if not waiting:
            del self._waiting[key]
            self._instruments.discard(key)
