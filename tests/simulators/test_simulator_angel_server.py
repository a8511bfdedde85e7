"""Angel One's simulator over sockets: an adapter's own sessions, logins and refusals."""

from __future__ import annotations

import asyncio
import contextlib
import json
from random import Random

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from adapters.brokers.angel.broker import BROKER
from adapters.codec import Account
from adapters.connecting.complaints import Counters
from adapters.connecting.link import State
from adapters.connecting.session import Hooks, Session
from bus.backoff import Backoff
from bus.clock import SystemClock
from bus.secret import Secret
from bus.topics import Mode
from simulators import SimulatorServer, SimulatorSettings

HEADERS = {
    "authorization": "jwt", "x-api-key": "key", "x-client-code": "A1", "x-feed-token": "feed",
}  # fmt: skip
CREDENTIALS = {
    "access_token": Secret("jwt"),
    "api_key": Secret("key"),
    "client_code": Secret("A1"),
    "feed_token": Secret("feed"),
}


@contextlib.asynccontextmanager
async def running(**settings):
    server = SimulatorServer(SimulatorSettings(broker="angel", **settings))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class Owner:
    """An adapter's session of one stream, and what it told."""

    def __init__(self, server, stream):
        self.ticks = []
        self.orders = []
        self.counters = Counters()
        url = f"ws://127.0.0.1:{server.port}"
        self.session = Session(
            stream,
            BROKER,
            next(s for s in BROKER.streams if s.name == stream),
            Account(credentials=CREDENTIALS, url=url),
            hooks=Hooks(
                on_ticks=lambda ticks, _: self.ticks.extend(ticks),
                on_order=self.orders.append,
                on_asked=lambda _: None,
                on_lost=lambda _: None,
                on_state=lambda: None,
            ),
            counters=self.counters,
            clock=SystemClock(),
            backoff=Backoff(base_s=0.001, cap_s=0.01, random=Random(1)),
        )

    @contextlib.asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.session.run())
        try:
            yield self
        finally:
            await self.session.stop()
            await asyncio.wait([task], timeout=3)


def test_an_adapters_session_gets_what_it_asks_for(sim):
    async def scenario():
        async with running(rate=3000) as server:
            feed, deep = Owner(server, "feed"), Owner(server, "depth20")
            feed.session.want("1|1594", Mode.DEPTH)
            feed.session.want("1|99926000", Mode.QUOTE)
            feed.session.want("13|10001", Mode.LTP)
            deep.session.want("1|1594", Mode.DEPTH)
            async with feed.running(), deep.running():
                wanted = {("1|1594", 3), ("1|99926000", 2), ("13|10001", 1)}
                await sim.until(lambda: {(t.key, t.mode) for t in feed.ticks} == wanted)
                await sim.until(lambda: len(deep.ticks) > 3)
                assert {len(tick.depth.buy) for tick in deep.ticks} == {20}
                feed.session.want("1|1594", Mode.LTP)
                await sim.until(lambda: ("1|1594", 1) in {(t.key, t.mode) for t in feed.ticks})
                feed.session.want("1|1594", None)
                await sim.until(lambda: server.stats()["subscriptions"] == 3)
            assert feed.counters.malformed == deep.counters.malformed == 0
            assert feed.counters.broker_errors == 0

    asyncio.run(scenario())


def test_the_order_socket_greets_and_answers_pings(sim):
    async def scenario():
        async with running() as server:
            owner = Owner(server, "orders")
            async with owner.running():
                await sim.until(lambda: owner.counters.frames == 1)
                assert owner.session.state is State.CONNECTED
                assert owner.orders == []
                assert owner.counters.malformed == owner.counters.broker_errors == 0
            url = f"ws://127.0.0.1:{server.port}/smart-order-update"
            async with connect(url, additional_headers={"Authorization": "Bearer jwt"}) as socket:
                assert json.loads(await socket.recv())["order-status"] == "AB00"
                await socket.send("not for you")
                await socket.send("ping")
                assert await socket.recv() == "pong"

    asyncio.run(scenario())


def test_a_refused_login_needs_a_token_and_says_why(sim):
    async def scenario():
        async with running(access_token="other") as server:
            owner = Owner(server, "feed")
            async with owner.running():
                await sim.until(lambda: owner.session.state is State.NEEDS_TOKEN)
                assert "Invalid Header - Invalid Auth token" in owner.session.detail
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"ws://127.0.0.1:{server.port}", additional_headers=HEADERS)
            assert refused.value.response.status_code == 401
            headers = refused.value.response.headers
            assert headers["x-error-message"] == "Invalid Header - Invalid Auth token"

    asyncio.run(scenario())


def test_a_fourth_connection_is_refused_and_the_order_socket_is_not():
    async def scenario():
        async with running() as server, contextlib.AsyncExitStack() as stack:
            url = f"ws://127.0.0.1:{server.port}"
            for _ in range(3):
                await stack.enter_async_context(connect(url, additional_headers=HEADERS))
            with pytest.raises(InvalidStatus) as refused:
                await connect(url, additional_headers=HEADERS)
            assert refused.value.response.status_code == 429
            orders = f"{url}/smart-order-update"
            await stack.enter_async_context(connect(orders, additional_headers=HEADERS))

    asyncio.run(scenario())
