"""Over NATS and back: what the bridge writes, what an adapter reads, and how late ticks are.

Three parts, each beside something to compare it with in the same run:
writing and reading a stream beside nats-py's own publish and subscribe without a stream;
ticks at a client of the bus over there beside those at one here; two proxies behind nginx
beside one without (left out where there is no nginx).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import nats
import psutil
import websockets
from instance import Instance, free_port
from joserfc import jwt
from joserfc.jwk import OctKey

from bridge import stream
from bridge.link import Login, connected
from bridge.outbox import Message
from bridge.reader import Reader
from bridge.sender import Sender
from bus import Subscriber
from bus.clock import SystemClock
from bus.control.messages import ProcessStatus
from bus.settings import NatsSettings

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "support"))

from nats_servers import NatsServer, cluster  # noqa: E402 - found through the line above
from two_sites import here, there  # noqa: E402

SYMBOLS = [f"NSE:COUNT{n:02}" for n in range(50)]
PAYLOAD = json.dumps({"ltp": 1234.5, "volume": 123456, "timestamp": 1763700000000}).encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=30_000)
    parser.add_argument("--rates", type=int, nargs="+", default=[500, 2000, 5000])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--only", choices=["stream", "through", "balanced"])
    options = parser.parse_args()
    parts = [options.only] if options.only else ["stream", "through", "balanced"]
    with tempfile.TemporaryDirectory(prefix="openalgo-stream-bench-") as folder:
        root = Path(folder)
        if "stream" in parts:
            asyncio.run(streams(root, options.messages))
        if "through" in parts:
            with server(root / "through") as url:
                for rate in options.rates:
                    through(url, rate, options.seconds)
        if "balanced" in parts:
            with server(root / "balanced") as url:
                balanced(root, url, options.clients, options.seconds)


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    one = NatsServer(folder, "nats", free_port()).start()
    try:
        yield one.url
    finally:
        one.kill()


# --- a stream by itself ---------------------------------------------------------------------


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


# --- two sites ------------------------------------------------------------------------------


def through(url: str, rate: int, seconds: float) -> None:
    """A reader of the bus on each side, in a process of its own."""
    stream_name = f"R{rate}"
    options = f'stream = "{stream_name}", prefix = "r{rate}"'
    nats_keys = f'flow = "demand"\nstream = "{stream_name}"\nprefix = "r{rate}"'
    home_config = _no_port(here(url, nats=nats_keys, rate=rate))
    far_config = _no_port(there(url, options=options))
    with Instance(home_config) as home, Instance(far_config) as far:
        home.wait_until_running()
        far.wait_until_running()
        costs = [Cost(home, "bridge", "bridged_total"), Cost(far, "mumbai", "published_total")]
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            states = [str(one.folder / "state") for one in (home, far)]
            jobs = [pool.submit(read_bus, state, seconds) for state in states]
            told = [job.result(seconds + 120) for job in jobs]
        spent = ", ".join(cost.us_per_tick() for cost in costs)
        lost = home.process("bridge").stats["lost_total"], far.process("mumbai").stats["lost_total"]
    for where, (count, lost_here, *late) in zip(("here", "over there"), told, strict=True):
        text = " / ".join(f"{ms:.1f}" for ms in late)
        print(
            f"  {rate:6}/s {where:10} {count / seconds:8,.0f}/s, {lost_here} lost, "
            f"p50/p99/p99.9 {text} ms",
            flush=True,
        )
    print(f"           us of CPU per tick: {spent}; lost by bridge and reader: {lost}", flush=True)


class Cost:
    """CPU time of a process for each tick that it passes on."""

    def __init__(self, instance: Instance, name: str, counter: str) -> None:
        self._instance, self._name, self._counter = instance, name, counter
        self._pid = instance.process(name).pid or 0
        self._before = self._now()

    def _now(self) -> tuple[float, int]:
        count = self._instance.process(self._name).stats[self._counter]
        assert isinstance(count, int)
        return sum(psutil.Process(self._pid).cpu_times()[:2]), count

    def us_per_tick(self) -> str:
        (cpu, count), (cpu_before, count_before) = self._now(), self._before
        return f"{self._name} {(cpu - cpu_before) / max(1, count - count_before) * 1e6:.0f}"


def read_bus(state: str, seconds: float) -> tuple[float, ...]:
    """Ticks of some seconds: how many, how many lost, and how late, in ms."""
    late: list[int] = []
    with Subscriber(state) as ticks:
        ticks.subscribe(*SYMBOLS)
        settle = time.monotonic() + 5.0
        until = settle + seconds
        while (now := time.monotonic()) < until:
            tick = ticks.read(1.0)
            if tick is not None and now >= settle:
                late.append(time.time_ns() - tick.received_ns)
        lost = ticks.lost_total
    late.sort()
    parts = (late[min(len(late) - 1, int(part * len(late)))] / 1e6 for part in (0.5, 0.99, 0.999))
    return (len(late), lost, *parts)


# --- a load balancer ------------------------------------------------------------------------


def balanced(root: Path, url: str, count: int, seconds: float) -> None:
    """Two sites, a proxy each, behind nginx; then one of them ends.

    Clients log in with tokens that both sites believe.
    """
    if shutil.which("nginx") is None:
        print("no nginx: the load balancer is left out")
        return
    secret = secrets.token_hex(32)
    token = jwt.encode(
        {"alg": "HS256"}, {"sub": "bench", "exp": int(time.time()) + 3600}, _key(secret)
    )
    far_config = (
        f"[jwt]\nsecret = {json.dumps(secret)}\n[limits]\nhandshakes_per_minute = 60000\n"
        "[proxy]\nport = 0\ntrusted_proxies = ['127.0.0.1']\n" + there(url)
    )
    home_config = _no_port(here(url, nats='flow = "demand"', rate=500))
    with Instance(home_config) as home, Instance(far_config) as one:
        other = Instance(far_config)
        try:
            for each in (home, one, other):
                each.wait_until_running()
            sites = [each.process("proxy") for each in (one, other)]
            ports = [int(site.endpoint.rpartition(":")[2]) for site in sites]
            with nginx(root, ports) as port:
                for name, where in (("one proxy", ports[0]), ("nginx, two proxies", port)):
                    asyncio.run(crowd(name, where, token, count, seconds, lambda: None, sites))
                asyncio.run(crowd("one of two ends", port, token, count, seconds, other.close, []))
        finally:
            other.close()


def _key(secret: str) -> OctKey:
    return OctKey.import_key(secret)


@contextlib.contextmanager
def nginx(root: Path, ports: list[int]) -> Iterator[int]:
    """The configuration that docs/scaling.md shows."""
    port, folder = free_port(), root / "nginx"
    folder.mkdir()
    servers = "".join(f"server 127.0.0.1:{port};" for port in ports)
    (folder / "nginx.conf").write_text(
        "daemon off; worker_processes 1; pid nginx.pid; error_log error.log;"
        "events { worker_connections 4096; }"
        "http { access_log off; client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t;"
        "uwsgi_temp_path t; scgi_temp_path t;"
        f"upstream proxies {{ least_conn; {servers} }}"
        f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://proxies;"
        "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;"
        "proxy_set_header Connection upgrade; proxy_set_header Host $host;"
        "proxy_set_header X-Forwarded-For $remote_addr; proxy_buffering off;"
        "proxy_read_timeout 1h; } } }"
    )
    command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        assert process.poll() is None, (folder / "error.log").read_text()
        yield port
    finally:
        process.terminate()
        process.wait(20)


async def crowd(
    name: str,
    port: int,
    token: str,
    count: int,
    seconds: float,
    meanwhile: Callable[[], None],
    sites: list[ProcessStatus],
) -> None:
    """Clients that connect again when their connection ends."""
    tallies = [Tally() for _ in range(count)]
    tasks = [asyncio.create_task(tally.listen(port, token)) for tally in tallies]
    while not all(tally.received for tally in tallies):  # noqa: ASYNC110 - many conditions
        await asyncio.sleep(0.05)
    await asyncio.sleep(2)
    for tally in tallies:
        tally.received = tally.missed = 0
        tally.longest_s = 0.0
    processes = [psutil.Process(site.pid) for site in sites if site.pid is not None]
    before = [sum(process.cpu_times()[:2]) for process in processes]
    began = time.perf_counter()
    await asyncio.to_thread(meanwhile)
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    cpus = [sum(p.cpu_times()[:2]) - b for p, b in zip(processes, before, strict=True)]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    received = sum(tally.received for tally in tallies)
    moved = [tally for tally in tallies if tally.connections > 1]
    told = ", ".join(f"{cpu / took:.0%}" for cpu in cpus)
    print(
        f"  {name:20} {count} clients, {received / took:8,.0f} deliveries/s, "
        f"{sum(tally.missed for tally in tallies)} missed"
        + (f", CPU of the proxies {told}" if told else "")
        + (f", {len(moved)} clients moved" if moved else "")
        + (
            f", the longest without a tick {max(t.longest_s for t in moved):.1f} s" if moved else ""
        ),
        flush=True,
    )


class Tally:
    """One client: the numbered market says what it missed."""

    def __init__(self) -> None:
        self.received = self.missed = self.connections = 0
        self.longest_s = 0.0
        self._last: dict[str, int] = {}
        self._at = time.perf_counter()

    async def listen(self, port: int, token: str) -> None:
        while True:
            with contextlib.suppress(OSError, websockets.WebSocketException):
                async with websockets.connect(f"ws://127.0.0.1:{port}", max_queue=None) as client:
                    await client.send(json.dumps({"action": "authenticate", "api_key": token}))
                    wanted = [{"symbol": s.partition(":")[2], "exchange": "NSE"} for s in SYMBOLS]
                    await client.send(
                        json.dumps({"action": "subscribe", "mode": 1, "symbols": wanted})
                    )
                    self.connections += 1
                    async for text in client:
                        self._take(json.loads(text))
            await asyncio.sleep(0.1)

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("type") != "market_data":
            return
        now, number = time.perf_counter(), round(message["data"]["ltp"])
        self.longest_s = max(self.longest_s, now - self._at)
        self._at = now
        last = self._last.get(message["symbol"], number - 1)
        self.missed += max(0, number - last - 1)
        self._last[message["symbol"]] = number
        self.received += 1


def _no_port(config: str) -> str:
    return f"[proxy]\nport = 0\n{config}"


if __name__ == "__main__":
    main()
