"""The whole adapter in one process: bus on one side, a pretend Kite on the other."""

import asyncio
import contextlib
import json
from random import Random

import pytest
import zmq
from msgspec.structs import replace

from adapters.brokers.zerodha.broker import BROKER
from adapters.runner import AdapterService
from bus.clock import SystemClock
from bus.control.exits import Exit
from bus.control.messages import PublisherEntry
from bus.control.service import ExitError, Host, TakesCredentials
from bus.events import Accepted, BrokerState, OrderUpdate, Rejected, decode_event
from bus.frames import OWN_CLOCK, Kind
from bus.secret import Secret
from bus.settings import AdapterBootstrap, AdapterSettings
from bus.subscriber import Subscriber
from bus.topics import Mode, Topic

SECRET = Secret("run")
HEADER = "instrument_token,tradingsymbol,name,expiry,strike,instrument_type,segment,exchange"
MASTER = f"""{HEADER}
257,SBIN,,,0,EQ,NSE,NSE
513,RELIANCE,,,0,EQ,NSE,NSE
2313,NIFTY 50,,,0,EQ,INDICES,NSE
"""
CREDENTIALS = {"api_key": Secret("key-12345"), "access_token": Secret("token-67890")}


class Bench:
    """A running adapter and a consumer of it."""

    def __init__(self, context, settings, state, broker):
        self.failures = []
        self.changes = 0
        self.ticks = []
        self.events = []
        host = Host(
            "zerodha", 7, SECRET, context, SystemClock(), self._changed, self.failures.append
        )
        boot = AdapterBootstrap(adapter=settings, state=str(state))
        self.service = AdapterService(host, boot, broker=broker, random=Random(1))
        self.consumer = Subscriber(context, secret=SECRET, on_frames=self._frames)

    def _changed(self):
        self.changes += 1

    def _frames(self, feed, batch):
        for frame in batch:
            if frame.kind == Kind.EVENT:
                self.events.append(decode_event(frame.payload))
            else:
                self.ticks.append(frame)

    def subscribe(self, symbol, mode=Mode.LTP, exchange="NSE"):
        topic = Topic.make("zerodha", exchange, symbol, mode)
        self.consumer.subscribe("zerodha", topic.wire)
        return topic.text

    def unsubscribe(self, symbol, mode=Mode.LTP, exchange="NSE"):
        topic = Topic.make("zerodha", exchange, symbol, mode)
        self.consumer.unsubscribe("zerodha", topic.wire)

    def payloads(self):
        return {frame.topic.decode(): json.loads(frame.payload) for frame in self.ticks}


@pytest.fixture
def bench(tmp_path):
    @contextlib.asynccontextmanager
    async def run(url, state="", facts=None, **settings):
        path = tmp_path / "master.csv"
        path.write_text(MASTER)
        fields = {"instruments": str(path), "credentials": CREDENTIALS, "url": url, **settings}
        with zmq.Context() as context:
            bench = Bench(context, AdapterSettings(**fields), state, facts)
            endpoint = await bench.service.start()
            bench.consumer.follow([PublisherEntry("zerodha", 7, endpoint)])
            try:
                yield bench
            finally:
                await bench.service.stop()
                bench.consumer.close()
            assert bench.failures == []

    return run


def test_from_demand_to_ticks(kite, bench, wire, eventually):
    async def scenario():
        async with kite() as server, bench(server.url) as adapter:
            topic = adapter.subscribe("SBIN")
            await eventually(lambda: Accepted(topic) in adapter.events)
            assert adapter.service.ready
            expected = [
                {"a": "subscribe", "v": [257]},
                {"a": "mode", "v": ["ltp", [257]]},
            ]
            await eventually(lambda: server.requests == expected)
            await server.send(wire.frame(wire.ltp(257, 97285), wire.ltp(99, 1), wire.ltp(257, 0)))
            await eventually(lambda: adapter.ticks)
            [frame] = adapter.ticks
            assert (frame.topic.decode(), frame.generation, frame.sequence) == (topic, 7, 1)
            assert frame.flags == OWN_CLOCK
            payload = json.loads(frame.payload)
            assert payload.pop("timestamp") == frame.received_ns // 1_000_000
            assert payload == {"symbol": "SBIN", "exchange": "NSE", "ltp": 972.85}
            stats = adapter.service.stats()
            counted = ["ticks_total", "unknown_token_total", "quarantined_total", "symbols"]
            assert [stats[name] for name in counted] == [3, 1, 1, 1]
            assert stats["quarantined_zero_price"] == 1
            assert stats["broker_state"] == "connected"
            assert stats["connections"] == 1
            assert stats["last_tick_age_s"] < 2

    asyncio.run(scenario())


