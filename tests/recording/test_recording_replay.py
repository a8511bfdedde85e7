"""A recording as an adapter: the real frame and real sockets, in one process."""

import asyncio
import contextlib
from datetime import timedelta

import pytest
import zmq
from recorded_frames import BEGAN_NS, event, tick

from adapters.check import lacking
from adapters.registry import find_any
from adapters.source_runner import SourceService
from bus.clock import SystemClock
from bus.control.messages import PublisherEntry
from bus.control.service import ExitError, Host
from bus.errors import ControlError
from bus.events import Accepted, BrokerState, Rejected, decode_event
from bus.frames import Kind
from bus.secret import Secret
from bus.settings import AdapterBootstrap, AdapterSettings
from bus.subscriber import Subscriber
from bus.topics import Mode, Topic, event_topic
from recording.archive import Archive
from recording.digest import Digest
from recording.moments import in_india
from recording.writer import FileSink

SECRET = Secret("run")
TOPICS = ["ZERODHA_NSE_SBIN_LTP", "ZERODHA_NSE_INFY_LTP", "ZERODHA_NSE_INDEX_NIFTY_LTP"]


class Consumer:
    """A tap on a replay, and what it got."""

    def __init__(self, service, context):
        self.service = service
        self.ticks, self.events = [], []
        self.subscriber = Subscriber(context, secret=SECRET, on_frames=self._frames, tap=True)

    def _frames(self, _feed, batch):
        for frame in batch:
            if frame.kind == Kind.TICK:
                self.ticks.append(frame)
            else:
                self.events.append(decode_event(frame.payload))

    @property
    def stats(self):
        return self.service.stats()

    @property
    def payloads(self):
        return [frame.payload for frame in self.ticks]

    def digest(self):
        digest = Digest()
        for frame in self.ticks:
            digest.add(frame)
        return digest.text()


@contextlib.asynccontextmanager
async def playing(path, name="zerodha", **options):
    """A replay that begins when a consumer is there to see all of it."""
    failures = []
    given = {"path": str(path), "start": "paused", **options}
    with zmq.Context() as context:
        host = Host(name, 1, SECRET, context, SystemClock(), lambda: None, failures.append)
        boot = AdapterBootstrap(adapter=AdapterSettings(broker="replay", options=given))
        service = SourceService(host, boot, find_any("replay"))
        consumer = Consumer(service, context)
        try:
            consumer.subscriber.subscribe(name, event_topic(name))  # to be told its state
            consumer.subscriber.follow([PublisherEntry(name, 1, await service.start())])
            await until(lambda: BrokerState("connected", path.name) in consumer.events)
            yield consumer
        finally:
            if service._work is not None:
                await service.stop()
            consumer.subscriber.close()
    assert failures == []


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.002)


def ended(consumer):
    return lambda: (
        consumer.stats["replay"] == "ended"
        and len(consumer.ticks) >= (consumer.stats["pass_ticks"])
    )


