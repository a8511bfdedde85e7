"""What `restart proxy` costs clients: how long each stands still, with other clients and without.

Ten clients read a simulated market of 2,000 ticks a second; beside them are idle ones, logged in.
Per restart: the longest silence of each reading client, the longest that one connection was with
neither proxy, and the time from the command to its end.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any, Final

from instance import CLI, Instance, free_port, machine
from recovery import Listener, config, traded
from websockets.asyncio.client import ClientConnection, connect
from websockets.protocol import State

READERS: Final = 10
_AT_ONCE: Final = 20
#: Ticks of a client before a restart, and how long they may take to come.
_SOME: Final = 300
_PATIENCE_S: Final = 60.0
_ALLOW: Final = (
    "[limits]\nconnections_per_address = 100000\nhandshakes_per_minute = 1000000\n"
    "[roles.trader]\nconnections = 100000\n"
)


async def idlers(port: int, key: str, count: int) -> list[ClientConnection]:
    """Logged-in clients that want nothing."""
    clients: list[ClientConnection] = []
    hello = json.dumps({"action": "authenticate", "api_key": key})
    while len(clients) < count:
        some = min(_AT_ONCE, count - len(clients))
        opening = [connect(f"ws://127.0.0.1:{port}", ping_interval=None) for _ in range(some)]
        for client in await asyncio.gather(*opening):
            await client.send(hello)
            await client.recv()
            clients.append(client)
    return clients


def silence_ms(listener: Listener, since: float) -> float:
    """The longest time between two ticks of a client."""
    moments = [since, *(at for at, _ in list(listener.ticks) if at >= since)]
    return max(b - a for a, b in itertools.pairwise(moments)) * 1000


def wait_for_ticks(listeners: list[Listener]) -> None:
    """Until each has had some."""
    deadline = time.monotonic() + _PATIENCE_S
    while not all(len(listener.ticks) > _SOME for listener in listeners):
        if time.monotonic() > deadline:
            raise SystemExit("the market does not tick")
        time.sleep(0.1)


async def restart(instance: Instance, listeners: list[Listener]) -> dict[str, Any]:
    """One restart, and what the reading clients noticed of it."""
    for listener in listeners:
        listener.ticks.clear()
    await asyncio.to_thread(wait_for_ticks, listeners)
    quiet = [silence_ms(one, one.ticks[0][0]) for one in listeners]
    began = time.monotonic()
    command = [*CLI, "restart", "proxy", "--config", str(instance.config)]
    await asyncio.to_thread(subprocess.run, command, check=True, stdout=subprocess.DEVNULL)
    took_s = time.monotonic() - began
    await asyncio.sleep(0.3)
    stats = instance.process("proxy").stats
    return {
        "took_s": took_s,
        "moved": stats["arrived"],
        "longest_pause_ms": stats["longest_pause_ms"],
        "silences_ms": [silence_ms(one, began) for one in listeners],
        "silences_before_ms": quiet,
    }


async def measure(idle: int, restarts: int) -> list[dict[str, Any]]:
    port = free_port()
    with Instance(config(port, template=True) + _ALLOW) as instance:
        instance.wait_until_running()
        key = instance.key()
        listeners = [Listener(port, key, traded()) for _ in range(READERS)]
        clients = await idlers(port, key, idle)
        await asyncio.sleep(1.0)
        runs = [await restart(instance, listeners) for _ in range(restarts)]
        closed = sum(client.state is not State.OPEN for client in clients)
        if closed:
            raise SystemExit(f"{closed} clients were closed")
        for client in clients:
            client.transport.abort()
        for listener in listeners:
            listener.close()
        return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--restarts", type=int, default=10)
    parser.add_argument("--idle", type=int, nargs="*", default=[0, 1000])
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()

    result: dict[str, Any] = {"machine": machine()}
    for idle in options.idle:
        runs = result[f"{idle} idle"] = asyncio.run(measure(idle, options.restarts))
        silences = sorted(itertools.chain.from_iterable(run["silences_ms"] for run in runs))
        before = itertools.chain.from_iterable(run["silences_before_ms"] for run in runs)
        pauses = [run["longest_pause_ms"] for run in runs]
        took = [run["took_s"] for run in runs]
        print(
            f"{READERS} readers and {idle} idle clients, {options.restarts} restarts: "
            f"silence of a reader p50 {statistics.median(silences):.0f} ms, "
            f"worst {silences[-1]:.0f} (before a restart p50 {statistics.median(before):.0f}); "
            f"a connection with neither proxy, worst {max(pauses):.0f} ms; "
            f"the command p50 {statistics.median(took):.2f} s, worst {max(took):.2f}"
        )
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
