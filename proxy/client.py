"""One connected client: its socket, its timers, its session."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed

from bus.messages import ClientStatus
from identity.authority import Identity
from proxy.desk import Desk
from proxy.guarded import GuardedConnection
from proxy.outlet import Outlet
from proxy.pacer import Pacer, limit_unsent
from proxy.profile import Profile
from proxy.session import Session
from proxy.subscribing import Subscribing
from proxy.verifying import Verifying

logger = logging.getLogger(__name__)

#: How long an acknowledgement waits for the adapter's word. Its answer crosses the machine
#: twice, about a millisecond; the least patient client takes silence for yes after 500 ms.
ANSWER_WAIT_S: Final = 0.25
#: A client that does not read cannot complete a closing handshake: then TCP ends it.
CLOSE_TIMEOUT_S: Final = 2.0

#: A client that sends thousands of messages at once must not hold up the others.
_MESSAGES_PER_TURN: Final = 16

AUTH_FAILED: Final = 4401
TOO_SLOW: Final = 4008
TOO_MANY_MESSAGES: Final = 4429


class Client:
    """Made inside a running event loop, for a connection whose handshake is done."""

    def __init__(self, desk: Desk, connection: GuardedConnection) -> None:
        self._desk = desk
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        settings = desk.settings
        limit_unsent(connection.transport)
        self._outlet = Outlet(
            connection,
            desk.totals,
            soft_bytes=settings.conflate_above_bytes,
            hard_bytes=settings.max_backlog_bytes,
            on_behind=self._behind,
            on_slow=self._too_slow,
        )
        profile = Profile()
        if connection.request is not None:
            profile = Profile.of(connection.request.path)
            # A fifth of an idle client's memory, and nobody asks for it again.
            connection.request.headers = Headers()
        connection.response = None
        self.session = Session(desk, self._outlet, profile)
        self._pacer = Pacer(
            settings,
            desk.lanes,
            desk.totals,
            desk.clock,
            outlet=self._outlet,
            member=self.session.member,
            on_stalled=self._stalled,
        )
        self._connected_at = desk.clock.monotonic()
        self._closing: asyncio.Task[None] | None = None
        self._ended = False
        connection.on_flood = self._flooded

    async def converse(self) -> None:
        """Until the connection ends, by whichever side."""
        grace = self._loop.call_later(self._desk.settings.auth_grace_s, self._grace_over)
        handled = 0
        try:
            async for message in self._connection:
                if self._ended:
                    break
                handled += 1
                if not handled % _MESSAGES_PER_TURN:
                    await asyncio.sleep(0)  # queued messages come without a pause of their own
                waiting = self.session.receive(message)
                if waiting is not None:
                    await self._answered(waiting)
                    if not self._ended:
                        self.session.settle(waiting)
        except ConnectionClosed as closed:
            logger.debug("client %s left: %s", self, closed)
        finally:
            grace.cancel()
            self._end_session()
            if self._closing is not None:
                await self._closing  # or the library, which closes too, may be faster: with 1000

    def close(self, code: int, reason: str) -> None:
        """Tell the client why, and end the connection soon whatever it does."""
        if self._closing is not None:
            return
        logger.info("client %s closed: %d %s", self, code, reason)
        self._end_session()
        self._closing = self._loop.create_task(self._connection.close(code, reason))
        self._loop.call_later(CLOSE_TIMEOUT_S, self._connection.transport.abort)

    @property
    def identity(self) -> Identity | None:
        return self.session.identity

    def renew(self, identity: Identity) -> None:
        """The same credential, perhaps with other rights or another broker."""
        self.session.renew(identity)

    def revoke(self, reason: str) -> None:
        """The credential is worth nothing any more."""
        self.close(AUTH_FAILED, reason)

    def look(self, now: float) -> None:
        """Once a second or so: whether it keeps up."""
        self._pacer.look(now)

    def status(self, now: float) -> ClientStatus:
        """What `status --clients` shows of it."""
        identity, outlet = self.session.identity, self._outlet
        address = self._connection.remote_address
        return ClientStatus(
            id=str(self._connection.id),
            key="" if identity is None else identity.name,
            user="" if identity is None else identity.user,
            address=f"{address[0]}:{address[1]}" if address else "",
            profile=self.session.profile.name,
            connected_s=round(now - self._connected_at, 3),
            subscriptions=self.session.subscriptions,
            queue_bytes=outlet.waiting,
            delivered=outlet.delivered,
            conflating=self._pacer.conflating,
            conflated=self._pacer.conflated,
            dropped=outlet.dropped,
        )

    def __str__(self) -> str:
        identity = self.session.identity
        user = "unauthenticated" if identity is None else repr(identity.user)
        return f"{self._connection.id} ({user})"

    # --- on the way -----------------------------------------------------------------------

    async def _answered(self, waiting: Subscribing | Verifying) -> None:
        """Other clients go on meanwhile; the adapters' word is not waited for long."""
        if isinstance(waiting, Verifying):
            await self._connection.door.verify(self._connection, waiting)
            return
        answered = asyncio.Event()
        waiting.on_answered = answered.set
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_WAIT_S):
                await answered.wait()

    def _flooded(self) -> None:
        self.close(TOO_MANY_MESSAGES, "too many messages")

    def _grace_over(self) -> None:
        if self.session.identity is None:
            self.close(AUTH_FAILED, "auth timeout")

    def _behind(self) -> None:
        self._pacer.behind()

    def _stalled(self) -> None:
        self._desk.totals.slow_closed += 1
        limit_s = self._desk.settings.stall_timeout_s
        self.close(TOO_SLOW, f"slow client: nothing read for {limit_s:g} s")

    def _too_slow(self) -> None:
        """In the middle of a batch for everybody: act after it."""
        self._desk.totals.slow_closed += 1
        limit = self._desk.settings.max_backlog_bytes
        self._loop.call_soon(self.close, TOO_SLOW, f"slow client: {limit} bytes unread")

    def _end_session(self) -> None:
        if not self._ended:
            self._ended = True
            self._outlet.shut()
            self._pacer.end()
            self.session.close()
