"""How long a kill -9 is felt: of an adapter by a client's ticks, of the proxy by its port.

A client subscribes to every simulated instrument of one adapter and notes when ticks come. The
adapter's outage is the longest silence after the kill, and its end is the first tick of the new
generation, with the whole demand restored from the bus.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import signal
import statistics
import time
from pathlib import Path
from typing import Any

from instance import Instance, free_port, machine
from listening import Listening
from websockets.exceptions import ConnectionClosed, InvalidMessage
from websockets.sync.client import connect

from simulators.markets.synthetic import SyntheticMarket

RATE = 2000
SYMBOLS = 20
_ON_ITS_WAY_S = 0.03


def config(port: int, *, template: bool) -> str:
    return (
        f"[proxy]\nport = {port}\n[supervisor]\ntemplate = {str(template).lower()}\n"
        f'[simulators.sim]\nbroker = "zerodha"\nrate = {RATE}\n'
        '[adapters.zerodha]\nurl = "simulator:sim"\ninstruments = "simulator:sim"\n'
        'credentials = { api_key = "k", access_token = "t" }\n'
    )


class Listener(Listening):
    """A client that notes when each tick came, and whose."""

    def __init__(self, port: int, key: str, symbols: list[str]) -> None:
        self.ticks: list[tuple[float, str]] = []
        super().__init__(f"ws://127.0.0.1:{port}", key, symbols)

    def heard(self, tick: dict[str, Any], now: float) -> None:
        self.ticks.append((now, tick["symbol"]))


def adapter_outage_ms(instance: Instance, listener: Listener) -> dict[str, float]:
    """Kill the adapter; the silence at the client, and until every symbol ticks again."""
    pid = instance.process("zerodha").pid
    listener.ticks.clear()
    time.sleep(0.5)
    symbols = {symbol for _, symbol in listener.ticks}
    killed = time.monotonic()
    os.kill(pid or 0, signal.SIGKILL)
    time.sleep(3.0)
    after = [(at, symbol) for at, symbol in list(listener.ticks) if at >= killed]
    moments = [killed, *(at for at, _ in after)]
    pauses = itertools.pairwise(moments)
    # What was on its way still comes for a moment; then the adapter's silence begins.
    gap, resumed = max((b - a, b) for a, b in pauses if a - killed < _ON_ITS_WAY_S)
    firsts: dict[str, float] = {}
    for at, symbol in after:
        if at >= resumed:
            firsts.setdefault(symbol, at)
    assert firsts.keys() >= symbols, "not all of the demand was restored"
    return {
        "first_tick_ms": (resumed - killed) * 1000,
        "silence_ms": gap * 1000,
        "all_symbols_ms": (max(firsts[symbol] for symbol in symbols) - killed) * 1000,
    }


def proxy_outage_ms(instance: Instance, port: int) -> float:
    """Until a WebSocket handshake is answered; an open port alone might still be the old one's."""
    pid = instance.process("proxy").pid
    killed = time.monotonic()
    os.kill(pid or 0, signal.SIGKILL)
    while True:
        try:
            with connect(f"ws://127.0.0.1:{port}", open_timeout=1):
                return (time.monotonic() - killed) * 1000
        except (OSError, EOFError, InvalidMessage, ConnectionClosed):
            time.sleep(0.001)


def traded() -> list[str]:
    """Symbols that tick all the time."""
    market = SyntheticMarket(seed=0, rate=RATE, start_ms=0)
    return [one.symbol for one in market.instruments if one.exchange == "NSE"][:SYMBOLS]


def measure(what: str, *, template: bool) -> dict[str, float]:
    """A fresh system per kill: the second failure within a minute backs off by design."""
    port = free_port()
    with Instance(config(port, template=template)) as instance:
        instance.wait_until_running()
        key = instance.key()
        if what == "proxy":
            return {"listening_ms": proxy_outage_ms(instance, port)}
        listener = Listener(port, key, traded())
        time.sleep(1.0)
        found = adapter_outage_ms(instance, listener)
        listener.close()
        return found


def percentile(ordered: list[float], percent: int) -> float:
    """The least value that so many percent of them do not exceed."""
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--of", choices=["adapter", "proxy", "both"], default="both")
    parser.add_argument("--plain", action="store_true", help="without the template")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()

    template = not options.plain
    result: dict[str, Any] = {"template": template, "machine": machine()}
    for what in ("adapter", "proxy") if options.of == "both" else (options.of,):
        runs = [measure(what, template=template) for _ in range(options.kills)]
        result[what] = runs
        for figure in runs[0]:
            values = sorted(run[figure] for run in runs)
            print(
                f"kill -9 {what}, {figure}: p50 {statistics.median(values):.0f}, "
                f"p99 {percentile(values, 99):.0f}, worst {values[-1]:.0f}, of {len(values)}"
            )
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
