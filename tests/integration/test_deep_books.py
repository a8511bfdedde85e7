"""`SYMBOL:N` through every broker that has deep books: simulator, adapter, bus, in one process."""

import asyncio
import json
import tomllib
from random import Random

import pytest
import zmq

from adapters import registry
from adapters.runner import AdapterService
from bus.clock import SystemClock
from bus.control.messages import PublisherEntry
from bus.control.service import Host
from bus.events import Accepted, decode_event
from bus.frames import Kind
from bus.secret import Secret
from bus.settings import AdapterBootstrap, AdapterSettings, SimulatorSettings
from bus.subscriber import Subscriber
from bus.topics import Mode, Topic
from simulators import SimulatorServer

SECRET = Secret("run")


class Consumer:
    """What one subscriber was told."""

    def __init__(self, context, endpoint):
        self.depths = {}
        self.payloads = {}
        self._bus = Subscriber(context, secret=SECRET, on_frames=self._frames)
        self._bus.follow([PublisherEntry("feed", 1, endpoint)])
        self.close = self._bus.close

    def _frames(self, _feed, frames):
        for frame in frames:
            if frame.kind == Kind.TICK:
                payload = json.loads(frame.payload)
                self.payloads.setdefault(payload["symbol"], []).append(payload)
            elif isinstance(event := decode_event(frame.payload), Accepted):
                self.depths[Topic.parse(event.topic).symbol] = event.depth

    def want(self, symbol):
        self._bus.subscribe("feed", Topic.make("feed", "NSE", symbol, Mode.DEPTH).wire)

    def levels(self, symbol):
        """Of the last book."""
        return len(self.payloads[symbol][-1]["depth"]["buy"]) if symbol in self.payloads else 0


def settings(broker, server):
    table = tomllib.loads(server.hint())
    values = dict.fromkeys(registry.find(broker).credentials, "made-up")
    values |= table.pop("credentials", {})
    secrets = {name: Secret(value) for name, value in values.items()}
    return AdapterSettings(broker=broker, credentials=secrets, **table)


@pytest.mark.parametrize(
    ("broker", "asked", "granted"),
    [
        ("zerodha", 20, 5),
        ("angel", 20, 20),
        ("angel", 200, 20),
        ("dhan", 20, 20),
        ("dhan", 50, 50),
        ("dhan", 200, 200),
        ("upstox", 30, 30),
        ("fyers", 50, 50),
        ("nubra", 20, 20),
    ],
)
def test_a_deep_book_beside_the_plain_one(broker, asked, granted):
    async def scenario(context):
        server = SimulatorServer(SimulatorSettings(broker=broker, rate=3000.0, seed=1))
        await server.start()
        host = Host("feed", 1, SECRET, context, SystemClock(), lambda: None)
        boot = AdapterBootstrap(adapter=settings(broker, server))
        service = AdapterService(host, boot, random=Random(1))
        consumer = Consumer(context, await service.start())
        deep = f"RELIANCE:{asked}"
        try:
            consumer.want("RELIANCE")
            consumer.want(deep)
            async with asyncio.timeout(20):
                while not (consumer.levels(deep) == granted and consumer.levels("RELIANCE") == 5):
                    await asyncio.sleep(0.01)
            assert consumer.depths == {"RELIANCE": 5, deep: granted}
            book = consumer.payloads[deep][-1]
            assert book["ltp"] > 0
            assert {"volume", "close", "bids", "asks"} <= set(book)
            prices = [level["price"] for level in book["bids"] if level["price"]]
            assert prices == sorted(prices, reverse=True)
            assert service.stats()["quarantined_total"] == 0
        finally:
            consumer.close()
            await service.stop()
            await server.stop()

    with zmq.Context() as context:
        asyncio.run(scenario(context))
