"""An adapter that is no broker: the frame around a driver, over real sockets."""

import asyncio
import contextlib

import pytest
import zmq
from msgspec import Struct

from adapters import registry
from adapters.check import lacking
from adapters.connecting.link import State
from adapters.errors import AdapterError, UnknownBrokerError
from adapters.source import Source
from adapters.source_runner import SourceService
from bus import frames
from bus.clock import SystemClock
from bus.control.exits import Exit
from bus.control.messages import PublisherEntry
from bus.control.service import ExitError, Host, TakesCredentials
from bus.events import Accepted, BrokerState, EndOfStream, Rejected, decode_event
from bus.frames import Kind
from bus.publisher import Publisher
from bus.secret import Secret
from bus.settings import AdapterBootstrap, AdapterSettings
from bus.subscriber import Subscriber
from bus.topics import Mode, Topic

SECRET = Secret("run")
SBIN = Topic.make("far", "NSE", "SBIN", Mode.LTP)
INFY = Topic.make("far", "NSE", "INFY", Mode.LTP)


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    start: int = 1


class Counting:
    """Answers demand and publishes a number for each topic in demand."""

    def __init__(self, out, options):
        self.out, self.options = out, options
        self.wanted = asyncio.Queue()
        self.renewed = 0
        self.stopped = False

    async def start(self):
        if self.options.start < 0:
            raise AdapterError("there is nothing before 0")

    async def run(self):
        self.out.enter(State.CONNECTED)
        number = self.options.start
        while True:
            topic = await self.wanted.get()
            if topic == b"crash":
                raise RuntimeError("a defect")
            assert self.out.relay(topic, b"%d" % number, 5, 0, number)
            self.out.publish(topic, b"next", 6)

    async def stop(self):
        self.stopped = True

    def demanded(self, batch):
        for topic, wanted in batch:
            if topic == SBIN.wire and wanted:
                self.out.tell(Accepted(SBIN.text))
                self.wanted.put_nowait(topic)
            elif wanted:
                self.out.tell(Rejected(topic[:-1].decode(), "SYMBOL_NOT_FOUND", "none"))

    def renew(self):
        self.renewed += 1

    def stats(self):
        return {"far_away": True}


def source(**fields):
    given = {
        "name": "far",
        "title": "Far",
        "options": Options,
        "may_overlap": False,
        "driver": Counting,
        **fields,
    }
    return Source(**given)


@contextlib.asynccontextmanager
async def running(entry, **settings):
    failures = []
    with zmq.Context() as context:
        host = Host("far", 4, SECRET, context, SystemClock(), lambda: None, failures.append)
        boot = AdapterBootstrap(adapter=AdapterSettings(**settings))
        service = SourceService(host, boot, entry)
        service.frames, service.failures = [], failures
        consumer = Subscriber(
            context, secret=SECRET, on_frames=lambda _, batch: service.frames.extend(batch)
        )
        try:
            endpoint = await service.start()
        except ExitError:
            consumer.close()
            raise
        consumer.follow([PublisherEntry("far", 4, endpoint)])
        service.consumer = consumer
        try:
            yield service
        finally:
            await service.stop()
            if service.frames:
                await until(lambda: EndOfStream() in events(service))
            consumer.close()


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


def events(service):
    return [decode_event(f.payload) for f in service.frames if f.kind == Kind.EVENT]


def ticks(service):
    return [(f.topic, f.payload, f.sequence) for f in service.frames if f.kind == Kind.TICK]


def test_demand_is_answered_and_ticks_keep_their_sequence():
    async def body():
        async with running(source(), options={"start": 41}) as service:
            service.consumer.subscribe("far", SBIN.wire)
            service.consumer.subscribe("far", INFY.wire)
            await until(lambda: len(ticks(service)) == 2 and len(events(service)) >= 3)
            assert ticks(service) == [
                (SBIN.text.encode(), b"41", 41),
                (SBIN.text.encode(), b"next", 42),
            ]
            told = events(service)
            assert BrokerState("connected") in told
            assert Accepted(SBIN.text) in told
            assert Rejected(INFY.text, "SYMBOL_NOT_FOUND", "none") in told
            stats = service.stats()
            assert service.ready
            assert stats["far_away"]
            assert stats["topics"] == 2
            assert stats["topics_seen"] == stats["rejected_total"] == 1
            assert stats["ticks_total"] == 2
            assert service.consumer.lost_total == 0
            assert stats["may_overlap"] is False
        assert service.failures == []

    asyncio.run(body())


