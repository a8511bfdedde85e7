"""Publisher and Subscriber over real sockets on loopback."""

import asyncio

import pytest
import zmq
from msgspec.structs import replace

from bus import frames, sockets, welcome
from bus.control.messages import PublisherEntry
from bus.events import (
    Accepted,
    BrokerState,
    OrderUpdate,
    Rejected,
    decode_event,
    encode_event,
)
from bus.frames import Frame, Kind
from bus.market.orders import Order
from bus.publisher import Publisher
from bus.secret import Secret
from bus.subscriber import Subscriber
from bus.topics import Mode, Topic
from bus.wants import Demand

SECRET = Secret("run-secret")
SBIN = Topic.make("zerodha", "NSE", "SBIN", Mode.LTP)
SBINE = Topic.make("zerodha", "NSE", "SBINE", Mode.LTP)


class Bench:
    """One context, publishers and subscribers made on it, closed at the end."""

    def __init__(self):
        self.context = zmq.Context()
        self.opened = []

    def publisher(self, generation=1, secret=SECRET):
        demands = []
        publisher = Publisher(
            self.context,
            adapter="zerodha",
            generation=generation,
            secret=secret,
            on_demand=demands.extend,
        )
        publisher.demands = demands
        self.opened.append(publisher)
        return publisher

    def subscriber(self, tap=False):
        got = []
        subscriber = Subscriber(
            self.context, secret=SECRET, on_frames=lambda _feed, batch: got.extend(batch), tap=tap
        )
        subscriber.got = got
        self.opened.append(subscriber)
        return subscriber

    def close(self):
        for thing in reversed(self.opened):
            thing.close()
        self.context.term()


def entry(publisher):
    return PublisherEntry("zerodha", publisher.generation, publisher.endpoint)


def on_bench(scenario):
    async def run():
        bench = Bench()
        try:
            await scenario(bench)
        finally:
            bench.close()

    asyncio.run(run())


async def until(condition, timeout_s=5.0):
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.002)


def test_demand_reaches_the_publisher_and_ticks_the_subscriber_in_order():
    async def scenario(bench):
        publisher, subscriber = bench.publisher(), bench.subscriber()
        subscriber.subscribe("zerodha", SBIN.wire)
        subscriber.follow([entry(publisher)])
        await until(lambda: publisher.demands)
        assert publisher.demands == [Demand(SBIN.wire, wanted=True)]
        for n in range(5000):
            publisher.publish(SBIN.wire, str(n).encode(), received_ns=n)
        await until(lambda: len(subscriber.got) == 5000)
        assert [int(f.payload) for f in subscriber.got] == list(range(5000))
        assert [f.sequence for f in subscriber.got] == list(range(1, 5001))
        assert subscriber.lost_total == 0

    on_bench(scenario)


def test_a_subscription_never_matches_a_longer_symbol():
    async def scenario(bench):
        publisher, subscriber = bench.publisher(), bench.subscriber()
        subscriber.subscribe("zerodha", SBIN.wire)
        subscriber.follow([entry(publisher)])
        await until(lambda: publisher.demands)
        publisher.publish(SBINE.wire, b"other", 0)
        publisher.publish(SBIN.wire, b"mine", 0)
        await until(lambda: subscriber.got)
        assert [f.payload for f in subscriber.got] == [b"mine"]

    on_bench(scenario)


def test_the_last_one_to_leave_withdraws_the_demand_and_each_one_to_come_is_seen():
    async def scenario(bench):
        publisher = bench.publisher()
        first, second = bench.subscriber(), bench.subscriber()
        for subscriber in (first, second):
            subscriber.subscribe("zerodha", SBIN.wire)
            subscriber.follow([entry(publisher)])
        await until(lambda: len(publisher.demands) == 2)
        assert all(demand.wanted for demand in publisher.demands)
        first.unsubscribe("zerodha", SBIN.wire)
        await asyncio.sleep(0.05)
        assert len(publisher.demands) == 2
        second.close()
        await until(lambda: len(publisher.demands) == 3)
        assert publisher.demands[-1] == Demand(SBIN.wire, wanted=False)

    on_bench(scenario)


