"""Dhan's own SDK reads the simulator: a real day, value for value, none missing."""

from __future__ import annotations

import asyncio
import collections
import datetime as dt
import gzip
import json
import re
import struct
from itertools import groupby
from pathlib import Path

import pytest

from simulators import SimulatorServer, SimulatorSettings

pytestmark = [pytest.mark.peer, pytest.mark.realdata, pytest.mark.timeout(180)]

CLIENT = Path(__file__).with_name("dhanhq_client.py")
IST = dt.timezone(dt.timedelta(hours=5, minutes=30))
EQUITY, DERIVATIVE = 1, 2
TICKER, QUOTE, FULL, DEPTH = 15, 17, 21, 23
#: Rows of the recording that are read on the streams for deep books.
BOOKS = {20: 1000, 200: 100}

#: Instrument key in the recording -> Dhan's segment and id, and the code that it is asked by.
INSTRUMENTS = {
    "NSE_FO|51502": (DERIVATIVE, 51502, FULL),
    "NSE_FO|51498": (DERIVATIVE, 51498, QUOTE),
    "NSE_EQ|INE027H01010": (EQUITY, 22377, TICKER),
}
_KEY = re.compile(rb'"k": ?"(' + b"|".join(re.escape(key.encode()) for key in INSTRUMENTS) + b')"')


@pytest.fixture(scope="module")
def recording(data_folder, tmp_path_factory) -> Path:
    """The day of these instruments, and nothing else to wait for."""
    file = tmp_path_factory.mktemp("dhan") / "ticks.jsonl"
    with gzip.open(data_folder / "upstox-nse-2025-12-15" / "ticks.jsonl.gz") as whole:
        file.write_bytes(b"".join(line for line in whole if _KEY.search(line)))
    return file


@pytest.fixture(scope="module")
def rows(recording) -> dict[str, list[dict]]:
    """The recording itself, not through our reader: each instrument's `marketFF`."""
    found = collections.defaultdict(list)
    with recording.open("rb") as file:
        for line in file:
            row = json.loads(line)
            found[row["k"]].append(row["ff"]["marketFF"])
    return found


