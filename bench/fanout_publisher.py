"""The publishing process of bench/fanout.py: a real `bus.Publisher` with made-up ticks.

Standard input: one line of JSON settings, then `RATE SECONDS` per run. Standard output: the
endpoint, `demanded` once every topic is wanted, then one line of JSON per run.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import zmq

from bus.publisher import Demand, Publisher
from bus.secret import Secret
from bus.ticks import BidAsk, DepthData, Level, LtpData, QuoteData, encode_json
from bus.topics import Mode, Topic

#: Ticks come as timers fire, about every millisecond, like a broker's packets do; an even
#: stream is made by never sleeping, which takes a core.
TIMER_S = 0.0005


def body(symbol: str, mode: Mode) -> bytes:
    """A payload without its end: the run adds `volume` (the sequence) and `timestamp`."""
    common = {"symbol": symbol, "exchange": "NSE", "ltp": 823.45, "timestamp": 0}
    quote = {
        **common,
        **dict.fromkeys(("open", "high", "low", "close", "average_price"), 820.05),
        **dict.fromkeys(("last_trade_quantity", "last_quantity", "ltq"), 25),
        **dict.fromkeys(("total_buy_quantity", "total_sell_quantity"), 1234567),
    }
    side = [Level(price=823.4 - level, quantity=150, orders=3) for level in range(5)]
    tick: LtpData
    if mode is Mode.LTP:
        tick = LtpData(**common)
    elif mode is Mode.QUOTE:
        tick = QuoteData(**quote)
    else:
        tick = DepthData(**quote, depth=BidAsk(buy=side, sell=side), bids=side, asks=side)
    return encode_json(tick).replace(b'"timestamp":0,', b"").replace(b',"timestamp":0', b"")[:-1]


class Source:
    """Publishes round robin over its topics."""

    def __init__(self, publisher: Publisher, symbols: list[str], mode: Mode, *, even: bool) -> None:
        self.publisher = publisher
        self.pause_s = 0.0 if even else TIMER_S
        topics = [Topic.make(publisher.adapter, "NSE", symbol, mode).wire for symbol in symbols]
        self.lines = list(zip(topics, [body(s, mode) for s in symbols], strict=True))
        self.published = 0

    def burst(self, count: int) -> None:
        publish, lines = self.publisher.publish, self.lines
        for number in range(self.published, self.published + count):
            round_, index = divmod(number, len(lines))
            topic, head = lines[index]
            now = time.time_ns()
            publish(topic, b'%b,"volume":%d,"timestamp":%d}' % (head, round_ + 1, now), now)
        self.published += count

    async def run(self, rate: float, seconds: float) -> dict[str, float]:
        """Never makes up for more than 50 ms at once."""
        cpu, began, sent_before = time.process_time(), time.perf_counter(), self.published
        owed_since = began
        while (now := time.perf_counter()) - began < seconds:
            owed_since = max(owed_since, now - 0.05)
            due = int((now - owed_since) * rate)
            if due:
                self.burst(due)
                owed_since += due / rate
            await asyncio.sleep(self.pause_s)
        elapsed = time.perf_counter() - began
        return {
            "published": self.published - sent_before,
            "elapsed_s": elapsed,
            "cpu_s": time.process_time() - cpu,
        }


async def main() -> None:
    settings = json.loads(sys.stdin.readline())
    symbols, mode = settings["symbols"], Mode[settings["mode"]]
    missing = {Topic.make("bench", "NSE", symbol, mode).wire for symbol in symbols}
    complete = asyncio.Event()

    def on_demand(demands: list[Demand]) -> None:
        missing.difference_update(demand.topic for demand in demands if demand.wanted)
        if not missing:
            complete.set()

    context = zmq.Context()
    publisher = Publisher(
        context,
        adapter="bench",
        generation=1,
        secret=Secret(settings["secret"]),
        on_demand=on_demand,
    )
    print(publisher.endpoint, flush=True)
    await complete.wait()
    print("demanded", flush=True)
    source = Source(publisher, symbols, mode, even=settings["even"])
    while line := await asyncio.to_thread(sys.stdin.readline):
        rate, seconds = map(float, line.split())
        print(json.dumps(await source.run(rate, seconds)), flush=True)
    publisher.close()
    context.term()


asyncio.run(main())
