"""What a simulator answers to HTTP: upgrades of clients that may log in, and a few pages.

    GET /instruments (the broker's own paths)   documents that an adapter reads
    GET /stats                                  counts, as JSON
    GET /control?pause=on|off                   hold the market, let it go on
    GET /control?refuse=on|off                  answer logins with HTTP 403, or not
    GET /control?disconnect=1                   break every connection

The last two pages exist for tests that steer a simulator in another process.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, urlsplit

import msgspec
from websockets.protocol import State

from simulators.broker import Broker, RefusedError, Request

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request as HttpRequest
    from websockets.http11 import Response

_SWITCH = {"on": True, "off": False}


class Steered(Protocol):
    """A simulator as its pages see it; there is one, `simulators.server`."""

    paused: bool
    refuse_logins: bool

    def stats(self) -> dict[str, Any]:
        """What is counted."""
        ...

    def disconnect_all(self) -> int:
        """Break every connection; returns how many there were."""
        ...


class Gate:
    """Decides about every HTTP request of one server."""

    def __init__(self, server: Steered, broker: Broker) -> None:
        self._server = server
        self._broker = broker
        self._accounts: dict[str, set[ServerConnection]] = {}

    def process_request(
        self, connection: ServerConnection, request: HttpRequest
    ) -> Response | None:
        """Answer a request, or let the upgrade go on (None)."""
        asked = as_request(request)
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return self._page(connection, asked.path, dict(asked.query))
        try:
            if self._server.refuse_logins:
                raise RefusedError(HTTPStatus.FORBIDDEN, "Logins are refused for now.")
            self._admit(self._broker.login(asked), connection)
        except RefusedError as refusal:
            response = connection.respond(HTTPStatus(refusal.status), f"{refusal.reason}\n")
            response.headers.update(refusal.headers)
            return response
        return None

    def _admit(self, account: str, connection: ServerConnection) -> None:
        """Count a connection of an account.

        Raises:
            RefusedError: HTTP 429, the account has as many as it may have.
        """
        known = self._accounts.get(account, set())
        alive = {other for other in known if other.state is not State.CLOSED}
        if len(alive) >= self._broker.max_connections:
            text = f"An account has {self._broker.max_connections} connections at most."
            raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, text)
        self._accounts[account] = alive | {connection}

    def _page(self, connection: ServerConnection, path: str, query: dict[str, str]) -> Response:
        if path == "/stats":
            return _json(connection, self._server.stats())
        if path == "/control":
            return self._control(connection, query)
        document = self._broker.document(path)
        if document is None:
            return connection.respond(HTTPStatus.NOT_FOUND, f"No page {path[:80]!r}.\n")
        response = connection.respond(HTTPStatus.OK, document.body.decode())
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = document.content_type
        return response

    def _control(self, connection: ServerConnection, query: dict[str, str]) -> Response:
        result = {}
        for name, value in query.items():
            match name, value:
                case "pause", "on" | "off":
                    self._server.paused = _SWITCH[value]
                case "refuse", "on" | "off":
                    self._server.refuse_logins = _SWITCH[value]
                case "disconnect", "1":
                    result["disconnected"] = self._server.disconnect_all()
                case _:
                    text = "control takes pause=on|off, refuse=on|off, disconnect=1\n"
                    return connection.respond(HTTPStatus.BAD_REQUEST, text)
        return _json(connection, self._server.stats() | result)


def as_request(request: HttpRequest) -> Request:
    """A request as brokers look at it."""
    target = urlsplit(request.path)
    headers = {name.lower(): value for name, value in request.headers.raw_items()}
    return Request(target.path, dict(parse_qsl(target.query)), headers)


def _json(connection: ServerConnection, value: Any) -> Response:
    response = connection.respond(HTTPStatus.OK, msgspec.json.encode(value).decode())
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "application/json"
    return response
