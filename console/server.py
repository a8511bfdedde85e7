"""The HTTP server: uvicorn inside our own process shell, which keeps the signals."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from typing import Final

from starlette.types import ASGIApp

from bus.http import InOurLoop, cannot_listen, configured, family

#: A predecessor may still be letting go of the port.
_BIND_PATIENCE_S: Final = 2.0
_BIND_RETRY_S: Final = 0.1
#: What is under way when the process is to end has so long.
_GRACE_S: Final = 2
#: Requests at a time; beyond it 503.
_CONCURRENCY: Final = 600
_MAX_HEADER_BYTES: Final = 16 << 10


async def bind(host: str, port: int, section: str = "console") -> socket.socket:
    """A listening place of our own, whose port is known before anything is served.

    Raises:
        ExitError: it cannot be had.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _BIND_PATIENCE_S
    while True:
        place = socket.socket(family(host), socket.SOCK_STREAM)
        try:
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            place.bind((host, port))
        except OSError as error:
            place.close()
            if error.errno != errno.EADDRINUSE or loop.time() > deadline:
                raise cannot_listen(section, host, port, error) from None
            await asyncio.sleep(_BIND_RETRY_S)
        else:
            place.setblocking(False)
            return place


class WebServer:
    """Serves an application on a bound socket until stopped."""

    def __init__(self, app: ASGIApp, place: socket.socket) -> None:
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        self._place = place
        self._uvicorn = InOurLoop(
            configured(
                app,
                finish_s=_GRACE_S,
                limit_concurrency=_CONCURRENCY,
                h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> asyncio.Task[None]:
        """The task that serves, once it does; it ends only with `stop` or a defect."""
        self._task = asyncio.create_task(self._uvicorn.serve(sockets=[self._place]))
        while not (self._uvicorn.started or self._task.done()):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
        return self._task

    async def stop(self) -> None:
        self._uvicorn.should_exit = True
        if self._task is not None:
            await self._task
        self._place.close()
