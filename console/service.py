"""The console as a supervised process: asks the supervisor once a second, serves the pages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from bus import __version__
from bus.control.messages import (
    Done,
    ProgressReply,
    ProgressRequest,
    PublisherEntry,
    RestartRequest,
    Stats,
    StatusReply,
    StatusRequest,
)
from bus.control.service import Host
from bus.errors import StreamError, UnreachableError
from bus.settings import ConsoleBootstrap
from console.admission import Admission
from console.asking import RefusedError, Supervisor
from console.books import Books
from console.desk import Desk
from console.figures import Figures
from console.hub import Hub
from console.logtail import Line, LogTail
from console.metrics.exporter import Exporter
from console.protection import Protection
from console.quotes import Quotes
from console.server import WebServer, bind
from console.sessions import Sessions
from console.web import Web
from identity.headers import Origins, Proxies
from identity.identities import Identities

logger = logging.getLogger(__name__)

_STATUS_S: Final = 1.0
#: How often revoked keys, new log lines and the steps of a restart are looked for.
_LOOK_S: Final = 0.25
_RECENT_LINES: Final = 300
_LOOPBACK: Final = ("127.0.0.0/8", "::1")


class ConsoleService:
    """Implements `bus.control.service.Service`. Made inside a running event loop.

    Raises:
        ExitError: what knows the users cannot be used.
    """

    def __init__(self, host: Host, boot: ConsoleBootstrap) -> None:
        self._host = host
        self._boot = boot
        self._settings = boot.console
        self._identities = Identities(host, boot.keys_path, boot.access)
        self._supervisor = Supervisor(Path(boot.run_file), host.secret)
        self._sessions = Sessions(boot.console.session_s)
        self._admission = Admission(self._identities.authority, boot.access.limits, host.clock)
        self._figures = Figures()
        self._hub = Hub(self._figures)
        self._books = Books(Path(boot.instruments))
        self._tail = LogTail(Path(boot.logs))
        self._reading = asyncio.Lock()
        self._websocket = boot.websocket_url
        self._server: WebServer | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def ready(self) -> bool:
        return self._server is not None

    async def start(self) -> str:
        settings = self._settings
        await self._identities.start()
        place = await bind(settings.host, settings.port)
        port = place.getsockname()[1]
        public = urlsplit(settings.public_url)
        secure = public.scheme == "https"
        name = "__Host-openalgo-stream" if secure else f"openalgo-stream-{port}"
        app = Protection(
            Web(self._desk(name, secure=secure)).app,
            origins=Origins([settings.public_url] if settings.public_url else [], [settings.host]),
            websocket=lambda: self._websocket,
            secure=secure,
        )
        server = WebServer(app, place)
        self._watch(await server.start())
        self._server = server
        self._begin(self._poll())
        self._begin(self._look())
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        address = f"http://{host}:{port}"
        logger.info("serving on %s", address)
        return address

    async def stop(self) -> None:
        self._hub.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.stop()
        self._identities.stop()
        self._books.close()

    def follow(self, publishers: list[PublisherEntry]) -> None:
        """The console takes no ticks: pages get theirs from the proxy."""

    def stats(self) -> Stats:
        return {
            "sessions": len(self._sessions),
            "streams": len(self._hub),
            "auth_failures_total": self._admission.failures_total,
            "logins_refused_total": self._admission.refused_total,
            "log_bytes_skipped_total": self._tail.skipped_bytes_total,
            **self._identities.stats(),
        }

    def _desk(self, cookie: str, *, secure: bool) -> Desk:
        behind_proxy = _LOOPBACK if self._settings.public_url else ()
        return Desk(
            version=__version__,
            cookie=cookie,
            secure=secure,
            sessions=self._sessions,
            admission=self._admission,
            tickets=self._identities.tickets,
            proxies=Proxies(behind_proxy),
            figures=self._figures,
            hub=self._hub,
            books=self._books,
            quotes=Quotes(lambda: self._endpoint("marketdata")),
            now=self._host.clock.monotonic,
            websocket_url=lambda: self._websocket,
            recent_lines=self._recent_lines,
            restart=self._restart,
            metrics=self._metrics(),
        )

    def _metrics(self) -> Callable[[Request], Awaitable[Response]] | None:
        settings = self._boot.metrics
        if settings is None:
            return None
        clock = self._host.clock
        return Exporter(self._status, settings.token, clock.monotonic).answer

    async def _status(self) -> StatusReply:
        return await self._supervisor.ask(StatusRequest(), StatusReply)

    def _endpoint(self, role: str) -> str:
        processes = self._figures.now["processes"]
        return next((p["endpoint"] for p in processes if p["role"] == role), "")

    async def _recent_lines(self) -> list[Line]:
        """For one who joins: those who are there get theirs up to the same moment first."""
        async with self._reading:
            if not self._hub.wants_lines:
                self._tail.forget()
            self._hub.tell_lines(await asyncio.to_thread(self._tail.fresh))
            return await asyncio.to_thread(self._tail.recent, _RECENT_LINES)

    # --- once a second, and more often --------------------------------------------------------

    async def _poll(self) -> None:
        clock = self._host.clock
        while True:
            try:
                reply = await self._status()
            except StreamError:
                self._figures.unanswered(clock.unix_ns() // 1_000_000)
            else:
                self._figures.take(reply, clock.unix_ns() // 1_000_000)
                # The last one it had stays: a proxy that restarts comes back at its place.
                self._websocket = (
                    self._boot.websocket_url or self._endpoint("proxy") or self._websocket
                )
            self._hub.tell_status(clock.monotonic())
            await asyncio.sleep(_STATUS_S)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            self._identities.sweep(self._sessions)
            self._sessions.tidy(self._host.clock.monotonic())
            async with self._reading:
                if self._hub.wants_lines:
                    self._hub.tell_lines(await asyncio.to_thread(self._tail.fresh))

    # --- restarts -----------------------------------------------------------------------------

    async def _restart(self, name: str, *, hard: bool, by: str) -> None:
        if name == self._host.name:
            raise RefusedError("the page would end with it; use `openalgo-stream restart console`")
        await self._supervisor.ask(RestartRequest(name, hard), Done)
        logger.info("%s is restarted from the page, by the key %r", name, by)
        self._begin(self._follow_restart(name))

    async def _follow_restart(self, name: str) -> None:
        while True:
            try:
                told = await self._supervisor.ask(ProgressRequest(name), ProgressReply)
            except UnreachableError as error:
                self._hub.tell_restart(name, _over(f"the supervisor does not answer: {error}"))
                return
            self._hub.tell_restart(
                name, {"lines": told.lines, "over": told.over, "failed": told.failed}
            )
            if told.over:
                return
            await asyncio.sleep(_LOOK_S)

    # --- tasks --------------------------------------------------------------------------------

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._watch(task)

    def _watch(self, task: asyncio.Task[None]) -> None:
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._host.fail(error)


def _over(why: str) -> dict[str, Any]:
    return {"lines": [why], "over": True, "failed": True}