def test_a_tap_gets_what_flows_and_causes_no_demand():
    async def scenario(bench):
        publisher, tap = bench.publisher(), bench.subscriber(tap=True)
        tap.follow([entry(publisher)])
        await until(lambda: any(feed.trusted for feed in tap.feeds))
        await asyncio.sleep(0.02)
        publisher.publish(SBIN.wire, b"1", 0)
        publisher.publish_event(encode_event(Accepted(SBIN.text)), 0)
        await until(lambda: len(tap.got) == 2)
        assert publisher.demands == []
        assert [f.kind for f in tap.got] == [Kind.TICK, Kind.EVENT]

    on_bench(scenario)


def test_a_later_generation_learns_the_whole_demand_from_its_sockets():
    topics = [Topic.make("zerodha", "NSE", f"S{n}", Mode.LTP).wire for n in range(5000)]

    async def scenario(bench):
        subscriber = bench.subscriber()
        for topic in topics:
            subscriber.subscribe("zerodha", topic)
        old = bench.publisher(generation=1)
        subscriber.follow([entry(old)])
        await until(lambda: len(old.demands) == 5000)
        new = bench.publisher(generation=2)
        subscriber.follow([entry(new)])
        await until(lambda: len(new.demands) == 5000)
        assert {demand.topic for demand in new.demands} == set(topics)
        for topic in topics:
            new.publish(topic, b"x", 0)
        await until(lambda: len(subscriber.got) == 5000)

    on_bench(scenario)


def test_two_hundred_publishers_at_once_have_a_port_each():
    async def scenario(bench):
        made = [bench.publisher(generation=n + 1) for n in range(200)]
        endpoints = {publisher.endpoint for publisher in made}
        assert len(endpoints) == 200
        subscriber = bench.subscriber()
        subscriber.subscribe("zerodha", SBIN.wire)
        subscriber.follow([entry(made[77])])
        await until(lambda: made[77].demands)
        for number, publisher in enumerate(made):
            publisher.publish(SBIN.wire, b"%d" % number, 0)
        await until(lambda: subscriber.got)
        assert [frame.payload for frame in subscriber.got] == [b"77"]

    on_bench(scenario)


def test_holes_in_a_sequence_are_counted_also_after_the_feed_is_gone():
    async def scenario(bench):
        publisher, subscriber = bench.publisher(), bench.subscriber()
        subscriber.subscribe("zerodha", SBIN.wire)
        subscriber.follow([entry(publisher)])
        await until(lambda: publisher.demands)
        publisher.publish(SBIN.wire, b"1", 0)
        publisher._sequences[SBIN.wire] += 7  # as if libzmq had dropped seven
        publisher.publish(SBIN.wire, b"9", 0)
        await until(lambda: len(subscriber.got) == 2)
        subscriber.follow([])
        assert subscriber.lost_total == 7

    on_bench(scenario)


@pytest.mark.parametrize("secret", [Secret("another run"), None])
def test_a_stranger_on_the_port_is_never_believed(secret):
    async def scenario(bench):
        if secret is None:  # no welcome at all
            socket = bench.context.socket(zmq.XPUB)
            socket.bind(sockets.LOOPBACK_ANY_PORT)
            endpoint = sockets.bound_endpoint(socket)
            bench.opened.append(socket)
            frame = frames.encode(SBIN.wire, Kind.TICK, 0, 1, 1, 0, b"fake")

            def publish():
                socket.send(frame)
        else:
            stranger = bench.publisher(secret=secret)
            endpoint = stranger.endpoint

            def publish():
                stranger.publish(SBIN.wire, b"fake", 0)

        subscriber = bench.subscriber()
        subscriber.subscribe("zerodha", SBIN.wire)
        subscriber.follow([PublisherEntry("zerodha", 1, endpoint)])
        (feed,) = subscriber.feeds
        async with asyncio.timeout(5):
            while feed.unverified_total < 3:
                publish()
                await asyncio.sleep(0.01)
        assert subscriber.got == []

    on_bench(scenario)


