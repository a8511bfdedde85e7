"""A process that answers `/metrics` and nothing else, with or without a console."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bus.control.bootstrap import Bootstrap
from bus.control.messages import PublisherEntry, Stats, StatusReply, StatusRequest
from bus.control.service import Host
from bus.settings import MetricsBootstrap
from console.asking import Supervisor
from console.metrics.exporter import Exporter
from console.protection import Protection
from console.server import WebServer, bind
from identity.headers import Origins

logger = logging.getLogger(__name__)


class MetricsService:
    """Implements `bus.control.service.Service`. Made inside a running event loop."""

    def __init__(self, host: Host, boot: MetricsBootstrap) -> None:
        self._host = host
        self._settings = boot.metrics
        supervisor = Supervisor(Path(boot.run_file), host.secret)
        self._exporter = Exporter(
            lambda: supervisor.ask(StatusRequest(), StatusReply),
            boot.metrics.token,
            host.clock.monotonic,
        )
        self._server: WebServer | None = None

    @property
    def ready(self) -> bool:
        return self._server is not None

    async def start(self) -> str:
        """Raises ExitError: the address cannot be had."""
        host, port = self._settings.host, self._settings.port or 0
        place = await bind(host, port, section="metrics")
        server = WebServer(self._app(), place)
        (await server.start()).add_done_callback(self._ended)
        self._server = server
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{place.getsockname()[1]}"
        logger.info("serving on %s/metrics", address)
        return address

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop()

    def follow(self, publishers: list[PublisherEntry]) -> None:
        """It takes no ticks."""

    def stats(self) -> Stats:
        return {}

    def _app(self) -> ASGIApp:
        app = Starlette(
            routes=[Route("/metrics", self._exporter.answer), Route("/healthz", _health)]
        )
        # A name that somebody's DNS points at this machine is not served.
        origins = Origins([], [self._settings.host, *(["*"] if self._settings.token else [])])
        return Protection(app, origins=origins, websocket=lambda: "", secure=False)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._host.fail(error)


async def _health(_request: Request) -> Response:
    return PlainTextResponse("ok\n")


def build(host: Host, boot: Bootstrap) -> MetricsService:
    return MetricsService(host, boot.settings_as(MetricsBootstrap))
