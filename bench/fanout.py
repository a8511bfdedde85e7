"""How much the proxy delivers, and at what cost: bench/README.md says what the figures mean.

Real processes: a publisher on the bus, the proxy as the supervisor starts it, and client
processes that hold raw WebSocket connections.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import secrets
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

import msgspec
import psutil
import zmq

from bus.channel import ControlServer
from bus.messages import (
    Acknowledge,
    Directory,
    FromProcess,
    Heartbeat,
    Hello,
    PublisherEntry,
    Stats,
)
from bus.process import Bootstrap
from bus.secret import Secret
from bus.settings import AdapterEntry, ProxyBootstrap, ProxySettings
from identity.keys import KeyStore

HERE = Path(__file__).resolve().parent
START_S = 20.0
#: A rate is sustained when nothing is lost, the publisher kept it, and the backlog at the end
#: of the run was gone within this time.
DRAIN_S = 0.25
KEPT_RATE = 0.97
GIVE_UP_S = 10.0


@dataclass
class Result:
    """One run. Latencies in ms from the publisher's stamp to the client's read."""

    offered_per_s: float
    delivered_per_s: float
    expected: int
    delivered: int
    lost: int
    disorder: int
    lanes: int
    drain_s: float
    sustained: bool
    proxy_cpu_us_per_delivery: float
    proxy_cpu_percent: float
    clients_cpu_s: float
    publisher_cpu_s: float
    megabytes_per_s: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float

    def text(self) -> str:
        verdict = "sustained" if self.sustained else "NOT SUSTAINED"
        return (
            f"offered {self.offered_per_s:9.0f}/s  delivered {self.delivered_per_s:9.0f}/s  "
            f"lost {self.lost}  disorder {self.disorder}  lanes {self.lanes}  "
            f"proxy {self.proxy_cpu_us_per_delivery:.2f} us/delivery "
            f"({self.proxy_cpu_percent:.0f} % CPU)  p50 {self.p50_ms:.2f}  p99 {self.p99_ms:.2f}  "
            f"p99.9 {self.p999_ms:.2f}  max {self.max_ms:.2f} ms  drain {self.drain_s:.2f} s  "
            f"{verdict}"
        )


class Child:
    """A helper process that talks in lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, *arguments: str, first_line: bytes) -> Child:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 28,
        )
        child = cls(process)
        child.say(first_line)
        return child

    def say(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.rstrip(b"\n") + b"\n")

    async def hear(self, seconds: float = START_S) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(seconds):
            line = await self.process.stdout.readline()
        if not line:
            raise SystemExit(f"a process of the benchmark ended: {self.process.args}")
        return line.decode().strip()

    async def end(self) -> None:
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
            await self.process.wait()


