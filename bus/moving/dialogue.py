"""The old generation's end of the talk with the new one: it says something, and is answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from msgspec import Struct

from bus.moving.link import Link
from bus.moving.meeting import call
from bus.secret import Secret

logger = logging.getLogger(__name__)

#: What the new one says, and one kind of it.
M = TypeVar("M")
A = TypeVar("A")

#: The new one answers in milliseconds; one that has to join first, in at most two seconds.
ANSWER_S: Final = 5.0


class LostError(Exception):
    """The new generation is gone, or does not do its part."""


class Dialogue(Generic[M]):
    """Made inside a running event loop. `whom` is what it is called in words: proxy, service."""

    def __init__(
        self, whom: str, secret: Secret, kind: Any, descriptors_of: Callable[[M], int]
    ) -> None:
        self._whom = whom
        self._secret = secret
        self._kind = kind
        self._descriptors_of: Callable[[M], int] = descriptors_of
        self._link: Link[M] | None = None
        self._answers: asyncio.Queue[M | None] = asyncio.Queue()

    async def connect(self, path: str) -> None:
        """To the new one's socket. Raises OSError: nobody is there."""
        self._link = await call(
            path,
            self._secret,
            self._kind,
            descriptors_of=self._descriptors_of,
            on_message=lambda message, _: self._answers.put_nowait(message),
            on_lost=self._lost,
        )

    @property
    def has_sent_all(self) -> bool:
        """Whether nothing waits to be read. Raises LostError: nobody is there to read it."""
        if self._link is None or self._link.closed:
            raise LostError(f"the new {self._whom} is gone")
        return self._link.idle

    def say(self, message: Struct, descriptors: Sequence[int] = ()) -> None:
        """Say it; the descriptors stay the caller's. If nobody listens any more, the next
        `answer` says so.
        """
        if self._link is None:
            raise LostError(f"there is no new {self._whom}")
        self._link.say(message, descriptors)

    async def answer(self, kind: type[A], timeout_s: float | None = None) -> A:
        """What the new one says to it, within `ANSWER_S` if not told otherwise.

        Raises:
            LostError: nothing in time, or something else.
        """
        new = f"the new {self._whom}"
        limit_s = ANSWER_S if timeout_s is None else timeout_s
        try:
            async with asyncio.timeout(limit_s):
                answer = await self._answers.get()
        except TimeoutError:
            raise LostError(f"{new} did not answer within {limit_s:g} s") from None
        # What it said before it died is worth nothing: a commit would not reach it.
        if answer is None or self._link is None or self._link.closed:
            raise LostError(f"{new} is gone")
        if not isinstance(answer, kind):
            raise LostError(f"{new} said {type(answer).__name__} for {kind.__name__}")
        return answer

    def close(self) -> None:
        if self._link is not None:
            self._link.close()

    def _lost(self, why: str) -> None:
        logger.info("the new %s is gone: %s", self._whom, why)
        self._answers.put_nowait(None)
