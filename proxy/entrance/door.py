"""Who gets in, and how much it may cost us: the shell around the pure rules of admission.

A connection passes here when its TCP connection stands, with its handshake, and with each
login. What is refused is counted, and said in the log once a minute per kind.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final, cast

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import MultipleValuesError
from websockets.http11 import Request, Response

from bus.access import LimitSettings
from bus.clock import Clock
from bus.control.messages import Stats
from bus.settings import ProxySettings
from identity.authority import Authority, IdentityError, Slow
from identity.headers import Origins, Proxies, address_key
from identity.throttle import Buckets, FailedLogins
from proxy.clients.verifying import Verifying
from proxy.entrance.counts import DoorCounts
from proxy.entrance.guarded import GuardedConnection
from proxy.entrance.waiting import WaitingRoom
from proxy.moving.messages import Failures

logger = logging.getLogger(__name__)

_COMPLAIN_EVERY_S: Final = 60.0
_RETRY_AFTER_S: Final = "10"


class Door:
    """One per server."""

    def __init__(
        self,
        settings: ProxySettings,
        limits: LimitSettings,
        authority: Authority,
        clock: Clock,
    ) -> None:
        self.settings = settings
        self.limits = limits
        self.counts = DoorCounts()
        self._authority = authority
        self._clock = clock
        self._origins = Origins(settings.origins, [*settings.hosts, settings.host])
        self._proxies = Proxies(settings.trusted_proxies)
        per_minute = limits.handshakes_per_minute
        self._handshakes = Buckets(per_minute / 60.0, per_minute)
        self._failed_logins = FailedLogins.by(limits)
        self._waiting: WaitingRoom[GuardedConnection] = WaitingRoom(limits.unauthenticated)
        self._inside: dict[GuardedConnection, str] = {}
        #: All whose TCP connection stands.
        self.present: dict[GuardedConnection, None] = {}
        self._per_address: dict[str, int] = {}
        self._complained: dict[str, float] = {}

    def stats(self) -> Stats:
        return {
            "unauthenticated": len(self._waiting),
            "unauthenticated_evicted_total": self._waiting.evicted_total,
            **self.counts.stats(),
        }

    def failures(self) -> list[Failures]:
        """The failed logins that are remembered, for the process that comes after."""
        now = self._clock.monotonic()
        return [Failures(*one) for one in self._failed_logins.remembered(now)]

    def remember(self, failures: Iterable[Failures]) -> None:
        """What the process before knows of failed logins."""
        now = self._clock.monotonic()
        for one in failures:
            self._failed_logins.remember(one.address, one.count, now - one.age_s)

    # --- a connection's way in ----------------------------------------------------------------

    def arrived(self, connection: GuardedConnection) -> None:
        """Its TCP connection stands (and TLS, where there is one)."""
        self.present[connection] = None
        peer = connection.remote_address
        connection.address = address_key(peer[0]) if peer else ""
        self._wait_for_login(connection)

    def resumed(self, connection: GuardedConnection, address: str, *, logged_in: bool) -> None:
        """Another process let it in."""
        self.present[connection] = None
        connection.address = address
        self._enter(connection)
        if not logged_in:
            self._wait_for_login(connection)

    def check(self, connection: ServerConnection, request: Request) -> Response | None:
        """Its handshake: a refusal, or None to go on."""
        guarded = cast("GuardedConnection", connection)
        headers = request.headers
        try:
            origin, host = headers.get("Origin"), headers.get("Host")
        except MultipleValuesError:
            return guarded.respond(HTTPStatus.BAD_REQUEST, "One Origin and one Host, please.\n")
        forwarded = headers.get_all("X-Forwarded-For")
        guarded.address = address_key(self._proxies.source(guarded.address, forwarded))
        if not self._origins.allows_host(host):
            self.counts.host_refused += 1
            self._complain("host", f"Host {host!r} is not in [proxy] hosts", guarded.address)
            return guarded.respond(HTTPStatus.FORBIDDEN, "This host name is not served here.\n")
        if not self._origins.allows_origin(origin):
            self.counts.origin_refused += 1
            self._complain(
                "origin", f"Origin {origin!r} is not in [proxy] origins", guarded.address
            )
            return guarded.respond(HTTPStatus.FORBIDDEN, "Pages of this origin are not served.\n")
        if not self._handshakes.take(guarded.address, self._clock.monotonic()):
            self.counts.handshakes_refused += 1
            return self._too_many(guarded, "too many handshakes per minute")
        if self._per_address.get(guarded.address, 0) >= self.limits.connections_per_address:
            self.counts.connections_refused += 1
            return self._too_many(guarded, "too many connections")
        self._enter(guarded)
        return None

    def left(self, connection: GuardedConnection) -> None:
        """Its TCP connection ended, whoever ended it, or goes on in another process."""
        self.present.pop(connection, None)
        self._waiting.leave(connection)
        address = self._inside.pop(connection, None)
        if address is not None:
            self._per_address[address] -= 1
            if not self._per_address[address]:
                del self._per_address[address]

    async def verify(self, connection: GuardedConnection, verifying: Verifying) -> None:
        """Fill in who that is. An address that fails often waits for its next failure."""
        address = connection.address
        try:
            answer = self._authority.verify(verifying.credential)
            if isinstance(answer, Slow):
                await self._wait(self._failed_logins.delay(address, self._clock.monotonic()))
                answer = await answer.run()
        except IdentityError as error:
            self._complain("identity", f"a client could not be authenticated: {error}", address)
            verifying.failed = True
            return
        if answer is None:
            delay = self._failed_logins.failed(address, self._clock.monotonic())
            if delay:
                self._complain("login", "logins that fail again and again", address)
            await self._wait(delay)
            return
        verifying.identity = answer
        self._waiting.leave(connection)

    # --- parts ----------------------------------------------------------------------------------

    def _wait_for_login(self, connection: GuardedConnection) -> None:
        evicted = self._waiting.enter(connection, connection.address)
        if evicted is not None:
            self._complain("crowd", "too many connections that do not log in", evicted.address)
            evicted.transport.abort()

    def _enter(self, connection: GuardedConnection) -> None:
        address = connection.address
        self._per_address[address] = self._per_address.get(address, 0) + 1
        self._inside[connection] = address

    async def _wait(self, seconds: float) -> None:
        if seconds:
            self.counts.logins_delayed += 1
            await asyncio.sleep(seconds)

    def _too_many(self, connection: GuardedConnection, what: str) -> Response:
        self._complain(what, what, connection.address)
        response = connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "Too many; come back later.\n")
        response.headers["Retry-After"] = _RETRY_AFTER_S
        return response

    def _complain(self, kind: str, what: str, address: str) -> None:
        now = self._clock.monotonic()
        if now - self._complained.get(kind, float("-inf")) >= _COMPLAIN_EVERY_S:
            self._complained[kind] = now
            logger.warning("%s, from %s", what, address)
