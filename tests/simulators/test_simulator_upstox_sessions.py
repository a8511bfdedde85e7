"""The adapter's own sessions against Upstox's simulator, over its sockets."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from session_owner import Owner
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from adapters.brokers.upstox.broker import BROKER
from adapters.codec import Account
from adapters.connecting.link import State
from bus.secret import Secret
from bus.topics import Mode
from simulators import SimulatorServer, SimulatorSettings

NIFTY_KEY = "NSE_INDEX|Nifty 50"
FEED = "/v3/feed/market-data-feed"


@contextlib.asynccontextmanager
async def running(**settings):
    server = SimulatorServer(SimulatorSettings(broker="upstox", **settings))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def session(server, token="token-67890", stream=BROKER.streams[0]):
    url = f"ws://127.0.0.1:{server.port}"
    owner = Owner(Account(credentials={"access_token": Secret(token)}, url=url), BROKER, stream)
    async with owner.running() as one:
        yield one, owner.ticks


def test_the_adapter_follows_the_redirect_and_gets_ticks(sim):
    async def scenario():
        async with running(rate=2000, seed=3) as server, session(server) as (one, seen):
            one.want("NSE_EQ|INE002A01018", Mode.DEPTH)
            one.want(NIFTY_KEY, Mode.LTP)

            def modes():
                return {(tick.key, tick.mode) for tick in seen}

            both = {("NSE_EQ|INE002A01018", Mode.DEPTH), (NIFTY_KEY, Mode.LTP)}
            await sim.until(lambda: modes() == both)
            assert one.state is State.CONNECTED
            one.want(NIFTY_KEY, Mode.QUOTE)
            await sim.until(lambda: modes() == both | {(NIFTY_KEY, Mode.QUOTE)})
            server.disconnect_all()  # the next connection needs a code of its own
            seen.clear()
            await sim.until(lambda: len(modes()) == 2)
            one.want(NIFTY_KEY, None)
            await sim.until(lambda: server.stats()["subscriptions"] == 1)

    asyncio.run(scenario())


def test_the_adapter_is_told_that_its_token_is_refused(sim):
    async def scenario():
        async with running(access_token="right") as server, session(server) as (one, _):
            await sim.until(lambda: one.state is State.NEEDS_TOKEN)
            assert "HTTP 401" in one.detail
            assert "Invalid token" in one.detail

    asyncio.run(scenario())


def test_the_order_stream_is_a_connection_of_its_own(sim):
    async def scenario():
        [stream] = [stream for stream in BROKER.streams if stream.purpose == "orders"]
        async with running() as server, session(server, stream=stream) as (orders, seen):
            await sim.until(lambda: orders.state is State.CONNECTED)
            await asyncio.sleep(0.05)
            assert not seen
            assert server.stats()["clients"] == 1

    asyncio.run(scenario())


def test_surplus_connections_are_refused():
    async def scenario():
        async with running() as server, contextlib.AsyncExitStack() as stack:
            url = f"ws://127.0.0.1:{server.port}{FEED}"
            for _ in range(server._broker.max_connections):
                await stack.enter_async_context(
                    connect(url, additional_headers={"Authorization": "Bearer t"})
                )
            with pytest.raises(InvalidStatus, match="429"):
                await connect(url, additional_headers={"Authorization": "Bearer t"})

    asyncio.run(scenario())
