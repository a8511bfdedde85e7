"""The old proxy's side: leads the new one into the streams, lends the port, sends every client.

Whatever fails, what has not been committed stays here and goes on as if nothing had happened.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from bus.events import encode_event
from bus.frames import Frame, Kind
from bus.link import Link
from bus.messages import Stats
from bus.process import Host
from proxy.client import Client
from proxy.guarded import GuardedConnection
from proxy.moving.custody import Giver
from proxy.moving.freight import Freight
from proxy.moving.harbour import Harbour, until
from proxy.moving.messages import (
    Accepting,
    Active,
    Commit,
    Finish,
    FromNew,
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
from proxy.server import let_go

logger = logging.getLogger(__name__)

A = TypeVar("A", Joined, Accepting, Taken, Active)

#: The new proxy answers in milliseconds, a joining one in at most two seconds.
_ANSWER_S: Final = 5.0
#: How long our own reading may take to come to where the new proxy joined.
_MARK_S: Final = 1.0
#: A client is waited for as long as a subscribe waits for the adapters' answers, and more.
_PAUSE_S: Final = 1.0
#: Clients that move at once, and the subscriptions and bytes that they may have: a batch's
#: clients stand still for its whole way.
_BATCH: Final = 16
_BATCH_SUBSCRIPTIONS: Final = 1500
_BATCH_BYTES: Final = 4 << 20
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


class LostError(Exception):
    """The new proxy is gone, or does not do its part."""


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
        self._giver = Giver()
        self._on_way: dict[str, tuple[Freight, socket.socket]] = {}
        self._joined: set[bytes] = set()
        self._told: dict[bytes, Frame] = {}
        #: The newest event per adapter and generation, and the one before each topic's newest tick.
        self._events: dict[tuple[str, int], int] = {}
        self._read_after: dict[bytes, int] = {}
        self._marks: dict[tuple[str, int], int] = {}
        self._immovable: set[GuardedConnection] = set()
        self._number = 0
        self._has_lent = False
        self._of = 0
        self._left = 0
        self._why = ""
        self._link: Link[FromNew] | None = None
        self._answers: asyncio.Queue[FromNew | None] = asyncio.Queue()

    @property
    def over(self) -> bool:
        """Whether nothing more can come back."""
        return self.phase in {Phase.DRAINING, Phase.DONE, Phase.FAILED}

    def stats(self) -> Stats:
        return {
            "handover": self.phase.value,
            "handover_to": self._generation,
            "handover_topics": len(self._joined),
            "handover_moved": self._giver.given,
            "handover_of": self._of,
            "handover_draining": self._left,
            "handover_why": self._why,
        }

    def note(self, adapter: str, frames: Sequence[Frame]) -> None:
        """The bus brought these, and they have been delivered."""
        self._harbour.note(frames)
        events, read_after = self._events, self._read_after
        for frame in frames:
            key = adapter, frame.generation
            if frame.kind == Kind.EVENT:
                events[key] = frame.sequence
            read_after[frame.topic] = events.get(key, 0)

    async def run(self, path: str, drain_s: float) -> None:
        """From the first word to the last; `drain_s` is for what cannot move."""
        try:
            await self._connect(path)
            await self._join()
            await self._lend()
            self._enter(Phase.MOVING)
            await self._move()
            self._say(Finish())
        except (LostError, OSError, ValueError) as error:
            await self._fail(str(error))
            return
        finally:
            self._harbour.close()
        await self._drain(drain_s)
        if self._link is not None:
            self._link.close()
        self._enter(Phase.DONE)
        await asyncio.sleep(_TELL_S)
        self._on_done()

    # --- the new one reads along ------------------------------------------------------------

    async def _join(self) -> None:
        """Until every topic that anybody here holds comes to the new one, too."""
        harbour = self._harbour
        while True:
            new = [one for one in harbour.desk.demand.wants() if one[1] not in self._joined]
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
            self._say(Wanted(self._number, wanted, failures))
            answer = await self._answer(Joined)
            await self._pass(answer.marks)
            self._say(self._positions([(adapter, topic[:-1]) for adapter, topic, _ in new]))
            self._joined.update(topic for _, topic, _ in new)

    async def _pass(self, marks: Iterable[Mark]) -> None:
        """Read on to where the new one joined: what comes after that, it has."""
        self._marks = {(mark.adapter, mark.generation): mark.sequence for mark in marks}
        if not await until(self._has_passed_marks, self._host.clock, _MARK_S):
            logger.warning("not everything that the new proxy read came here")

    def _has_passed_marks(self) -> bool:
        return all(self._events.get(key, 0) >= mark for key, mark in self._marks.items())

    def _positions(self, topics: Iterable[tuple[str, bytes]]) -> Positions:
        """What was delivered of new topics, before the new one joined and after; and the events,
        of which the new one knows where they stand."""
        adapters = {topic: adapter for adapter, topic in topics}
        settled: list[Frame] = []
        fresh = self._news(self._harbour.event_topics)
        for frame in self._news(adapters):
            mark = self._marks.get((adapters[frame.topic], frame.generation))
            is_after = mark is not None and self._read_after.get(frame.topic, -1) >= mark
            (fresh if is_after else settled).append(frame)
        return Positions(settled, fresh)

    def _news(self, topics: Iterable[bytes]) -> list[Frame]:
        """The newest frame of those topics that have one which was not told yet."""
        last, told = self._harbour.crossing.last, self._told
        news = [
            frame
            for topic in topics
            if (frame := last.get(topic)) is not None and told.get(topic) is not frame
        ]
        told.update((frame.topic, frame) for frame in news)
        return news

    async def _lend(self) -> None:
        sockets = self._harbour.server.lend_sockets()
        self._has_lent = True
        try:
            self._say(Listener(len(sockets)), [one.fileno() for one in sockets])
            await self._answer(Accepting)
        finally:
            for one in sockets:
                one.close()

    # --- clients ------------------------------------------------------------------------------

    async def _move(self) -> None:
        server = self._harbour.server
        waiting_since = None
        while True:
            await self._join()
            present = [one for one in server.door.present if one not in self._immovable]
            openings = [one for one in present if one.may_move]
            clients = [
                client
                for client in server.clients
                if client.may_move and client.connection not in self._immovable
            ]
            self._of = self._giver.given + len(clients) + len(openings)
            batch = self._choose(clients)
            if batch or openings:
                waiting_since = None
                await self._send(batch, openings[:_BATCH])
                continue
            now = self._host.clock.monotonic()
            waiting_since = now if waiting_since is None else waiting_since
            # Who is between two states, a handshake or a pause, can move in a moment.
            is_settled = not clients and not any(one.may_yet_move for one in present)
            if is_settled or now - waiting_since > _STRAGGLERS_S:
                return
            await asyncio.sleep(_LOOK_S)

    def _choose(self, clients: Iterable[Client]) -> list[Client]:
        """The next ones whose every topic reaches the new proxy."""
        batch: list[Client] = []
        subscriptions = size = 0
        for client in clients:
            if not client.session.topics <= self._joined:
                continue
            subscriptions += client.session.subscriptions
            size += client.waiting_bytes
            if batch and (subscriptions > _BATCH_SUBSCRIPTIONS or size > _BATCH_BYTES):
                break
            batch.append(client)
            if len(batch) == _BATCH:
                break
        return batch

    async def _send(self, batch: list[Client], openings: list[GuardedConnection]) -> None:
        pauses = {client.pause(): client for client in batch}
        if pauses:
            await asyncio.wait(pauses, timeout=_PAUSE_S)
        still: list[Client | GuardedConnection] = []
        for paused, client in pauses.items():
            # Its subscribe may have been under way, of a topic that nobody held before.
            if paused.done() and client.session.topics <= self._joined:
                still.append(client)
            else:
                client.proceed()
        self._offer([*still, *openings])
        if not self._on_way:
            return
        answer = await self._answer(Taken)
        commit, back = self._giver.taken(answer.batch, answer.ids)
        self._say(Commit(answer.batch, commit))
        for one in commit:
            _, sock = self._on_way.pop(one)
            sock.close()
        await self._take_back(back)
        if self._giver.hopeless:
            raise LostError("the new proxy takes no connection")
        await self._answer(Active)
        self._host.changed()

    def _offer(self, ones: Iterable[Client | GuardedConnection]) -> None:
        """In one go: what the bus brings after this is not theirs any more, but for `crossing`."""
        self._harbour.crossing.restart()
        now = self._host.clock.monotonic()
        for one in ones:
            sock = one.socket_copy()
            freight = one.depart(now)
            if freight is None:
                sock.close()
                self._stays(one)
                continue
            self._on_way[freight.id] = freight, sock
        if not self._on_way:
            return
        number = self._giver.offer(self._on_way)
        topics = [topic[:-1] for topic in self._joined]
        topics += self._harbour.event_topics
        freights = [freight for freight, _ in self._on_way.values()]
        sockets = [sock.fileno() for _, sock in self._on_way.values()]
        self._say(Offer(number, self._news(topics), freights), sockets)

    def _stays(self, one: Client | GuardedConnection) -> None:
        """It is about to end, or not to be moved."""
        if isinstance(one, Client):
            one.proceed()
            one = one.connection
        self._immovable.add(one)

    async def _take_back(self, ids: Iterable[str]) -> None:
        for one in ids:
            freight, sock = self._on_way.pop(one)
            await self._harbour.adopt(freight, sock)

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
        if self._link is not None:
            self._link.close()
        await self._take_back(self._giver.lost())
        if self._has_lent:
            await self._harbour.server.listen_again()
        self._why = why
        self._enter(Phase.FAILED)

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self._host.changed()

    # --- the link -------------------------------------------------------------------------------

    async def _connect(self, path: str) -> None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, path)
        except OSError:
            sock.close()
            raise
        self._link = Link(
            sock,
            self._host.secret,
            FromNew,
            descriptors_of=descriptors_of,
            on_message=lambda message, _: self._answers.put_nowait(message),
            on_lost=self._lost,
        )

    def _lost(self, why: str) -> None:
        logger.info("the new proxy is gone: %s", why)
        self._answers.put_nowait(None)

    def _say(self, message: FromOld, sockets: Sequence[int] = ()) -> None:
        if self._link is None:
            raise LostError("there is no new proxy")
        self._link.say(message, sockets)

    async def _answer(self, kind: type[A]) -> A:
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
