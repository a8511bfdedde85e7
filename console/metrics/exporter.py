"""Asks the supervisor when somebody scrapes, and writes what it says for Prometheus."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector, CollectorRegistry
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bus.control.messages import StatusReply
from bus.errors import StreamError
from bus.secret import Secret
from console.metrics.collecting import families

logger = logging.getLogger(__name__)

#: Scrapes within this get the same answer: the supervisor is asked no more often.
_FRESH_S: Final = 0.5


class _Snapshot(Collector):
    """One status, as the library's registry wants it."""

    def __init__(self, reply: StatusReply | None) -> None:
        self._reply = reply

    def collect(self) -> Iterable[Family]:
        return families(self._reply)


class Exporter:
    """`/metrics`. `ask` raises StreamError where there is no answer; `now` is in seconds.

    With a `token` whoever has it may scrape; without one whoever is on this machine, unless a
    reverse proxy passes them on, as that may speak for anybody.
    """

    def __init__(
        self,
        ask: Callable[[], Awaitable[StatusReply]],
        token: Secret,
        now: Callable[[], float],
    ) -> None:
        self._ask = ask
        self._token = token
        self._now = now
        self._reply: StatusReply | None = None
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    async def answer(self, request: Request) -> Response:
        if why := self._refusal(request):
            return PlainTextResponse(f"{why}\n", 401 if self._token else 403)
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Snapshot(await self._status()))
        return Response(encode(registry), headers={"Content-Type": content_type})

    def _refusal(self, request: Request) -> str:
        if self._token:
            kind, _, given = request.headers.get("authorization", "").partition(" ")
            expected = self._token.reveal().encode()
            good = hmac.compare_digest(given.strip().encode(), expected)
            return "" if kind.lower() == "bearer" and good else "A bearer token is needed."
        peer = "" if request.client is None else request.client.host
        if _is_loopback(peer) and "x-forwarded-for" not in request.headers:
            return ""
        return "Metrics are for this machine only; [metrics] token lets others have them."

    async def _status(self) -> StatusReply | None:
        async with self._asking:
            if self._now() - self._asked_at > _FRESH_S:
                try:
                    self._reply = await self._ask()
                except StreamError as error:
                    logger.info("no metrics: %s", error)
                    self._reply = None
                self._asked_at = self._now()
            return self._reply


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