def test_one_packet_feeds_every_demanded_mode(kite, bench, wire, eventually):
    async def scenario():
        async with kite() as server, bench(server.url) as adapter:
            topics = [adapter.subscribe("SBIN", mode) for mode in Mode]
            await eventually(lambda: {Accepted(t) for t in topics} <= set(adapter.events))
            full = {"a": "mode", "v": ["full", [257]]}
            await eventually(lambda: server.requests[-1:] == [full])
            fields = [10000, 5, 9990, 1000, 70, 80, 9800, 10100, 9700, 9600, 1763437499, 0, 0, 0]
            rows = [(10, 9995 - n, 2) for n in range(5)] + [(20, 10005 + n, 3) for n in range(5)]
            packet = wire.frame(wire.full(257, [*fields, 1763437500], rows))
            await server.send(packet)
            await server.send(packet)
            await eventually(lambda: len(adapter.ticks) == 5)
            payloads = adapter.payloads()
            assert set(payloads) == set(topics)
            depth = payloads[topics[2]]
            assert depth["bids"][0] == {"price": 99.95, "quantity": 10, "orders": 2}
            assert (depth["timestamp"], depth["ltt"]) == (1763437500000, 1763437499000)
            assert depth["change"] == 4.0
            assert "depth" not in payloads[topics[1]]
            adapter.unsubscribe("SBIN", Mode.DEPTH)
            last = {"a": "mode", "v": ["quote", [257]]}
            await eventually(lambda: server.requests[-1:] == [last])
            adapter.unsubscribe("SBIN", Mode.QUOTE)
            adapter.unsubscribe("SBIN", Mode.LTP)
            await eventually(lambda: server.requests[-1:] == [{"a": "unsubscribe", "v": [257]}])

    asyncio.run(scenario())


ORDER = {
    "order_id": "1", "tradingsymbol": "RAW", "exchange": "NSE", "transaction_type": "BUY",
    "order_type": "LIMIT", "product": "CNC", "status": "OPEN", "instrument_token": 257,
}  # fmt: skip


def order_updates(adapter):
    return [e.order for e in adapter.events if isinstance(e, OrderUpdate)]


def test_order_updates_once_and_by_openalgos_name(kite, bench, eventually):
    async def scenario():
        async with kite() as server, bench(server.url, symbols_per_connection=1) as adapter:
            for symbol in ("SBIN", "RELIANCE"):
                adapter.subscribe(symbol)
            await eventually(lambda: len(server.sockets) == 2)
            text = json.dumps({"type": "order", "data": ORDER})
            await server.send(text)
            await server.send(text.replace("OPEN", "REJECTED"))
            await eventually(lambda: len(order_updates(adapter)) == 2)
            told = [(o.symbol, o.order_status) for o in order_updates(adapter)]
            assert told == [("SBIN", "open"), ("SBIN", "rejected")]
            assert adapter.service.stats()["order_updates_total"] == 2

    asyncio.run(scenario())


def test_orders_that_nobody_wants_to_be_told(kite, bench, eventually):
    async def scenario():
        async with kite() as server, bench(server.url, orders=False) as adapter:
            topic = adapter.subscribe("SBIN")
            await eventually(lambda: Accepted(topic) in adapter.events)
            await server.send(json.dumps({"type": "order", "data": ORDER}))
            await server.send('{"type":"error","data":"x"}')
            await eventually(lambda: adapter.service.stats()["broker_errors_total"] == 1)
            assert order_updates(adapter) == []

    asyncio.run(scenario())


def test_an_order_channel_of_its_own(kite, bench, eventually):
    [feed] = BROKER.streams
    channel = replace(feed, name="orders", purpose="orders")
    broker = replace(BROKER, streams=(feed, channel))

    async def scenario():
        async with kite() as server, bench(server.url, facts=broker) as adapter:
            await eventually(lambda: len(server.sockets) == 2)
            await eventually(lambda: adapter.service.stats()["orders_state"] == "connected")
            assert adapter.service.stats()["connections"] == 1
            await eventually(lambda: adapter.events)  # the state: from now on events arrive
            await server.send(json.dumps({"type": "order", "data": ORDER}))
            await eventually(lambda: order_updates(adapter))
        async with kite() as server, bench(server.url, facts=broker, orders=False) as adapter:
            await eventually(lambda: adapter.service.ready)
            assert len(server.sockets) == 1
            assert adapter.service.stats()["orders_state"] is None

    asyncio.run(scenario())


def test_new_credentials_while_it_runs(kite, bench, eventually):
    async def scenario():
        async with kite() as server:
            server.status = 403
            async with bench(server.url) as adapter:
                await eventually(lambda: adapter.service.stats()["broker_state"] == "needs_token")
                server.status = None
                adapter.service.renew({"api_key": Secret("k")})
                adapter.service.renew(CREDENTIALS)
                new = {"api_key": Secret("k"), "access_token": Secret("new")}
                adapter.service.renew(new)
                await eventually(lambda: adapter.service.ready)
                assert server.queries == ["/?api_key=k&access_token=new"]
                assert isinstance(adapter.service, TakesCredentials)

    asyncio.run(scenario())


