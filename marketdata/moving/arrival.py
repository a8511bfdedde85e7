"""The new service's side: learns what the old one knows, then takes its accounts and connections.

Until it serves it may fail without harm.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Final

from bus.control.exits import Exit
from bus.control.messages import Stats
from bus.control.service import ExitError, Host
from bus.moving.link import close_all
from bus.moving.meeting import Meeting
from marketdata.moving.dock import Dock, until
from marketdata.moving.messages import (
    Connections,
    Finish,
    Free,
    FromOld,
    Joined,
    Listener,
    Needs,
    Opened,
    Serving,
    Values,
    descriptors_of,
)

logger = logging.getLogger(__name__)

#: Publishers answer in milliseconds; one that hangs is not waited for longer.
_HEAR_S: Final = 2.0
#: As long as another process may hold the accounts' file.
_OPEN_S: Final = 11.0


class Arrival:
    """Made inside a running event loop; awaits the old service at `path`."""

    def __init__(self, host: Host, dock: Dock, path: str) -> None:
        self._host = host
        self._dock = dock
        self._meeting: Meeting[FromOld] = Meeting(path, host.secret, FromOld, descriptors_of)
        self._arrived = 0
        self._serves = False
        self._since = 0.0
        self._pause_s = 0.0
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._ended)

    @property
    def serves(self) -> bool:
        """Whether everything that the old one had is served here."""
        return self._serves

    def stats(self) -> Stats:
        return {"arrived": self._arrived, "longest_pause_ms": round(1000 * self._pause_s, 1)}

    def stop(self) -> None:
        self._task.cancel()
        self._meeting.close()

    async def _run(self) -> None:
        """Until everything is here, or the old one is gone."""
        while (said := await self._meeting.next()) is not None:
            message, descriptors = said
            if isinstance(message, Finish):
                break
            await self._obey(message, descriptors)
        self._meeting.close()
        if not self._dock.server.accepts:
            why = "the old generation did not hand over its port"
            self._host.fail(ExitError(Exit.TEMPORARY, why))
            return
        if not self._dock.keeper.is_started:  # it had a port of its own, and the old one died
            self._dock.keeper.start()
        self._serve()

    async def _obey(self, message: FromOld, descriptors: list[int]) -> None:
        dock = self._dock
        match message:
            case Values(frames):
                dock.market.values.restore(frames)
            case Needs():
                await until(dock.hears_all, self._host.clock, _HEAR_S)
                dock.take_needs(message, self._host.clock.monotonic())
                self._meeting.say(Joined(len(dock.market.values)))
            case Free():
                await self._open(message)
            case Listener():
                await self._accept(descriptors)
            case Connections():
                await self._adopt(message, descriptors)

    async def _open(self, free: Free) -> None:
        """With `trouble` the old one takes the accounts back."""
        dock = self._dock
        self._since = free.since
        dock.paper.resume({one.topic: (one.generation, one.sequence) for one in free.positions})
        dock.keeper.start()
        paper = dock.paper
        await until(lambda: paper.is_open or bool(paper.trouble), self._host.clock, _OPEN_S)
        trouble = "" if paper.is_open else paper.trouble or f"not within {_OPEN_S:g} s"
        if trouble:
            await dock.keeper.stop()
        self._meeting.say(Opened(trouble))

    async def _accept(self, descriptors: list[int]) -> None:
        if self._dock.server.accepts:  # elsewhere: the configuration has changed
            close_all(descriptors)
            return
        for one in descriptors:
            await self._dock.server.accept(socket.socket(fileno=one))

    async def _adopt(self, message: Connections, descriptors: list[int]) -> None:
        for one in descriptors:
            await self._dock.server.adopt(socket.socket(fileno=one))
        self._arrived += len(descriptors)
        if message.last:
            self._meeting.say(Serving(self._arrived))
            self._serve()

    def _serve(self) -> None:
        if not self._serves:
            self._serves = True
            if self._since:
                self._pause_s = self._host.clock.monotonic() - self._since
            self._host.changed()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._host.fail(error)
