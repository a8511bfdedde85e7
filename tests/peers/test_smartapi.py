"""Angel One's own SDK reads the simulator: a real day, value for value, none missing."""

from __future__ import annotations

import asyncio
import collections
import datetime as dt
import gzip
import json
from pathlib import Path

import pytest

from simulators import SimulatorServer, SimulatorSettings

pytestmark = [pytest.mark.peer, pytest.mark.realdata, pytest.mark.timeout(180)]

CLIENT = Path(__file__).with_name("smartapi_client.py")
IST = dt.timezone(dt.timedelta(hours=5, minutes=30))
NSE, NFO = 1, 2
LTP, QUOTE, SNAP_QUOTE, DEPTH_20 = 1, 2, 3, 4

#: Instrument key in the recording -> exchange type, token, and the modes it is read in.
WANTED = {
    "NSE_EQ|INE027H01010": (NSE, "22377", (SNAP_QUOTE, DEPTH_20)),
    "NSE_FO|51502": (NFO, "51502", (QUOTE,)),
    "NSE_FO|51507": (NFO, "51507", (LTP,)),
}


def test_smartapi_reads_a_recorded_day(data_folder, peer_python, tmp_path):
    path = data_folder / "upstox-nse-2025-12-15" / "ticks.jsonl.gz"
    wanted = expected_ticks(path)
    request = collections.defaultdict(lambda: collections.defaultdict(list))
    for kind, token, modes in WANTED.values():
        for mode in modes:
            request[mode][kind].append(token)
    count = sum(len(ticks) for ticks in wanted.values())
    output = asyncio.run(drive(peer_python("smartapi"), path, json.dumps(request), count, tmp_path))

    greeting, *lines = output.splitlines()
    assert json.loads(greeting)["order-status"] == "AB00"
    assert json.loads(greeting)["user-id"] == "A12345"
    got = collections.defaultdict(list)
    for line in lines:
        tick = json.loads(line)
        got[tick["token"], tick["subscription_mode"]].append(tick)
    assert {k: len(ticks) for k, ticks in got.items()} == {k: len(v) for k, v in wanted.items()}
    for name, ticks in wanted.items():
        for number, (is_, should) in enumerate(zip(got[name], ticks, strict=True)):
            assert {key: is_[key] for key in should} == should, f"tick {number} of {name}"


async def drive(python: Path, data: Path, request: str, count: int, folder: Path) -> str:
    """Play the recording to the SDK as fast as it reads; returns what it understood."""
    server = SimulatorServer(SimulatorSettings(broker="angel", data=str(data), speed=0))
    port = await server.start()
    try:
        process = await asyncio.create_subprocess_exec(
            str(python),
            str(CLIENT),
            str(port),
            request,
            str(count),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=folder,
        )
        output, errors = await process.communicate()
    finally:
        await server.stop()
    assert process.returncode == 0, errors.decode()
    assert output, errors.decode()
    return output.decode()


def expected_ticks(path: Path) -> dict[tuple[str, int], list[dict]]:
    """What the SDK must say, from the recording itself and not through our reader."""
    wanted = collections.defaultdict(list)
    with gzip.open(path) as file:
        for line in file:
            row = json.loads(line)
            if row["k"] in WANTED:
                kind, token, modes = WANTED[row["k"]]
                full = row["ff"]["marketFF"]
                for mode in modes:
                    tick = {
                        "subscription_mode": mode,
                        "exchange_type": kind,
                        "exchange_timestamp": stamp(row["t"], full),
                    }
                    wanted[token, mode].append(tick | FIELDS[mode](full))
    return wanted


def stamp(received: str, full: dict) -> int:
    received_at = dt.datetime.fromisoformat(received).replace(tzinfo=IST)
    return max(int(full["ltpc"].get("ltt", 0)), int(received_at.timestamp() * 1000))


def paise(rupees: float) -> int:
    return int(rupees * 100 + 0.5)


def ltp_fields(full: dict) -> dict:
    return {"last_traded_price": paise(full["ltpc"].get("ltp", 0.0))}


def quote_fields(full: dict) -> dict:
    day = next(c for c in full["marketOHLC"]["ohlc"] if c["interval"] == "1d")
    return ltp_fields(full) | {
        "last_traded_quantity": int(full["ltpc"].get("ltq", 0)),
        "average_traded_price": paise(full.get("atp", 0.0)),
        "volume_trade_for_the_day": int(full.get("vtt", 0)),
        "total_buy_quantity": float(int(full.get("tbq", 0))),
        "total_sell_quantity": float(int(full.get("tsq", 0))),
        "open_price_of_the_day": paise(day.get("open", 0.0)),
        "high_price_of_the_day": paise(day.get("high", 0.0)),
        "low_price_of_the_day": paise(day.get("low", 0.0)),
        "closed_price": paise(full["ltpc"].get("cp", 0.0)),
    }


def snap_quote_fields(full: dict) -> dict:
    rows = full["marketLevel"]["bidAskQuote"]
    return quote_fields(full) | {
        "last_traded_timestamp": int(full["ltpc"].get("ltt", 0)) // 1000,
        "open_interest": int(full.get("oi", 0)),
        "best_5_buy_data": [level(row, "bid") | {"flag": 1} for row in rows],
        "best_5_sell_data": [level(row, "ask") | {"flag": 0} for row in rows],
    }


def level(row: dict, side: str, orders: str = "no of orders") -> dict:
    price, quantity = paise(row.get(f"{side}P", 0.0)), int(row.get(f"{side}Q", 0))
    return {"quantity": quantity, "price": price, orders: 0}


def depth_20_fields(full: dict) -> dict:
    """The recording has five levels; the others are empty."""
    rows = full["marketLevel"]["bidAskQuote"]
    padded = rows + [{}] * (20 - len(rows))
    return {
        "depth_20_buy_data": [level(row, "bid", "num_of_orders") for row in padded],
        "depth_20_sell_data": [level(row, "ask", "num_of_orders") for row in padded],
    }


FIELDS = {
    LTP: ltp_fields,
    QUOTE: quote_fields,
    SNAP_QUOTE: snap_quote_fields,
    DEPTH_20: depth_20_fields,
}
