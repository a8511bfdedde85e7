"""What a plain GET finds on the WebSocket's port: small JSON for probes and web pages.

    /healthz                200: this process turns
    /readyz                 200 when ticks can come, 503 when no adapter is there
    /api/websocket/config   where to connect, as OpenAlgo's own application answers it

No CORS headers: other people's pages have no business here. Nothing in them is worth a key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from proxy.desk import Desk

_UPGRADE: Final = "websocket"


class Pages:
    """`address` is where the server listens, known once it does."""

    def __init__(self, desk: Desk, address: Callable[[], str]) -> None:
        self._desk = desk
        self._address = address
        self._pages: Mapping[str, Callable[[], tuple[HTTPStatus, dict[str, Any]]]] = {
            "/healthz": self._health,
            "/readyz": self._readiness,
            "/api/websocket/config": self._config,
        }

    def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """The page, or None: a WebSocket handshake, or nothing that is here."""
        page = self._pages.get(request.path.partition("?")[0])
        if page is None or _UPGRADE in request.headers.get("Upgrade", "").lower():
            return None
        status, body = page()
        response = connection.respond(status, msgspec.json.encode(body).decode())
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = "application/json"
        response.headers["Cache-Control"] = "no-store"
        return response

    def _health(self) -> tuple[HTTPStatus, dict[str, Any]]:
        return HTTPStatus.OK, {"status": "ok"}

    def _readiness(self) -> tuple[HTTPStatus, dict[str, Any]]:
        desk = self._desk
        names = [adapter.name for adapter in desk.routing.adapters]
        present = sum(desk.feeds.present(name) for name in names)
        connected = sum(desk.feeds.connected(name) for name in names)
        figures = {"adapters": len(names), "present": present, "connected": connected}
        if not present:
            return HTTPStatus.SERVICE_UNAVAILABLE, {"status": "unavailable", **figures}
        return HTTPStatus.OK, {"status": "ready", **figures}

    def _config(self) -> tuple[HTTPStatus, dict[str, Any]]:
        url = self._desk.settings.public_url or self._address()
        return HTTPStatus.OK, {"status": "success", "websocket_url": url}
