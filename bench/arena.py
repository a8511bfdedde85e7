"""One contender with its publisher and its clients, and what is measured of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from children import START_S, Child
from contenders import Contender

#: A rate is sustained when nothing is lost, the publisher kept it, and the backlog at the end
#: of the run was gone within this time.
DRAIN_S = 0.25
KEPT_RATE = 0.97
GIVE_UP_S = 10.0


@dataclass(frozen=True)
class Load:
    """Who wants what. `subset` symbols at random per client; 0: all symbols."""

    clients: int = 50
    symbols: int = 100
    mode: str = "LTP"
    subset: int = 0
    distinct: bool = False
    verify: bool = False
    even: bool = False
    client_processes: int = 2
    settle_s: float = 1.5

    def names(self) -> list[str]:
        return [f"S{number:04d}" for number in range(self.symbols)]

    def holdings(self) -> list[list[str]]:
        """What each client subscribes to; the same in every run of the same load."""
        names, chance = self.names(), random.Random(1)
        held = []
        for number in range(self.clients):
            own = chance.sample(names, self.subset) if self.subset else list(names)
            # A symbol that is never published makes a set of subscriptions unlike others.
            held.append([*own, f"OWN-{number}"] if self.distinct else own)
        return held


@dataclass
class Result:
    """One run. Latencies in ms from the publisher's stamp to the client's read."""

    rate: float
    offered_per_s: float
    delivered_per_s: float
    expected: int
    delivered: int
    lost: int
    disorder: int
    lanes: int
    drain_s: float
    sustained: bool
    server_cpu_us_per_delivery: float
    server_cpu_percent: float
    clients_cpu_s: float
    publisher_cpu_s: float
    megabytes_per_s: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    #: How late the publisher's timer rang: what the machine adds, whatever the server does.
    timer_late_p99_ms: float

    def text(self) -> str:
        verdict = "sustained" if self.sustained else "NOT SUSTAINED"
        return (
            f"offered {self.offered_per_s:9.0f}/s  delivered {self.delivered_per_s:9.0f}/s  "
            f"lost {self.lost}  disorder {self.disorder}  lanes {self.lanes}  "
            f"server {self.server_cpu_us_per_delivery:.2f} us/delivery "
            f"({self.server_cpu_percent:.0f} % CPU)  p50 {self.p50_ms:.2f}  p99 {self.p99_ms:.2f}  "
            f"p99.9 {self.p999_ms:.2f}  max {self.max_ms:.2f} ms  "
            f"(timers late p99 {self.timer_late_p99_ms:.2f})  drain {self.drain_s:.2f} s  "
            f"{verdict}"
        )


@dataclass
class Arena:
    """Made by `arena`; everything in it runs and is connected."""

    contender: Contender
    load: Load
    clients: list[Child] = field(default_factory=list)
    #: How many of the symbols each client holds, in the order of the clients' reports.
    _held: list[frozenset[int]] = field(default_factory=list)
    _published: int = 0

    async def start(self, directory: Path) -> None:
        load = self.load
        source = {"symbols": load.names(), "mode": load.mode, "even": load.even, "idle": False}
        await self.contender.start(directory, source)
        numbers = {name: number for number, name in enumerate(load.names())}
        holdings = load.holdings()
        for first in range(load.client_processes):
            share = holdings[first :: load.client_processes]
            self.clients.append(await self.connect(share))
            self._held += [
                frozenset(numbers[name] for name in held if name in numbers) for held in share
            ]
        for client in self.clients:
            assert await client.hear(60.0) == "ready"
        assert self.contender.publisher is not None
        assert await self.contender.publisher.hear() == "demanded"
        await asyncio.sleep(load.settle_s)

    async def connect(self, holdings: list[list[str]]) -> Child:
        """A process with a client per entry; it says `ready`."""
        settings = {
            "port": self.contender.port,
            "key": self.contender.key,
            "dialect": self.contender.dialect,
            "mode": self.load.mode,
            "verify": self.load.verify,
            "holdings": holdings,
        }
        return await Child.script("fanout_clients.py", settings)

    async def end(self) -> None:
        for client in self.clients:
            await client.end()
        await self.contender.end()

    # --- measuring --------------------------------------------------------------------------

    async def run(self, rate: float, seconds: float) -> Result:
        publisher = self.contender.publisher
        assert publisher is not None
        await self.ask_clients(b"latencies")
        before = await self.ask_clients(b"report")
        cpu_before, began = self.contender.cpu_s(), time.perf_counter()
        publisher.say(f"{rate} {seconds}".encode())
        told = json.loads(await publisher.hear(seconds + START_S))
        ended = time.perf_counter()
        expected = self.expect(told["published"])
        counts_before = messages(before)
        after = await self.reports_when_complete(sum(counts_before) + sum(expected))
        finished = time.perf_counter()
        cpu = self.contender.cpu_s() - cpu_before
        counts = [now - then for now, then in zip(messages(after), counts_before, strict=True)]
        delivered = sum(counts)
        lost = sum(wanted - got for wanted, got in zip(expected, counts, strict=True))
        drain = max(0.0, finished - ended)
        latencies = sorted(chain.from_iterable(await self.ask_clients(b"latencies")))
        elapsed = finished - began
        return Result(
            rate=rate,
            offered_per_s=sum(expected) / told["elapsed_s"],
            delivered_per_s=delivered / (elapsed - max(0.0, drain - DRAIN_S)),
            expected=sum(expected),
            delivered=delivered,
            lost=lost,
            disorder=sum(report["disorder"] for report in after),
            lanes=self.contender.lanes,
            drain_s=drain,
            sustained=lost == 0
            and drain <= DRAIN_S
            and told["published"] >= KEPT_RATE * rate * seconds,
            server_cpu_us_per_delivery=cpu / delivered * 1e6 if delivered else 0.0,
            server_cpu_percent=cpu / elapsed * 100,
            clients_cpu_s=total(after, "cpu_s") - total(before, "cpu_s"),
            publisher_cpu_s=told["cpu_s"],
            megabytes_per_s=(total(after, "bytes") - total(before, "bytes")) / elapsed / 1e6,
            p50_ms=quantile(latencies, 0.5),
            p99_ms=quantile(latencies, 0.99),
            p999_ms=quantile(latencies, 0.999),
            max_ms=latencies[-1] if latencies else 0.0,
            timer_late_p99_ms=told["late_p99_ms"],
        )

    def expect(self, published: int) -> list[int]:
        """Messages due to each client: the publisher goes round robin over its symbols."""
        symbols = self.load.symbols
        since, self._published = self._published, self._published + published
        per_symbol = [
            (self._published + symbols - 1 - number) // symbols
            - (since + symbols - 1 - number) // symbols
            for number in range(symbols)
        ]
        return [sum(per_symbol[number] for number in held) for held in self._held]

    async def reports_when_complete(self, expected: int) -> list[dict]:
        """Ask until every client has everything, or nothing more comes."""
        deadline = time.perf_counter() + GIVE_UP_S
        progress_at, seen = time.perf_counter(), -1
        while True:
            reports = await self.ask_clients(b"report")
            count, now = sum(messages(reports)), time.perf_counter()
            if count != seen:
                progress_at, seen = now, count
            if count >= expected or now > deadline or now - progress_at > 1.0:
                return reports
            await asyncio.sleep(0.01)

    async def ask_clients(self, command: bytes) -> list:
        for client in self.clients:
            client.say(command)
        return [json.loads(await client.hear()) for client in self.clients]

    async def find_max(self, rate: float, seconds: float, steps: int) -> list[Result]:
        """Grow until it breaks, then halve the gap a few times; the runs, printed as made."""
        results, good, bad = [], 0.0, 0.0
        for _ in range(steps):
            result = await self.run(rate, seconds)
            print(f"  {result.text()}", flush=True)
            results.append(result)
            if result.sustained:
                good = max(good, rate)
            else:
                bad = min(bad or rate, rate)
            rate = (good + bad) / 2 if bad else rate * 1.6
            if bad and bad - good < 0.06 * bad:
                break
        return results


@contextlib.asynccontextmanager
async def arena(contender: Contender, load: Load) -> AsyncIterator[Arena]:
    with tempfile.TemporaryDirectory() as directory:
        made = Arena(contender, load)
        try:
            await made.start(Path(directory))
            await made.run(500, 1.0)  # warm up
            yield made
        finally:
            await made.end()


def best(results: list[Result]) -> Result | None:
    sustained = (result for result in results if result.sustained)
    return max(sustained, key=lambda result: result.delivered_per_s, default=None)


def messages(reports: list[dict]) -> list[int]:
    return [count for report in reports for count in report["messages"]]


def total(reports: list[dict], key: str) -> float:
    return sum(report[key] for report in reports)


def quantile(ordered: list[float], q: float) -> float:
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else 0.0
