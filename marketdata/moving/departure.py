"""The old service's side: tells what it knows, stands still, and gives everything away.

Whatever fails before the new one serves, the old one opens its accounts again and reads on.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
from collections.abc import AsyncIterator, Callable
from typing import Final

from bus.control.messages import Stats
from bus.control.service import Host
from bus.moving.dialogue import ANSWER_S, Dialogue, LostError
from marketdata.moving.dock import Dock, until
from marketdata.moving.messages import (
    Connections,
    Finish,
    Free,
    FromNew,
    Joined,
    Listener,
    Opened,
    Serving,
    Values,
    descriptors_of,
)

logger = logging.getLogger(__name__)

#: How long the new one may take to read all that we read, and to open the accounts.
_JOIN_S: Final = 5.0
_OPEN_S: Final = 12.0
#: How long requests under way are waited for: longer than one waits for a first tick. Nothing
#: is read meanwhile; who is not answered then is answered here, later.
_STILL_S: Final = 4.0
#: How long those have, once the new one serves.
_DRAIN_S: Final = 5.0
_LOOK_S: Final = 0.002
#: Descriptors in one message: the kernel takes 253.
_AT_ONCE: Final = 200
#: So that the supervisor hears of the end before it sees it.
_TELL_S: Final = 0.05


class Phase(enum.StrEnum):
    JOINING = "joining"
    MOVING = "moving"
    DRAINING = "draining"
    DONE = "done"
    FAILED = "failed"


class Departure:
    """One attempt. `on_done` is called when nothing is left to be served here."""

    def __init__(
        self, host: Host, dock: Dock, generation: int, on_done: Callable[[], None]
    ) -> None:
        self.phase = Phase.JOINING
        self._host = host
        self._dock = dock
        self._generation = generation
        self._on_done = on_done
        self._topics = 0
        self._given = 0
        self._of = 0
        self._why = ""
        self._since = 0.0
        self._dialogue: Dialogue[FromNew] = Dialogue(
            "service", host.secret, FromNew, descriptors_of
        )

    def stats(self) -> Stats:
        return {
            "handover": self.phase.value,
            "handover_to": self._generation,
            "handover_topics": self._topics,
            "handover_moved": self._given,
            "handover_of": self._of,
            "handover_draining": self._dock.server.connections,
            "handover_why": self._why,
        }

    async def run(self, path: str) -> None:
        """From the first word to the last."""
        try:
            await self._dialogue.connect(path)
            await self._join()
            self._enter(Phase.MOVING)
            await self._stand_still()
            await self._give_accounts()
            await self._give_connections()
        except (LostError, OSError, ValueError) as error:
            await self._fail(str(error))
            return
        await self._drain()
        self._dialogue.close()
        self._enter(Phase.DONE)
        await asyncio.sleep(_TELL_S)
        self._on_done()

    async def _join(self) -> None:
        for frames in self._dock.values():
            self._dialogue.say(Values(frames))
            await asyncio.sleep(0)
        self._dialogue.say(self._dock.needs(self._host.clock.monotonic()))
        self._topics = (await self._dialogue.answer(Joined, _JOIN_S)).topics

    async def _stand_still(self) -> None:
        """Two looks, for a connection that was just accepted shows a turn of the loop later."""
        self._since = self._host.clock.monotonic()
        deadline = self._since + _STILL_S
        still = 0
        while still < 2:
            still = still + 1 if self._dock.server.pause() else 0
            if self._host.clock.monotonic() >= deadline:
                logger.warning("some requests took longer than the hand-over waits")
                return
            await asyncio.sleep(_LOOK_S)

    async def _give_accounts(self) -> None:
        """What was done is durable and told, and the file is free."""
        positions = self._dock.positions()  # from here on the desk is told of no tick
        self._dock.paper.keep()  # for the case that it is opened here again
        await self._dock.keeper.stop()
        self._dialogue.say(Free(positions, self._since))
        opened = await self._dialogue.answer(Opened, _OPEN_S)
        if opened.trouble:
            raise LostError(f"it could not open the paper accounts: {opened.trouble}")

    async def _give_connections(self) -> None:
        server = self._dock.server
        if server.lent is not None:
            self._dialogue.say(Listener(), [server.lent.fileno()])
        async with self._passed():
            self._dialogue.say(Connections(0, last=True))
            await self._dialogue.answer(Serving)
        self._host.changed()

    @contextlib.asynccontextmanager
    async def _passed(self) -> AsyncIterator[None]:
        """All connections that stand still are sent, and after the block are here no more."""
        still = self._dock.server.still()
        self._of = self._given + self._dock.server.connections
        copies = [connection.copy() for connection in still]
        try:
            for at in range(0, len(copies), _AT_ONCE):
                some = copies[at : at + _AT_ONCE]
                self._dialogue.say(Connections(len(some)), [one.fileno() for one in some])
            yield
        finally:
            for one in copies:
                one.close()
        for connection in still:
            connection.let_go()
        self._given += len(still)

    async def _drain(self) -> None:
        """Who was answered late follows the others."""
        server, clock = self._dock.server, self._host.clock
        deadline = clock.monotonic() + _DRAIN_S
        while server.connections and clock.monotonic() < deadline:
            self._enter(Phase.DRAINING)
            try:
                async with self._passed():
                    await self._sent()
            except LostError:
                return  # the supervisor starts another one; what we still have is answered here
            await asyncio.sleep(_LOOK_S)
        with contextlib.suppress(LostError):
            self._dialogue.say(Finish())
            await self._sent()

    async def _sent(self) -> None:
        dialogue, clock = self._dialogue, self._host.clock
        if not await until(lambda: dialogue.has_sent_all, clock, ANSWER_S):
            raise LostError("the new service does not read")

    async def _fail(self, why: str) -> None:
        logger.warning("the hand-over failed: %s", why)
        self._dialogue.close()
        if not self._dock.keeper.is_started:
            self._dock.keeper.start()
        await self._dock.server.proceed()
        self._given = 0
        self._why = why
        self._enter(Phase.FAILED)

    def _enter(self, phase: Phase) -> None:
        if phase is not self.phase:
            self.phase = phase
            self._host.changed()
