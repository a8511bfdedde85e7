"""What kill -9 of the active one of two sessions costs: numbers missed, and the longest silence.

A broker that numbers its ticks, one adapter with `standby = true`, one client of all its symbols.
The active process is killed again and again, each time when its standby has everything. Then
what the second session costs while nothing happens: CPU of the proxy, with it and without.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import time
from pathlib import Path
from typing import Any

import psutil
from instance import Instance, machine
from listening import Listening

from bus.control.messages import ProcessStatus

SYMBOLS = [f"COUNT{n:02}" for n in range(50)]
CPU_S = 5.0


def config(rate: int, *, standby: bool) -> str:
    return (
        f'[proxy]\nport = 0\n[simulators.sim]\nbroker = "zerodha"\nmarket = "numbered"\n'
        f'rate = {rate}\n[adapters.zerodha]\nurl = "simulator:sim"\ninstruments = "simulator:sim"\n'
        f'standby = {str(standby).lower()}\ncredentials = {{ api_key = "k", access_token = "t" }}\n'
    )


class Client(Listening):
    """Counts what is wrong with the numbers of each symbol, and their longest silences."""

    def __init__(self, url: str, key: str) -> None:
        self.received = self.missed = self.repeated = 0
        self._last: dict[str, tuple[int, float]] = {}
        self._longest = 0.0
        super().__init__(url, key, SYMBOLS)

    def heard(self, tick: dict[str, Any], now: float) -> None:
        self._note(tick["symbol"], round(tick["data"]["ltp"]), now)

    def _note(self, symbol: str, number: int, now: float) -> None:
        before, at = self._last.get(symbol, (number - 1, now))
        self.received += 1
        self.missed += max(0, number - before - 1)
        self.repeated += number <= before
        self._longest = max(self._longest, now - at)
        self._last[symbol] = number, now

    def longest_ms(self) -> float:
        """The longest silence of any symbol since this was asked last."""
        longest, self._longest = self._longest, 0.0
        return longest * 1000

    def forget(self) -> None:
        """The beginning is none of it: a broker greets a session with the last tick."""
        self.missed = self.repeated = self.received = 0


def is_ready(status: ProcessStatus, *, standby: bool) -> bool:
    """Whether all of them have asked the broker for everything, and had a tick of it."""
    return all(
        one is not None
        and one.state == "running"
        and one.stats.get("topics_seen") == one.stats.get("topics") == len(SYMBOLS)
        for one in ((status, status.standby) if standby else (status,))
    )


def wait_until_ready(
    instance: Instance, *, standby: bool, timeout_s: float = 60.0
) -> ProcessStatus:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        status = instance.process("zerodha")
        if is_ready(status, standby=standby):
            return status
        time.sleep(0.02)
    raise RuntimeError("not everything is subscribed")


def kills(rate: int, count: int, settle_s: float) -> dict[str, Any]:
    """The longest silence of any symbol around each kill, and without one."""
    with Instance(config(rate, standby=True)) as instance:
        instance.wait_until_running()
        client = Client(instance.process("proxy").endpoint, instance.key())
        wait_until_ready(instance, standby=True)
        time.sleep(settle_s)
        client.forget()
        gaps, usual, bus_gaps = [], [], []
        for _ in range(count):
            client.longest_ms()
            time.sleep(settle_s)
            usual.append(client.longest_ms())
            status = wait_until_ready(instance, standby=True)
            os.kill(status.pid or 0, signal.SIGKILL)
            time.sleep(settle_s)
            gaps.append(client.longest_ms())
            wait_until_ready(instance, standby=True)
            bus_gaps.append(instance.process("proxy").stats.get("last_gap_ms") or 0.0)
        client.close()
        return {
            "received": client.received,
            "missed": client.missed,
            "repeated": client.repeated,
            "usual_ms": usual,
            "gaps_ms": gaps,
            "bus_gaps_ms": bus_gaps,
        }


def proxy_cpu(rate: int, *, standby: bool) -> float:
    """Per cent of a core."""
    with Instance(config(rate, standby=standby)) as instance:
        instance.wait_until_running()
        client = Client(instance.process("proxy").endpoint, instance.key())
        wait_until_ready(instance, standby=standby)
        time.sleep(1.0)
        proxy = psutil.Process(instance.process("proxy").pid)
        before = sum(proxy.cpu_times()[:2])
        time.sleep(CPU_S)
        used = sum(proxy.cpu_times()[:2]) - before
        client.close()
        return 100 * used / CPU_S


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--settle", type=float, default=1.0, help="seconds around each kill")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    found = kills(options.rate, options.kills, options.settle)
    print(
        f"{options.kills} kills under {options.rate} ticks/s: {found['received']} numbers, "
        f"missed {found['missed']}, twice or back {found['repeated']}"
    )
    for what, text in (
        ("gaps_ms", "longest silence of a symbol around a kill"),
        ("usual_ms", "the same without a kill"),
        ("bus_gaps_ms", "longest gap between the two sessions' ticks of a symbol"),
    ):
        values = found[what]
        print(f"{text}: p50 {statistics.median(values):.0f} ms, max {max(values):.0f} ms")
    cpu = {word: proxy_cpu(options.rate, standby=word == "with") for word in ("with", "without")}
    print(f"CPU of the proxy: {cpu['with']:.1f} % with a standby, {cpu['without']:.1f} % without")
    if options.json:
        told = {"machine": machine(), "rate": options.rate, **found, "proxy_cpu": cpu}
        options.json.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
