"""What the routes work with, put together in one place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from console.admission import Admission
from console.books import Books
from console.figures import Figures
from console.hub import Hub
from console.logtail import Line
from console.quotes import Quotes
from console.sessions import Sessions
from identity.headers import Proxies
from identity.tickets import Tickets


class Restarting(Protocol):
    async def __call__(self, name: str, *, hard: bool, by: str) -> None:
        """Begin to restart a process. Raises RefusedError, UnreachableError."""
        ...


@dataclass(frozen=True)
class Desk:
    """One per process."""

    version: str
    #: The cookie's name, and whether it may travel over TLS only.
    cookie: str
    secure: bool
    sessions: Sessions
    admission: Admission
    tickets: Tickets
    proxies: Proxies
    figures: Figures
    hub: Hub
    books: Books
    quotes: Quotes
    #: Seconds of the monotonic clock.
    now: Callable[[], float]
    #: Where browsers get ticks; empty while the proxy is not up.
    websocket_url: Callable[[], str]
    recent_lines: Callable[[], Awaitable[list[Line]]]
    restart: Restarting
    #: What answers `/metrics`; None: somebody else does, or nobody.
    metrics: Callable[[Request], Awaitable[Response]] | None = None