def test_a_welcome_is_good_for_one_publisher_and_generation_only():
    payload = frames.decode(welcome.make(SECRET, "zerodha", 3)).payload
    assert welcome.is_genuine(payload, SECRET, "zerodha", 3)
    assert not welcome.is_genuine(payload, SECRET, "zerodha", 4)
    assert not welcome.is_genuine(payload, SECRET, "angel", 3)
    assert not welcome.is_genuine(payload, Secret("other"), "zerodha", 3)
    assert not welcome.is_genuine(b"\xff{", SECRET, "zerodha", 3)


def test_malformed_frames_are_counted_and_the_feed_goes_on():
    async def scenario(bench):
        publisher, subscriber = bench.publisher(), bench.subscriber(tap=True)
        subscriber.follow([entry(publisher)])
        await until(lambda: any(feed.trusted for feed in subscriber.feeds))
        await asyncio.sleep(0.02)
        publisher._socket.send(b"no frame at all")
        publisher.publish(SBIN.wire, b"good", 0)
        await until(lambda: subscriber.got)
        (feed,) = subscriber.feeds
        assert feed.malformed_total == 1

    on_bench(scenario)


def test_two_generations_that_overlap_are_one_stream():
    """The new one is ahead, then behind, then alone: each tick once, in order, no gap."""

    async def scenario(bench):
        old, subscriber = bench.publisher(generation=1), bench.subscriber()
        subscriber.subscribe("zerodha", SBIN.wire)
        subscriber.follow([entry(old)])
        await until(lambda: old.demands)

        def publish(publisher, *numbers):
            for n in numbers:
                publisher.publish(SBIN.wire, b'{"volume":%d,"timestamp":%d}' % (n, n), n)

        publish(old, 1, 2, 3)
        await until(lambda: len(subscriber.got) == 3)
        new = bench.publisher(generation=2)
        subscriber.follow([entry(old), entry(new)])
        await until(lambda: new.demands)
        publish(new, 3, 4, 5)
        await asyncio.sleep(0.02)
        publish(old, 4, 5, 6, 7)
        await asyncio.sleep(0.02)
        publish(new, 6, 7, 8, 9)
        await asyncio.sleep(0.02)
        old.close()
        bench.opened.remove(old)
        publish(new, 10)
        await until(lambda: len(subscriber.got) >= 10)
        subscriber.follow([entry(new)])
        publish(new, 11)
        await until(lambda: len(subscriber.got) >= 11)
        assert [f.received_ns for f in subscriber.got] == list(range(1, 12))
        assert subscriber.lost_total == 0
        await until(lambda: subscriber.last_gap_ms is not None)

    on_bench(scenario)


def test_what_another_consumer_delivered_is_no_news_from_a_new_session():
    async def scenario(bench):
        old, new, subscriber = bench.publisher(1), bench.publisher(2), bench.subscriber()
        subscriber.subscribe("zerodha", SBIN.wire)
        subscriber.follow([entry(old), entry(new)])
        await until(lambda: old.demands and new.demands)
        elsewhere = Frame(SBIN.wire[:-1], Kind.TICK, 0, 1, 1, 0, b'{"volume":1}')
        subscriber.remember("zerodha", [elsewhere])
        for payload in (b'{"volume":1}', b'{"volume":2}'):
            new.publish(SBIN.wire, payload, 0)
        await asyncio.sleep(0.02)
        subscriber.follow([entry(new)])
        assert [f.payload for f in subscriber.got] == [b'{"volume":2}']

    on_bench(scenario)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_session_after_the_one_that_another_consumer_saw_end_is_known_by_its_greeting(is_there):
    async def scenario(bench):
        new, subscriber = bench.publisher(2), bench.subscriber()
        subscriber.subscribe("zerodha", SBIN.wire)
        if is_there:
            subscriber.follow([entry(new)])
        elsewhere = Frame(SBIN.wire[:-1], Kind.TICK, 0, 1, 1, 0, b'{"volume":1}')
        subscriber.remember("zerodha", [elsewhere])
        subscriber.follow([entry(new)])
        await until(lambda: new.demands)
        for volume in (1, 1, 2):  # the greeting, the greeting in its mode, and a tick
            new.publish(SBIN.wire, b'{"volume":%d}' % volume, 0)
        await until(lambda: subscriber.got)
        assert [f.payload for f in subscriber.got] == [b'{"volume":2}']

    on_bench(scenario)


