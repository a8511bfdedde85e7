"""Our proxy beside three other servers, in one run, on the same loads and the same machine.

docs/performance.md has the figures and says what they mean; bench/README.md how they are made.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from arena import Arena, Load, Result, arena, best
from children import allow_many_files
from contenders import Broadcast, Classic, Contender, Nats, Ours, nats_binary
from stopped import one_stopped

#: Ticks per second that every contender can bring to the 50 clients.
COMMON_RATE = 500
SHARES = (0.1, 0.5, 0.9)


@dataclass
class Row:
    """One contender."""

    name: str
    maximum: Result | None = None
    common: Result | None = None
    half_target: Result | None = None
    target: Result | None = None
    shares: dict[str, Result] = field(default_factory=dict)
    subsets: Result | None = None
    idle_bytes: float = 0.0
    stopped: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A way to make a contender, and where its search for the maximum begins."""

    make: Callable[[], Contender]
    rate: float


async def measure(entry: Entry, options: argparse.Namespace) -> Row:
    row = Row(entry.make().name)
    print(f"\n{row.name}", flush=True)
    async with arena(entry.make(), Load()) as ready:
        row.common = await said(ready, COMMON_RATE, options.seconds, "same load")
        row.maximum = best(await ready.find_max(entry.rate, options.seconds, options.steps))
    if row.maximum is None:
        print("  no rate was sustained")
        return row
    top = row.maximum.rate
    # Afresh: a run beyond the maximum may have cost a contender some of its clients.
    async with arena(entry.make(), Load()) as ready:
        for share in SHARES:
            result = await said(ready, top * share, options.seconds, f"{share:.0%} of the maximum")
            row.shares[f"{share:.0%}"] = result
        if top >= options.target / 2:
            row.half_target = await said(
                ready, options.target / 2, options.seconds, "half of the target's load"
            )
        if top >= options.target:
            row.target = await said(ready, options.target, options.seconds, "the target's load")
    async with arena(entry.make(), Load(subset=50)) as ready:
        row.subsets = best(await ready.find_max(top / 2, options.seconds, options.steps))
    row.idle_bytes = await idle(entry.make(), options.idle)
    print(f"  an idle client costs {row.idle_bytes / 1024:.1f} KiB", flush=True)
    row.stopped = await one_stopped(entry.make(), min(top / 8, 500.0), options.pairs)
    print(f"  one of 200 stopped: {row.stopped}", flush=True)
    return row


async def said(ready: Arena, rate: float, seconds: float, what: str) -> Result:
    result = await ready.run(rate, seconds)
    print(f"  {what}: {result.text()}", flush=True)
    return result


async def idle(contender: Contender, count: int) -> float:
    """Bytes of memory per connected client that wants nothing."""
    ready = Arena(contender, Load())
    source = {"symbols": ["S0"], "mode": "LTP", "even": False, "idle": True}
    with tempfile.TemporaryDirectory() as directory:
        try:
            await contender.start(Path(directory), source)
            clients = [await ready.connect([[]])]
            assert await clients[0].hear() == "ready"
            await asyncio.sleep(2.0)
            before = contender.rss_bytes()
            clients.append(await ready.connect([[]] * count))
            assert await clients[1].hear(180.0) == "ready"
            await asyncio.sleep(3.0)
            return (contender.rss_bytes() - before) / count
        finally:
            for client in clients:
                await client.end()
            await contender.end()


def table(rows: list[Row]) -> str:
    """Markdown, as docs/performance.md shows it."""
    headings = (
        "",
        "maximum, deliveries/s",
        "CPU us/delivery at 25,000/s",
        "at the target",
        "at the maximum",
        "p50 / p99 / p99.9 ms at half of the target",
        "p50 / p99 / p99.9 ms at 10 %",
        "at 50 %",
        "at 90 %",
        "maximum, random subsets",
        "KiB per idle client",
        "p99 ms of 199, all well",
        "one stopped",
    )
    lines = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    for row in rows:
        if row.maximum is None or row.common is None:
            lines.append(f"| {row.name} | none |" + " |" * (len(headings) - 2))
            continue
        shares = " | ".join(latencies(result) for result in row.shares.values())
        target = f"{row.target.server_cpu_us_per_delivery:.2f}" if row.target else "out of reach"
        subsets = f"{row.subsets.delivered_per_s:,.0f}" if row.subsets else "none"
        lines.append(
            f"| {row.name} | {row.maximum.delivered_per_s:,.0f} "
            f"| {row.common.server_cpu_us_per_delivery:.1f} "
            f"| {target} | {row.maximum.server_cpu_us_per_delivery:.2f} "
            f"| {latencies(row.half_target)} | {shares} | {subsets} "
            f"| {row.idle_bytes / 1024:.1f} | {row.stopped.get('healthy_p99_ms', 0):.1f} "
            f"| {row.stopped.get('stopped_p99_ms', 0):.1f} |"
        )
    return "\n".join(lines)


def latencies(result: Result | None) -> str:
    if result is None:
        return "out of reach"
    return f"{result.p50_ms:.1f} / {result.p99_ms:.1f} / {result.p999_ms:.1f}"


async def compare(entries: list[Entry], options: argparse.Namespace) -> list[Row]:
    return [await measure(entry, options) for entry in entries]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", default="", help="comma list: ours,gathering,ours2,broadcast,classic,nats"
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run")
    parser.add_argument("--steps", type=int, default=8, help="runs at most to find a maximum")
    parser.add_argument("--idle", type=int, default=5000, help="idle clients")
    parser.add_argument("--pairs", type=int, default=6, help="turns with one client stopped")
    parser.add_argument("--target", type=float, default=20_000, help="ticks/s of the target")
    parser.add_argument("--json", type=Path, help="write everything there, too")
    options = parser.parse_args()
    allow_many_files()
    nats = nats_binary()
    entries = {
        "ours": Entry(Ours, 20_000),
        "gathering": Entry(lambda: Ours(gather_s=0.02), 20_000),
        "ours2": Entry(lambda: Ours(workers=2), 20_000),
        "broadcast": Entry(Broadcast, 4000),
        "classic": Entry(Classic, 500),
        "nats": Entry(lambda: Nats(nats), 8000),
    }
    wanted = options.only.split(",") if options.only else list(entries)
    rows = asyncio.run(compare([entries[name] for name in wanted], options))
    print(f"\n{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}\n")
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