class Arena:
    """All processes of the benchmark, started and connected."""

    def __init__(self, options: argparse.Namespace, directory: Path) -> None:
        self.options = options
        self.symbols = [f"S{number:04d}" for number in range(options.symbols)]
        self.secret = Secret(secrets.token_hex(16))
        self.directory = directory
        self.children: list[Child] = []
        self.address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.publishers: list[PublisherEntry] = []
        self.context = zmq.Context()
        self.control = ControlServer(self.context, secret=self.secret, on_message=self.on_message)
        self.expected = 0
        self.proxy_stats: Stats = {}

    def on_message(self, identity: bytes, message: FromProcess) -> None:
        self.control.send(identity, Acknowledge())
        if isinstance(message, Hello):
            self.control.send(identity, Directory(self.publishers))
            self.address.set_result(message.endpoint)
        elif isinstance(message, Heartbeat):
            self.proxy_stats = message.stats

    async def start(self) -> None:
        options = self.options
        self.publisher = await self.child(
            str(HERE / "fanout_publisher.py"),
            settings={
                "secret": self.secret.reveal(),
                "symbols": self.symbols,
                "mode": options.mode,
                "even": options.even,
            },
        )
        self.publishers = [PublisherEntry("bench", 1, await self.publisher.hear(), "bench")]
        keys_path = self.directory / "keys.sqlite3"
        with KeyStore(keys_path) as keys:
            key = keys.create("bench")
        await self.start_proxy(str(keys_path))
        async with asyncio.timeout(START_S):
            address = await self.address
        share, more = divmod(options.clients, options.client_processes)
        settings = {
            "host": "127.0.0.1",
            "port": int(address.rpartition(":")[2]),
            "key": key,
            "symbols": self.symbols,
            "mode": options.mode,
            "verify": options.verify,
            "distinct": options.distinct,
        }
        self.clients = [
            await self.child(
                str(HERE / "fanout_clients.py"),
                settings=settings | {"clients": share + (number < more)},
            )
            for number in range(options.client_processes)
        ]
        for client in self.clients:
            assert await client.hear() == "ready"
        assert await self.publisher.hear() == "demanded"
        await asyncio.sleep(options.settle)

    async def start_proxy(self, keys_path: str) -> None:
        boot = ProxyBootstrap(
            proxy=ProxySettings(port=0),
            adapters=[AdapterEntry("bench", "bench")],
            keys_path=keys_path,
        )
        line = Bootstrap(
            name="proxy",
            role="proxy",
            generation=1,
            control=self.control.endpoint,
            secret=self.secret,
            orphan_grace_s=30.0,
            settings=msgspec.Raw(msgspec.json.encode(boot)),
        ).line()
        arguments = ["-m", "proxy"]
        if self.options.profile:
            arguments = ["-m", "cProfile", "-o", self.options.profile, *arguments]
        self.proxy = await Child.start(*arguments, first_line=line)
        self.children.append(self.proxy)
        self.proxy_process = psutil.Process(self.proxy.process.pid)

    async def child(self, *arguments: str, settings: dict[str, object]) -> Child:
        child = await Child.start(*arguments, first_line=json.dumps(settings).encode())
        self.children.append(child)
        return child

    async def end(self) -> None:
        for child in reversed(self.children):
            await child.end()
        self.control.close()
        self.context.term()

    # --- measuring --------------------------------------------------------------------------

    async def run(self, rate: float, seconds: float) -> Result:
        await self.ask_clients(b"latencies")
        before = await self.ask_clients(b"report")
        cpu_before, began = self.proxy_cpu(), time.perf_counter()
        self.publisher.say(f"{rate} {seconds}".encode())
        published = json.loads(await self.publisher.hear(seconds + START_S))
        ended = time.perf_counter()
        self.expected += published["published"]
        after = await self.reports_when_complete()
        finished = time.perf_counter()
        cpu = self.proxy_cpu() - cpu_before
        delivered = total(after, "messages") - total(before, "messages")
        expected = published["published"] * self.options.clients
        lost = sum(self.expected - count for report in after for count in report["messages"])
        drain = max(0.0, finished - ended)
        latencies = sorted(chain.from_iterable(await self.ask_clients(b"latencies")))
        return Result(
            offered_per_s=published["published"] * self.options.clients / published["elapsed_s"],
            delivered_per_s=delivered / (finished - began - max(0.0, drain - DRAIN_S)),
            expected=expected,
            delivered=delivered,
            lost=lost,
            disorder=total(after, "disorder"),
            lanes=int(self.proxy_stats["lanes"] or 0),
            drain_s=drain,
            sustained=lost == 0
            and drain <= DRAIN_S
            and published["published"] >= KEPT_RATE * rate * seconds,
            proxy_cpu_us_per_delivery=cpu / delivered * 1e6 if delivered else 0.0,
            proxy_cpu_percent=cpu / (finished - began) * 100,
            clients_cpu_s=total(after, "cpu_s") - total(before, "cpu_s"),
            publisher_cpu_s=published["cpu_s"],
            megabytes_per_s=(total(after, "bytes") - total(before, "bytes"))
            / (finished - began)
            / 1e6,
            p50_ms=quantile(latencies, 0.5),
            p99_ms=quantile(latencies, 0.99),
            p999_ms=quantile(latencies, 0.999),
            max_ms=latencies[-1] if latencies else 0.0,
        )

    async def reports_when_complete(self) -> list[dict]:
        """Ask until every client has everything, or nothing more comes."""
        deadline = time.perf_counter() + GIVE_UP_S
        progress_at, seen = time.perf_counter(), -1
        while True:
            reports = await self.ask_clients(b"report")
            messages, now = total(reports, "messages"), time.perf_counter()
            if messages != seen:
                progress_at, seen = now, messages
            complete = messages >= self.expected * self.options.clients
            if complete or now > deadline or now - progress_at > 1.0:
                return reports
            await asyncio.sleep(0.01)

    async def ask_clients(self, command: bytes) -> list:
        for client in self.clients:
            client.say(command)
        return [json.loads(await client.hear()) for client in self.clients]

    def proxy_cpu(self) -> float:
        times = self.proxy_process.cpu_times()
        return times.user + times.system


