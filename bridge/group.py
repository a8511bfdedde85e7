"""Workers that share the ticks of a stream among them: each message goes to one of them.

    from bridge import Group

    async with Group("risk", servers=["nats://127.0.0.1:4222"]) as group:
        async for tick in group:
            await book.update(tick.symbol, tick.data)
            await tick.done()

Start as many processes with the same group's name as there is work for. NATS remembers for the
group what is done, also while no worker runs. What a worker has and does not say `done` for
within `ack_s`, because it died or forgot, goes to another: at least once, and without an order
between workers. Who needs one symbol's ticks in order gives each worker its own `subjects` and
its own group.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import nats.errors
from nats.aio.msg import Msg
from nats.js import api
from nats.js.errors import NotFoundError

from bridge import stamps
from bridge.errors import LinkError, StreamSetupError, SubjectError
from bridge.link import Link, Login, connected, failure
from bridge.subjects import Place, Subjects
from bus.backoff import Backoff
from bus.clock import SystemClock
from bus.settings import NatsReach
from bus.topics import Mode

logger = logging.getLogger(__name__)

_EXPIRES_S: Final = 10.0
_GRACE_S: Final = 2.0


class GroupTick:
    """One tick that is this worker's. `data` is decoded when it is asked for first."""

    def __init__(self, place: Place, stamp: stamps.Stamps, message: Msg) -> None:
        self.adapter = place.adapter
        self.exchange = place.exchange
        self.symbol = place.symbol
        self.mode: Mode = place.mode
        self.generation, self.sequence, self.received_ns, self.flags = stamp
        self.payload = message.data
        self._message = message
        self._data: dict[str, Any] | None = None

    @property
    def data(self) -> dict[str, Any]:
        """What a WebSocket client gets as `data`."""
        if self._data is None:
            self._data = msgspec.json.decode(self.payload)
        return self._data

    @property
    def redelivered(self) -> bool:
        """Another worker, or this one, had it before and did not say `done`."""
        return self._message.metadata.num_delivered > 1

    async def done(self) -> None:
        """Dealt with: nobody gets it again."""
        with contextlib.suppress(nats.errors.Error):  # then somebody gets it again
            await self._message.ack()

    async def again(self) -> None:
        """Give it to another worker, now."""
        with contextlib.suppress(nats.errors.Error):
            await self._message.nak()


class Group:
    """A worker of the group `name`: an async iterator of `GroupTick`, reconnecting for ever.

    `subjects` are patterns under the stream's prefix, such as `"*.NSE.*.LTP"`; all ticks when
    left out. The first worker decides them, and `from_start`: all that the stream holds, or
    what comes from then on. A worker holds at most `room` ticks that it has not begun with.
    """

    def __init__(
        self,
        name: str,
        *,
        servers: Sequence[str] = ("nats://127.0.0.1:4222",),
        stream: str = "MD",
        prefix: str = "md",
        subjects: Sequence[str] = ("*.*.*.*",),
        from_start: bool = False,
        ack_s: float = 30.0,
        room: int = 200,
        login: Login | None = None,
        ca_file: str = "",
    ) -> None:
        self.strange_total = 0
        self.connections_total = 0
        self._reach = NatsReach(
            servers=list(servers), stream=stream, prefix=prefix, ca_file=ca_file
        )
        self._login = login or Login()
        self._subjects = Subjects(prefix)
        self._config = api.ConsumerConfig(
            durable_name=name,
            filter_subjects=[f"{prefix}.{pattern}" for pattern in subjects],
            deliver_policy=api.DeliverPolicy.ALL if from_start else api.DeliverPolicy.NEW,
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=ack_s,
            max_ack_pending=100_000,
        )
        self._backoff = Backoff(base_s=0.2, cap_s=5.0, stable_s=10.0)
        self._clock = SystemClock()
        self._ready: deque[GroupTick] = deque()
        self._arrived = asyncio.Event()
        self._link: Link | None = None
        self._room = room
        #: How many were asked for and did not come yet, and when one did last.
        self._coming = 0
        self._heard_at = 0.0
        self._work: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Raises LinkError: NATS cannot be reached now, or has no such stream."""
        async with self._connected() as link:
            await self._consumer(link)
        self._work = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> GroupTick:
        """The next one, however long that takes."""
        while not self._ready:
            self._arrived.clear()
            await self._arrived.wait()
        tick = self._ready.popleft()
        if self._link is not None and 2 * len(self._ready) <= self._room:
            self._link.stir.set()
        return tick

    # --- inside ---------------------------------------------------------------------------------

    def _connected(self) -> contextlib.AbstractAsyncContextManager[Link]:
        name = f"openalgo-stream group {self._config.durable_name}"
        return connected(self._reach, self._login, name, lambda _: None)

    async def _consumer(self, link: Link) -> None:
        """The group's own consumer, made by whoever is first."""
        name, stream = str(self._config.durable_name), self._reach.stream
        try:
            with contextlib.suppress(NotFoundError):
                await link.jetstream.consumer_info(stream, name)
                return
            await link.jetstream.add_consumer(stream, self._config)
        except NotFoundError:
            raise StreamSetupError(f"no stream {stream}: the bridge makes it") from None
        except (TimeoutError, nats.errors.Error) as error:
            raise failure(error) from None

    async def _run(self) -> None:
        while True:
            try:
                async with self._connected() as link:
                    await self._consumer(link)
                    self._backoff.succeeded(self._clock.monotonic())
                    self.connections_total += 1
                    await self._pull(link)
                    logger.warning("%s", link.why)
            except (LinkError, OSError, TimeoutError, nats.errors.Error) as error:
                logger.warning("%s", error)
            self._ready.clear()  # NATS gives them to another worker
            await asyncio.sleep(self._backoff.failed(self._clock.monotonic()))

    async def _pull(self, link: Link) -> None:
        """Ask for as much as there is room for, and again when half of it is taken."""
        inbox = link.client.new_inbox()
        await link.client.subscribe(inbox, cb=partial(self._take, link))
        where = f"{self._reach.stream}.{self._config.durable_name}"
        self._coming, self._heard_at, self._link = 0, self._clock.monotonic(), link
        while not link.is_over:
            link.stir.clear()
            if self._clock.monotonic() - self._heard_at > _EXPIRES_S + _GRACE_S:
                self._coming = 0  # what we asked died with a server
            room = self._room - len(self._ready) - self._coming
            if 2 * room >= self._room:
                asked = {"batch": room, "expires": int(_EXPIRES_S * 1e9)}
                await link.client.publish(
                    f"$JS.API.CONSUMER.MSG.NEXT.{where}", msgspec.json.encode(asked), inbox
                )
                self._coming += room
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GRACE_S):
                    await link.stir.wait()

    async def _take(self, link: Link, message: Msg) -> None:
        self._heard_at = self._clock.monotonic()
        headers = message.headers or {}
        if api.Header.STATUS in headers:  # a request ran out, or the consumer is gone
            self._coming -= int(headers.get("Nats-Pending-Messages", "0"))
            if "deleted" in headers.get(api.Header.DESCRIPTION, "").lower():
                link.end("the group was deleted")
            link.stir.set()
            return
        self._coming -= 1
        tick = self._tick(message)
        if tick is None:
            self.strange_total += 1
            await message.term()
            return
        self._ready.append(tick)
        self._arrived.set()

    def _tick(self, message: Msg) -> GroupTick | None:
        try:
            place, stamp = self._subjects.parse(message.subject), stamps.read(message.headers)
        except SubjectError:
            return None
        return GroupTick(place, stamp, message) if place.kind == "tick" else None
