"""The publishing process of the benchmarks: made-up ticks on a real bus, or on a rival's way in.

    bus      a `bus.Publisher`, as in an adapter
    classic  a ZeroMQ PUB of two parts, topic and JSON
    nats     a NATS client's TCP connection; the message is what a client is to get

Standard input: one line of JSON settings, then `RATE SECONDS` per run. Standard output: the
endpoint, `demanded` once every topic is wanted, then one line of JSON per run.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import zmq

from bus.market.ticks import BidAsk, DepthData, Level, LtpData, QuoteData, encode_json
from bus.publisher import Publisher
from bus.secret import Secret
from bus.topics import Mode, Topic
from bus.wants import Demand

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


#: Sends a burst: for each tick the number of its symbol, and its payload.
Send: TypeAlias = Callable[[list[tuple[int, bytes]]], None]


class Source:
    """Makes ticks round robin over its symbols."""

    def __init__(self, send: Send, symbols: list[str], mode: Mode, *, even: bool) -> None:
        self.send = send
        self.pause_s = 0.0 if even else TIMER_S
        self.bodies = [body(symbol, mode) for symbol in symbols]
        self.published = 0

    def burst(self, count: int) -> None:
        bodies, ticks = self.bodies, []
        for number in range(self.published, self.published + count):
            round_, index = divmod(number, len(bodies))
            stamp = time.time_ns()
            ticks.append(
                (index, b'%b,"volume":%d,"timestamp":%d}' % (bodies[index], round_ + 1, stamp))
            )
        self.send(ticks)
        self.published += count

    async def run(self, rate: float, seconds: float) -> dict[str, float]:
        """Never makes up for more than 50 ms at once."""
        cpu, began, sent_before = time.process_time(), time.perf_counter(), self.published
        owed_since = began
        late: list[float] = []
        while (now := time.perf_counter()) - began < seconds:
            owed_since = max(owed_since, now - 0.05)
            due = int((now - owed_since) * rate)
            if due:
                self.burst(due)
                owed_since += due / rate
            slept = time.perf_counter()
            await asyncio.sleep(self.pause_s)
            late.append(time.perf_counter() - slept - self.pause_s)
        elapsed = time.perf_counter() - began
        return {
            "published": self.published - sent_before,
            "elapsed_s": elapsed,
            "cpu_s": time.process_time() - cpu,
            "late_p99_ms": sorted(late)[int(0.99 * len(late))] * 1e3,
        }


def on_bus(
    settings: dict[str, Any], symbols: list[str], mode: Mode
) -> tuple[Send, asyncio.Event, str]:
    topics = [Topic.make("bench", "NSE", symbol, mode).wire for symbol in symbols]
    missing, complete = set(topics), asyncio.Event()

    def on_demand(demands: list[Demand]) -> None:
        missing.difference_update(demand.topic for demand in demands if demand.wanted)
        if not missing:
            complete.set()

    publisher = Publisher(
        zmq.Context(),
        adapter="bench",
        generation=1,
        secret=Secret(settings["secret"]),
        on_demand=on_demand,
    )

    def send(ticks: list[tuple[int, bytes]]) -> None:
        now = time.time_ns()
        for index, payload in ticks:
            publisher.publish(topics[index], payload, now)

    return send, complete, publisher.endpoint


def in_two_parts(symbols: list[str], mode: Mode) -> tuple[Send, str]:
    topics = [f"NSE_{symbol}_{mode.name}".encode() for symbol in symbols]
    pub = zmq.Context().socket(zmq.PUB)
    pub.set(zmq.SNDHWM, 100_000)
    pub.bind("tcp://127.0.0.1:*")

    def send(ticks: list[tuple[int, bytes]]) -> None:
        for index, payload in ticks:
            pub.send_multipart((topics[index], payload))

    return send, pub.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")


def to_nats(settings: dict[str, Any], symbols: list[str], mode: Mode) -> Send:
    connection = socket.create_connection(("127.0.0.1", settings["port"]))
    connection.sendall(b'CONNECT {"verbose":false,"pedantic":false}\r\n')
    heads = [
        f'{{"type":"market_data","symbol":"{symbol}","exchange":"NSE","mode":{int(mode)},"data":'
        for symbol in symbols
    ]
    around = [
        (
            f"PUB NSE.{symbol}.{mode.name} ".encode(),
            head.encode(),
            f',"broker":"bench","topic":"{symbol}.NSE"}}'.encode(),
        )
        for symbol, head in zip(symbols, heads, strict=True)
    ]

    def send(ticks: list[tuple[int, bytes]]) -> None:
        parts = []
        for index, payload in ticks:
            verb, head, tail = around[index]
            size = len(head) + len(payload) + len(tail)
            parts.append(b"%b%d\r\n%b%b%b\r\n" % (verb, size, head, payload, tail))
        connection.sendall(b"".join(parts))

    return send


async def main() -> None:
    settings = json.loads(sys.stdin.readline())
    symbols, mode = settings["symbols"], Mode[settings["mode"]]
    demanded = asyncio.Event()
    demanded.set()
    endpoint = "connected"
    match settings["way"]:
        case "bus":
            send, demanded, endpoint = on_bus(settings, symbols, mode)
        case "classic":
            send, endpoint = in_two_parts(symbols, mode)
        case _:
            send = to_nats(settings, symbols, mode)
    print(endpoint, flush=True)
    if not settings["idle"]:
        await demanded.wait()
        print("demanded", flush=True)
    source = Source(send, symbols, mode, even=settings["even"])
    while line := await asyncio.to_thread(sys.stdin.readline):
        rate, seconds = map(float, line.split())
        print(json.dumps(await source.run(rate, seconds)), flush=True)


asyncio.run(main())
