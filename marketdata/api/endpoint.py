"""What a call is. Every call is a row of a table; application and description are made of it.

ApiError          a call cannot be answered; has the HTTP status that OpenAlgo gives it
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from msgspec import Struct

from bus.errors import StreamError
from identity.authority import Identity

#: What the caller's role must hold: `orders` for everything on the paper account.
Right: TypeAlias = Literal["prices", "orders"]


class ApiError(StreamError):
    """Told to the client as `{"status": "error", "message": ...}`."""

    def __init__(self, status: HTTPStatus, message: str, rule: str = "") -> None:
        super().__init__(message)
        self.status = status
        #: The short word of the sandbox's rule that was broken; left out when empty.
        self.rule = rule


class Request(Struct, kw_only=True):
    """What every call has. The key may be in the header `X-API-KEY` instead."""

    apikey: str = ""


class Asked(Protocol):
    """Any request; not all can inherit from `Request`, structs have one base."""

    apikey: str


class Streamed(NamedTuple):
    """A reply too large to be made as a whole: JSON in pieces, of the shape that is described."""

    parts: AsyncIterator[bytes]


#: Answers a call of somebody, or raises `ApiError`.
Handler: TypeAlias = Callable[[Identity, Any], Awaitable[Struct | Streamed]]
Method: TypeAlias = Literal["POST", "GET"]


@dataclass(frozen=True)
class Endpoint:
    """One call: a POST with JSON, or a GET with a query; answered with JSON."""

    path: str
    summary: str
    request: type[Asked]
    reply: type[Struct]
    handle: Handler
    right: Right
    method: Method = "POST"


class Table(NamedTuple):
    """Calls under one path."""

    root: str

    def row(
        self,
        name: str,
        summary: str,
        request: type[Asked],
        reply: type[Struct],
        handle: Handler,
        right: Right = "orders",
        method: Method = "POST",
    ) -> Endpoint:
        return Endpoint(f"{self.root}/{name}", summary, request, reply, handle, right, method)


#: A call that OpenAlgo has, on the path where it has it; and one beyond those.
openalgo = Table("/api/v1").row
ours = Table("/marketdata/v1").row