def test_a_generation_that_vanishes_leaves_what_the_standby_has():
    async def scenario(bench):
        old, new, subscriber = bench.publisher(1), bench.publisher(2), bench.subscriber()
        subscriber.subscribe("zerodha", SBIN.wire)
        subscriber.follow([entry(old), entry(new)])
        await until(lambda: old.demands and new.demands)
        old.publish(SBIN.wire, b"1", 0)
        await until(lambda: subscriber.got)
        for payload in (b"1", b"2", b"3"):
            new.publish(SBIN.wire, payload, 0)
        await asyncio.sleep(0.02)
        subscriber.follow([entry(new)])  # no end of stream: it was killed
        assert [f.payload for f in subscriber.got] == [b"1", b"2", b"3"]

    on_bench(scenario)


ORDER = Order(
    orderid="1", symbol="SBIN", exchange="NSE", action="BUY", quantity=1, price=1.0,
    trigger_price=0.0, pricetype="LIMIT", product="MIS", order_status="open",
    filled_quantity=0, pending_quantity=1, average_price=0.0,
)  # fmt: skip


def test_a_standbys_word_counts_once_it_leads():
    async def scenario(bench):
        active, standby = bench.publisher(1), bench.publisher(2)
        subscriber = bench.subscriber()
        subscriber.subscribe("zerodha", SBIN.wire)
        entries = [entry(active), replace(entry(standby), standby=True)]
        subscriber.follow(entries)
        await until(lambda: all(len(one.demands) == 1 for one in (active, standby)))
        await until(lambda: all(feed.trusted for feed in subscriber.feeds))

        def say(publisher, event):
            publisher.publish_event(encode_event(event), 0)

        def told():
            events = [frame for frame in subscriber.got if frame.kind == Kind.EVENT]
            return [(frame.generation, decode_event(frame.payload)) for frame in events]

        say(standby, BrokerState("connected"))
        say(standby, Rejected(SBIN.text, "LIMIT_EXCEEDED", "no more"))
        say(standby, OrderUpdate(ORDER))
        await until(lambda: len(told()) == 1)
        say(active, OrderUpdate(ORDER))
        say(active, Accepted(SBIN.text))
        await until(lambda: len(told()) == 2)
        assert told() == [(2, OrderUpdate(ORDER)), (1, Accepted(SBIN.text))]
        active.publish(SBIN.wire, b'{"ltp":1}', 1)
        standby.publish(SBIN.wire, b'{"ltp":1}', 1)
        standby.publish(SBIN.wire, b'{"ltp":2}', 1)
        say(active, BrokerState("backoff"))  # its feed is gone, though it lives
        await until(lambda: len(told()) == 4)
        assert told()[2:] == [
            (2, Rejected(SBIN.text, "LIMIT_EXCEEDED", "no more")),
            (2, BrokerState("connected")),
        ]
        await until(lambda: len(ticks(subscriber)) == 2)
        assert ticks(subscriber) == [b'{"ltp":1}', b'{"ltp":2}']
        say(active, BrokerState("connected"))  # it follows now
        active.publish(SBIN.wire, b'{"ltp":2}', 1)
        standby.publish(SBIN.wire, b'{"ltp":3}', 1)
        await until(lambda: len(ticks(subscriber)) == 3)
        assert ticks(subscriber)[2:] == [b'{"ltp":3}']
        assert len(told()) == 4

    on_bench(scenario)


def ticks(subscriber):
    return [frame.payload for frame in subscriber.got if frame.kind == Kind.TICK]


def test_a_state_is_told_to_who_comes_later_and_events_are_not():
    async def scenario(bench):
        publisher = bench.publisher()
        publisher.publish_state(b"first", 0)
        publisher.publish_state(b"stands", 0)
        publisher.publish_event(b"passing", 0)
        subscriber = bench.subscriber()
        subscriber.follow([entry(publisher)])
        await until(lambda: subscriber.got)
        assert [frame.payload for frame in subscriber.got] == [b"stands"]
        publisher.publish_state(b"next", 0)
        await until(lambda: len(subscriber.got) == 2)
        assert publisher.demands == []

    on_bench(scenario)
