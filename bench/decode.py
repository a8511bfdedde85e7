"""From a broker's bytes to the bus, and the same bytes in the broker's own SDK.

    python bench/decode.py                           # every broker with a simulator
    python bench/decode.py zerodha dhan --mode quote --json figures.json

bench/README.md says what the figures mean.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

import zmq
from end_to_end import Flow, flow
from sdk_parsers import shared_out
from wire import Recording, record

from adapters.codec import Tick
from adapters.connecting.complaints import Complaints, Counters
from adapters.connecting.link import State
from adapters.connecting.reading import Reader, Sinks
from adapters.demand.pools import pools_of
from adapters.demand.switchboard import Switchboard
from adapters.instruments.book import InstrumentBook
from adapters.redact import Redactor
from adapters.ticks import flow as ways
from bus.clock import SystemClock
from bus.publisher import Publisher
from bus.secret import Secret
from bus.settings import AdapterSettings
from bus.topics import Mode, Topic
from bus.wants import Demand
from simulators.registry import SIMULATORS

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "support"))
from peer_env import peer_python  # noqa: E402 - the tests' environments of real SDKs

#: Broker -> the list in tests/peers of its SDK.
SDKS = {
    "zerodha": "kiteconnect",
    "angel": "smartapi",
    "dhan": "dhanhq",
    "dhan_sandbox": "dhanhq",
    "upstox": "upstox",
    "fyers": "fyers",
    "nubra": "nubra_sdk",
}
#: Issue 5: times the SDK's parser, and ticks per second through a whole adapter.
TARGET_RATIO = 5.0
TARGET_TICKS = 100_000


@dataclass
class Result:
    """One broker in one mode. Times in us per tick, of one core."""

    broker: str
    mode: str
    ticks: int
    bytes_per_tick: float
    decode_us: float
    publish_us: float
    sdk_us: float | None
    ratio: float | None
    flow: Flow | None


Take: TypeAlias = Callable[[list[Tick], int], None]


def decoded(recording: Recording, take: Take, rounds: int = 1) -> float:
    """Seconds to read all as a session does, with a codec that has heard nothing yet.

    The least of each part added up: what else the machine does only adds.
    """
    parts = shared_out(recording.frames)
    least = [float("inf")] * len(parts)
    for _ in range(rounds):
        complaints = Complaints("bench", Redactor(recording.account), Counters())
        sinks = Sinks(take, on_event=lambda _event: None, on_error=lambda _error: None)
        read = Reader(recording.codec(), complaints, sinks).take
        for number, part in enumerate(parts):
            begun = time.perf_counter()
            read(part, 1)
            least[number] = min(least[number], time.perf_counter() - begun)
    return sum(least)


class _NoConnections:
    """Connections that take every wish and do nothing."""

    state = State.CONNECTED

    def connection(self, _stream: str, _number: int) -> _NoConnections:
        return self

    def release(self, _stream: str, _number: int) -> None: ...

    def want(self, _token: str, _mode: Mode | None) -> None: ...

    def asked(self, _token: str) -> Mode:
        return Mode.DEPTH


def onto_the_bus(recording: Recording, publisher: Publisher) -> Take:
    """Inspect, normalize, encode and publish, as an adapter does."""
    broker = recording.broker
    board = Switchboard(
        "bench",
        broker,
        pools_of(broker, AdapterSettings()),
        connections=_NoConnections(),
        answer=lambda _event: None,
    )
    board.load(InstrumentBook(recording.instruments))
    board.demanded(
        Demand(Topic.make("bench", row.exchange, row.symbol, recording.mode).wire, wanted=True)
        for row in recording.instruments
    )
    way = ways.Flow(SystemClock(), board.routes)
    return way.taker(broker.streams[0].name, publisher.publish)


def sdk_us(recording: Recording, ticks: int, seconds: float) -> float | None:
    """The SDK's parser on the binary frames; None: its packages cannot be had here."""
    try:
        python = peer_python(SDKS[recording.broker.name])
    except (KeyError, RuntimeError) as error:
        print(f"{recording.broker.name}: no SDK: {str(error).splitlines()[-1]}", file=sys.stderr)
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frames"
        binary = [frame.hex() for frame in recording.frames if isinstance(frame, bytes)]
        path.write_text("\n".join(line for line in binary if line))
        name = recording.broker.name.removesuffix("_sandbox")
        done = subprocess.run(
            [str(python), str(HERE / "sdk_parsers.py"), name, str(path), str(seconds)],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
        )
    if done.returncode or not done.stdout:
        print(f"{recording.broker.name}: the SDK failed: {done.stderr[-500:]}", file=sys.stderr)
        return None
    told = json.loads(done.stdout)
    return float(told["seconds"] / ticks * 1e6)


