"""Who has a session of the adapter's, in tests: what it told, and running it."""

import asyncio
import contextlib
from random import Random

from msgspec.structs import replace

from adapters.brokers.zerodha.broker import BROKER
from adapters.connecting.complaints import Counters
from adapters.connecting.session import Hooks, Session
from bus.backoff import Backoff
from bus.clock import SystemClock


class Owner:
    """What a session told; `changes` are to the broker's first stream, or to the one given."""

    def __init__(self, account, broker=BROKER, stream=None, **changes):
        self.ticks = []
        self.orders = []
        self.asked = []
        self.lost = []
        self.states = []
        self.is_open = False
        self.counters = Counters()
        hooks = Hooks(
            on_ticks=lambda ticks, _: self.ticks.extend(ticks),
            on_order=self.orders.append,
            on_asked=self.asked.extend,
            on_lost=self.lost.append,
            on_state=lambda: self.states.append(self.session.state),
            expects_ticks=lambda _: self.is_open,
        )
        self.session = Session(
            "feed 0",
            broker,
            replace(stream or broker.streams[0], **changes),
            account,
            hooks=hooks,
            counters=self.counters,
            clock=SystemClock(),
            backoff=Backoff(base_s=0.001, cap_s=0.01, random=Random(1)),
        )

    @contextlib.asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.session.run())
        try:
            yield self.session
        finally:
            await self.session.stop()
            await asyncio.wait([task], timeout=3)
            assert task.done()
