"""Clients to the new proxy, a batch at a time; what it does not take stays, and goes on here."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from typing import Final

from bus.clock import Clock
from bus.moving.dialogue import Dialogue, LostError
from proxy.clients.client import Client
from proxy.entrance.guarded import GuardedConnection
from proxy.moving.custody import Giver
from proxy.moving.freight import Freight
from proxy.moving.harbour import Harbour
from proxy.moving.logbook import Logbook
from proxy.moving.messages import Active, Commit, FromNew, Offer, Taken

#: A client is waited for as long as a subscribe waits for the adapters' answers, and more.
_PAUSE_S: Final = 1.0
#: Clients that move at once, and the subscriptions and bytes that they may have: a batch's
#: clients stand still for its whole way.
BATCH: Final = 16
_BATCH_SUBSCRIPTIONS: Final = 1500
_BATCH_BYTES: Final = 4 << 20


class Ferry:
    """The old proxy's."""

    def __init__(
        self, harbour: Harbour, dialogue: Dialogue[FromNew], logbook: Logbook, clock: Clock
    ) -> None:
        #: Topics (ending in NUL) that come to the new proxy, too.
        self.joined: set[bytes] = set()
        #: Connections that stay here.
        self.immovable: set[GuardedConnection] = set()
        self._harbour = harbour
        self._dialogue = dialogue
        self._logbook = logbook
        self._clock = clock
        self._giver = Giver()
        self._on_way: dict[str, tuple[Freight, socket.socket]] = {}

    @property
    def given(self) -> int:
        """Connections that are the new one's."""
        return self._giver.given

    def choose(self, clients: Iterable[Client]) -> list[Client]:
        """The next ones whose every topic reaches the new proxy."""
        batch: list[Client] = []
        subscriptions = size = 0
        for client in clients:
            if not client.session.topics <= self.joined:
                continue
            subscriptions += client.session.subscriptions
            size += client.waiting_bytes
            if batch and (subscriptions > _BATCH_SUBSCRIPTIONS or size > _BATCH_BYTES):
                break
            batch.append(client)
            if len(batch) == BATCH:
                break
        return batch

    async def send(self, batch: list[Client], openings: list[GuardedConnection]) -> None:
        """Carry these over.

        Raises:
            LostError: the new proxy is gone, or takes nothing.
        """
        pauses = {client.pause(): client for client in batch}
        if pauses:
            await asyncio.wait(pauses, timeout=_PAUSE_S)
        still: list[Client | GuardedConnection] = []
        for paused, client in pauses.items():
            # Its subscribe may have been under way, of a topic that nobody held before.
            if paused.done() and client.session.topics <= self.joined:
                still.append(client)
            else:
                client.proceed()
        self._offer([*still, *openings])
        if not self._on_way:
            return
        answer = await self._dialogue.answer(Taken)
        commit, back = self._giver.taken(answer.batch, answer.ids)
        self._dialogue.say(Commit(answer.batch, commit))
        for one in commit:
            _, sock = self._on_way.pop(one)
            sock.close()
        await self._take_back(back)
        if self._giver.hopeless:
            raise LostError("the new proxy takes no connection")
        await self._dialogue.answer(Active)

    async def turn_back(self) -> None:
        """The new proxy is gone: who is on the way to it goes on here."""
        await self._take_back(self._giver.lost())

    def _offer(self, ones: Iterable[Client | GuardedConnection]) -> None:
        """In one go: what the bus brings after this is not theirs any more, but for `crossing`."""
        self._harbour.crossing.restart()
        now = self._clock.monotonic()
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
        topics = [topic[:-1] for topic in self.joined]
        topics += self._harbour.event_topics
        freights = [freight for freight, _ in self._on_way.values()]
        sockets = [sock.fileno() for _, sock in self._on_way.values()]
        self._dialogue.say(Offer(number, self._logbook.news(topics), freights), sockets)

    def _stays(self, one: Client | GuardedConnection) -> None:
        """It is about to end, or not to be moved."""
        if isinstance(one, Client):
            one.proceed()
            one = one.connection
        self.immovable.add(one)

    async def _take_back(self, ids: Iterable[str]) -> None:
        for one in ids:
            freight, sock = self._on_way.pop(one)
            await self._harbour.adopt(freight, sock)
