"""What the supervisor does beside: begun here, ended together, no defect lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

logger = logging.getLogger(__name__)


class Tasks:
    """`on_defect` is called when one of them ends with an error that nobody expected."""

    def __init__(self, on_defect: Callable[[], None]) -> None:
        self._on_defect = on_defect
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    async def cancel(self, *, but: asyncio.Task[None] | None = None) -> None:
        """End all of them, or all but one, and wait until they have ended."""
        ending = self._tasks - {but}
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a defect of the supervisor", exc_info=error)
            self._on_defect()
