"""Stopping a client's task between two messages, and letting it go on.

What it waits for is broken off where that loses nothing: receiving (the library keeps what has
come), and verifying a login (the message is handled again). Anything else is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


class DepartedError(Exception):
    """The client goes on in another process; this one's task is over."""


class Pause:
    """One client's; used inside its task by `around`, from outside by the rest."""

    def __init__(self) -> None:
        #: The message whose handling was broken off.
        self.in_hand: str | bytes | None = None
        self._task: asyncio.Task[object] | None = None
        self._reached: asyncio.Future[None] | None = None
        self._over: asyncio.Future[None] | None = None
        self._departed = False

    def begin(self) -> asyncio.Future[None]:
        """Done when the task stands still."""
        if self._reached is None:
            loop = asyncio.get_running_loop()
            self._reached, self._over = loop.create_future(), loop.create_future()
            if self._task is not None:
                self._task.cancel()
        return self._reached

    def end(self, *, departed: bool = False) -> None:
        """Go on; or, when the client has gone on in another process, end with `DepartedError`."""
        self._departed = departed
        over, self._reached, self._over = self._over, None, None
        if over is not None and not over.done():
            over.set_result(None)

    async def around(
        self, wait: Callable[[], Awaitable[T]], in_hand: str | bytes | None = None
    ) -> T:
        """Wait for something that may be begun again after a pause.

        Raises:
            DepartedError: the client has gone on in another process.
        """
        while True:
            await self._stand_still(in_hand)
            self._task = asyncio.current_task()
            try:
                return await wait()
            except asyncio.CancelledError:
                if self._task is None or self._reached is None:
                    raise
                self._task.uncancel()
            finally:
                self._task = None

    async def _stand_still(self, in_hand: str | bytes | None) -> None:
        while self._reached is not None and self._over is not None:
            self.in_hand = in_hand
            if not self._reached.done():
                self._reached.set_result(None)
            await self._over
            self.in_hand = None
        if self._departed:
            raise DepartedError