async def measure(name: str, mode: Mode, options: argparse.Namespace) -> Result:
    recording = await record(name, mode, options.ticks)
    seen: list[Tick] = []
    decoded(recording, lambda batch, _arrived_ns: seen.extend(batch))
    ticks = len(seen)
    size = sum(len(frame) for frame in recording.frames)
    decode_s = decoded(recording, lambda _batch, _arrived_ns: None, options.rounds) / ticks
    with zmq.Context() as context:
        publisher = Publisher(
            context, adapter="bench", generation=1, secret=Secret("b"), on_demand=lambda _: None
        )
        take = onto_the_bus(recording, publisher)
        publish_s = decoded(recording, take, options.rounds) / ticks
        publisher.close()
    theirs = None if options.no_sdk else sdk_us(recording, ticks, options.seconds)
    return Result(
        broker=name,
        mode=mode.name,
        ticks=ticks,
        bytes_per_tick=round(size / ticks, 1),
        decode_us=round(decode_s * 1e6, 2),
        publish_us=round(publish_s * 1e6, 2),
        sdk_us=None if theirs is None else round(theirs, 2),
        ratio=None if theirs is None else round(theirs / (decode_s * 1e6), 1),
        flow=None if options.no_flow else await flow(recording, options.seconds),
    )


def line(result: Result) -> str:
    theirs = "      -       -"
    if result.sdk_us is not None and result.ratio is not None:
        mark = "" if result.ratio >= TARGET_RATIO else " <"
        theirs = f"{result.sdk_us:7.2f} {result.ratio:6.1f}x{mark}"
    through = ""
    if result.flow is not None:
        mark = "" if result.flow.ticks_per_s >= TARGET_TICKS else " <"
        through = (
            f"{result.flow.ticks_per_s:9.0f}{mark:2} {result.flow.adapter_us_per_tick:6.2f} "
            f"{result.flow.lost:5}"
        )
    return (
        f"{result.broker:13}{result.mode:6}{result.bytes_per_tick:7.0f}{result.decode_us:8.2f}"
        f"{result.publish_us:8.2f}  {theirs:17}{through}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("brokers", nargs="*", default=sorted(SIMULATORS))
    parser.add_argument("--mode", choices=["ltp", "quote", "depth", "all"], default="depth")
    parser.add_argument("--ticks", type=int, default=5000, help="recorded per broker")
    parser.add_argument("--rounds", type=int, default=15, help="the best of so many counts")
    parser.add_argument("--seconds", type=float, default=3.0, help="per SDK and per flow")
    parser.add_argument("--no-sdk", action="store_true", help="without the SDKs")
    parser.add_argument("--no-flow", action="store_true", help="without the way through an adapter")
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    options = parser.parse_args()
    modes = list(Mode) if options.mode == "all" else [Mode[options.mode.upper()]]
    print("broker       mode    bytes  decode publish      SDK   ratio     ticks/s    CPU  lost")
    print("                   per tick   us per tick (one core)                end to end")
    results = []
    for name in options.brokers:
        for mode in modes:
            results.append(asyncio.run(measure(name, mode, options)))
            print(line(results[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=2))


if __name__ == "__main__":
    main()
