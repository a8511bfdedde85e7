"""Makes the zstd dictionary of recordings from the synthetic market: `recording/ticks.zdict`.

Run once, for a new version of the format: recordings are read with the dictionary that they
were made with.

    python bench/recording_dictionary.py FILE
"""

from __future__ import annotations

import datetime as dt
import random
import sys
from hashlib import sha256
from itertools import islice
from pathlib import Path

import zstandard

from bus.topics import Mode
from simulators.markets.market import IST
from simulators.markets.synthetic import SyntheticMarket
from supervisor.cli.market_frames import frames_of, wire

SIZE = 16 << 10
SAMPLES = 4000


def main() -> None:
    start = dt.datetime(2026, 11, 20, 9, 15, tzinfo=IST)
    samples = []
    for mode in Mode:
        market = SyntheticMarket(seed=1, rate=500, start_ms=int(start.timestamp() * 1000))
        frames = frames_of(market, "zerodha", [mode], int(start.timestamp() * 1e9))
        samples += [wire(frame) for frame in islice(frames, SAMPLES)]
    random.Random(1).shuffle(samples)
    made = zstandard.train_dictionary(SIZE, samples, level=3).as_bytes()
    Path(sys.argv[1]).write_bytes(made)
    print(len(made), "bytes, sha256", sha256(made).hexdigest())


if __name__ == "__main__":
    main()
