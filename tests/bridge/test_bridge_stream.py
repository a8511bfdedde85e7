"""The stream as configured, its mirrors, what is read of it by time, and by groups."""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import zmq
from nats_servers import NatsServer, free_ports
from wire import Wire

from adapters.registry import find_any
from adapters.source_runner import SourceService
from bridge import stamps, stream
from bridge.errors import LinkError, StreamSetupError
from bridge.group import Group
from bridge.link import Login, connected
from bridge.subjects import Subjects
from bus.clock import SystemClock
from bus.control.messages import PublisherEntry
from bus.control.service import Host
from bus.frames import Frame, Kind
from bus.secret import Secret
from bus.settings import AdapterBootstrap, AdapterSettings, MirrorSettings, NatsSettings
from bus.subscriber import Subscriber
from bus.topics import Mode, Topic

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
SECRET = Secret("run")
SYMBOLS = ["SBIN", "M&M", "NIFTY 50".replace(" ", "."), "A*B>"]


def settings(server, **more):
    return NatsSettings(servers=[server.url], max_mb=64, **more)


@contextlib.asynccontextmanager
async def linked(given):
    async with connected(given, Login(), "test", print) as link:
        yield link


async def until(condition):
    async with asyncio.timeout(40):
        while not condition():
            await asyncio.sleep(0.01)


async def put(link, numbers):
    """Ticks as the bridge writes them, numbered in their payloads."""
    subjects = Subjects("md")
    for number in numbers:
        topic = Topic.make("zerodha", "NSE", SYMBOLS[number % len(SYMBOLS)], Mode.LTP)
        subject = subjects.tick("zerodha", topic)
        sequence = number // len(SYMBOLS) + 1
        frame = Frame(b"", Kind.TICK, 0, 1, sequence, SystemClock().unix_ns(), b"")
        ident = stamps.message_id(subject, frame)
        payload = msgspec.json.encode({"ltp": number})
        await link.jetstream.publish(subject, payload, headers={stamps.MSG_ID: ident})


def test_the_stream_is_made_and_changed_as_configured(nats_server):
    server = nats_server()

    async def body():
        async with linked(settings(server)) as link:
            await stream.ensure(link, settings(server))
            changed = settings(server, max_age_s=3600.0, dedupe_s=5.0)
            for _ in range(2):  # the second time there is nothing to change
                await stream.ensure(link, changed)
                config = (await link.jetstream.stream_info("MD")).config
                assert (config.subjects, config.max_age) == (["md.>"], 3600.0)
                assert (config.max_bytes, config.duplicate_window) == (64 << 20, 5.0)
            assert await stream.last(link, "MD") == (0, "")
            await put(link, range(3))
            sequence, ident = await stream.last(link, "MD")
            assert sequence == 3
            assert ident.startswith("md.zerodha.NSE.NIFTY%2E50.LTP/1/1/")

            with pytest.raises(StreamSetupError, match=r"\[nats\].*replicas"):
                await stream.ensure(link, settings(server, replicas=3))
            await link.jetstream.add_stream(name="OTHER", subjects=["theirs.>"])
            with pytest.raises(StreamSetupError, match=r"OTHER .* other subjects \(theirs"):
                await stream.ensure(link, settings(server, stream="OTHER", prefix="x"))

    asyncio.run(body())


def test_a_mirror_has_what_the_stream_has_and_keeps_it_its_own_way(nats_cluster):
    mirrors = {"MD_DELHI": MirrorSettings(replicas=1, max_age_s=60.0)}

    async def body():
        async with asyncio.timeout(60):
            while True:  # a cluster that has just begun has no leader yet
                with contextlib.suppress(Exception):
                    async with linked(settings(nats_cluster[0])) as link:
                        given = settings(nats_cluster[0], replicas=3, mirrors=mirrors)
                        await stream.ensure(link, given)
                        break
                await asyncio.sleep(0.2)
        async with linked(settings(nats_cluster[1])) as link:
            await put(link, range(20))
            of_mirror = link.jetstream.stream_info
            async with asyncio.timeout(40):
                while (await of_mirror("MD_DELHI")).state.messages < 20:
                    await asyncio.sleep(0.05)
            config = (await of_mirror("MD_DELHI")).config
            assert (config.num_replicas, config.max_age) == (1, 60.0)
            assert (await of_mirror("MD")).config.num_replicas == 3
            ids = [await stream.last(link, name) for name in ("MD", "MD_DELHI")]
            assert ids[0] == ids[1]

    asyncio.run(body())


def test_a_region_behind_a_leaf_node_has_a_mirror_and_reads_it(tmp_path):
    """Two domains of JetStream, joined by one connection; demand and ticks cross it."""
    home_port, leaf_port, far_port = free_ports(3)
    home = NatsServer(
        tmp_path,
        "home",
        home_port,
        f'leafnodes {{ listen: "127.0.0.1:{leaf_port}" }}',
        domain="mumbai",
    ).start()
    far = NatsServer(
        tmp_path,
        "far",
        far_port,
        f'leafnodes {{ remotes: [ {{ url: "nats-leaf://127.0.0.1:{leaf_port}" }} ] }}',
        domain="delhi",
    ).start()

    async def body():
        mirrors = {"MD_DELHI": MirrorSettings(domain="delhi")}
        given = settings(home, mirrors=mirrors, domain="mumbai")
        async with asyncio.timeout(40):
            while True:  # until the two have found each other
                with contextlib.suppress(LinkError):
                    async with linked(given) as link:
                        await stream.ensure(link, given)
                        await put(link, range(50))
                        break
                await asyncio.sleep(0.2)
        past = {"from": datetime(2020, 1, 1, tzinfo=UTC)}
        async with playing(servers=[far.url], stream="MD_DELHI", **past) as (service, numbers):
            wires = [Topic.make("past", "NSE", s, Mode.LTP).wire for s in SYMBOLS]
            service._driver.demanded([(wire, True) for wire in wires])
            await until(lambda: len(numbers) == 50)
            async with linked(given) as link:
                await put(link, range(50, 80))
            await until(lambda: len(numbers) == 80)
            assert numbers == list(range(80))

    try:
        asyncio.run(body())
    finally:
        home.kill()
        far.kill()


