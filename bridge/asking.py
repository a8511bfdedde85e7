"""The conversation of a site with the bridge about its demand, over one connection."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from typing import Final

import msgspec
import nats.errors
from nats.aio.msg import Msg

from bridge.demand import Answer, SiteDemand, decode_answer, encode
from bridge.link import Link
from bridge.subjects import Subjects

_ANSWER_S: Final = 2.0
_AGAIN_S: Final = 0.5


class Asking:
    """Says what is wanted, and renews it three times in a lease.

    `answered(answer)` is called with each answer, `unanswered(why)` when none comes.
    """

    def __init__(
        self,
        demand: SiteDemand,
        subjects: Subjects,
        adapter: str,
        *,
        answered: Callable[[Answer], None],
        unanswered: Callable[[str], None],
    ) -> None:
        self._demand = demand
        self._subjects = subjects
        self._adapter = adapter
        self._answered = answered
        self._unanswered = unanswered
        self._changed = asyncio.Event()
        self._pause_s = _AGAIN_S
        self._anew = True

    def change(self) -> None:
        """The demand is another now."""
        self._changed.set()

    async def converse(self, link: Link) -> None:
        """Until cancelled. Raises nats.errors.Error: the connection ended."""
        self._anew = True
        await link.client.subscribe(self._subjects.hello, cb=self._greeted)
        while True:
            self._changed.clear()
            if self._anew:
                self._anew = False
                self._demand.begin(secrets.token_hex(8))
            if await self._say(link) and not self._demand.is_told:
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause_s):
                    await self._changed.wait()

    async def farewell(self, link: Link) -> None:
        """Want nothing any more, without waiting for an answer."""
        for name in self._demand.wanted:
            self._demand.leave(name)
        self._demand.begin(secrets.token_hex(8))
        with contextlib.suppress(nats.errors.Error):
            subject = self._subjects.demand(self._adapter)
            await link.client.publish(subject, encode(self._demand.word()))
            await link.client.flush(1)

    async def _say(self, link: Link) -> bool:
        """Whether the bridge now knows what it was told."""
        self._pause_s = _AGAIN_S
        try:
            reply = await link.client.request(
                self._subjects.demand(self._adapter), encode(self._demand.word()), _ANSWER_S
            )
            answer = decode_answer(reply.data)
        except nats.errors.NoRespondersError:
            self._unanswered(f"no bridge there serves {self._adapter}")
            return False
        except TimeoutError:
            self._unanswered("the bridge does not answer")
            return False
        except msgspec.DecodeError:
            self._unanswered("the bridge says what none of ours would")
            return False
        self._anew = not self._demand.answered(known=answer.known)
        self._answered(answer)
        if answer.known:
            self._pause_s = answer.lease_s / 3
        return answer.known

    async def _greeted(self, _message: Msg) -> None:
        """A bridge began, or came back."""
        self._anew = True
        self._changed.set()
