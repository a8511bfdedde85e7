"""A stream read from a position on, over one connection: pushed, with flow control.

The server sends at most what its window has room for, and goes on when we say that we have
dealt with it; so whoever handles messages slowly is waited for. Nothing is acknowledged: the
position is ours, and who loses a connection goes on behind it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

import nats.errors
from nats.aio.msg import Msg
from nats.js import api
from nats.js.errors import NotFoundError
from nats.nuid import NUID

from bridge.errors import StreamSetupError, SubjectError
from bridge.inlet import Order
from bridge.link import Link, failure
from bus.clock import Clock

_HEARTBEAT_S: Final = 1.0
#: Without a message or a heartbeat for so long the consumer is gone, with its server perhaps.
SILENCE_S: Final = 4.0
#: How long NATS keeps a consumer that nobody listens to.
_INACTIVE_S: Final = 30.0
#: More subjects than this are not worth a filter.
FILTERS: Final = 200
_STALLED: Final = "Nats-Consumer-Stalled"
_LAST_CONSUMER: Final = "Nats-Last-Consumer"


class Reader:
    """`handle(message, sequence)` is awaited for each message, in order."""

    def __init__(
        self, link: Link, stream: str, clock: Clock, handle: Callable[[Msg, int], Awaitable[None]]
    ) -> None:
        self._link = link
        self._stream = stream
        self._clock = clock
        self._handle = handle
        self._order = Order()
        self._heard_at = clock.monotonic()
        self._config = api.ConsumerConfig()

    @property
    def subjects(self) -> list[str]:
        """What is read."""
        return self._config.filter_subjects or []

    async def state(self) -> api.StreamState:
        """What the stream holds.

        Raises:
            StreamSetupError: there is none of that name.
            LinkError: NATS does not answer.
        """
        try:
            return (await self._link.jetstream.stream_info(self._stream)).state
        except NotFoundError:
            raise StreamSetupError(
                f"no stream {self._stream}: the bridge over there makes it; check options.stream"
            ) from None
        except (TimeoutError, nats.errors.Error) as error:
            raise failure(error) from None

    async def begin(
        self, where: int | datetime, subjects: Sequence[str], *, original: bool = False
    ) -> None:
        """Read from a sequence or from a moment on; `original`: at the pace of then.

        Raises:
            LinkError: NATS does not answer or refuses.
        """
        inbox = self._link.client.new_inbox()
        by_time = isinstance(where, datetime)
        policy = api.DeliverPolicy
        self._config = api.ConsumerConfig(
            name=f"openalgo-stream-{NUID().next().decode()}",
            deliver_policy=policy.BY_START_TIME if by_time else policy.BY_START_SEQUENCE,
            opt_start_time=where if isinstance(where, datetime) else None,
            opt_start_seq=None if isinstance(where, datetime) else where,
            replay_policy=api.ReplayPolicy.ORIGINAL if original else api.ReplayPolicy.INSTANT,
            ack_policy=api.AckPolicy.NONE,
            deliver_subject=inbox,
            flow_control=True,
            idle_heartbeat=_HEARTBEAT_S,
            inactive_threshold=_INACTIVE_S,
            mem_storage=True,
            num_replicas=1,
        )
        try:
            await self._link.client.subscribe(inbox, cb=self._arrived)
        except nats.errors.Error as error:
            raise failure(error) from None
        await self.choose(subjects)

    async def choose(self, subjects: Sequence[str]) -> None:
        """Have only these from here on.

        Raises:
            LinkError: NATS does not answer or refuses.
        """
        self._config = self._config.evolve(filter_subjects=list(subjects))
        try:
            await self._link.jetstream.add_consumer(self._stream, self._config)
        except (TimeoutError, nats.errors.Error) as error:
            raise failure(error) from None

    def watch(self) -> None:
        """Give the connection up if nothing was heard for too long."""
        if self._clock.monotonic() - self._heard_at > SILENCE_S:
            self._link.end(f"nothing of the stream for {SILENCE_S:g} s")

    async def _arrived(self, message: Msg) -> None:
        self._heard_at = self._clock.monotonic()
        if self._link.is_over:
            return
        if message.headers and api.Header.STATUS in message.headers:
            await self._control(message, message.headers)
            return
        try:
            sequence = self._order.take(message.reply)
        except SubjectError as error:
            self._link.end(str(error))
            return
        if sequence is None:
            self._link.end("messages were missed on the way and are asked for again")
            return
        await self._handle(message, sequence)
        self._heard_at = self._clock.monotonic()

    async def _control(self, message: Msg, headers: dict[str, str]) -> None:
        """Heartbeats tell how far the server is; flow control asks how far we are."""
        told = headers.get(_LAST_CONSUMER)
        if told is not None and int(told) != self._order.last:
            self._link.end("messages were missed on the way and are asked for again")
            return
        stalled = headers.get(_STALLED) or message.reply
        if stalled:
            await self._link.client.publish(stalled)
