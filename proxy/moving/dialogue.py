"""The old proxy's end of the talk with the new one: it says something, and waits for the answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, TypeVar

from bus.moving.link import Link
from bus.moving.meeting import call
from bus.secret import Secret
from proxy.moving.messages import (
    Accepting,
    Active,
    FromNew,
    FromOld,
    Joined,
    Taken,
    descriptors_of,
)

logger = logging.getLogger(__name__)

A = TypeVar("A", Joined, Accepting, Taken, Active)

#: The new proxy answers in milliseconds, a joining one in at most two seconds.
_ANSWER_S: Final = 5.0


class LostError(Exception):
    """The new proxy is gone, or does not do its part."""


class Dialogue:
    """Made inside a running event loop."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret
        self._link: Link[FromNew] | None = None
        self._answers: asyncio.Queue[FromNew | None] = asyncio.Queue()

    async def connect(self, path: str) -> None:
        """To the new proxy's socket. Raises OSError: nobody is there."""
        self._link = await call(
            path,
            self._secret,
            FromNew,
            descriptors_of=descriptors_of,
            on_message=lambda message, _: self._answers.put_nowait(message),
            on_lost=self._lost,
        )

    def say(self, message: FromOld, descriptors: Sequence[int] = ()) -> None:
        """Say it; the descriptors stay the caller's. If nobody listens any more, the next
        `answer` says so.
        """
        if self._link is None:
            raise LostError("there is no new proxy")
        self._link.say(message, descriptors)

    async def answer(self, kind: type[A]) -> A:
        """What the new proxy says to it.

        Raises:
            LostError: nothing in time, or something else.
        """
        try:
            async with asyncio.timeout(_ANSWER_S):
                answer = await self._answers.get()
        except TimeoutError:
            raise LostError(f"the new proxy did not answer within {_ANSWER_S:g} s") from None
        # What it said before it died is worth nothing: a commit would not reach it.
        if answer is None or self._link is None or self._link.closed:
            raise LostError("the new proxy is gone")
        if not isinstance(answer, kind):
            raise LostError(f"the new proxy said {type(answer).__name__} for {kind.__name__}")
        return answer

    def close(self) -> None:
        if self._link is not None:
            self._link.close()

    def _lost(self, why: str) -> None:
        logger.info("the new proxy is gone: %s", why)
        self._answers.put_nowait(None)