@contextlib.asynccontextmanager
async def playing(**options):
    """An adapter that reads the stream, and the numbers that a tap on it gets."""
    numbers, failures = [], []

    def take(_feed, frames):
        numbers.extend(
            msgspec.json.decode(frame.payload)["ltp"] for frame in frames if frame.kind == Kind.TICK
        )

    with zmq.Context() as context:
        host = Host("past", 1, SECRET, context, SystemClock(), lambda: None, failures.append)
        given = {"adapter": "zerodha", **options}
        boot = AdapterBootstrap(adapter=AdapterSettings(broker="nats", options=given))
        service = SourceService(host, boot, find_any("nats"))
        subscriber = Subscriber(context, secret=SECRET, on_frames=take, tap=True)
        try:
            subscriber.follow([PublisherEntry("past", 1, await service.start())])
            yield service, numbers
        finally:
            await service.stop()
            subscriber.close()
    assert failures == []
    assert subscriber.lost_total == 0


def test_a_stream_is_played_by_time(nats_server):
    server = nats_server()

    async def body():
        async with linked(settings(server)) as link:
            await stream.ensure(link, settings(server))
            await put(link, range(100))
            await asyncio.sleep(0.01)  # the server's clock and ours are one: a moment between
            middle = datetime.now(UTC)
            await asyncio.sleep(0.01)
            await put(link, range(100, 150))
            end = datetime.now(UTC)
            await asyncio.sleep(0.01)
            await put(link, range(150, 160))
        reach = {"servers": [server.url]}
        async with playing(**reach, to=middle) as (service, numbers):
            await until(lambda: service.stats()["ended"])
            await until(lambda: len(numbers) >= 100)
            assert numbers == list(range(100))
            assert service.ready
        async with playing(**reach, **{"from": middle, "to": end}) as (service, numbers):
            await until(lambda: service.stats()["ended"])
            await until(lambda: len(numbers) >= 50)
            assert numbers == list(range(100, 150))
        async with playing(**reach, **{"from": middle, "pace": "original"}) as (service, numbers):
            subscribed = [Topic.make("past", "NSE", s, Mode.LTP).wire for s in SYMBOLS]
            service._driver.demanded([(wire, True) for wire in subscribed])
            await until(lambda: len(numbers) >= 60)
            assert numbers == list(range(100, 160))
            await until(lambda: "no bridge" in service.stats()["broker_detail"])

    asyncio.run(body())


def test_what_the_stream_no_longer_holds_is_counted(nats_server):
    server = nats_server()
    wire = Wire(server.port)
    past = {"from": datetime(2020, 1, 1, tzinfo=UTC)}

    async def body():
        async with linked(settings(server)) as link:
            await stream.ensure(link, settings(server))
            await put(link, range(10))
            async with playing(servers=[f"nats://127.0.0.1:{wire.port}"], **past) as (
                service,
                numbers,
            ):
                wires = [Topic.make("past", "NSE", s, Mode.LTP).wire for s in SYMBOLS]
                service._driver.demanded([(wire, True) for wire in wires])
                await until(lambda: len(numbers) == 10)
                wire.cut()
                await put(link, range(10, 30))
                await link.jetstream.purge_stream("MD", seq=21)
                wire.mend()
                await until(lambda: len(numbers) == 20)
                assert numbers == [*range(10), *range(20, 30)]
                stats = service.stats()
                assert (stats["expired_total"], stats["lost_total"]) == (10, 10)

    try:
        asyncio.run(body())
    finally:
        wire.close()


def test_a_group_shares_the_work_and_a_dead_worker_s_part_goes_to_the_others(nats_server):
    """Worker processes of the example; one is killed with work that it has begun."""
    server = nats_server()
    worker = [sys.executable, str(ROOT / "examples" / "work_group.py"), server.url]

    async def ready():
        async with linked(settings(server)) as link:
            await stream.ensure(link, settings(server))
            async with Group("risk", servers=[server.url], ack_s=2.0, subjects=["*.NSE.*.LTP"]):
                pass  # the group begins here: what comes is its work
            await put(link, range(40))

    async def more():
        async with linked(settings(server)) as link, asyncio.timeout(60):
            while (await link.jetstream.consumer_info("MD", "risk")).num_waiting < 2:
                await asyncio.sleep(0.05)  # until both ask for work
            await put(link, range(40, 600))

    asyncio.run(ready())

    def start(*options):
        return subprocess.Popen([*worker, *options], stdout=subprocess.PIPE, text=True)

    slow = start("--hold")  # begins with what it gets, and never ends with it
    held = [json.loads(slow.stdout.readline())["ltp"] for _ in range(40)]
    slow.send_signal(signal.SIGKILL)
    slow.communicate(timeout=20)
    workers = [start("--idle", "10") for _ in range(2)]
    asyncio.run(more())
    told = [
        [json.loads(line) for line in one.communicate(timeout=60)[0].splitlines()]
        for one in workers
    ]
    done = [[one["ltp"] for one in lines] for lines in told]
    assert sorted(done[0] + done[1]) == list(range(600))
    assert all(done), "both had a part"
    again = {one["ltp"] for lines in told for one in lines if one["redelivered"]}
    assert set(held) <= again
