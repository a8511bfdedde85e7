"""The classic tap: two parts, OpenAlgo's topics, no demand of its own."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
import zmq
import zmq.asyncio

from bus.clock import SystemClock
from bus.control.exits import Exit
from bus.control.messages import PublisherEntry
from bus.control.service import ExitError, Host
from bus.events import BrokerState, encode_event
from bus.publisher import Publisher
from bus.secret import Secret
from bus.settings import TapSettings
from bus.topics import EXCHANGES, Mode, Topic
from proxy.tap import TapService, classic_topic

SECRET = Secret("s")


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_classic_topic_is_the_bus_topic_without_its_broker(exchange):
    topic = Topic.make("dhan_sandbox", exchange, "A_B-C&D", Mode.QUOTE)
    assert classic_topic(topic.wire[:-1]).decode() == f"{exchange}_A_B-C&D_QUOTE"


def make_tap(context, **settings):
    host = Host("tap", 1, SECRET, context, SystemClock(), changed=lambda: None)
    return TapService(host, TapSettings(**{"port": 0, **settings}))


@pytest.mark.parametrize(
    ("topics", "first"),
    [
        ("EXCHANGE_SYMBOL_MODE", b"NSE_INDEX_NIFTY_LTP"),
        ("BROKER_EXCHANGE_SYMBOL_MODE", b"ZERODHA_NSE_INDEX_NIFTY_LTP"),
    ],
)
def test_tap_repeats_ticks_and_nothing_else(topics, first):
    async def scenario():
        context = zmq.Context()
        demands = []
        publisher = Publisher(
            context, adapter="zerodha", generation=1, secret=SECRET, on_demand=demands.extend
        )
        tap = make_tap(context, topics=topics)
        reader = context.socket(zmq.SUB)
        try:
            reader.connect(await tap.start())
            reader.subscribe(b"")
            tap.follow([PublisherEntry("zerodha", 1, publisher.endpoint)])
            topic = Topic.make("zerodha", "NSE_INDEX", "NIFTY", Mode.LTP).wire
            got = []
            async with asyncio.timeout(5):
                while not got:
                    publisher.publish_event(encode_event(BrokerState("connected")), 0)
                    publisher.publish(topic, b'{"ltp":1.5}', 1)
                    await asyncio.sleep(0.01)
                    if reader.poll(0):
                        got = reader.recv_multipart()
            assert got[0] == first
            assert msgspec.json.decode(got[1]) == {"ltp": 1.5}
            assert demands == []
            assert tap.stats()["published_total"] >= 1
        finally:
            await tap.stop()
            reader.close(0)
            publisher.close()
            context.term()

    asyncio.run(scenario())


def test_taken_address_ends_the_process_with_words():
    async def scenario():
        context = zmq.Context()
        taken = context.socket(zmq.SUB)
        port = taken.bind_to_random_port("tcp://127.0.0.1")
        tap = make_tap(context, port=port)
        try:
            with pytest.raises(ExitError, match="OpenAlgo's own proxy") as ended:
                await tap.start()
            assert ended.value.code == Exit.CONFIGURATION
        finally:
            await tap.stop()
            taken.close(0)
            context.term()

    asyncio.run(scenario())
