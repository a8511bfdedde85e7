"""Keeps the paper accounts' desk open, in its thread, and says what it needs of the market.

Prices do not wait for it: a file that cannot be opened closes the paper accounts only, says so in
`status`, and is tried again. A desk that ends by a defect ends the process: the next one finds
everything that was acknowledged, and begins with a memory that can be believed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from bus.control.messages import Stats
from bus.control.service import Host
from bus.market.instruments import Contracts
from bus.settings import MarketDataBootstrap
from marketdata.announcing import Announcer, event_of
from marketdata.paper import Paper
from marketdata.sandbox.desk import Desk
from marketdata.sandbox.errors import StoreError
from marketdata.sandbox.model import Order
from marketdata.sandbox.rules import Rules
from marketdata.sandbox.runner import DeskRunner
from marketdata.sandbox.store import Store

logger = logging.getLogger(__name__)

#: Between two looks at what the desk needs, and two attempts to open it.
_LOOK_S: Final = 1.0
_RETRY_S: Final = 3.0


class Keeper:
    """One per process. Made inside a running event loop."""

    def __init__(
        self, host: Host, told: MarketDataBootstrap, paper: Paper, announcer: Announcer
    ) -> None:
        self._host = host
        self._paper = paper
        self._announcer = announcer
        self._loop = asyncio.get_running_loop()
        self._settings = told.sandbox
        self._rules = Rules.of(told.sandbox, told.market.holidays)
        self._path = Path(told.state) / "sandbox.db"
        self._contracts = Contracts(Path(told.state) / "instruments", told.adapters)
        self._runner: DeskRunner | None = None
        self._task: asyncio.Task[None] | None = None
        self._desk_stats: dict[str, int] = {}

    def start(self) -> None:
        """Open the desk, as soon as that can be."""
        self._task = asyncio.create_task(self._live())
        self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """What was asked is done and durable, and the file is free, when this comes back."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._paper.close()
        if self._runner is not None:
            await self._runner.stop()
            self._runner = None

    @property
    def is_started(self) -> bool:
        return self._task is not None

    def follow(self, adapters: Sequence[str]) -> None:
        """These adapters have instruments; the first that has one says what it is."""
        self._contracts.follow(adapters)

    def stats(self) -> Stats:
        dropped = self._paper.kept_lost_total
        if self._runner is not None:
            dropped += self._runner.dropped_ticks_total
        told = {f"sandbox_{name}": value for name, value in self._desk_stats.items()}
        return {
            "sandbox": self._paper.state,
            "sandbox_trouble": self._paper.trouble,
            "sandbox_dropped_ticks_total": dropped,
            **told,
        }

    async def _live(self) -> None:
        self._runner = runner = await self._opened()
        self._paper.open(runner, await runner.do(Desk.wanted))
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                wanted, self._desk_stats = await runner.do(_needs)
            except StoreError as error:
                logger.warning("the paper accounts: %s", error)
            else:
                self._paper.look(wanted)

    async def _opened(self) -> DeskRunner:
        """Whatever is wrong with the desk is wrong with the desk alone."""
        while True:
            runner = DeskRunner(self._open_desk)
            try:
                await runner.start()
            except Exception as error:
                trouble = str(error) or repr(error)
                if trouble != self._paper.trouble:
                    defect = not isinstance(error, StoreError)
                    logger.error("the paper accounts stay closed: %s", trouble, exc_info=defect)  # noqa: TRY400 - a StoreError's text is the whole story
                self._paper.trouble = trouble
                await asyncio.sleep(_RETRY_S)
            else:
                self._paper.trouble = ""
                return runner

    def _open_desk(self) -> Desk:
        """In the desk's own thread."""
        store = Store(self._path, synchronous=self._settings.synchronous)
        try:
            return Desk(
                store,
                self._contracts,
                self._host.clock,
                self._rules,
                outlet=self._announce,
                last_value=self._paper.last_value,
            )
        except BaseException:
            store.close()
            raise

    def _announce(self, order: Order) -> None:
        """From the desk's thread, in the order of the events, once each is durable."""
        tell = partial(self._announcer.announce, order.account, event_of(order))
        self._loop.call_soon_threadsafe(tell)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._host.fail(error)


def _needs(desk: Desk) -> tuple[frozenset[tuple[str, str]], dict[str, int]]:
    return desk.wanted(), desk.stats()
