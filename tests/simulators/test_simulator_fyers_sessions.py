"""The adapter's own sessions against Fyers' simulator, over its sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
from session_owner import Owner

from adapters.brokers.fyers.broker import BROKER
from adapters.codec import Account
from adapters.connecting.link import State
from bus.secret import Secret
from bus.topics import Mode
from simulators import SimulatorServer, SimulatorSettings
from simulators.brokers.fyers.broker import access_token

INFY_TOKEN, NIFTY_TOKEN = "nse_cm|1594|NSE:INFY-EQ", "nse_cm|Nifty 50|NSE:NIFTY50-INDEX"
SF, DP, IF = "sf|nse_cm|1594", "dp|nse_cm|1594", "if|nse_cm|Nifty 50"
TOKEN = f"APP-100:{access_token('key')}"


def reader(server, stream="hsm", token=TOKEN):
    """A session on one stream of a running simulator."""
    account = Account(
        credentials={"access_token": Secret(token)}, url=f"ws://127.0.0.1:{server.port}"
    )
    return Owner(account, BROKER, next(s for s in BROKER.streams if s.name == stream))


@contextlib.asynccontextmanager
async def simulator(**settings):
    server = SimulatorServer(SimulatorSettings(broker="fyers", **settings))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def test_the_adapter_reads_a_recording_whole(sim, recording):
    async def scenario():
        async with simulator(data=recording, speed=0) as server:
            one = reader(server)
            one.session.want(NIFTY_TOKEN, Mode.QUOTE)
            async with one.running():
                await sim.until(lambda: len(one.ticks) == 40)
            assert [tick.ltp for tick in one.ticks] == [17_000.0 + n for n in range(40)]
            assert {tick.key for tick in one.ticks} == {IF}
            assert one.counters.malformed == 0

    asyncio.run(scenario())


def test_the_adapter_reads_books_of_both_depths(sim):
    async def scenario():
        async with simulator(rate=3000) as server:
            flat, far = reader(server), reader(server, "tbt")
            flat.session.want(INFY_TOKEN, Mode.DEPTH)
            far.session.want(INFY_TOKEN, Mode.DEPTH)
            async with flat.running(), far.running():
                await sim.until(lambda: len(flat.ticks) > 20 and len(far.ticks) > 20)
            assert {tick.key for tick in flat.ticks} == {SF, DP}
            assert {tick.key for tick in far.ticks} == {"NSE:INFY-EQ"}
            for tick in far.ticks:
                prices = [row[0] for row in tick.depth.buy]
                assert len(prices) > 40
                assert prices == sorted(prices, reverse=True)
                assert tick.depth.sell[0][0] > prices[0]
            assert flat.counters.malformed == far.counters.malformed == 0

    asyncio.run(scenario())


def test_the_adapter_acknowledges(sim):
    async def scenario():
        async with simulator(rate=5000) as server:
            one = reader(server)
            one.session.want(INFY_TOKEN, Mode.QUOTE)

            def acknowledged():
                return max((one.session._talk.acknowledged for one in server._clients), default=0)

            async with one.running():
                await sim.until(lambda: acknowledged() >= 50, timeout_s=60.0)

    asyncio.run(scenario())


@pytest.mark.parametrize("stream", ["hsm", "tbt", "orders"])
def test_the_adapter_is_told_that_it_needs_a_token(sim, stream):
    async def scenario():
        async with simulator(access_token=access_token("other")) as server:
            one = reader(server, stream)
            async with one.running():
                await sim.until(lambda: one.session.state is State.NEEDS_TOKEN)

    asyncio.run(scenario())


def test_the_hint_lets_an_adapter_in(sim):
    async def scenario():
        async with simulator() as server:
            lines = dict(line.split(" = ", 1) for line in server.hint().splitlines())
            token = json.loads(lines["credentials"].partition("=")[2].rstrip("} "))
            readers = [reader(server, stream.name, token) for stream in BROKER.streams]
            async with contextlib.AsyncExitStack() as stack:
                for one in readers:
                    await stack.enter_async_context(one.running())
                await sim.until(lambda: all(r.session.state is State.CONNECTED for r in readers))

    asyncio.run(scenario())