@pytest.fixture
def drive(data_folder, recording, peer_python):
    """`drive(stream, instruments, count)`: what the SDK understood, played as fast as it reads."""
    python = peer_python("dhanhq")
    master = data_folder / "instrument-masters" / "upstox_nse_2025-10-05.jsonl.gz"
    settings = SimulatorSettings(broker="dhan", data=str(recording), master=str(master), speed=0)

    async def run(stream: str, instruments: list[list], count: int) -> list[dict]:
        server = SimulatorServer(settings)
        port = await server.start()
        arguments = str(port), stream, json.dumps(instruments), str(count)
        try:
            process = await asyncio.create_subprocess_exec(
                str(python),
                str(CLIENT),
                *arguments,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            output, errors = await process.communicate()
        finally:
            await server.stop()
        assert process.returncode == 0, errors.decode()
        return [json.loads(line) for line in output.decode().splitlines()]

    return lambda *arguments: asyncio.run(run(*arguments))


def test_market_feed_reads_a_recorded_day(rows, drive):
    wanted = [[segment, str(number), code] for segment, number, code in INSTRUMENTS.values()]
    count = sum(map(len, rows.values()))
    told = drive("feed", wanted, count)

    got = collections.defaultdict(lambda: collections.defaultdict(list))
    for message in told:
        place = message.pop("exchange_segment"), message.pop("security_id")
        got[place][message.pop("type")].append(message)
    for key, (segment, number, code) in INSTRUMENTS.items():
        kinds = got[segment, number]
        name, expected = expected_ticks(rows[key], code)
        assert len(kinds[name]) == len(expected), key
        for at, (is_, should) in enumerate(zip(kinds[name], expected, strict=True)):
            assert is_ == should, f"tick {at} of {key}"
        closes = [two_decimals(row["ltpc"].get("cp", 0.0)) for row in rows[key]]
        assert [m["prev_close"] for m in kinds["Previous Close"]] == changes(closes)
        interest = [int(row.get("oi", 0)) for row in rows[key] if row.get("oi")]
        assert [m["OI"] for m in kinds["OI Data"]] == (changes(interest) if code == QUOTE else [])


@pytest.mark.parametrize("levels", BOOKS)
def test_full_depth_reads_a_recorded_day(rows, drive, levels):
    count = BOOKS[levels]
    told = drive(f"depth{levels}", [[EQUITY, "22377", DEPTH]], count * 2)
    books = [
        (row["marketLevel"]["bidAskQuote"], side)
        for row in rows["NSE_EQ|INE027H01010"][:count]
        for side in ("bid", "ask")
    ]
    for at, (is_, (recorded, side)) in enumerate(zip(told, books, strict=False)):
        assert (is_["exchange_segment"], is_["security_id"]) == (EQUITY, 22377)
        assert is_["type"] == side.capitalize()
        assert is_["depth"][:5] == [deep_row(row, side) for row in recorded], f"side {at}"
        assert len(is_["depth"]) == levels or levels == 200
    assert len(told) >= len(books)


def test_order_update_reads_the_orders(drive):
    told = drive("orders", [], 2)
    assert {update["Type"] for update in told} == {"order_alert"}
    assert [told[0]["Data"]["Status"], told[1]["Data"]["status"]] == ["PENDING", "TRADED"]


def changes(values: list) -> list:
    """Without immediate repetitions."""
    return [value for value, _ in groupby(values)]


def expected_ticks(recorded: list[dict], code: int) -> tuple[str, list[dict]]:
    """What the SDK calls the packets, and what it must say."""
    if code == TICKER:
        return "Ticker Data", [ticker(row) for row in recorded]
    if code == QUOTE:
        return "Quote Data", [ticker(row) | day(row) for row in recorded]
    ticks, low, high = [], None, None
    for row in recorded:
        oi = int(row.get("oi", 0))
        low, high = min(oi, oi if low is None else low), max(oi, high or 0)
        interest = {"OI": oi, "oi_day_high": high, "oi_day_low": low}
        book = [level(one) for one in row["marketLevel"]["bidAskQuote"]]
        ticks.append(ticker(row) | day(row) | interest | {"depth": book})
    return "Full Data", ticks


def ticker(row: dict) -> dict:
    traded = dt.datetime.fromtimestamp(int(row["ltpc"].get("ltt", 0)) // 1000, IST)
    return {"LTP": two_decimals(row["ltpc"].get("ltp", 0.0)), "LTT": f"{traded:%H:%M:%S}"}


def day(row: dict) -> dict:
    candle = next(c for c in row["marketOHLC"]["ohlc"] if c["interval"] == "1d")
    return {
        "LTQ": int(row["ltpc"].get("ltq", 0)) % 65_536,
        "avg_price": two_decimals(row.get("atp", 0.0)),
        "volume": int(row.get("vtt", 0)),
        "total_sell_quantity": int(row.get("tsq", 0)),
        "total_buy_quantity": int(row.get("tbq", 0)),
        "open": two_decimals(candle.get("open", 0.0)),
        "close": "0.00",
        "high": two_decimals(candle.get("high", 0.0)),
        "low": two_decimals(candle.get("low", 0.0)),
    }


def level(row: dict) -> dict:
    return {
        "bid_quantity": int(row.get("bidQ", 0)),
        "ask_quantity": int(row.get("askQ", 0)),
        "bid_orders": 0,
        "ask_orders": 0,
        "bid_price": two_decimals(row.get("bidP", 0.0)),
        "ask_price": two_decimals(row.get("askP", 0.0)),
    }


def deep_row(row: dict, side: str) -> dict:
    price, quantity = row.get(f"{side}P", 0.0), int(row.get(f"{side}Q", 0))
    return {"price": price, "quantity": quantity, "orders": 0}


def two_decimals(price: float) -> str:
    """As the SDK shows a price, which comes as a float32."""
    return f"{struct.unpack('<f', struct.pack('<f', price))[0]:.2f}"
