"""How fast an instrument master is loaded and asked: bench/README.md says what the figures mean.

python bench/instruments.py                        # 200,000 made-up rows in Kite's form
python bench/instruments.py --broker dhan --file api-scrip-master.csv
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from random import Random

import psutil

from adapters import registry
from adapters.broker import MasterSource
from adapters.instruments.book import FiledBook
from adapters.instruments.file import MasterFile
from adapters.instruments.origin import Masters

LOOKUPS = 20_000
#: What issue 5 asks for, of 200,000 rows.
TARGET_S = 5.0
TARGET_BYTES = 100_000_000
_COLUMNS = (
    *("instrument_token", "exchange_token", "tradingsymbol", "name", "last_price", "expiry"),
    *("strike", "tick_size", "lot_size", "instrument_type", "segment", "exchange"),
)


def write_kite_master(path: Path, rows: int) -> None:
    """Shares, futures and options in the proportions of the real one."""
    first = date(2026, 1, 29)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for number in range(rows):
            name = f"NAME{number // 200}"
            token, expiry = number * 256 + 2, first + timedelta(days=7 * (number % 4))
            if number % 10 == 0:
                writer.writerow([token, number, f"SHARE{number}", name, 0.0, "", 0.0, 0.05, 1,
                                 "EQ", "NSE", "NSE"])  # fmt: skip
                continue
            strike, right = 100.0 + number % 200 * 2.5, ("CE", "PE")[number % 2]
            writer.writerow([token, number, f"{name}X{number}", name, 0.0, expiry.isoformat(),
                             strike, 0.05, 75, right, "NFO-OPT", "NFO"])  # fmt: skip


def measure(broker: str, path: Path, folder: Path) -> dict[str, float]:
    """Load a master into a file as an adapter does, then ask it at random."""
    found = registry.find(broker)
    file = MasterFile(folder, broker)
    origin = Masters([MasterSource(url=str(path))], found.master_reader)
    begun = time.perf_counter()
    book = file.adopt(*file.make(origin, time.time()), None)
    load_s = time.perf_counter() - begun
    begun = time.perf_counter()
    assert file.path is not None
    FiledBook(file.path).close()
    open_s = time.perf_counter() - begun
    # Not all at once: the rows of the benchmark are no memory of the book's.
    random, part = Random(1), LOOKUPS / len(book)
    chosen = [row for row in book if random.random() < part]
    random.shuffle(chosen)
    begun = time.perf_counter()
    for row in chosen:
        assert book.find(row.exchange, row.symbol) == row.token
    find_us = (time.perf_counter() - begun) / len(chosen) * 1e6
    begun = time.perf_counter()
    for row in chosen:
        assert book.names(row.token)
    names_us = (time.perf_counter() - begun) / len(chosen) * 1e6
    return {
        "rows": len(book) + book.skipped + book.duplicates,
        "instruments": len(book),
        "load_s": round(load_s, 2),
        "open_ms": round(open_s * 1000, 2),
        "find_us": round(find_us, 2),
        "names_us": round(names_us, 2),
        "file_bytes": file.path.stat().st_size,
    }


def peak_rss() -> int:
    """The most memory that this process ever had, in bytes."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource  # noqa: PLC0415 - there is none on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker", default="zerodha")
    parser.add_argument("--file", type=Path, help="a real master of that broker's")
    parser.add_argument("--rows", type=int, default=200_000, help="made-up rows")
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        path = options.file
        if path is None:
            path = Path(name) / "kite.csv"
            write_kite_master(path, options.rows)
        figures = measure(options.broker, path, Path(name) / "state")
    figures["peak_rss_bytes"] = peak_rss()
    print(
        f"{figures['rows']} rows, {figures['instruments']} instruments: loaded in "
        f"{figures['load_s']} s, opened in {figures['open_ms']} ms, peak RSS "
        f"{figures['peak_rss_bytes'] / 1e6:.0f} MB, file {figures['file_bytes'] / 1e6:.1f} MB; "
        f"name to token {figures['find_us']} us, token to names {figures['names_us']} us"
    )
    if options.file is None and options.rows == 200_000:
        met = figures["load_s"] < TARGET_S and figures["peak_rss_bytes"] < TARGET_BYTES
        print(f"targets (5 s, 100 MB): {'met' if met else 'MISSED'}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
