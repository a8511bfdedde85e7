"""A consumer that stops reading loses ticks, exactly as many as are counted, and recovers."""

import asyncio

import pytest
import zmq

from bus import sockets
from bus.control.messages import PublisherEntry
from bus.publisher import Publisher
from bus.secret import Secret
from bus.subscriber import Subscriber
from bus.topics import Mode, Topic

SENT, SYMBOLS = 40_000, 4
TOPICS = [Topic.make("zerodha", "NSE", f"S{n}", Mode.LTP).wire for n in range(SYMBOLS)]


@pytest.fixture
def small_queues(monkeypatch):
    """Two seconds' ticks would be too many to overflow in a test."""
    monkeypatch.setattr(sockets, "DATA_HIGH_WATER_MARK", 500)


@pytest.mark.usefixtures("small_queues")
def test_what_a_stalled_consumer_loses_is_counted_to_the_tick():
    got = []

    async def until(condition):
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.002)

    async def scenario(context):
        secret = Secret("run-secret")
        demands = []
        publisher = Publisher(
            context, adapter="zerodha", generation=1, secret=secret, on_demand=demands.extend
        )
        subscriber = Subscriber(
            context, secret=secret, on_frames=lambda _feed, batch: got.extend(batch)
        )
        for topic in TOPICS:
            subscriber.subscribe("zerodha", topic)
        subscriber.follow([PublisherEntry("zerodha", 1, publisher.endpoint)])
        await until(lambda: len(demands) == SYMBOLS)
        payload = bytes(1000)
        for n in range(SENT):  # the loop does not turn, so nothing is read
            publisher.publish(TOPICS[n % SYMBOLS], payload, 0)
        before = -1
        while before != len(got):  # all that was kept for it
            before = len(got)
            await asyncio.sleep(0.3)
        # A hole shows when the next tick of its topic comes.
        for topic in TOPICS:
            publisher.publish(topic, b"last", 0)
        await until(lambda: len([f for f in got if f.payload == b"last"]) == SYMBOLS)
        print(f"received {len(got)} of {SENT + SYMBOLS}, lost {subscriber.lost_total}")
        assert 0 < subscriber.lost_total == SENT + SYMBOLS - len(got)
        subscriber.close()
        publisher.close()

    with zmq.Context() as context:
        asyncio.run(scenario(context))
