"""The routes: pages and their files, logging in and out, figures, search, restarts.

    GET  /  /market  /websocket/test[/20|/30|/50]   the pages
    GET  /healthz  /readyz                          for probes
    GET  /metrics                                   for Prometheus
    POST /api/login {"apikey"}, /api/logout         a session in a cookie
    GET  /api/me                                    who is logged in, or null
    GET  /api/events                                figures, logs, restarts, as they come
    POST /api/ticket                                a minute's ticket for the proxy
    GET  /api/instruments?q=&exchange=&limit=       search
    POST /api/quotes {"symbols": [...]}             last values, when there is no WebSocket
    POST /api/processes/NAME/restart {"hard"}       for administrators

Answers of /api are JSON, errors {"error": text} with a status that says what kind.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Struct
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from bus.errors import UnreachableError
from console.asking import RefusedError
from console.desk import Desk
from console.quotes import QuotesError
from console.sessions import Session
from identity.authority import Identity, IdentityError
from identity.headers import address_key

T = TypeVar("T")

STATIC: Final = Path(__file__).parent / "static"
PAGES: Final = (
    *("/", "/market"),
    *("/websocket/test", "/websocket/test/20", "/websocket/test/30", "/websocket/test/50"),
)
_MAX_BODY_BYTES: Final = 256 << 10
_MAX_FOUND: Final = 100


class Login(Struct):
    apikey: str


class Restart(Struct):
    hard: bool = False


class Name(Struct):
    symbol: Annotated[str, Meta(max_length=128)]
    exchange: Annotated[str, Meta(max_length=32)]


class Quotes(Struct):
    symbols: Annotated[list[Name], Meta(max_length=500)]


class ProblemError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Web:
    """The application; what it needs is on the desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._searching = asyncio.Lock()
        self.app = Starlette(
            routes=[
                *(Route(page, _page) for page in PAGES),
                Route("/healthz", _health),
                Route("/readyz", self._ready),
                self._route("/api/login", self._login, "POST"),
                self._route("/api/logout", self._logout, "POST"),
                self._route("/api/me", self._me),
                self._route("/api/events", self._events),
                self._route("/api/ticket", self._ticket, "POST"),
                self._route("/api/instruments", self._instruments),
                self._route("/api/quotes", self._quotes, "POST"),
                self._route("/api/processes/{name}/restart", self._restart, "POST"),
                *([] if desk.metrics is None else [Route("/metrics", desk.metrics)]),
                Mount("/assets", StaticFiles(directory=STATIC / "assets", check_dir=False)),
            ]
        )

    @staticmethod
    def _route(
        path: str, answer: Callable[[Request], Awaitable[Response]], method: str = "GET"
    ) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                return await answer(request)
            except ProblemError as problem:
                return _json({"error": str(problem)}, problem.status)

        return Route(path, endpoint, methods=[method])

    # --- who is there -------------------------------------------------------------------------

    async def _login(self, request: Request) -> Response:
        desk, address = self._desk, self._address(request)
        if not desk.admission.allows(address):
            raise ProblemError(429, "Too many attempts; come back in a minute.")
        body = await _body(request, Login)
        try:
            identity = await desk.admission.check(body.apikey.strip(), address)
        except IdentityError:
            raise ProblemError(503, "Keys cannot be checked now; see the console's log.") from None
        if identity is None:
            raise ProblemError(401, "This API key is not valid.")
        token = desk.sessions.begin(identity, desk.now())
        response = _json(self._about(identity))
        response.set_cookie(
            desk.cookie, token, httponly=True, samesite="strict", secure=desk.secure, path="/"
        )
        return response

    async def _logout(self, request: Request) -> Response:
        self._desk.sessions.end(request.cookies.get(self._desk.cookie, ""))
        response = _json({})
        response.delete_cookie(
            self._desk.cookie, httponly=True, samesite="strict", secure=self._desk.secure, path="/"
        )
        return response

    async def _me(self, request: Request) -> Response:
        session = self._found(request)
        identity = None if session is None else session.identity
        return _json(None if identity is None else self._about(identity))

    def _about(self, identity: Identity) -> dict[str, Any]:
        scopes = identity.scopes
        return {
            "user": identity.user,
            "key": identity.name,
            "admin": scopes.admin,
            "exchanges": None if scopes.exchanges is None else sorted(scopes.exchanges),
            "version": self._desk.version,
        }

    def _found(self, request: Request) -> Session | None:
        token = request.cookies.get(self._desk.cookie, "")
        return self._desk.sessions.find(token, self._desk.now()) if token else None

    def _session(self, request: Request) -> Session:
        session = self._found(request)
        if session is None:
            raise ProblemError(401, "Log in first.")
        return session

    def _identity(self, request: Request) -> Identity:
        identity = self._session(request).identity
        if identity is None:
            raise ProblemError(401, "Log in first.")
        return identity

    def _admin(self, request: Request) -> Identity:
        identity = self._identity(request)
        if not identity.scopes.admin:
            raise ProblemError(403, "This needs a key whose role has the right `admin`.")
        return identity

    def _address(self, request: Request) -> str:
        peer = "" if request.client is None else request.client.host
        return address_key(
            self._desk.proxies.source(peer, request.headers.getlist("x-forwarded-for"))
        )

    # --- what is to be seen -------------------------------------------------------------------

    async def _ready(self, _request: Request) -> Response:
        there = self._desk.figures.now["supervisor"] is not None
        return _json({"status": "ready" if there else "no supervisor"}, 200 if there else 503)

    async def _events(self, request: Request) -> Response:
        session = self._session(request)
        if self._desk.hub.is_full:
            raise ProblemError(503, "Too many pages are open.")
        stream: AsyncIterator[bytes] = self._desk.hub.stream(session, self._desk.recent_lines)
        return StreamingResponse(stream, media_type="text/event-stream")

    async def _ticket(self, request: Request) -> Response:
        identity = self._identity(request)
        url = self._desk.websocket_url()
        if not url:
            raise ProblemError(503, "The proxy is not up.")
        return _json({"url": url, "ticket": self._desk.tickets.make(identity)})

    async def _instruments(self, request: Request) -> Response:
        identity = self._identity(request)
        text = request.query_params.get("q", "").strip()[:64]
        exchange = request.query_params.get("exchange", "").strip().upper()[:32]
        try:
            limit = min(int(request.query_params.get("limit", "20")), _MAX_FOUND)
        except ValueError:
            raise ProblemError(400, "limit: a number, please.") from None
        if not text or limit < 1:
            return _json({"instruments": []})
        async with self._searching:
            found = await asyncio.to_thread(
                self._desk.books.search, text, exchange, limit, identity.scopes
            )
        return _json({"instruments": [one._asdict() for one in found]})

    async def _quotes(self, request: Request) -> Response:
        identity = self._identity(request)
        body = await _body(request, Quotes)
        try:
            answer = await self._desk.quotes.ask(
                self._desk.tickets.make(identity), [(n.symbol, n.exchange) for n in body.symbols]
            )
        except QuotesError as error:
            raise ProblemError(error.status, str(error)) from None
        return Response(answer, media_type="application/json")

    # --- what administrators do ---------------------------------------------------------------

    async def _restart(self, request: Request) -> Response:
        identity = self._admin(request)
        name = str(request.path_params["name"])
        body = await _body(request, Restart)
        try:
            await self._desk.restart(name, hard=body.hard, by=identity.name)
        except RefusedError as error:
            raise ProblemError(409, str(error)) from None
        except UnreachableError as error:
            raise ProblemError(503, f"The supervisor does not answer: {error}") from None
        return _json({"restarting": name}, 202)


async def _page(_request: Request) -> Response:
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


async def _health(_request: Request) -> Response:
    return _json({"status": "ok"})


async def _body(request: Request, kind: type[T]) -> T:
    """A JSON body of that shape. Only JSON: a form of somebody else's page cannot send it."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise ProblemError(415, "JSON, please.")
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > _MAX_BODY_BYTES:
            raise ProblemError(413, "That is too much.")
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProblemError(400, f"That is not what is expected here: {error}") from None


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
