"""The HTTP server: uvicorn inside our own process shell, which keeps the signals."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from bus.exits import Exit
from bus.process import ExitError

#: A predecessor may still be letting go of the port.
_BIND_PATIENCE_S: Final = 2.0
_BIND_RETRY_S: Final = 0.1
#: What is under way when the process is to end has so long.
_GRACE_S: Final = 2
#: Requests at a time; beyond it 503.
_CONCURRENCY: Final = 600
_MAX_HEADER_BYTES: Final = 16 << 10


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The process's shell has them."""
        yield


async def bind(host: str, port: int, section: str = "console") -> socket.socket:
    """A listening place of our own, whose port is known before anything is served.

    Raises:
        ExitError: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _BIND_PATIENCE_S
    while True:
        place = socket.socket(family, socket.SOCK_STREAM)
        try:
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            place.bind((host, port))
        except OSError as error:
            place.close()
            if error.errno != errno.EADDRINUSE or loop.time() > deadline:
                raise ExitError(
                    Exit.CONFIGURATION,
                    f"[{section}] cannot listen on {host}:{port}: {error.strerror}; "
                    f"set another [{section}] port",
                ) from None
            await asyncio.sleep(_BIND_RETRY_S)
        else:
            place.setblocking(False)
            return place


class WebServer:
    """Serves an application on a bound socket until stopped."""

    def __init__(self, app: ASGIApp, place: socket.socket) -> None:
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        self._place = place
        self._uvicorn = _Uvicorn(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=_CONCURRENCY,
                h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
                timeout_graceful_shutdown=_GRACE_S,
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
