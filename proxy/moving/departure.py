"""The old proxy's side: leads the new one into the streams, lends the port, sends every client.

Whatever fails, what has not been committed stays here and goes on as if nothing had happened.
"""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import Callable, Sequence
from typing import Final

from bus.control.messages import Stats
from bus.control.service import Host
from bus.events import encode_event
from bus.frames import Frame
from bus.moving.dialogue import Dialogue, LostError
from proxy.entrance.server import let_go
from proxy.moving.ferry import BATCH, Ferry
from proxy.moving.harbour import Harbour, until
from proxy.moving.logbook import Logbook
from proxy.moving.messages import (
    Accepting,
    Finish,
    FromNew,
    Joined,
    Listener,
    Want,
    Wanted,
    descriptors_of,
)

logger = logging.getLogger(__name__)

#: How long our own reading may take to come to where the new proxy joined.
_MARK_S: Final = 1.0
#: How long connections that are just beginning or ending are waited for.
_STRAGGLERS_S: Final = 3.0
_LOOK_S: Final = 0.01
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
        self, host: Host, harbour: Harbour, generation: int, on_done: Callable[[], None]
    ) -> None:
        self.phase = Phase.JOINING
        self._host = host
        self._harbour = harbour
        self._generation = generation
        self._on_done = on_done
        self._dialogue: Dialogue[FromNew] = Dialogue("proxy", host.secret, FromNew, descriptors_of)
        self._logbook = Logbook(harbour.crossing.last)
        self._ferry = Ferry(harbour, self._dialogue, self._logbook, host.clock)
        self._number = 0
        self._has_lent = False
        self._of = 0
        self._left = 0
        self._why = ""

    @property
    def over(self) -> bool:
        """Whether nothing more can come back."""
        return self.phase in {Phase.DRAINING, Phase.DONE, Phase.FAILED}

    def stats(self) -> Stats:
        return {
            "handover": self.phase.value,
            "handover_to": self._generation,
            "handover_topics": len(self._ferry.joined),
            "handover_moved": self._ferry.given,
            "handover_of": self._of,
            "handover_draining": self._left,
            "handover_why": self._why,
        }

    def note(self, adapter: str, frames: Sequence[Frame]) -> None:
        """The bus brought these, and they have been delivered."""
        self._harbour.note(frames)
        self._logbook.note(adapter, frames)

    async def run(self, path: str, drain_s: float) -> None:
        """From the first word to the last; `drain_s` is for what cannot move."""
        try:
            await self._dialogue.connect(path)
            await self._join()
            await self._lend()
            self._enter(Phase.MOVING)
            await self._move()
            self._dialogue.say(Finish())
        except (LostError, OSError, ValueError) as error:
            await self._fail(str(error))
            return
        finally:
            self._harbour.close()
        await self._drain(drain_s)
        self._dialogue.close()
        self._enter(Phase.DONE)
        await asyncio.sleep(_TELL_S)
        self._on_done()

    # --- the new one reads along ------------------------------------------------------------

    async def _join(self) -> None:
        """Until every topic that anybody here holds comes to the new one, too."""
        harbour = self._harbour
        while True:
            new = [one for one in harbour.desk.demand.wants() if one[1] not in self._ferry.joined]
            if not new and self._number:
                return
            for adapter, topic, _ in new:
                harbour.hold(adapter, topic)
            self._number += 1
            wanted = [
                Want(adapter, topic, encode_event(verdict) if verdict else b"")
                for adapter, topic, verdict in new
            ]
            failures = [] if self._number > 1 else harbour.server.door.failures()
            self._dialogue.say(Wanted(self._number, wanted, failures))
            answer = await self._dialogue.answer(Joined)
            self._logbook.mark(answer.marks)
            await self._pass_marks()
            topics = [(adapter, topic[:-1]) for adapter, topic, _ in new]
            self._dialogue.say(self._logbook.positions(topics, harbour.event_topics))
            self._ferry.joined.update(topic for _, topic, _ in new)

    async def _pass_marks(self) -> None:
        """Read on to where the new one joined: what comes after that, it has."""
        logbook = self._logbook
        if not await until(lambda: logbook.has_passed_marks, self._host.clock, _MARK_S):
            logger.warning("not everything that the new proxy read came here")

    async def _lend(self) -> None:
        sockets = self._harbour.server.lend_sockets()
        self._has_lent = True
        try:
            self._dialogue.say(Listener(len(sockets)), [one.fileno() for one in sockets])
            await self._dialogue.answer(Accepting)
        finally:
            for one in sockets:
                one.close()

    # --- clients ------------------------------------------------------------------------------

    async def _move(self) -> None:
        server, ferry = self._harbour.server, self._ferry
        waiting_since = None
        while True:
            await self._join()
            present = [one for one in server.door.present if one not in ferry.immovable]
            openings = [one for one in present if one.may_move]
            clients = [
                client
                for client in server.clients
                if client.may_move and client.connection not in ferry.immovable
            ]
            self._of = ferry.given + len(clients) + len(openings)
            batch = ferry.choose(clients)
            if batch or openings:
                waiting_since = None
                await ferry.send(batch, openings[:BATCH])
                self._host.changed()
                continue
            now = self._host.clock.monotonic()
            waiting_since = now if waiting_since is None else waiting_since
            # Who is between two states, a handshake or a pause, can move in a moment.
            is_settled = not clients and not any(one.may_yet_move for one in present)
            if is_settled or now - waiting_since > _STRAGGLERS_S:
                return
            await asyncio.sleep(_LOOK_S)

    # --- the end -----------------------------------------------------------------------------

    async def _drain(self, drain_s: float) -> None:
        """What cannot move is ended bit by bit, so that not all come back in one moment."""
        connections = list(self._harbour.server.door.present)
        self._left = len(connections)
        if connections:
            self._enter(Phase.DRAINING)
        ending: list[asyncio.Task[None]] = []
        for connection in connections:
            ending.append(asyncio.create_task(let_go([connection])))
            self._left -= 1
            await asyncio.sleep(drain_s / len(connections))
        await asyncio.gather(*ending)

    async def _fail(self, why: str) -> None:
        logger.warning("the hand-over failed: %s", why)
        self._dialogue.close()
        await self._ferry.turn_back()
        if self._has_lent:
            await self._harbour.server.listen_again()
        self._why = why
        self._enter(Phase.FAILED)

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self._host.changed()