def total(reports: list[dict], key: str) -> float:
    values = [report[key] for report in reports]
    return sum(sum(value) if isinstance(value, list) else value for value in values)


def quantile(ordered: list[float], q: float) -> float:
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else 0.0


async def find_max(arena: Arena, options: argparse.Namespace) -> list[Result]:
    """Double until it breaks, then halve the gap a few times."""
    results, good, bad, rate = [], 0.0, 0.0, float(options.rate)
    for _ in range(options.steps):
        result = await arena.run(rate, options.seconds)
        print(result.text(), flush=True)
        results.append(result)
        if result.lost:
            break  # counts no longer start equal
        if result.sustained:
            good = max(good, rate)
        else:
            bad = rate
        rate = (good + bad) / 2 if bad else rate * 1.6
        if bad and bad - good < 0.06 * bad:
            break
    return results


async def benchmark(options: argparse.Namespace) -> list[Result]:
    with tempfile.TemporaryDirectory() as directory:
        arena = Arena(options, Path(directory))
        try:
            await arena.start()
            await arena.run(min(options.rate, 2000), 1.0)  # warm up
            if options.find_max:
                return await find_max(arena, options)
            result = await arena.run(options.rate, options.seconds)
            print(result.text(), flush=True)
            return [result]
        finally:
            await arena.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--rate", type=float, default=6000, help="ticks/s on the bus")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--mode", choices=("LTP", "QUOTE", "DEPTH"), default="LTP")
    parser.add_argument("--client-processes", type=int, default=2)
    parser.add_argument("--verify", action="store_true", help="check every message's sequence")
    parser.add_argument(
        "--distinct", action="store_true", help="no two clients hold the same subscriptions"
    )
    parser.add_argument("--even", action="store_true", help="no bursts from the publisher")
    parser.add_argument("--find-max", action="store_true", help="step --rate up to the maximum")
    parser.add_argument("--steps", type=int, default=10, help="runs at most with --find-max")
    parser.add_argument("--settle", type=float, default=1.5, help="quiet seconds before the runs")
    parser.add_argument("--json", type=Path, help="write the results there, too")
    parser.add_argument("--profile", help="run the proxy under cProfile into this file")
    options = parser.parse_args()
    results = asyncio.run(benchmark(options))
    best = max((r for r in results if r.sustained), key=lambda r: r.delivered_per_s, default=None)
    if best is None:
        print("no rate was sustained")
    else:
        print(f"sustained: {best.delivered_per_s:.0f} deliveries/s")
    if options.json:
        shown = {key: str(value) for key, value in vars(options).items()}
        report = {"options": shown, "runs": [asdict(result) for result in results]}
        options.json.write_text(json.dumps(report, indent=2) + "\n")


main()
