"""The paper account's desk, joined to the market: it gets its ticks, and orders get their price.

The desk has a thread of its own (`Runner`), so that neither its database nor its work ever holds up
a tick. What a request asks of it runs there, in order with the ticks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from http import HTTPStatus
from typing import Final, Protocol, TypeAlias, TypeVar

from bus.frames import Frame
from bus.topics import Mode, broker_word
from identity.authority import Identity
from marketdata.api.endpoint import ApiError
from marketdata.api.rights import check_exchange
from marketdata.asking import Answer, Asking
from marketdata.cache import Tick
from marketdata.consumers import Priority
from marketdata.feeds import Feed
from marketdata.market import Market
from marketdata.sandbox.desk import Desk
from marketdata.sandbox.errors import NotFound, Rejection, SandboxError
from marketdata.sandbox.quote import Data
from marketdata.sandbox.runner import MAX_WAITING_TICKS
from marketdata.sources import Sources

T = TypeVar("T")

#: Who holds the topics that orders and positions need.
_HOLDER: Final = "paper"
#: How long an instrument that an order was sent for stays fed, whatever became of the order.
_ORDERED_S: Final = 60.0
#: How long a request waits for the desk while one process hands it to the next.
_OPENING_S: Final = 10.0
#: How long a request waits for the desk's answer: a disk may stall.
_ANSWER_S: Final = 30.0

Ticks: TypeAlias = Sequence[tuple[Data, int]]


class Runner(Protocol):
    """A desk in its own thread."""

    def tell(self, ticks: Ticks) -> None:
        """Ticks with their times of receipt, in order; returns at once."""
        ...

    async def do(self, work: Callable[[Desk], T]) -> T:
        """Run `work` with the desk, after what was told before; raises what it raises."""
        ...


class Paper:
    """One per process. Made inside a running event loop."""

    def __init__(self, market: Market, asking: Asking) -> None:
        self._market = market
        self._asking = asking
        self._sources = Sources(market.holds)
        #: Why there is no desk, where that is known.
        self.trouble = ""
        self._runner: Runner | None = None
        self._opened = asyncio.Event()
        self._ordered: dict[tuple[str, str], float] = {}
        self._wanted: frozenset[tuple[str, str]] = frozenset()
        self._instruments: set[tuple[str, str]] = set()
        #: While the desk is another process's: the ticks that it will need here, and of which
        #: topics that process has told it already up to where (generation, sequence).
        self._kept: list[Tick] | None = None
        self._after: dict[bytes, tuple[int, int]] = {}
        self.kept_lost_total = 0
        #: Of the desk's thread: the prices that came with the request that it works on.
        self._asked: dict[tuple[str, str], tuple[Data, int]] = {}
        market.board.add(self._ticked, Priority.CRITICAL, instruments=self._instruments)

    @property
    def is_open(self) -> bool:
        return self._runner is not None

    @property
    def state(self) -> str:
        """In a word, for status."""
        return "open" if self.is_open else "closed"

    def open(self, runner: Runner, wanted: Iterable[tuple[str, str]]) -> None:
        """From now on this process has the desk."""
        self._runner = runner
        self._wanted = frozenset(wanted)
        self.look()
        kept, self._kept = self._kept, None
        if kept:
            self._tell(runner, kept)
        self._opened.set()

    def close(self) -> None:
        """This process has it no more."""
        self._runner = None
        self._opened.clear()

    @property
    def instruments(self) -> frozenset[tuple[str, str]]:
        """What orders and positions need, as (exchange, symbol)."""
        return frozenset(self._instruments)

    def keep(self, wanted: frozenset[tuple[str, str]] | None = None) -> None:
        """The desk will be opened here: hold what it needs, and keep the ticks for it."""
        self._kept = []
        self.look(wanted)

    def resume(self, after: dict[bytes, tuple[int, int]]) -> None:
        """The desk was told of these topics' ticks up to there: what follows is new to it."""
        self._after = after

    def told(self) -> list[Frame]:
        """The newest tick of each topic that the desk is told of."""
        return [
            frame
            for (exchange, symbol), wanted in self._sources
            if (entry := self._market.values.find(exchange, symbol, [broker_word(wanted.adapter)]))
            and (frame := entry.frames.get(wanted.mode))
        ]

    def look(self, wanted: frozenset[tuple[str, str]] | None = None) -> None:
        """Hold what the desk needs; `wanted` is what it says now. Once a second."""
        now = self._market.clock.monotonic()
        self._ordered = {one: until for one, until in self._ordered.items() if until > now}
        if wanted is not None:
            self._wanted = wanted
        needed = self._wanted | self._ordered.keys()
        chosen = self._sources.choose(needed, list(self._market.feeds))
        self._market.holds.keep(_HOLDER, chosen)
        self._instruments.clear()
        self._instruments.update(needed)

    async def do(self, work: Callable[[Desk], T]) -> T:
        """Raises ApiError, with the status that OpenAlgo gives such a failure."""
        runner = await self._open_runner()
        return await _answered(runner.do(work))

    async def trade(
        self, who: Identity, instruments: Iterable[tuple[str, str]], work: Callable[[Desk], T]
    ) -> T:
        """As `do`, for orders of these instruments; the desk gets their last prices before.

        Raises ApiError, too, where the key may not have one of them.
        """
        keys = list(dict.fromkeys(instruments))
        for exchange, _ in keys:
            check_exchange(who, exchange)
        runner = await self._open_runner()
        until = self._market.clock.monotonic() + _ORDERED_S
        self._ordered.update(dict.fromkeys(keys, until))
        if not self._instruments.issuperset(keys):
            self.look()
        ticks = _told(await self._prices(who, keys))

        def with_prices(desk: Desk) -> T:
            self._asked = {(tick.exchange, tick.symbol): (tick, ns) for tick, ns in ticks}
            return work(desk)

        return await _answered(runner.do(with_prices))

    async def _prices(self, who: Identity, keys: Sequence[tuple[str, str]]) -> list[Tick]:
        """The last tick of each from the feed that it is traded on, as far as there is one."""
        feeds = list(self._market.feeds)
        by_feed: dict[str, list[tuple[str, str]]] = {}
        for key in keys:
            by_feed.setdefault(self._sources.feed_of(key), []).append(key)
        answers: list[Answer] = []
        for word, its in by_feed.items():
            source = [feed for feed in feeds if feed.word == word] or feeds
            answers += await self._asking.ask(source, its, Mode.DEPTH)
            await self._check_adapters(who, source, its)
        return [answer.tick for answer in answers if answer.tick is not None]

    async def _check_adapters(
        self, who: Identity, source: Sequence[Feed], instruments: Sequence[tuple[str, str]]
    ) -> None:
        """A key that is limited to some adapters trades what one of them feeds, too."""
        allowed = self._market.allowed(who)
        if len(allowed) == len(list(self._market.feeds)) or any(one in allowed for one in source):
            return
        for answer in await self._asking.ask(allowed, instruments, Mode.LTP):
            if answer.tick is None:
                raise ApiError(HTTPStatus.FORBIDDEN, f"By this key's adapters: {answer.error}")

    def last_value(self, exchange: str, symbol: str) -> tuple[Data, int] | None:
        """What an order that is placed now goes by; the desk asks, in its thread."""
        return self._asked.get((exchange, symbol))

    async def _open_runner(self) -> Runner:
        if self._runner is None:
            try:
                async with asyncio.timeout(_OPENING_S):
                    await self._opened.wait()
            except TimeoutError:
                pass
        if self._runner is None:
            why = "`openalgo-stream status` says why" if self.trouble else "try again"
            raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, f"The paper account is not open: {why}")
        return self._runner

    def _ticked(self, ticks: list[Tick]) -> None:
        runner, kept = self._runner, self._kept
        if runner is None and kept is None:
            return
        chosen = [tick for tick in ticks if self._sources.is_source(tick)]
        if runner is not None:
            self._tell(runner, chosen)
        elif kept is not None and len(kept) + len(chosen) <= MAX_WAITING_TICKS:
            kept += chosen
        else:
            self.kept_lost_total += len(chosen)

    def _tell(self, runner: Runner, ticks: list[Tick]) -> None:
        if self._after:
            ticks = [tick for tick in ticks if self._is_new(tick.frame)]
        if ticks:
            runner.tell(_told(ticks))

    def _is_new(self, frame: Frame) -> bool:
        """Whether the process before us has not told the desk of it."""
        after = self._after.get(frame.topic)
        if after is None:
            return True
        generation, sequence = after
        if frame.generation == generation and frame.sequence <= sequence:
            return False
        del self._after[frame.topic]
        return True


def _told(ticks: Iterable[Tick]) -> Ticks:
    return [(tick.seen, tick.frame.received_ns) for tick in ticks]


async def _answered(work: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(_ANSWER_S):
            return await work
    except TimeoutError:
        raise ApiError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "The paper account does not answer; look into the order book before you try again",
        ) from None
    except NotFound as error:
        raise ApiError(HTTPStatus.NOT_FOUND, str(error), error.rule) from None
    except Rejection as error:
        raise ApiError(HTTPStatus.BAD_REQUEST, str(error), error.rule) from None
    except SandboxError as error:
        raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from None
