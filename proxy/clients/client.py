"""One connected client: its socket, its timers, its session."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from functools import partial
from typing import Final

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from bus.control.messages import ClientStatus
from identity.authority import Identity
from identity.headers import address_key
from proxy.clients.session import Session
from proxy.clients.subscribing import Subscribing
from proxy.clients.verifying import Verifying
from proxy.desk import Desk
from proxy.entrance.guarded import GuardedConnection
from proxy.fanout.outlet import Outlet
from proxy.fanout.pacer import Pacer, limit_unsent
from proxy.moving.crossing import Crossing
from proxy.moving.freight import Conversation, Freight, as_frame
from proxy.moving.pause import DepartedError, Pause
from proxy.moving.unread import unsent
from proxy.protocol.profile import Profile

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
    """Made inside a running event loop, for a connection whose handshake is done.

    `profile` is for one whose handshake another process did, else the handshake's path says it.
    """

    def __init__(
        self, desk: Desk, connection: GuardedConnection, profile: Profile | None = None
    ) -> None:
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
        if connection.request is not None:
            if profile is None:
                profile = Profile.of(connection.request.path)
            # A fifth of an idle client's memory, and nobody asks for it again.
            connection.request.headers = Headers()
        connection.response = None
        self.session = Session(desk, self._outlet, profile or Profile())
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
        self._pause = Pause()
        connection.on_flood = self._flooded

    async def converse(self) -> None:
        """Until the connection ends, by whichever side, or goes on in another process."""
        age_s = self._desk.clock.monotonic() - self._connected_at
        grace = self._loop.call_later(
            max(0.0, self._desk.settings.auth_grace_s - age_s), self._grace_over
        )
        handled = 0
        try:
            while True:
                message = await self._pause.around(self._connection.recv)
                if self._ended:
                    break
                handled += 1
                if not handled % _MESSAGES_PER_TURN:
                    await asyncio.sleep(0)  # queued messages come without a pause of their own
                await self._handle(message)
        except ConnectionClosed as closed:
            logger.debug("client %s left: %s", self, closed)
        except DepartedError:
            logger.debug("client %s goes on in another process", self)
        finally:
            grace.cancel()
            self._end_session()
            if self._closing is not None:
                await self._closing  # or the library, which closes too, may be faster: with 1000

    async def _handle(self, message: str | bytes) -> None:
        waiting = self.session.receive(message)
        if isinstance(waiting, Verifying):
            door = self._connection.door
            verify = partial(door.verify, self._connection, waiting)
            await self._pause.around(verify, in_hand=message)
        elif waiting is not None:
            await self._answered(waiting)
        if waiting is not None and not self._ended:
            self.session.settle(waiting)

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
        return ClientStatus(
            id=str(self._connection.id),
            key="" if identity is None else identity.name,
            user="" if identity is None else identity.user,
            address=self._address,
            profile=self.session.profile.name,
            connected_s=round(now - self._connected_at, 3),
            subscriptions=self.session.subscriptions,
            queue_bytes=outlet.waiting,
            delivered=outlet.delivered,
            conflating=self._pacer.conflating,
            conflated=self._pacer.conflated,
            dropped=outlet.dropped,
        )

    @property
    def _address(self) -> str:
        """Where it is; behind a reverse proxy that is believed, without its port."""
        peer, counted = self._connection.peer, self._connection.address
        if peer and counted == address_key(peer[0]):
            return f"{peer[0]}:{peer[1]}"
        return counted

    def __str__(self) -> str:
        identity = self.session.identity
        user = "unauthenticated" if identity is None else repr(identity.user)
        return f"{self._connection.id} ({user})"

    # --- on the way to another process --------------------------------------------------------

    @property
    def may_move(self) -> bool:
        """Whether it can go on in another process: plain, and not about to end."""
        connection = self._connection
        return not self._ended and connection.state is State.OPEN and connection.may_yet_move

    @property
    def connection(self) -> GuardedConnection:
        return self._connection

    @property
    def waiting_bytes(self) -> int:
        """What it has yet to take from us."""
        return self._outlet.waiting

    def socket_copy(self) -> socket.socket:
        """Another descriptor of its socket, the caller's to close."""
        return self._connection.socket_copy()

    def pause(self) -> asyncio.Future[None]:
        """Handle nothing more until `proceed`; done once what was under way is finished, or
        taken back as if it had not been begun."""
        return self._pause.begin()

    def proceed(self) -> None:
        """It stays here after all."""
        self._pause.end()

    def depart(self, now: float) -> Freight | None:
        """What it takes for another process to go on with it, which leaves this one without it.

        To be called while it is paused, with a descriptor of its socket kept open. None: it is
        about to end.
        """
        connection = self._connection
        unsent_bytes = unsent(connection.transport) if self.may_move else None
        if unsent_bytes is None:
            return None
        session, outlet, in_hand = self.session, self._outlet, self._pause.in_hand
        messages = connection.waiting_frames()
        if in_hand is not None:
            messages.insert(0, as_frame(in_hand))
        freight = connection.freight(
            now,
            unsent=unsent_bytes,
            conversation=Conversation(
                shape=session.profile.look.shape.value,
                binary=session.profile.look.binary,
                tells_status=session.profile.tells_status,
                age_s=now - self._connected_at,
                identity=session.identity,
                wants_orders=session.wants_orders,
                holdings=session.holdings(),
                fragment_bytes=connection.protocol.current_size,
                messages=messages,
                conflated=session.conflated() if self._pacer.conflating else None,
                delivered=outlet.delivered,
                dropped=outlet.dropped,
                conflated_total=self._pacer.conflated,
            ),
        )
        self._end_session()
        connection.transport.abort()
        self._pause.end(departed=True)
        return freight

    def arrive(self, conversation: Conversation, crossing: Crossing) -> None:
        """Go on with what another process knew of it; nothing of it may have been read yet."""
        self._connected_at -= conversation.age_s
        self._outlet.resume(conversation.delivered, conversation.dropped)
        given = self.session.resume(conversation, crossing)
        if conversation.conflated is not None:
            self._pacer.resume(given, conversation.conflated_total)
            return
        self._pacer.conflated = conversation.conflated_total
        self.session.catch_up(crossing)

    # --- in between -----------------------------------------------------------------------

    async def _answered(self, waiting: Subscribing) -> None:
        """Other clients go on meanwhile; the adapters' word is not waited for long."""
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
