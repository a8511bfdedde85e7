"""A stream by itself: what the bridge's sender and the reader cost beside nats-py without one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import nats
from instance import free_port
from nats_servers import NatsServer, cluster

from bridge import stream
from bridge.link import Login, connected
from bridge.outbox import Message
from bridge.reader import Reader
from bridge.sender import Sender
from bus.clock import SystemClock
from bus.settings import NatsSettings

PAYLOAD = json.dumps({"ltp": 1234.5, "volume": 123456, "timestamp": 1763700000000}).encode()


async def streams(root: Path, count: int) -> None:
    print(f"{count} messages of {len(PAYLOAD)} bytes; us of CPU in the Python process")
    one = NatsServer(root / "one", "nats", free_port()).start()
    try:
        await core(one.url, count)
        for storage in ("memory", "file"):
            given = NatsSettings(
                servers=[one.url], storage=storage, stream=storage, prefix=storage, max_mb=256
            )
            await write_and_read(f"1 server, {storage}", given, count)
    finally:
        one.kill()
    three = cluster(root / "three")
    try:
        urls = [each.url for each in three]
        given = NatsSettings(servers=urls, replicas=3, max_mb=256)
        await write_and_read("3 servers, file", given, count)
    finally:
        for each in three:
            each.kill()


async def core(url: str, count: int) -> None:
    """What nats-py does without a stream, and without anybody who acknowledges."""
    client = await nats.connect(url)
    done = asyncio.Event()
    seen = 0

    async def take(_message: object) -> None:
        nonlocal seen
        seen += 1
        if seen == count:
            done.set()

    await client.subscribe("bench", cb=take)
    with measured("nats-py, no stream: sent and received", count):
        for number in range(count):
            await client.publish("bench", PAYLOAD)
            if number % 256 == 0:
                await asyncio.sleep(0)
        await done.wait()
    await client.close()


async def write_and_read(name: str, given: NatsSettings, count: int) -> None:
    clock = SystemClock()

    async def greet(_link: object) -> None:
        """Nobody is here to say anything to."""

    sender = Sender(
        given,
        "bench",
        clock=clock,
        greet=greet,
        changed=lambda: None,
        on_error=print,
    )
    work = asyncio.create_task(sender.run())
    async with asyncio.timeout(60):
        while not sender.is_up:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)
    with measured(f"{name}: written", count):
        for number in range(count):
            subject = f"{given.prefix}.bench.NSE.S{number % 500}.LTP"
            sender.put(Message(subject, f"{subject}/1/{number}/1763700000000000000", 0, PAYLOAD))
        sender.stir()
        while len(sender.outbox):  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.005)
    assert sender.connections_total == 1
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    async with connected(given, Login(), "bench", print) as link:
        seen, done = 0, asyncio.Event()

        async def take(_message: object, _sequence: int) -> None:
            nonlocal seen
            seen += 1
            if seen == count:
                done.set()

        reader = Reader(link, given.stream, clock, take)
        with measured(f"{name}: read", count):
            await reader.begin(1, [f"{given.prefix}.bench.>"])
            await done.wait()
        assert (await stream.last(link, given.stream))[0] == count


@contextlib.contextmanager
def measured(name: str, count: int) -> Iterator[None]:
    began, cpu = time.perf_counter(), time.process_time()
    yield
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(f"  {name:42} {count / took:9,.0f}/s  {cpu / count * 1e6:6.1f} us", flush=True)