def test_yesterdays_instruments_while_the_server_is_down(kite, bench, eventually, tmp_path):
    async def scenario():
        async with kite() as server:
            url = f"{server.url.replace('ws', 'http', 1)}/instruments"
            server.master = MASTER
            for master_status in (200, 503):
                server.master_status = master_status
                async with bench(server.url, tmp_path / "state", instruments=url) as adapter:
                    accepted = Accepted(adapter.subscribe("SBIN"))
                    await eventually(lambda told=adapter.events, a=accepted: a in told)
                    assert adapter.service.stats()["instruments"] == 3

    asyncio.run(scenario())


def test_refused_demand_is_answered(kite, bench, eventually):
    async def scenario():
        limits = {"symbols_per_connection": 1, "connections": 1}
        async with kite() as server, bench(server.url, **limits) as adapter:
            first = adapter.subscribe("SBIN")
            await eventually(lambda: Accepted(first) in adapter.events)
            wanted = {
                adapter.subscribe("NOPE"): "SYMBOL_NOT_FOUND",
                adapter.subscribe("RELIANCE"): "LIMIT_EXCEEDED",
            }
            rejected = lambda: {  # noqa: E731
                e.topic: e.code for e in adapter.events if isinstance(e, Rejected)
            }
            await eventually(lambda: rejected() == wanted)
            assert adapter.service.stats()["rejected_total"] == 2

    asyncio.run(scenario())


def test_more_connections_as_needed_and_back(kite, bench, eventually):
    async def scenario():
        async with kite() as server, bench(server.url, symbols_per_connection=1) as adapter:
            for symbol, exchange in (("SBIN", "NSE"), ("RELIANCE", "NSE"), ("NIFTY", "NSE_INDEX")):
                adapter.subscribe(symbol, exchange=exchange)
            await eventually(lambda: adapter.service.stats()["connections"] == 3)
            await eventually(lambda: len(server.requests) == 6)
            adapter.unsubscribe("RELIANCE")
            await eventually(lambda: len(server.sockets) == 2)
            assert adapter.service.ready

    asyncio.run(scenario())


def test_who_waits_is_told_why(kite, bench, eventually):
    async def scenario():
        async with kite() as server:
            server.status = 403
            async with bench(server.url) as adapter:
                await eventually(lambda: adapter.service.stats()["broker_state"] == "needs_token")
                assert not adapter.service.ready
                adapter.subscribe("SBIN")
                told = lambda: [e for e in adapter.events if e.state == "needs_token"]  # noqa: E731
                await eventually(told)
                assert "HTTP 403" in told()[0].detail

    asyncio.run(scenario())


def test_state_events_on_every_change(kite, bench, eventually):
    async def scenario():
        async with kite() as server, bench(server.url) as adapter:
            topic = adapter.subscribe("SBIN")
            await eventually(lambda: Accepted(topic) in adapter.events)
            await server.sockets[0].close(1011)
            states = lambda: [e.state for e in adapter.events if isinstance(e, BrokerState)]  # noqa: E731
            await eventually(lambda: states()[-2:] == ["backoff", "connected"])
            await eventually(lambda: adapter.service.stats()["reconnects_total"] == 1)
            assert adapter.changes >= 3
            await adapter.service.stop()
            assert adapter.service.stats()["broker_state"] == "stopped"

    asyncio.run(scenario())


def test_a_master_from_a_server_is_waited_for(kite, bench, eventually):
    async def scenario():
        async with kite() as server:
            url = f"{server.url.replace('ws', 'http', 1)}/instruments"
            server.master = "not a master"
            async with bench(server.url, instruments=url) as adapter:
                topic = adapter.subscribe("SBIN")
                told = lambda: adapter.service.stats()["broker_detail"]  # noqa: E731
                await eventually(lambda: "/instruments: line 1: no column" in told())
                assert not adapter.service.ready
                server.master = MASTER
                await eventually(lambda: Accepted(topic) in adapter.events)
                assert adapter.service.ready

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"instruments": "/nowhere/kite.csv"}, "/nowhere/kite.csv: No such file"),
        ({"credentials": {"api_key": Secret("k")}}, "Zerodha needs access_token: set it"),
        ({"url": "http://127.0.0.1:1"}, "url: expected ws://HOST or wss://HOST"),
        ({"url": "ws://127.0.0.1:x"}, "url: expected ws://HOST or wss://HOST"),
        ({"broker": "zerodah"}, "did you mean 'zerodha'?"),
    ],
)
def test_a_wrong_configuration_ends_the_process(bench, settings, message):
    async def scenario():
        async with bench(**{"url": "ws://127.0.0.1:1", **settings}):
            pass

    with pytest.raises(ExitError) as caught:
        asyncio.run(scenario())
    assert caught.value.code == Exit.CONFIGURATION
    assert message in str(caught.value)


def test_a_defect_in_the_background_ends_the_process(kite, bench):
    async def scenario():
        async with kite() as server, bench(server.url) as adapter:
            adapter.service._connections.spawn(_defect())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            [error] = adapter.failures
            assert isinstance(error, ZeroDivisionError)
            adapter.failures.clear()

    async def _defect():
        raise ZeroDivisionError

    asyncio.run(scenario())