def test_new_credentials_reach_the_driver_unless_one_lacks():
    async def body():
        needy = source(credentials=("token",))
        async with running(needy, credentials={"token": Secret("a")}) as service:
            assert isinstance(service, TakesCredentials)
            service.renew({"token": Secret("")})
            assert service.credentials["token"] == Secret("a")
            service.renew({"token": Secret("b")})
            assert service.credentials["token"] == Secret("b")
            assert service._driver.renewed == 1

    asyncio.run(body())


@pytest.mark.parametrize(
    ("entry", "options", "words"),
    [
        (source(), {"start": "x"}, r"options\.start: expected `int`, got `str`; far knows: start"),
        (source(), {"begin": 1}, "options: object contains unknown field `begin`; far knows"),
        (source(credentials=("token",)), {}, "Far needs token"),
        (source(), {"start": -1}, "there is nothing before 0"),
    ],
)
def test_a_wrong_configuration_ends_the_process_for_good(entry, options, words):
    async def body():
        with pytest.raises(ExitError, match=words) as caught:
            async with running(entry, options=options):
                pass
        assert caught.value.code is Exit.CONFIGURATION

    asyncio.run(body())


def test_a_defect_of_the_driver_ends_the_process():
    async def body():
        async with running(source()) as service:
            service._driver.wanted.put_nowait(b"crash")
            await until(lambda: service.failures)
            assert str(service.failures[0]) == "a defect"

    asyncio.run(body())


def test_the_registry_tells_sources_from_brokers(monkeypatch):
    class Point:
        name = "far"

        @staticmethod
        def load():
            return source(credentials=("token",))

    monkeypatch.setattr(registry, "entry_points", lambda **_: [Point])
    assert registry.find_any("far").name == "far"
    with pytest.raises(UnknownBrokerError, match="far has no wire protocol"):
        registry.find("far")
    told = lacking(AdapterSettings(broker="far", options={"start": None}))
    assert [line.partition(":")[0] for line in told] == ["credentials.token", "options.start"]
    assert lacking(AdapterSettings(broker="zerodha", options={"x": 1}))[-1].startswith("options: ")


def test_a_lossless_publisher_waits_for_a_consumer_that_does_not_read():
    """The consumer's socket is connected and not read: pipes fill, and nothing is dropped."""

    async def body():
        with zmq.Context() as context, context.socket(zmq.SUB) as socket:
            publisher = Publisher(
                context,
                adapter="far",
                generation=1,
                secret=SECRET,
                on_demand=lambda _: None,
                lossless=True,
            )
            socket.set(zmq.RCVHWM, 10)
            socket.set(zmq.LINGER, 0)
            socket.subscribe(b"")
            socket.connect(publisher.endpoint)
            socket.subscribe(SBIN.wire)
            await until(lambda: publisher.topics == 1)
            sent = 0
            while publisher.relay(SBIN.wire, b"x" * 100, 0, 0, sent + 1):
                sent += 1
                assert sent < 2_000_000, "it never waited"
            publisher.publish_event(b"{}", 0)
            got = []
            while len(got) < sent + 3:  # the welcome, the ticks, the event, and one tick more
                if socket.poll(0):
                    got.append(frames.decode(socket.recv()))
                elif len(got) > sent and publisher.relay(SBIN.wire, b"last", 0, 0, sent + 1):
                    sent += 1
                else:
                    await asyncio.sleep(0)
                if got and got[-1].payload == b"last":
                    break
            ticks = [frame for frame in got if frame.kind == Kind.TICK]
            assert [frame.sequence for frame in ticks] == list(range(1, sent + 1))
            assert [f.payload for f in got if f.kind == Kind.EVENT][1:] == [b"{}"]
            publisher.close()

    asyncio.run(body())
