"""Keeps a running adapter's instruments: an old copy at once, a new one every day.

The copy of an earlier day is good enough to begin with, so that a broker's server that is down
holds nobody up. A master is loaded anew at a time of day, when its file changed, and when
the copy in the state directory was replaced by `openalgo-stream instruments sync`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import time
from random import Random
from typing import Final

from adapters.errors import InstrumentsError
from adapters.instruments.book import InstrumentBook
from adapters.instruments.file import MasterFile
from adapters.instruments.origin import Origin
from adapters.threads import in_daemon_thread
from bus.backoff import Backoff
from bus.clock import Clock
from bus.market.hours import last_time
from bus.waiting import set_within

logger = logging.getLogger(__name__)

BACKOFF_BASE_S: Final = 1.0
BACKOFF_CAP_S: Final = 60.0
#: Between two looks at files and clock; a lookup of two files.
LOOK_S: Final = 30.0


@dataclass(frozen=True)
class Hooks:
    """What a keeper tells its owner, in the event loop."""

    #: There is a book, in place of the one before, which can be used no more.
    on_book: Callable[[InstrumentBook], None]
    #: There is none, and why.
    on_trouble: Callable[[str], None]


class Keeper:
    """The instruments of one adapter. `origin` is asked anew each time: it holds the token."""

    def __init__(
        self,
        file: MasterFile,
        origin: Callable[[], Origin],
        *,
        at: time,
        hooks: Hooks,
        clock: Clock,
        random: Random,
    ) -> None:
        self.book: InstrumentBook | None = None
        self.failures_total = 0
        self._file = file
        self._origin = origin
        self._at = at
        self._hooks = hooks
        self._clock = clock
        self._backoff = Backoff(BACKOFF_BASE_S, BACKOFF_CAP_S, random=random)
        self._stamp = ""
        self._is_doubtful = False
        self._wake = asyncio.Event()

    @property
    def age_s(self) -> float | None:
        """Seconds since the book was made; None: there is none."""
        return None if self.book is None else self._now() - float(self.book.about()["made_at"])

    async def begin(self) -> None:
        """Take the copy that is there; without one, read what needs no server.

        Raises:
            InstrumentsError: there is no copy, and the master cannot be used.
        """
        origin = self._origin()
        self._reopen(origin)
        # A simulator's market may be another one than when the copy was made.
        self._is_doubtful = origin.may_recover and origin.shrinks
        if self.book is None and not origin.may_recover:
            await self._make(origin)

    async def run(self) -> None:
        """Load what is due, for ever."""
        while True:
            self._wake.clear()
            delay_s = LOOK_S
            try:
                await self._look()
            except InstrumentsError as error:
                self.failures_total += 1
                delay_s = self._backoff.failed(self._clock.monotonic())
                logger.warning("instruments: %s; next attempt in %.1f s", error, delay_s)
                if self.book is None:
                    self._hooks.on_trouble(f"instruments: {error}")
            await set_within(self._wake, delay_s)

    def hurry(self) -> None:
        """There are new credentials: what failed for want of them is tried at once."""
        self._wake.set()

    async def _look(self) -> None:
        origin = self._origin()
        if self._file.stamp != self._stamp:
            self._reopen(origin)
        if self._is_due(origin):
            await self._make(origin)

    def _is_due(self, origin: Origin) -> bool:
        if self.book is None or self._is_doubtful:
            return True
        about = self.book.about()
        if about["stamp"] != origin.stamp and origin.stamp:
            return True
        return float(about["made_at"]) < last_time(self._at, self._now())

    def _reopen(self, origin: Origin) -> None:
        book = self._file.open(origin.text)
        self._stamp = self._file.stamp
        if book is not None:
            self._use(book)

    async def _make(self, origin: Origin) -> None:
        made, place = await in_daemon_thread(lambda: self._file.make(origin, self._now()))
        try:
            book = self._file.adopt(made, place, self.book)
        except InstrumentsError:
            self._reopen(origin)
            raise
        self._stamp = self._file.stamp
        self._is_doubtful = False
        self._use(book)
        self._backoff.succeeded(self._clock.monotonic())

    def _use(self, book: InstrumentBook) -> None:
        about = book.about()
        logger.info(
            "%d instruments of %s, %d rows skipped",
            len(book),
            about["origin"],
            book.skipped + book.duplicates,
        )
        before, self.book = self.book, book
        self._hooks.on_book(book)
        if before is not None:
            before.close()

    def _now(self) -> float:
        return self._clock.unix_ns() / 1e9
