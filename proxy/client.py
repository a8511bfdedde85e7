"""One connected client: its socket, its timers, its session."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from proxy.desk import Desk
from proxy.outlet import Outlet
from proxy.session import Session
from proxy.subscribing import Subscribing

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


class Client:
    """Made inside a running event loop, for a connection whose handshake is done."""

    def __init__(self, desk: Desk, connection: ServerConnection) -> None:
        self._desk = desk
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._outlet = Outlet(
            connection, desk.totals, desk.settings.max_backlog_bytes, self._too_slow
        )
        self.session = Session(desk, self._outlet)
        self._closing: asyncio.Task[None] | None = None
        self._ended = False

    async def converse(self) -> None:
        """Until the connection ends, by whichever side."""
        grace = self._loop.call_later(self._desk.settings.auth_grace_s, self._grace_over)
        handled = 0
        try:
            async for message in self._connection:
                if self._ended:
                    return
                handled += 1
                if not handled % _MESSAGES_PER_TURN:
                    await asyncio.sleep(0)  # queued messages come without a pause of their own
                subscribing = self.session.receive(message)
                if subscribing is not None:
                    await self._answered(subscribing)
                    if not self._ended:
                        self.session.settle(subscribing)
        except ConnectionClosed as closed:
            logger.debug("client %s left: %s", self, closed)
        finally:
            grace.cancel()
            self._end_session()

    def close(self, code: int, reason: str) -> None:
        """Tell the client why, and end the connection soon whatever it does."""
        if self._closing is not None:
            return
        logger.info("client %s closed: %d %s", self, code, reason)
        self._end_session()
        self._closing = self._loop.create_task(self._connection.close(code, reason))
        self._loop.call_later(CLOSE_TIMEOUT_S, self._connection.transport.abort)

    def __str__(self) -> str:
        identity = self.session.identity
        user = "unauthenticated" if identity is None else repr(identity.user)
        return f"{self._connection.id} ({user})"

    # --- on the way -----------------------------------------------------------------------

    async def _answered(self, subscribing: Subscribing) -> None:
        """Wait for the adapters' word, but not for long; other clients go on meanwhile."""
        answered = asyncio.Event()
        subscribing.on_answered = answered.set
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_WAIT_S):
                await answered.wait()

    def _grace_over(self) -> None:
        if self.session.identity is None:
            self.close(AUTH_FAILED, "auth timeout")

    def _too_slow(self) -> None:
        """In the middle of a batch for everybody: act after it."""
        self._desk.totals.slow_closed += 1
        limit = self._desk.settings.max_backlog_bytes
        self._loop.call_soon(self.close, TOO_SLOW, f"slow client: {limit} bytes unread")

    def _end_session(self) -> None:
        if not self._ended:
            self._ended = True
            self._outlet.shut()
            self.session.close()
