"""The shell around one broker connection: tasks, logs, its end.

What it does when is decided by `link` (connecting), `subscriptions` (asking) and the codec;
`dialing` makes the connection, `reading` reads it; this module carries the rest out and counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from websockets.exceptions import ConnectionClosed

from adapters.broker import Broker, Stream
from adapters.codec import Account, Codec, Event, LoggedIn, Notice, OrderUpdate, Tick
from adapters.connecting.complaints import Complaints, Counters
from adapters.connecting.connection import BatchConnection
from adapters.connecting.dialing import dial, verdict_of
from adapters.connecting.link import Link, State
from adapters.connecting.reading import Reader, Sinks
from adapters.connecting.subscriptions import Pacer, Subscriptions
from adapters.errors import BrokerError, CodecError, Verdict
from adapters.redact import Redactor
from bus.backoff import Backoff
from bus.clock import Clock
from bus.topics import Mode
from bus.waiting import set_within

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hooks:
    """What a session tells its owner, in the event loop."""

    #: Ticks, and when they arrived (Unix ns).
    on_ticks: Callable[[list[Tick], int], None]
    #: An order of the account changed, as this connection tells it.
    on_order: Callable[[OrderUpdate], None]
    #: The broker was asked for these tokens.
    on_asked: Callable[[list[str]], None]
    #: All that the broker was asked for is void.
    on_lost: Callable[[list[str]], None]
    #: `state` or `detail` changed.
    on_state: Callable[[], None]
    #: Whether any of these tokens can trade now.
    expects_ticks: Callable[[list[str]], bool] = lambda _: False


class Session:
    """One connection of a broker's stream, kept up for ever."""

    def __init__(
        self,
        label: str,
        broker: Broker,
        stream: Stream,
        account: Account,
        *,
        hooks: Hooks,
        counters: Counters,
        clock: Clock,
        backoff: Backoff,
    ) -> None:
        self.label = label
        self._broker = broker
        self._stream = stream
        self._account = account
        self._hooks = hooks
        self._counters = counters
        self._clock = clock
        self._link = Link(
            backoff=backoff,
            now=clock.monotonic(),
            silence_s=stream.silence_s,
            login_reply_s=stream.login_reply_s,
            stall_s=stream.stall_s,
        )
        self._subscriptions = Subscriptions(stream.batch)
        self._redactor = Redactor(account)
        self._complaints = Complaints(label, self._redactor, counters)
        self._wake = asyncio.Event()
        self._socket: BatchConnection | None = None
        self._ending: tuple[Verdict, str] | None = None
        self._is_renewed = False
        self._task: asyncio.Task[None] | None = None

    @property
    def state(self) -> State:
        return self._link.state

    @property
    def detail(self) -> str:
        return self._link.detail

    def want(self, token: str, mode: Mode | None) -> None:
        """Carry a token in a mode; None: no longer."""
        self._subscriptions.want(token, mode)
        self._wake.set()

    def asked(self, token: str) -> Mode | None:
        """The mode that the broker was asked for, on the connection that is up."""
        return self._subscriptions.asked(token)

    async def run(self) -> None:
        """Connect, again and again, until `stop`."""
        self._task = asyncio.current_task()
        while (delay_s := self._link.attempt_in_s(self._clock.monotonic())) is not None:
            if delay_s > 0:
                self._wake.clear()
                await set_within(self._wake, delay_s)
                continue
            verdict, detail = await self._live_once()
            self._subscriptions.reset()
            self._hooks.on_lost(self._subscriptions.tokens)
            if self._is_renewed:
                self._link.renewed(self._clock.monotonic())
                self._hooks.on_state()
            else:
                self._failed(verdict, detail)

    def renew(self, account: Account) -> None:
        """Connect with new credentials, at once, also where the old ones still work."""
        self._account = account
        self._redactor.learn(account)
        self._is_renewed = True
        self._link.renewed(self._clock.monotonic())
        self._end(Verdict.RETRY, "new credentials")
        self._wake.set()

    async def stop(self) -> None:
        """End for good, with a close frame to the broker."""
        self._link.stop()
        if self._socket is not None:
            await self._socket.close()
        elif self._task is not None:
            self._task.cancel()

    # --- one connection -------------------------------------------------------------------

    async def _live_once(self) -> tuple[Verdict, str]:
        """Connect and stay until it ends; why it ended."""
        codec = self._broker.codec(self._account, self._stream.name)
        self._ending, self._is_renewed = None, False
        try:
            socket = await dial(codec, self._stream, self._redactor)
        except BrokerError as error:
            return error.verdict, str(error)
        self._socket = socket
        if self._is_renewed:  # while this connection was made
            self._end(Verdict.RETRY, "new credentials")
        try:
            closed = await self._converse(socket, codec)
        finally:
            self._socket = None
        return self._given_up() or verdict_of(closed, codec, self._redactor)

    def _given_up(self) -> tuple[Verdict, str] | None:
        return self._ending

    async def _converse(self, socket: BatchConnection, codec: Codec) -> ConnectionClosed:
        """Receive until the connection ends; a defect in any of the three tasks ends all."""
        reader = Reader(
            codec, self._complaints, Sinks(self._hooks.on_ticks, self._on_event, self._on_error)
        )
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(self._send(socket, codec, reader)),
                group.create_task(self._watch(socket)),
            ]
            if self._stream.ping_s is not None:
                helpers.append(group.create_task(_ping(socket, codec, self._stream.ping_s)))
            try:
                return await self._receive(socket, codec, reader)
            finally:
                for helper in helpers:
                    helper.cancel()

    async def _receive(
        self, socket: BatchConnection, codec: Codec, reader: Reader
    ) -> ConnectionClosed:
        try:
            self._opened()
            for frame in codec.login():
                await socket.send(frame)
            while True:
                messages = await socket.take()
                arrived_ns, now = self._clock.unix_ns(), self._clock.monotonic()
                self._link.heard(now)
                self._counters.frames += len(messages)
                if reader.take(messages, arrived_ns):
                    self._link.ticked(now)
                if reader.replies:
                    self._wake.set()
        except ConnectionClosed as closed:
            return closed

    def _on_event(self, event: Event) -> None:
        match event:
            case LoggedIn():
                self._logged_in()
            case OrderUpdate():
                self._hooks.on_order(event)
            case Notice(text):
                logger.info("%s: the broker says: %s", self.label, self._redactor.text(text))

    def _on_error(self, error: CodecError) -> None:
        """Some refusals end the connection."""
        if isinstance(error, BrokerError) and error.verdict is not Verdict.GO_ON:
            self._end(error.verdict, self._redactor.text(str(error)))

    # --- tasks beside the receiver -----------------------------------------------------------

    async def _send(self, socket: BatchConnection, codec: Codec, reader: Reader) -> None:
        """Replies at once; requests one by one, as fast as the broker takes them."""
        pacer = Pacer(self._stream.pace, self._clock.monotonic())
        with contextlib.suppress(ConnectionClosed):
            while True:
                self._wake.clear()
                await _send_replies(socket, reader)
                plan = self._subscriptions.plan(codec) if self._link.is_up else None
                if plan is None:
                    await self._wake.wait()
                    continue
                for frame in plan.frames:
                    while wait_s := pacer.wait_s(self._clock.monotonic()):
                        await set_within(self._wake, wait_s)
                        self._wake.clear()
                        await _send_replies(socket, reader)
                    await socket.send(frame)
                self._subscriptions.sent(plan)
                self._hooks.on_asked(plan.tokens)

    async def _watch(self, socket: BatchConnection) -> None:
        """End a connection that is open but dead."""
        stream = self._stream
        limits = (stream.silence_s, stream.login_reply_s, stream.stall_s)
        interval_s = min([limit / 4 for limit in limits if limit is not None], default=None)
        while interval_s is not None:
            await asyncio.sleep(interval_s)
            expects_ticks = self._hooks.expects_ticks(self._subscriptions.tokens)
            overdue = self._link.overdue(self._clock.monotonic(), expects_ticks=expects_ticks)
            if overdue is not None:
                self._end(Verdict.RETRY, overdue)
                return

    def _end(self, verdict: Verdict, detail: str) -> None:
        """Drop the connection without a closing handshake, which a dead peer never answers."""
        if self._ending is None and self._socket is not None:
            self._ending = verdict, detail
            self._socket.transport.abort()

    # --- state ------------------------------------------------------------------------------

    def _opened(self) -> None:
        self._link.opened(self._clock.monotonic())
        if self._link.is_up:
            self._up()

    def _logged_in(self) -> None:
        if not self._link.is_up:
            self._link.logged_in(self._clock.monotonic())
            self._up()

    def _up(self) -> None:
        logger.info("%s: connected", self.label)
        if self._link.connections_total > 1:
            self._counters.reconnects += 1
        self._wake.set()
        self._hooks.on_state()

    def _failed(self, verdict: Verdict, detail: str) -> None:
        before = self._link.state, self._link.detail
        now = self._clock.monotonic()
        self._link.failed(now, verdict, detail)
        if before != (self._link.state, self._link.detail):
            delay_s = self._link.attempt_in_s(now)
            if delay_s is not None:
                logger.warning("%s: %s; next attempt in %.1f s", self.label, detail, delay_s)
            self._hooks.on_state()


async def _ping(socket: BatchConnection, codec: Codec, interval_s: float) -> None:
    with contextlib.suppress(ConnectionClosed):
        while True:
            await asyncio.sleep(interval_s)
            await socket.send(codec.ping())


async def _send_replies(socket: BatchConnection, reader: Reader) -> None:
    while reader.replies:
        await socket.send(reader.replies.popleft())
