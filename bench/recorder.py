"""What recording a market costs, and whether all of it is there afterwards.

    python bench/recorder.py                          # a minute at 20,000 ticks/s
    python bench/recorder.py --minutes 10 --json figures.json

bench/README.md says what the figures mean.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path

import zmq
from control import Control
from instance import machine

from bus.control.messages import PublisherEntry
from bus.publisher import Publisher
from bus.settings import RecorderSettings
from bus.topics import Mode
from recording.archive import Archive
from simulators.markets.market import IST
from simulators.markets.synthetic import SyntheticMarket
from supervisor.cli.market_frames import frames_of

#: Different ticks; then they begin again. Records are compressed one by one, so that it does
#: not matter to their size.
DIFFERENT = 50_000
TIMER_S = 0.001
#: The recorder may be this far behind at the end.
PATIENCE_S = 30.0


@dataclass
class Figures:
    ticks: int
    ticks_per_s: float
    lost: int
    out_of_order: int
    damaged: int
    payload_bytes_per_tick: float
    disk_bytes_per_tick: float
    cpu_us_per_tick: float
    cpu_percent: float
    rss_mib: float
    verify_s: float


def market() -> list[tuple[bytes, bytes]]:
    """Topics and payloads of the made-up market, in all three modes."""
    start = dt.datetime(2026, 11, 20, 9, 15, tzinfo=IST)
    ticks = SyntheticMarket(seed=1, rate=500, start_ms=int(start.timestamp() * 1000))
    made = frames_of(ticks, "zerodha", list(Mode), int(start.timestamp() * 1e9))
    return [(frame.topic + b"\0", frame.payload) for frame in islice(made, DIFFERENT)]


async def publish(
    publisher: Publisher, ticks: list[tuple[bytes, bytes]], total: int, rate: float
) -> int:
    """Evenly, in bursts of a millisecond, never hurrying to catch up. Bytes of payload."""
    source, sent, size, owed_since = cycle(ticks), 0, 0, time.perf_counter()
    while sent < total:
        now = time.perf_counter()
        owed_since = max(owed_since, now - 0.05)
        due = min(total - sent, int((now - owed_since) * rate))
        stamp = time.time_ns()
        for topic, payload in islice(source, due):
            publisher.publish(topic, payload, stamp)
            size += len(payload)
        sent += due
        owed_since += due / rate
        await asyncio.sleep(TIMER_S)
    return size


async def record(folder: Path, minutes: float, rate: float) -> Figures:
    ticks, total = market(), int(minutes * 60 * rate)
    control = Control()
    with zmq.Context() as context:
        publisher = Publisher(
            context,
            adapter="zerodha",
            generation=1,
            secret=control.secret,
            on_demand=lambda _: None,
        )
        control.publishers = [PublisherEntry("zerodha", 1, publisher.endpoint, "zerodha")]
        settings = RecorderSettings(enabled=True, folder=str(folder), budget_mb=1 << 20)
        recorder, _ = await control.start("recorder", "recorder", settings)
        await until(lambda: control.stats.get("recorder", {}).get("feeds") == 1)
        cpu, began = recorder.cpu_s(), time.perf_counter()
        size = await publish(publisher, ticks, total, rate)
        elapsed = time.perf_counter() - began
        await until(lambda: recorded(control) + lost(control) >= total)
        cpu, rss = recorder.cpu_s() - cpu, recorder.rss_bytes()
        told = lost(control)
        await recorder.end()
        publisher.close()
    control.close()
    began = time.perf_counter()
    found, disorder, damaged = verified(folder)
    return Figures(
        ticks=total,
        ticks_per_s=total / elapsed,
        lost=max(told, total - found),
        out_of_order=disorder,
        damaged=damaged,
        payload_bytes_per_tick=size / total,
        disk_bytes_per_tick=bytes_in(folder) / total,
        cpu_us_per_tick=cpu / total * 1e6,
        cpu_percent=cpu / elapsed * 100,
        rss_mib=rss / (1 << 20),
        verify_s=time.perf_counter() - began,
    )


def recorded(control: Control) -> int:
    return int(control.stats["recorder"]["recorded_total"] or 0)


def lost(control: Control) -> int:
    return int(control.stats["recorder"]["lost_total"] or 0)


def verified(folder: Path) -> tuple[int, int, int]:
    """Ticks found, those whose number is not the one after the last of its topic, damages."""
    numbers: Counter[bytes] = Counter()
    disorder = damaged = found = 0
    with Archive(folder) as archive:
        for segment in archive.segments:
            damaged += len(segment.inspect().damages)
        for frame in archive.frames():
            found += 1
            disorder += frame.sequence != numbers[frame.topic] + 1
            numbers[frame.topic] = frame.sequence
    return found, disorder, damaged


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for comes with heartbeats
            await asyncio.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--rate", type=float, default=20_000, help="ticks/s")
    parser.add_argument("--folder", type=Path, help="where to record; a temporary one if not given")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="openalgo-stream-bench-", dir=options.folder) as name:
        figures = asyncio.run(record(Path(name), options.minutes, options.rate))
    for name, value in asdict(figures).items():
        print(f"{name:24} {value:12.1f}" if isinstance(value, float) else f"{name:24} {value:12}")
    if options.json:
        report = {"machine": machine(), "figures": asdict(figures)}
        options.json.write_text(json.dumps(report, indent=2) + "\n")


main()
