"""Gives a desk a thread of its own, so that a disk that stalls delays no tick to anybody else.

Whatever waits is taken at once and made durable together: the busier it is, the more ticks and
requests share one commit. Requests are answered, and orders told of, after that commit.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, TypeAlias, TypeVar

from marketdata.sandbox.desk import Desk
from marketdata.sandbox.errors import DeskEndedError, SandboxError, StoreError
from marketdata.sandbox.quote import Data

logger = logging.getLogger(__name__)
R = TypeVar("R")
Ticks: TypeAlias = Sequence[tuple[Data, int]]

#: Seconds between two looks at the clock.
_LOOK_S: Final = 1.0
#: Things taken at once, and ticks that may wait before new ones are dropped, and counted.
_MOST_AT_ONCE: Final = 256
MAX_WAITING_TICKS: Final = 200_000
_MAY_BE_DONE: Final = (
    "the paper accounts' desk ended; look into the order book before you repeat an order"
)


class _Request:
    """A call for the desk, and where its answer goes once it is durable."""

    def __init__(self, call: Callable[[Desk], Any]) -> None:
        self.call = call
        self.future: Future[Any] = Future()
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self, desk: Desk) -> None:
        try:
            self.result = self.call(desk)
        except Exception as error:  # noqa: BLE001 - the asker's to handle
            self.error = error

    def answer(self, failure: BaseException | None) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        error = failure or self.error
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(self.result)


class DeskRunner:
    """The thread. `open_desk` is called in it, for a desk is its thread's alone."""

    def __init__(self, open_desk: Callable[[], Desk]) -> None:
        self.dropped_ticks_total = 0
        self._open_desk = open_desk
        self._queue: queue.SimpleQueue[_Request | Ticks | None] = queue.SimpleQueue()
        # Each counter has one thread that writes it.
        self._fed = 0
        self._taken = 0
        self._opened: Future[None] = Future()
        self._ended: DeskEndedError | None = None
        self._thread = threading.Thread(target=self._live, name="sandbox", daemon=True)

    async def start(self) -> None:
        """Open the desk.

        Raises:
            StoreError: its file cannot be used.
        """
        self._thread.start()
        await asyncio.wrap_future(self._opened)

    async def stop(self) -> None:
        """Do what waits, commit, and give the file back."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    async def do(self, call: Callable[[Desk], R]) -> R:
        """Run `call` with the desk in its thread; the answer is durable when it comes.

        Raises:
            DeskEndedError: the thread is dead; whoever owns the runner needs another one.
        """
        request = _Request(call)
        self._queue.put(request)
        if self._ended is not None:
            self._refuse_waiting(self._ended)
        answer: R = await asyncio.wrap_future(request.future)
        return answer

    def tell(self, ticks: Ticks) -> None:
        """Pass ticks on, never waiting; a desk that is too far behind loses them, counted."""
        if self._fed - self._taken > MAX_WAITING_TICKS:
            self.dropped_ticks_total += len(ticks)
            return
        self._fed += len(ticks)
        self._queue.put(ticks)

    def _live(self) -> None:
        try:
            desk = self._open_desk()
        except BaseException as error:  # noqa: BLE001 - told to whoever waits in `start`
            self._opened.set_exception(error)
            return
        self._opened.set_result(None)
        try:
            while self._turn(desk):
                pass
            desk.close()
        except BaseException as error:
            logger.exception("the paper accounts' desk ended by a defect")
            self._ended = DeskEndedError(f"the paper accounts' desk ended by a defect: {error!r}")
            self._refuse_waiting(self._ended)
            desk.abandon()

    def _refuse_waiting(self, error: DeskEndedError) -> None:
        """Nobody waits for a dead thread. Of any thread: each request is taken out once."""
        with suppress(queue.Empty):
            while True:
                thing = self._queue.get_nowait()
                if isinstance(thing, _Request):
                    thing.answer(error)

    def _turn(self, desk: Desk) -> bool:
        """Do all that waits, as one batch, then what is due; false when it is time to end."""
        things = self._take()
        failure: SandboxError | None = DeskEndedError(_MAY_BE_DONE)  # if nothing catches it below
        try:
            with desk.batch():
                for thing in things:
                    if isinstance(thing, _Request):
                        thing.run(desk)
                    elif thing is not None:
                        self._taken += len(thing)
                        desk.on_ticks(thing)
            failure = None
        except StoreError as error:
            failure = error
            logger.exception("a batch was lost; nothing of it happened")
        finally:
            for thing in things:
                if isinstance(thing, _Request):
                    thing.answer(failure)
        try:
            desk.on_time()
        except StoreError:
            logger.exception("what is due by the clock waits for the next look")
        return None not in things

    def _take(self) -> list[_Request | Ticks | None]:
        """What waits, or nothing when it is time to look at the clock."""
        things: list[_Request | Ticks | None] = []
        with suppress(queue.Empty):
            things.append(self._queue.get(timeout=_LOOK_S))
            while len(things) < _MOST_AT_ONCE:
                things.append(self._queue.get_nowait())
        return things
