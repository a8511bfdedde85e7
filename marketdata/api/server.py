"""The HTTP server: uvicorn in the process's own event loop.

Its work per request is bounded and small. What it costs the ticks, and whether a thread of its own
would cost less, has not been measured yet.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Generator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from bus.exits import Exit
from bus.process import ExitError

logger = logging.getLogger(__name__)

_BACKLOG: Final = 512
#: Longer than the `openalgo` package keeps an idle connection.
_KEEP_ALIVE_S: Final = 130
#: How long requests under way may take once the server is told to end.
_FINISH_S: Final = 3


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Signals are the process's business."""
        yield


class Server:
    """Serves an application on a listening socket."""

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_FINISH_S,
        )
        self._server = _Uvicorn(config)
        self._serving: asyncio.Task[None] | None = None

    def start(self, listener: socket.socket) -> None:
        """Begin to accept."""
        self._serving = asyncio.create_task(self._server.serve([listener]))

    async def stop(self) -> None:
        """Accept no more, finish what is under way, close what is idle."""
        if self._serving is None:
            return
        self._server.should_exit = True
        await self._serving
        self._serving = None


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ExitError: the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ExitError(
            Exit.CONFIGURATION,
            f"[marketdata] cannot listen on {host}:{port}: {error.strerror}; end what uses it, or "
            "set another [marketdata] port",
        ) from None


def address(listener: socket.socket) -> str:
    """Where a listener is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
