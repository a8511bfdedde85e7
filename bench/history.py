"""How fast `history` reads recordings: bench/README.md says what the figures mean."""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

from bus.frames import OWN_CLOCK, Frame, Kind
from bus.market.ticks import BidAsk, DepthData, Level, encode_json
from recording.history import answer
from recording.questions import Question
from recording.writer import SegmentWriter

BEGAN_NS = 1_790_000_000 * 10**9
INTERVAL_NS = 10_000_000
BATCH = 2000


def tick(number: int, symbols: int, random_: random.Random) -> Frame:
    """A DEPTH tick of one of the symbols in turn, five levels a side."""
    symbol = f"SHARE{number % symbols:04}"
    price = round(500 + random_.gauss(0, 5), 2)
    at_ns = BEGAN_NS + number * INTERVAL_NS
    book = [Level(price + level / 20, random_.randrange(1, 5000), 3) for level in range(5)]
    data = DepthData(
        symbol=symbol,
        exchange="NSE",
        ltp=price,
        volume=number,
        ltt=at_ns // 10**6,
        timestamp=at_ns // 10**6,
        depth=BidAsk(book, book),
        bids=book,
        asks=book,
    )
    topic = f"BENCH_NSE_{symbol}_DEPTH".encode()
    return Frame(topic, Kind.TICK, OWN_CLOCK, 1, number, at_ns, encode_json(data))


def record(folder: Path, ticks: int, symbols: int) -> None:
    random_ = random.Random(1)
    writer = SegmentWriter(folder / "20260922T000000Z-000001.rec", 1, BEGAN_NS)
    for first in range(0, ticks, BATCH):
        writer.frames([tick(number, symbols, random_) for number in range(first, first + BATCH)])
    writer.seal()


def ask(folder: Path, to_ns: int) -> tuple[int, float]:
    """Ticks of the one instrument that were found, and the CPU time that it took."""
    began = time.process_time()
    told = answer(
        Question(
            folder=str(folder),
            exchange="NSE",
            symbol="SHARE0007",
            interval="1m",
            from_ns=BEGAN_NS,
            to_ns=to_ns,
            adapters=None,
            limit_s=600.0,
        )
    )
    assert told.known, told.message
    return told.known.ticks, time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ticks", type=int, default=400_000, help="recorded, of all symbols")
    parser.add_argument("--symbols", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        record(folder, options.ticks, options.symbols)
        for part in (1.0, 0.1):
            read = int(options.ticks * part)
            found, used = ask(folder, BEGAN_NS + read * INTERVAL_NS)
            print(
                f"{found} ticks of one instrument among {read}: {used:.2f} s of CPU, "
                f"{used / read * 1e6:.1f} us per recorded tick, {read / used:,.0f} per second"
            )


main()
