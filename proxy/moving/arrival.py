"""The new proxy's side: reads along, takes the port, takes every client.

Until it has the port it serves nobody, and may fail without harm.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Sequence
from typing import Final

import msgspec

from bus.control.exits import Exit
from bus.control.messages import Stats
from bus.control.service import ExitError, Host
from bus.events import Accepted, Rejected, decode_event
from bus.frames import Frame, Kind
from bus.moving.link import close_all
from bus.moving.meeting import Meeting
from proxy.moving.custody import Taker
from proxy.moving.freight import Freight
from proxy.moving.harbour import Harbour, until
from proxy.moving.messages import (
    Accepting,
    Active,
    Commit,
    Finish,
    FromOld,
    Joined,
    Listener,
    Mark,
    Offer,
    Positions,
    Taken,
    Want,
    Wanted,
    descriptors_of,
)

logger = logging.getLogger(__name__)

#: Adapters answer a demand in milliseconds, unless their broker is down.
_JOIN_S: Final = 1.5
#: How long our reading may be behind the old proxy's, before a batch is sent back.
_REACH_S: Final = 1.0
#: After this, positions of generations that are not read here are not waited for.
_SETTLE_S: Final = 0.2


class Arrival:
    """Made inside a running event loop; awaits the old proxy at `path`, to serve at `address`."""

    def __init__(self, host: Host, harbour: Harbour, path: str, address: str) -> None:
        self._host = host
        self._harbour = harbour
        self._address = address
        self._taker = Taker()
        self._on_hand: dict[str, tuple[Freight, socket.socket]] = {}
        #: Answers of adapters that are waited for: topic (without NUL) and generation.
        self._unanswered: set[tuple[bytes, int]] = set()
        self._marks: dict[tuple[str, int], int] = {}
        self._pause_s = 0.0
        self._phase = "waiting"
        self._meeting: Meeting[FromOld] = Meeting(path, host.secret, FromOld, descriptors_of)
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._ended)

    @property
    def over(self) -> bool:
        """Whether everything has come that will."""
        return self._phase == "over"

    def stats(self) -> Stats:
        return {
            "arrival": self._phase,
            "arrived": self._taker.active,
            "arrival_lost_total": self._harbour.crossing.lost_total,
            "longest_pause_ms": round(1000 * self._pause_s, 1),
        }

    def note(self, adapter: str, frames: Sequence[Frame]) -> None:
        """The bus brought these."""
        self._harbour.note(frames)
        for frame in frames:
            if frame.kind == Kind.EVENT:
                self._note_answer(adapter, frame)

    def stop(self) -> None:
        self._task.cancel()
        self._let_go()

    # --- what the old proxy says --------------------------------------------------------------

    async def _run(self) -> None:
        while (said := await self._meeting.next()) is not None:
            message, descriptors = said
            try:
                if await self._obey(message, descriptors):
                    break
            except ValueError as error:
                logger.warning("the old proxy is not understood: %s", error)
                break
        self._let_go()
        self._enter("over")
        if not self._harbour.server.serving:
            why = "the old generation did not hand over its port"
            self._host.fail(ExitError(Exit.TEMPORARY, why))

    async def _obey(self, message: FromOld, descriptors: list[int]) -> bool:
        """Do it; whether it was the last word."""
        match message:
            case Wanted(number, topics, failures):
                self._harbour.server.door.remember(failures)
                await self._join(topics)
                marks = [Mark(*key, sequence) for key, sequence in self._marks.items()]
                self._meeting.say(Joined(number, marks))
            case Positions(settled, fresh):
                self._harbour.desk.demand.remember(settled)
                self._harbour.crossing.begin(settled, settled=True)
                self._harbour.crossing.begin(fresh, settled=False)
                await self._settle()  # now, while no client stands still
            case Listener():
                await self._listen(descriptors)
                self._meeting.say(Accepting())
                self._enter("moving")
            case Offer():
                await self._hold(message, descriptors)
            case Commit(batch, ids):
                await self._activate(batch, ids)
            case Finish():
                return True
        return False

    async def _listen(self, descriptors: list[int]) -> None:
        server = self._harbour.server
        if server.serving:  # elsewhere: the configuration has changed
            close_all(descriptors)
        else:
            sockets = [socket.socket(fileno=one) for one in descriptors]
            await server.listen_on(sockets, self._address)

    async def _join(self, topics: Sequence[Want]) -> None:
        """Want all of it, and wait until each adapter has answered in its stream of ticks."""
        desk = self._harbour.desk
        for want in topics:
            if desk.demand.verdict(want.topic) is None:  # else a new client of ours asked before
                for generation in desk.feeds.generations(want.adapter):
                    self._unanswered.add((want.topic[:-1], generation))
            self._harbour.hold(want.adapter, want.topic)
            if want.verdict and isinstance(
                verdict := decode_event(want.verdict), Accepted | Rejected
            ):
                desk.demand.note(verdict)
        if not await until(lambda: not self._unanswered, self._host.clock, _JOIN_S):
            logger.info("%d topics without an adapter's answer", len(self._unanswered))
            self._unanswered.clear()

    def _note_answer(self, adapter: str, frame: Frame) -> None:
        with contextlib.suppress(msgspec.DecodeError):
            event = decode_event(frame.payload)
            if isinstance(event, Accepted | Rejected):
                key = adapter, frame.generation
                self._marks[key] = max(frame.sequence, self._marks.get(key, 0))
                self._unanswered.discard((event.topic.encode(), frame.generation))

    async def _hold(self, offer: Offer, descriptors: list[int]) -> None:
        ids = [freight.id for freight in offer.freights]
        try:
            self._taker.offered(offer.batch, ids)
        except ValueError:
            close_all(descriptors)
            raise
        for freight, descriptor in zip(offer.freights, descriptors, strict=True):
            self._on_hand[freight.id] = freight, socket.socket(fileno=descriptor)
        self._harbour.crossing.begin(offer.positions, settled=False)
        if await self._reach():
            self._meeting.say(Taken(offer.batch, ids))
            return
        logger.warning("%d connections sent back: the bus is behind here", len(ids))
        self._close(self._taker.refuse())
        self._meeting.say(Taken(offer.batch, []))

    async def _reach(self) -> bool:
        """Wait until we have read what the old proxy delivered."""
        crossing, clock = self._harbour.crossing, self._host.clock
        if not await self._settle():
            await until(lambda: crossing.reached, clock, _REACH_S)
        return crossing.reached and not crossing.overflowed

    async def _settle(self) -> bool:
        """Wait a moment for what the old proxy delivered, some of which may never be read here."""
        crossing = self._harbour.crossing
        if not await until(lambda: crossing.reached, self._host.clock, _SETTLE_S):
            crossing.settle()
        return crossing.reached

    async def _activate(self, batch: int, ids: Sequence[str]) -> None:
        ours = [self._on_hand.pop(one) for one in self._taker.committed(batch, ids)]
        await asyncio.gather(*(self._harbour.adopt(freight, sock) for freight, sock in ours))
        now = self._host.clock.monotonic()
        for freight, _ in ours:
            self._pause_s = max(self._pause_s, now - freight.taken_at)
        self._close(self._taker.refuse())
        self._meeting.say(Active(batch))

    # --- parts ------------------------------------------------------------------------------------

    def _close(self, ids: Sequence[str]) -> None:
        for one in ids:
            _, sock = self._on_hand.pop(one)
            sock.close()

    def _enter(self, phase: str) -> None:
        self._phase = phase
        self._host.changed()

    def _let_go(self) -> None:
        self._close(self._taker.lost())
        self._meeting.close()
        self._harbour.close()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._host.fail(error)
