"""How fast the paper account is: bench/README.md says what the figures mean.

The market-data service's own parts on one core: bus, cache, desk with its thread and its SQLite
file. A second process makes the market. Every order that is filled is followed by a new one, so
that as many rest all the time.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import sys
import tempfile
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import zmq
from children import Child

from bus.clock import SystemClock
from bus.control.messages import PublisherEntry
from bus.events import Rejected
from bus.feed import Feed
from bus.frames import Frame
from bus.market.hours import Calendar
from bus.market.instruments import Contract
from bus.measuring.flow import Flow
from bus.secret import Secret
from bus.settings import MarketDataSettings, SandboxSettings
from bus.subscriber import Subscriber
from bus.topics import Mode, Topic
from marketdata.asking import Asking
from marketdata.cache import Data
from marketdata.interpreter import prepare
from marketdata.market import Market, newest
from marketdata.paper import Paper
from marketdata.sandbox.desk import Desk
from marketdata.sandbox.model import Action, Order, OrderRequest, PriceType, Trade
from marketdata.sandbox.rules import Rules
from marketdata.sandbox.runner import DeskRunner
from marketdata.sandbox.store import Store

SECRET = "bench" * 8
#: All instruments begin at 500 rupees; prices are counted in steps of 5 paise.
START = 10_000
STEP = 50_000
ACCOUNTS = [f"trader{n}" for n in range(10)]


class Listed:
    """Every symbol is a share."""

    def find(self, exchange: str, symbol: str) -> Contract | None:
        return Contract(exchange, symbol, "share", tick_size=STEP)


@dataclass
class Result:
    mode: str
    rate: float
    synchronous: str
    offered_per_s: float
    taken_per_s: float
    lost: int
    behind_ms: float
    busy: float
    us_per_tick: float
    fills: int
    placed: int
    latencies_ms: dict[str, float] = field(default_factory=dict)

    @property
    def is_sustained(self) -> bool:
        """Kept up: the market got its rate out, nothing was lost, nothing waited at the end."""
        return self.offered_per_s >= 0.97 * self.rate and not self.lost and self.behind_ms < 250

    def text(self) -> str:
        late = " / ".join(f"{value:.2f}" for value in self.latencies_ms.values())
        kept = "kept up" if self.is_sustained else "FELL BEHIND"
        return (
            f"{self.mode:5} {self.offered_per_s:8.0f} ticks/s, {kept} (lost {self.lost}, "
            f"{self.behind_ms:.0f} ms behind at the end), {self.busy:.0%} of a core, "
            f"{self.us_per_tick:.1f} us per tick; {self.fills} fills, "
            f"tick to fill p50 / p99 / p99.9 / max {late} ms ({self.synchronous})"
        )


class Trader:
    """Keeps the account full of orders; runs in the desk's thread, on durable news only."""

    def __init__(self, per_symbol: int) -> None:
        self.per_symbol = per_symbol
        self.fills = self.placed = 0
        self.latencies_ns: list[int] = []
        #: When the tick was received that is at work.
        self.caused: dict[str, int] = {}
        self.prices: dict[str, int] = {}
        self.filled: deque[Order] = deque()
        self._random = random.Random(2)

    def told(self, order: Order) -> None:
        """The desk's outlet."""
        caused_ns = self.caused.pop(order.id, 0)
        if caused_ns and order.status == "complete":
            self.latencies_ns.append(time.time_ns() - caused_ns)
            self.fills += 1
            self.filled.append(order)

    def watch(self, desk: Desk) -> None:
        """Note which tick a fill comes from."""
        state = desk._durable.engine.state  # noqa: SLF001 - a measurement from inside

        class Noting(list[Trade]):
            def append(inner, trade: Trade) -> None:  # noqa: N805
                quote = state.symbols[trade.exchange, trade.symbol].quote
                self.caused[trade.order_id] = quote.received_ns
                self.prices[trade.symbol] = quote.ltp
                super().append(trade)

        state.trades = Noting(state.trades)

    def begin(self, desk: Desk, symbols: list[str], orders: int) -> None:
        for number, symbol in enumerate(symbols):
            account = ACCOUNTS[number % len(ACCOUNTS)]
            desk.place(account, self._request(symbol, "BUY", "MARKET", 0))
        for number in range(orders):
            symbol = symbols[number % len(symbols)]
            self.place(desk, symbol, START, number // len(symbols))

    def replace(self, desk: Desk, _now_ns: int = 0) -> None:
        """A new order for each that was filled, of the same side and kind, around the price."""
        while self.filled:
            order = self.filled.popleft()
            around = self.prices[order.symbol] // STEP
            self.place(desk, order.symbol, around, self._random.randrange(10))
            self.placed += 1

    def place(self, desk: Desk, symbol: str, around: int, kind: int) -> None:
        """Of ten orders eight are limits on both sides, one is a stop, one a stop with a limit."""
        away = self._random.randrange(3, 40)
        action: Action = "BUY" if kind % 2 else "SELL"
        pricetype: PriceType = "LIMIT"
        below = action == "BUY"
        if kind >= 8:
            pricetype, below = ("SL-M" if kind == 8 else "SL"), not below
        price = around + (-away if below else away)
        account = self._random.choice(ACCOUNTS)
        desk.place(account, self._request(symbol, action, pricetype, price))

    def _request(
        self, symbol: str, action: Action, pricetype: PriceType, price: int
    ) -> OrderRequest:
        limit = {"SL": 5 if action == "BUY" else -5}.get(pricetype, 0)
        return OrderRequest(
            exchange="NSE",
            symbol=symbol,
            action=action,
            quantity=1,
            pricetype=pricetype,
            product="CNC" if pricetype == "MARKET" else "MIS",
            price=(price + limit) * STEP if pricetype in {"LIMIT", "SL"} else 0,
            trigger_price=price * STEP if pricetype in {"SL", "SL-M"} else 0,
        )


class Service:
    """What the market-data service's process is made of, without its HTTP server."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        clock = SystemClock()
        self.taken = 0
        self.mode = Mode[options.mode]
        self._flow = Flow(clock)
        self.trader = Trader(options.orders // options.symbols)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.subscriber = Subscriber(
            self._context, secret=Secret(SECRET), on_frames=self._on_frames, tap=True
        )
        self.market = Market(MarketDataSettings(), Calendar(), clock, self.subscriber)
        self._paper = Paper(self.market, Asking(self.market))
        # Never squared off: the run may be at any hour.
        never: Any = dict.fromkeys(("NSE",), "")
        rules = Rules.of(SandboxSettings(starting_capital=1e11, square_off=never))
        store = (folder / "sandbox.db", options.synchronous)

        def open_desk() -> Desk:
            return Desk(
                Store(store[0], synchronous=store[1]),
                Listed(),
                clock,
                rules,
                outlet=self.trader.told,
                last_value=self._last_value,
            )

        self.runner = DeskRunner(open_desk)

    async def start(self, endpoint: str, child: Child, symbols: list[str], orders: int) -> None:
        """Hear of every instrument once, then fill the accounts."""
        entry = PublisherEntry("bench", 1, endpoint)
        self.market.feeds.follow([entry])
        self.subscriber.follow([entry])
        while self.market.values.instruments < len(symbols):
            child.say(f"{4 * len(symbols)} 0.5".encode())
            await child.hear()
            await asyncio.sleep(0.1)
        for mode in Mode:  # the feed has this one and none that says more
            if mode > self.mode:
                for symbol in symbols:
                    topic = Topic.make("bench", "NSE", symbol, mode)
                    self.market.holds.refused(Rejected(topic.text, "mode", ""), 0.0)
        await self.runner.start()
        self._paper.open(self.runner, [("NSE", symbol) for symbol in symbols])

        def begin(desk: Desk) -> None:
            self.trader.watch(desk)
            self.trader.begin(desk, symbols, orders)

        await self.runner.do(begin)

    def _last_value(self, exchange: str, symbol: str) -> tuple[Data, int] | None:
        entry = self.market.values.find(exchange, symbol, ["BENCH"])
        tick = newest(entry, Mode.LTP) if entry is not None else None
        return None if tick is None else (tick.decode(), tick.frame.received_ns)

    async def stop(self) -> None:
        self._paper.close()
        await self.runner.stop()
        self.subscriber.close()
        self._context.term()

    async def until(self, count: int) -> None:
        """Wait until so many ticks were taken in all."""
        while self.taken < count:  # noqa: ASYNC110 - an event would cost every tick
            await asyncio.sleep(0.005)

    def _on_frames(self, feed: Feed, frames: list[Frame]) -> None:
        self._flow.came(frames)
        self.market.take(feed.entry.adapter, frames)
        self._flow.took(frames)
        self.taken += len(frames)


async def replacing(service: Service) -> None:
    """What a strategy does: where an order was filled, place the next."""
    while True:
        await asyncio.sleep(0.02)
        if service.trader.filled:
            await service.runner.do(service.trader.replace)


async def run(service: Service, child: Child, rate: float, options: argparse.Namespace) -> Result:
    trader = service.trader
    trader.latencies_ns.clear()
    fills, placed, taken = trader.fills, trader.placed, service.taken
    lost, dropped = service.subscriber.lost_total, service.runner.dropped_ticks_total
    cpu, began = time.process_time(), time.perf_counter()
    child.say(f"{rate} {options.seconds}".encode())
    told = json.loads(await child.hear(options.seconds + 60))
    await service.runner.do(lambda _desk: None)  # all that came by now is done
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10):
            await service.until(taken + int(told["published"]))
    await service.runner.do(lambda _desk: None)
    elapsed = time.perf_counter() - began
    used = time.process_time() - cpu
    missed = (service.subscriber.lost_total - lost) + (service.runner.dropped_ticks_total - dropped)
    count = service.taken - taken
    return Result(
        mode=options.mode,
        rate=rate,
        synchronous=f"synchronous={options.synchronous}",
        offered_per_s=told["published"] / told["elapsed_s"],
        taken_per_s=count / elapsed,
        lost=missed,
        behind_ms=(elapsed - told["elapsed_s"]) * 1e3,
        busy=used / elapsed,
        us_per_tick=used / max(count, 1) * 1e6,
        fills=trader.fills - fills,
        placed=trader.placed - placed,
        latencies_ms=quantiles(trader.latencies_ns),
    )


def quantiles(values_ns: list[int]) -> dict[str, float]:
    ordered = sorted(values_ns)
    if not ordered:
        return {}
    at = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
    return {name: ordered[int(q * (len(ordered) - 1))] / 1e6 for name, q in at.items()}


async def benchmark(options: argparse.Namespace, folder: Path) -> list[Result]:
    symbols = [f"SHARE{n:04}" for n in range(options.symbols)]
    core: int | None = None
    if hasattr(os, "sched_setaffinity") and not options.unpinned:
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[0]})
        core = cores[-1]
    settings = {
        "symbols": symbols, "mode": options.mode, "start": START, "secret": SECRET, "core": core,
    }  # fmt: skip
    child = await Child.script("sandbox_market.py", dict(settings))
    results = []
    try:
        service = Service(folder, options)
        endpoint = await child.hear()
        await service.start(endpoint, child, symbols, options.orders)
        prepare()
        trader = asyncio.create_task(replacing(service))
        for rate in options.rate:
            result = await run(service, child, rate, options)
            print(result.text(), flush=True)
            results.append(result)
        trader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await trader
        await service.stop()
    finally:
        await child.end()
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, nargs="+", default=[50_000], help="ticks/s")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--mode", choices=("LTP", "QUOTE", "DEPTH"), default="QUOTE")
    parser.add_argument("--symbols", type=int, default=1000, help="with one position each")
    parser.add_argument("--orders", type=int, default=10_000, help="that rest, all the time")
    parser.add_argument("--synchronous", choices=("normal", "full"), default="normal")
    parser.add_argument("--unpinned", action="store_true", help="use whatever core is free")
    parser.add_argument("--folder", type=Path, help="where the database lies; a new one")
    parser.add_argument("--json", type=Path, help="write the results there, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        results = asyncio.run(benchmark(options, Path(folder)))
    if options.json:
        report = {"python": sys.version, "runs": [asdict(result) for result in results]}
        options.json.write_text(json.dumps(report, indent=2) + "\n")


main()
