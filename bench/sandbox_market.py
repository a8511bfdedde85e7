"""The market of `bench/sandbox.py`: instruments whose prices wander, on a real bus.

Standard input: one line of JSON settings, then `RATE SECONDS` per run. Standard output: the
endpoint, then one line of JSON per run. One tick in five has a new price.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time

import zmq

from bus.market.ticks import BidAsk, DepthData, Level, LtpData, QuoteData, encode_json
from bus.publisher import Publisher
from bus.secret import Secret
from bus.topics import Mode, Topic

#: Ticks come as timers fire, about every millisecond, like a broker's packets do.
TIMER_S = 0.0005
TICK = 0.05
#: Behind by more than this, what is owed is let go.
MOST_OWED_S = 0.05


def body(symbol: str, mode: Mode, ticks: int) -> bytes:
    """A payload without its end, which the run adds: `volume` and `timestamp`."""
    price = round(ticks * TICK, 2)
    common = {"symbol": symbol, "exchange": "NSE", "ltp": price, "timestamp": 0}
    quote = {
        **common,
        **dict.fromkeys(("open", "close", "average_price"), price),
        "low": round(price * 0.8, 2),
        "high": round(price * 1.2, 2),
        "bid_price": round(price - TICK, 2),
        "ask_price": price,
        **dict.fromkeys(("bid_size", "ask_size", "last_trade_quantity", "ltq"), 250),
        **dict.fromkeys(("total_buy_quantity", "total_sell_quantity"), 1234567),
    }
    tick: LtpData
    if mode is Mode.LTP:
        tick = LtpData(**common)
    elif mode is Mode.QUOTE:
        tick = QuoteData(**quote)
    else:
        bids = [Level(round(price - (n + 1) * TICK, 2), 250 + n, 3) for n in range(5)]
        asks = [Level(round(price + n * TICK, 2), 250 + n, 3) for n in range(5)]
        tick = DepthData(**quote, depth=BidAsk(bids, asks), bids=bids, asks=asks)
    return encode_json(tick).replace(b'"timestamp":0,', b"").replace(b',"timestamp":0', b"")[:-1]


class Market:
    """Ticks round robin over the instruments; `start` is the price of all, in price steps."""

    def __init__(self, publisher: Publisher, symbols: list[str], mode: Mode, start: int) -> None:
        self._publisher = publisher
        self._topics = [Topic.make("bench", "NSE", symbol, mode).wire for symbol in symbols]
        self._symbols = symbols
        self._mode = mode
        self._prices = [start] * len(symbols)
        self._bodies = [body(symbol, mode, start) for symbol in symbols]
        self._random = random.Random(1)
        self._made = 0

    def burst(self, count: int) -> None:
        publish, move = self._publisher.publish, self._random.random
        for number in range(self._made, self._made + count):
            turn, index = divmod(number, len(self._bodies))
            if move() < 0.2:
                self._prices[index] += 1 if move() < 0.5 else -1
                self._bodies[index] = body(self._symbols[index], self._mode, self._prices[index])
            now = time.time_ns()
            end = b',"volume":%d,"timestamp":%d}' % (turn + 1, now // 1_000_000)
            publish(self._topics[index], self._bodies[index] + end, now)
        self._made += count

    async def run(self, rate: float, seconds: float) -> dict[str, float]:
        began = owed_since = time.perf_counter()
        before = self._made
        while (now := time.perf_counter()) - began < seconds:
            owed_since = max(owed_since, now - MOST_OWED_S)
            due = int((now - owed_since) * rate)
            if due:
                self.burst(due)
                owed_since += due / rate
            await asyncio.sleep(TIMER_S)
        return {"published": self._made - before, "elapsed_s": time.perf_counter() - began}


async def main() -> None:
    settings = json.loads(sys.stdin.readline())
    if settings["core"] is not None:
        os.sched_setaffinity(0, {settings["core"]})
    publisher = Publisher(
        zmq.Context(),
        adapter="bench",
        generation=1,
        secret=Secret(settings["secret"]),
        on_demand=lambda _demands: None,
    )
    print(publisher.endpoint, flush=True)
    market = Market(publisher, settings["symbols"], Mode[settings["mode"]], settings["start"])
    while line := await asyncio.to_thread(sys.stdin.readline):
        rate, seconds = map(float, line.split())
        print(json.dumps(await market.run(rate, seconds)), flush=True)
    publisher.close()


asyncio.run(main())
