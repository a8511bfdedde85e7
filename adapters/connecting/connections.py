"""An account's connections, and the tasks that keep them up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from adapters.broker import Broker, Stream
from adapters.codec import Account
from adapters.connecting.complaints import Counters
from adapters.connecting.link import State
from adapters.connecting.session import Hooks, Session
from bus.backoff import Backoff
from bus.clock import Clock

#: The worst state of any connection is the adapter's; failures come before success.
_WORST_FIRST = (
    *(State.STOPPED, State.NEEDS_TOKEN, State.BACKOFF),
    *(State.CONNECTED, State.CONNECTING),
)


class Connections:
    """`adapters.switchboard.Connections` over real sessions, and the account's order channel.

    Args:
        hooks: what a stream's sessions tell.
        backoff: makes a new one per session.
        on_defect: a task ended with an exception that nobody caught.
    """

    def __init__(
        self,
        broker: Broker,
        account: Account,
        clock: Clock,
        *,
        hooks: Callable[[Stream], Hooks],
        backoff: Callable[[], Backoff],
        on_defect: Callable[[BaseException], None],
    ) -> None:
        self.account = account
        self.counters = Counters()
        self.orders: Session | None = None
        self._broker = broker
        self._clock = clock
        self._hooks = hooks
        self._backoff = backoff
        self._on_defect = on_defect
        self._sessions: dict[tuple[str, int], Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def states(self) -> list[State]:
        """Of the connections for ticks."""
        return [session.state for session in self._sessions.values()]

    def connection(self, stream: str, number: int) -> Session:
        session = self._sessions.get((stream, number))
        if session is None:
            kind = next(s for s in self._broker.streams if s.name == stream)
            session = self._sessions[stream, number] = self._open(kind, number)
        return session

    def release(self, stream: str, number: int) -> None:
        session = self._sessions.pop((stream, number), None)
        if session is not None:
            self.spawn(session.stop())

    def open_orders(self) -> None:
        """The account's order channel, where the broker has one of its own."""
        stream = next((s for s in self._broker.streams if s.purpose == "orders"), None)
        if stream is not None:
            self.orders = self._open(stream, 0)

    def worst(self) -> tuple[State, str] | None:
        """The state of the worst connection for ticks, and its detail; None: there is none."""
        details = {session.state: session.detail for session in self._sessions.values()}
        return next(((state, details[state]) for state in _WORST_FIRST if state in details), None)

    def renew(self, account: Account) -> None:
        """Connect anew, with other credentials."""
        self.account = account
        for session in self._all():
            session.renew(account)

    async def stop(self) -> None:
        """Close every connection, and end every task."""
        await asyncio.gather(*(session.stop() for session in self._all()))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the connections, until `stop`."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _open(self, stream: Stream, number: int) -> Session:
        session = Session(
            f"{stream.name} {number}",
            self._broker,
            stream,
            self.account,
            hooks=self._hooks(stream),
            counters=self.counters,
            clock=self._clock,
            backoff=self._backoff(),
        )
        self.spawn(session.run())
        return session

    def _all(self) -> list[Session]:
        orders = [] if self.orders is None else [self.orders]
        return [*self._sessions.values(), *orders]

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:  # a defect: the supervisor sees the process end, and starts another
            self._on_defect(error)
