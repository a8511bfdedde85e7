"""Whether the proxy notices that the market-data service stands still.

In turns: all well; the service stopped (SIGSTOP), and each generation that the supervisor starts
in its place too; the file of the paper accounts locked by another program. Told of each: the
proxy's own latency until a tick was written to all clients, what a client of 50 numbered
symbols missed, and how long others needed to connect and log in.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from instance import Instance, machine
from standby import Client, config
from websockets.sync.client import connect

from bus.measuring.latency import Latency

_LOOK_S = 0.25


def delivery(instance: Instance) -> Latency:
    return instance.process("proxy").totals.latency["delivery"]


def login_ms(url: str, key: str) -> float:
    began = time.monotonic()
    with connect(url, open_timeout=60) as client:
        client.send(json.dumps({"action": "authenticate", "api_key": key}))
        client.recv(timeout=60)
    return (time.monotonic() - began) * 1000


@contextlib.contextmanager
def well(_: Instance) -> Iterator[Callable[[], None]]:
    yield lambda: None


@contextlib.contextmanager
def stopped(instance: Instance) -> Iterator[Callable[[], None]]:
    """Every generation of the service, as it comes."""
    held: set[int] = set()

    def hold() -> None:
        pid = instance.process("marketdata").pid
        if pid is not None and pid not in held:
            held.add(pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    hold()
    yield hold
    for pid in held:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def locked(instance: Instance) -> Iterator[Callable[[], None]]:
    (path,) = (instance.folder / "state").rglob("sandbox.db")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield lambda: None
        other.execute("ROLLBACK")


def phase(instance: Instance, client: Client, key: str, name: str, seconds: float) -> dict:
    """What is told of one of them."""
    url = instance.process("proxy").endpoint
    client.forget()
    before, logins = delivery(instance), []
    with {"well": well, "stopped": stopped, "locked": locked}[name](instance) as hold:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            hold()
            logins.append(login_ms(url, key))
            time.sleep(_LOOK_S)
        counted = delivery(instance).since(before)
    return {
        "phase": name,
        "p50_us": counted.quantile(0.5),
        "p99_us": counted.quantile(0.99),
        "received": client.received,
        "missed": client.missed,
        "repeated": client.repeated,
        "login_p50_ms": statistics.median(logins),
        "login_worst_ms": max(logins),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each phase")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--rate", type=int, default=2000, help="ticks/s")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    told = []
    allow = "[limits]\nhandshakes_per_minute = 100000\n"
    with Instance(config(options.rate, standby=False) + allow) as instance:
        instance.wait_until_running()
        key = instance.key()
        client = Client(instance.process("proxy").endpoint, key)
        time.sleep(3.0)
        for name in ("well", "stopped", "locked") * options.rounds:
            told.append(phase(instance, client, key, name, options.seconds))
            print("  ".join(f"{what} {value}" for what, value in told[-1].items()), flush=True)
            instance.wait_until_running(120)
        client.close()
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), "phases": told}, indent=2) + "\n")


if __name__ == "__main__":
    main()