def several(count):
    return [tick(n, TOPICS[n % 3], sequence=n // 3 + 1) for n in range(count)]


def digest_of(frames):
    digest = Digest()
    for frame in frames:
        digest.add(frame)
    return digest.text()


def test_every_run_plays_the_same_and_says_so(make_segment):
    """The same order, sequences and content, and a digest that a consumer can check."""
    frames = [*several(2000), event(b'{"event":"end_of_stream"}')]
    path = make_segment(frames)
    expected = digest_of(frames[:-1])

    async def body():
        for speed, name in ((0, "zerodha"), (0, "other_name"), (100.0, "zerodha")):
            async with playing(path, name, speed=speed, stamps="recorded") as consumer:
                consumer.service.steer("resume", "")
                await until(ended(consumer))
                assert consumer.payloads == [frame.payload for frame in frames[:-1]]
                assert consumer.stats["digest"] == consumer.digest() == expected
                assert consumer.subscriber.lost_total == 0
                assert consumer.stats["passes_total"] == 1

    asyncio.run(body())


def test_a_recording_of_a_replay_is_the_same_recording(make_segment, tmp_path):
    frames = several(500)
    path = make_segment(frames)

    async def body():
        async with playing(path, speed=0, stamps="recorded") as consumer:
            consumer.service.steer("resume", "")
            await until(ended(consumer))
            sink = FileSink(tmp_path / "again.rec", BEGAN_NS)
            sink.frames(consumer.ticks, BEGAN_NS)
            sink.close()

    asyncio.run(body())
    with Archive(tmp_path / "again.rec") as again, Archive(path) as first:
        assert list(again.frames()) == list(first.frames()) == frames
        assert again.topics() == first.topics()


def test_it_begins_with_the_first_demand_and_answers_each(make_segment):
    path = make_segment(several(30))

    async def body():
        async with playing(path, "past", speed=0, start="demand") as consumer:
            assert consumer.stats["replay"] == "waiting"
            topics = [Topic.make("past", "NSE", s, Mode.LTP) for s in ("TCS", "SBIN")]
            consumer.subscriber.subscribe("past", topics[0].wire)
            await until(lambda: len(consumer.events) > 1)
            assert consumer.stats["replay"] == "waiting"
            consumer.subscriber.subscribe("past", topics[1].wire)
            await until(ended(consumer))
            told = [e for e in consumer.events if not isinstance(e, BrokerState)]
            assert [type(answer) for answer in told] == [Rejected, Accepted]
            assert len(consumer.ticks) == 30
            assert {f.topic.partition(b"_")[0] for f in consumer.ticks} == {b"PAST"}
            now_ns = SystemClock().unix_ns()
            assert all(0 <= now_ns - f.received_ns < 60e9 for f in consumer.ticks)

    asyncio.run(body())


def test_pause_seek_speed_and_resume(make_segment):
    frames = several(3000)  # three seconds of market
    path = make_segment(frames)

    async def body():
        async with playing(path, speed=1.0) as consumer:
            consumer.service.steer("resume", "")
            await until(lambda: consumer.ticks)
            consumer.service.steer("pause", "")
            await until(lambda: consumer.stats["replay"] == "paused")
            await until(lambda: len(consumer.ticks) == consumer.stats["ticks_total"])
            seen = len(consumer.ticks)
            consumer.service.steer("seek", str(frames[2900].received_ns))
            await asyncio.sleep(0.05)
            assert len(consumer.ticks) == seen
            consumer.service.steer("speed", "1000")
            consumer.service.steer("resume", "")
            await until(lambda: consumer.stats["replay"] == "ended")
            await until(lambda: consumer.payloads[-1:] == [frames[-1].payload])
            assert consumer.payloads[-100:] == [f.payload for f in frames[2900:]]
            assert consumer.stats["position_ns"] == frames[-1].received_ns
            assert consumer.stats["digest"] == ""  # of a pass that was not played whole
            assert consumer.subscriber.lost_total == 0
            consumer.service.steer("seek", "0")
            await until(lambda: consumer.stats["digest"])
            assert consumer.subscriber.lost_total == 0
            for action, value in (("jump", ""), ("seek", "x"), ("speed", "-1")):
                with pytest.raises(ControlError):
                    consumer.service.steer(action, value)

    asyncio.run(body())


def test_from_to_and_loop(make_segment):
    frames = several(3000)
    path = make_segment(frames)
    begin = in_india(BEGAN_NS)
    part = {"from": begin + timedelta(seconds=1), "to": (begin + timedelta(seconds=1.05))}
    part["to"] = part["to"].replace(tzinfo=None)  # India's time where none is given

    async def body():
        async with playing(path, speed=0, loop=True, **part) as consumer:
            consumer.service.steer("resume", "")
            await until(lambda: consumer.stats["passes_total"] >= 1)
            assert consumer.stats["replay"] == "playing"  # also between two rounds
            await until(lambda: consumer.stats["passes_total"] >= 2)
            await until(lambda: len(consumer.ticks) >= 102)
            assert consumer.payloads[:102] == 2 * [f.payload for f in frames[1000:1051]]
            assert consumer.subscriber.lost_total == 0
            assert consumer.stats["digest"] == digest_of(frames[1000:1051])

    asyncio.run(body())


def test_damage_is_counted_and_the_rest_is_played(make_segment):
    frames = several(300)
    path = make_segment(frames)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    async def body():
        async with playing(path, speed=0) as consumer:
            consumer.service.steer("resume", "")
            await until(ended(consumer))
            assert len(consumer.ticks) == 299
            assert consumer.stats["damaged_records_total"] == 1

    asyncio.run(body())


def test_two_adapters_in_one_recording_must_be_told_apart(make_segment):
    path = make_segment([tick(0), tick(1, "DHAN_NSE_SBIN_LTP")])

    async def body():
        with pytest.raises(ExitError, match=r"options\.adapter: .* DHAN, ZERODHA; name one"):
            async with playing(path):
                pass
        async with playing(path, adapter="dhan", speed=0) as consumer:
            consumer.service.steer("resume", "")
            await until(ended(consumer))
            assert consumer.payloads == [tick(1).payload]

    asyncio.run(body())


def test_what_is_wrong_is_said_before_anything_starts(tmp_path):
    def told(**options):
        return lacking(AdapterSettings(broker="replay", options=options))

    assert told(path="x") == []
    assert "missing required field `path`" in told()[0]
    assert "options.speed" in told(path="x", speed=-1)[0]
    assert "unknown field `sped`" in told(path="x", sped=2)[0]

    async def body():
        for path, words in ((tmp_path, "no recording"), (tmp_path / "no.rec", "no such recording")):
            with pytest.raises(ExitError, match=words):
                async with playing(path):
                    pass

    asyncio.run(body())
