"""What OpenAlgo's own processes publish, heard in its proxy's place and told to all of ours."""

import asyncio
import contextlib
import json

import msgspec
import pytest
import zmq

from bus import sockets
from bus.access import OpenAlgoSettings
from bus.classic import announce, invalidation, updated_order
from bus.clock import SystemClock
from bus.control.messages import PublisherEntry
from bus.control.service import Host
from bus.events import RelayedOrder, UsersChanged, decode_event
from bus.secret import Secret
from bus.subscriber import Subscriber
from identity.openalgo_bus import OpenAlgoBus

SECRET = Secret("the run's secret")
UPDATE = {"type": "order_update", "user_id": "bob_the_trader", "mode": "live", "orderid": "1"}


def order(**more):
    topic = b"ZERODHA_bob_the_trader_orders"
    return [topic, json.dumps(UPDATE | more).encode()]


class Heard:
    """The process, and what a consumer of our bus is told by it."""

    def __init__(self, context, endpoint):
        host = Host("openalgo-bus", 1, SECRET, context, SystemClock(), changed=lambda: None)
        self.service = OpenAlgoBus(host, OpenAlgoSettings(bus=endpoint))
        self.events = []
        self.consumer = Subscriber(context, secret=SECRET, on_frames=self._on_frames)

    def _on_frames(self, _, frames):
        self.events += [decode_event(frame.payload) for frame in frames]

    async def start(self):
        await self.service.start()
        entry = PublisherEntry("openalgo-bus", 1, self.service.publishes, ticks=False)
        self.consumer.follow([entry])

    async def until(self, condition):
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.01)

    async def stop(self):
        self.consumer.close()
        await self.service.stop()


@contextlib.asynccontextmanager
async def hearing(endpoint="tcp://127.0.0.1:*"):
    with zmq.Context() as context:
        heard = Heard(context, endpoint)
        await heard.start()
        try:
            yield heard
        finally:
            await heard.stop()


@contextlib.asynccontextmanager
async def publishing(heard):
    """OpenAlgo's publisher, once it has heard of us."""
    with zmq.Context() as context, context.socket(zmq.XPUB) as publisher:
        publisher.connect(heard.service.heard_at)
        while not publisher.poll(0):
            await asyncio.sleep(0.01)
        yield publisher


def test_orders_and_changes_of_users_are_told_in_order_and_strange_things_are_counted():
    async def scenario():
        async with hearing() as heard, publishing(heard) as publisher:
            for parts in [
                order(),
                [b"NSE_SBIN_LTP", b'{"ltp":1}'],
                [b"ZERODHA_bob_orders"],
                [b"ZERODHA_bob_orders", b"\xff"],
                [b"ZERODHA_bob_orders", b'{"type":"order_update","user_id":7}'],
                [b"ZERODHA_bob_orders", b'{"type":"market_data","user_id":"bob"}'],
                order(padding="x" * 70_000),
                [b"CACHE_INVALIDATE_ALL_x"],
                [b"CACHE_INVALIDATE_ALL_x", b"{}"],
                [b"CACHE_INVALIDATE", b"[]", b"more"],
                order(orderid="2", mode="analyze"),
                invalidation("bob_the_trader"),
            ]:
                publisher.send_multipart(parts)
            await heard.until(lambda: len(heard.events) == 3)
            first, second, last = heard.events
            assert (first.user, json.loads(bytes(first.update))) == ("bob_the_trader", UPDATE)
            assert json.loads(bytes(second.update))["orderid"] == "2"
            assert last == UsersChanged()
            stats = heard.service.stats()
            assert stats["listening"]
            assert (stats["orders_relayed_total"], stats["invalidations_total"]) == (2, 1)
            assert stats["malformed_total"] == 8

    asyncio.run(scenario())


def test_word_of_a_revoked_key_comes_from_our_own_command_line_too():
    async def scenario():
        async with hearing() as heard:
            assert await asyncio.to_thread(announce, heard.service.heard_at, "alice")
            await heard.until(lambda: UsersChanged() in heard.events)

    asyncio.run(scenario())


def test_an_address_that_is_taken_is_said_and_had_when_it_is_free(caplog):
    async def scenario():
        with zmq.Context() as context:
            taken = context.socket(zmq.SUB)
            taken.bind("tcp://127.0.0.1:*")
            async with hearing(sockets.bound_endpoint(taken)) as heard:
                assert not heard.service.stats()["listening"]
                taken.close()
                await heard.until(lambda: heard.service.stats()["listening"])
                async with publishing(heard) as publisher:
                    publisher.send_multipart(order())
                    await heard.until(lambda: len(heard.events) == 1)

    asyncio.run(scenario())
    assert caplog.text.count("not listening on OpenAlgo's bus") == 1


@pytest.mark.parametrize("parts", [[], [b"X_orders"], [b"NSE_SBIN_LTP", b"{}"]])
def test_what_is_no_order_is_none(parts):
    assert updated_order(parts) is None


def test_a_relayed_order_keeps_every_byte():
    event = RelayedOrder("a", msgspec.Raw(b'{"price": 1.10,  "x":"\\u20b9"}'))
    assert decode_event(msgspec.json.encode(event)) == event
