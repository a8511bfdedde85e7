"""The ASGI application: the table of calls behind one door.

Everything is bounded: the size of a request, how many are worked on at a time, how often a key
may ask. Errors look as OpenAlgo's do; a defect is logged, and told without its inside.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final, NoReturn

import msgspec
from msgspec import UNSET, Struct
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bus.access import LimitSettings
from bus.clock import Clock
from identity.admission import KeyChecks
from identity.authority import Authority, Identity, IdentityError
from identity.headers import Origins, address_key
from identity.throttle import Buckets
from marketdata.api.endpoint import ApiError, Asked, Endpoint, Right, Streamed
from marketdata.api.openapi import describe
from marketdata.api.replies.common import Failure

logger = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 1 << 20
#: Requests worked on at a time, of prices and of orders each: most wait for a first tick or for
#: the desk, and a desk that stalls must not keep prices from anybody.
MAX_AT_ONCE: Final = 256
#: As OpenAlgo words it: clients compare the text.
_BAD_KEY: Final = "Invalid openalgo apikey"
_encode = msgspec.json.Encoder().encode


class Door:
    """Who may ask, and how often."""

    def __init__(
        self, authority: Authority, limits: LimitSettings, clock: Clock, hosts: Sequence[str]
    ) -> None:
        self._clock = clock
        self._keys = KeyChecks(authority, limits, clock)
        self._origins = Origins([], hosts)
        self._asked = Buckets(limits.messages_per_s, limits.message_burst)
        self.refused_total = 0
        self.at_once: Counter[Right] = Counter()

    def check(self, request: HttpRequest, right: Right) -> None:
        """What the headers tell; other people's pages have no business here. Raises ApiError."""
        headers = request.headers
        if not self._origins.allows_host(headers.get("host")):
            self._refuse(HTTPStatus.FORBIDDEN, "This host name is not served here")
        if not self._origins.allows_origin(headers.get("origin")):
            self._refuse(HTTPStatus.FORBIDDEN, "Pages of this origin are not served")
        if self.at_once[right] >= MAX_AT_ONCE:
            self._refuse(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests at a time")

    async def identify(self, request: HttpRequest, key: str) -> Identity:
        """Whose key that is. Raises ApiError."""
        address = address_key(request.client.host) if request.client is not None else ""
        try:
            who = await self._keys.check(key, address)
        except IdentityError as error:
            logger.warning("a key could not be checked: %s", error)
            raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "Keys cannot be checked now") from None
        if who is None:
            self._refuse(HTTPStatus.FORBIDDEN, _BAD_KEY)
        if not self._asked.take(who.credential, self._clock.monotonic()):
            self._refuse(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests of this key")
        return who

    def _refuse(self, status: HTTPStatus, message: str) -> NoReturn:
        self.refused_total += 1
        raise ApiError(status, message)


def application(endpoints: Sequence[Endpoint], door: Door) -> Starlette:
    """All calls, their description, and `/healthz`."""
    description = Response(_encode(describe(endpoints)), media_type="application/json")
    fine = Response(b'{"status":"ok"}', media_type="application/json")

    async def told(_request: HttpRequest) -> Response:
        return description

    async def health(_request: HttpRequest) -> Response:
        return fine

    routes = [Route(one.path, _Call(one, door).handle, methods=[one.method]) for one in endpoints]
    routes += [Route("/openapi.json", told), Route("/healthz", health)]
    return Starlette(routes=routes, exception_handlers={HTTPException: _http_error})


class _Call:
    """One row of the table at work."""

    def __init__(self, endpoint: Endpoint, door: Door) -> None:
        self._endpoint = endpoint
        self._door = door
        self._decode = msgspec.json.Decoder(endpoint.request, strict=False).decode

    async def handle(self, request: HttpRequest) -> Response:
        endpoint = self._endpoint
        try:
            reply = await self._answer(request)
            if isinstance(reply, Streamed):
                return StreamingResponse(reply.parts, media_type="application/json")
            return _response(HTTPStatus.OK, reply)
        except ApiError as error:
            failure = Failure(message=str(error), rule=error.rule or UNSET)
            if endpoint.right == "orders":
                failure.mode = "analyze"
            return _response(error.status, failure)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody reads it
        except Exception:
            logger.exception("%s failed", endpoint.path)
            failure = Failure(message="Internal error; the log of marketdata says more")
            return _response(HTTPStatus.INTERNAL_SERVER_ERROR, failure)

    async def _answer(self, request: HttpRequest) -> Struct | Streamed:
        endpoint, door = self._endpoint, self._door
        door.check(request, endpoint.right)
        door.at_once[endpoint.right] += 1
        try:
            asked = await self._read(request)
            who = await door.identify(request, asked.apikey or request.headers.get("x-api-key", ""))
            if endpoint.right == "orders" and not who.scopes.orders:
                raise ApiError(HTTPStatus.FORBIDDEN, "This key may not have orders")
            return await endpoint.handle(who, asked)
        finally:
            door.at_once[endpoint.right] -= 1

    async def _read(self, request: HttpRequest) -> Asked:
        try:
            if self._endpoint.method == "GET":
                query = dict(request.query_params)
                return msgspec.convert(query, self._endpoint.request, strict=False)
            asked: Asked = self._decode(await _body(request))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ApiError(HTTPStatus.BAD_REQUEST, str(error)) from None
        return asked


async def _body(request: HttpRequest) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise ApiError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A request has at most {MAX_BODY_BYTES} bytes"
            )
    return bytes(body)


async def _http_error(_request: HttpRequest, error: Exception) -> Response:
    """What Starlette itself refuses: unknown paths and methods."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    return _response(HTTPStatus(error.status_code), Failure(message=error.detail), error.headers)


def _response(status: HTTPStatus, body: Struct, headers: Any = None) -> Response:
    return Response(_encode(body), status, headers, media_type="application/json")
