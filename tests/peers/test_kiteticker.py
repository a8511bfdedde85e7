"""Zerodha's own ticker reads the simulator: a real day, value for value, none missing."""

from __future__ import annotations

import asyncio
import collections
import datetime as dt
import gzip
import json
import math
import os
from pathlib import Path

import pytest

from simulators import SimulatorServer, SimulatorSettings

pytestmark = [pytest.mark.peer, pytest.mark.realdata, pytest.mark.timeout(180)]

CLIENT = Path(__file__).with_name("kiteticker_client.py")
IST = dt.timezone(dt.timedelta(hours=5, minutes=30))
NSE, NFO = 1, 2


def token(exchange_token: int, segment: int) -> int:
    return exchange_token * 256 + segment


#: Instrument key in the recording -> Kite's token, and the mode that it is read in.
FULL = {"NSE_EQ|INE027H01010": token(22377, NSE), "NSE_FO|51502": token(51502, NFO)}
QUOTE = {"NSE_EQ|INE118H01025": token(19585, NSE)}
LTP = {"NSE_FO|51420": token(51420, NFO), "NSE_FO|60166": token(60166, NFO)}


@pytest.fixture(scope="module")
def ticks_file(data_folder) -> Path:
    return data_folder / "upstox-nse-2025-12-15" / "ticks.jsonl.gz"


def test_kiteticker_reads_a_recorded_day(ticks_file, peer_python):
    wanted = expected_ticks(ticks_file)
    count = sum(len(ticks) for ticks in wanted.values())
    modes = {"full": FULL, "quote": QUOTE, "ltp": LTP}
    request = json.dumps({mode: list(tokens.values()) for mode, tokens in modes.items()})
    output = asyncio.run(drive(peer_python("kiteconnect"), ticks_file, request, count))

    got = collections.defaultdict(list)
    for line in output.splitlines():
        tick = json.loads(line)
        tick.pop("change", None)  # the ticker's own arithmetic, not the broker's
        got[tick["instrument_token"]].append(tick)
    assert {t: len(ticks) for t, ticks in got.items()} == {
        t: len(ticks) for t, ticks in wanted.items()
    }
    for instrument, ticks in wanted.items():
        for number, (is_, should) in enumerate(zip(got[instrument], ticks, strict=True)):
            assert is_ == should, f"tick {number} of {instrument}"


def lengths(ticks_by_token: dict[int, list[dict]]) -> dict[int, int]:
    return {instrument: len(ticks) for instrument, ticks in ticks_by_token.items()}


async def drive(python: Path, data: Path, request: str, count: int) -> str:
    """Play the recording to KiteTicker as fast as it reads; returns what it understood."""
    server = SimulatorServer(SimulatorSettings(broker="zerodha", data=str(data), speed=0))
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
            env=os.environ | {"TZ": "UTC"},  # the ticker tells times in the host's zone
        )
        output, errors = await process.communicate()
    finally:
        await server.stop()
    assert process.returncode == 0, errors.decode()
    assert output, errors.decode()
    return output.decode()


def expected_ticks(path: Path) -> dict[int, list[dict]]:
    """What KiteTicker must say, from the recording itself and not through our reader."""
    wanted = collections.defaultdict(list)
    interest: dict[str, tuple[int, int]] = {}
    with gzip.open(path) as file:
        for line in file:
            row = json.loads(line)
            key, full = row["k"], row["ff"]["marketFF"]
            for mode, tokens in (("ltp", LTP), ("quote", QUOTE), ("full", FULL)):
                if key in tokens:
                    tick = ltp_tick(tokens[key], full)
                    if mode != "ltp":
                        tick |= quote_fields(full)
                    if mode == "full":
                        oi = int(full.get("oi", 0))
                        low, high = interest.get(key, (oi, oi))
                        interest[key] = min(low, oi), max(high, oi)
                        tick |= full_fields(row["t"], full, oi, *interest[key])
                    wanted[tokens[key]].append(tick | {"mode": mode})
    return wanted


def ltp_tick(instrument: int, full: dict) -> dict:
    price = full["ltpc"].get("ltp", 0.0)
    return {"instrument_token": instrument, "tradable": True, "last_price": price}


def quote_fields(full: dict) -> dict:
    day = next(c for c in full["marketOHLC"]["ohlc"] if c["interval"] == "1d")
    return {
        "last_traded_quantity": int(full["ltpc"].get("ltq", 0)),
        "average_traded_price": math.floor(full.get("atp", 0.0) * 100 + 0.5) / 100,
        "volume_traded": int(full.get("vtt", 0)),
        "total_buy_quantity": int(full.get("tbq", 0)),
        "total_sell_quantity": int(full.get("tsq", 0)),
        "ohlc": {name: day.get(name, 0.0) for name in ("open", "high", "low")}
        | {"close": full["ltpc"].get("cp", 0.0)},
    }


def full_fields(received: str, full: dict, oi: int, oi_low: int, oi_high: int) -> dict:
    traded_ms = int(full["ltpc"].get("ltt", 0))
    received_at = dt.datetime.fromisoformat(received).replace(tzinfo=IST)
    stamped_ms = max(traded_ms, int(received_at.timestamp() * 1000))
    rows = full["marketLevel"]["bidAskQuote"]
    return {
        "last_trade_time": utc_text(traded_ms),
        "exchange_timestamp": utc_text(stamped_ms),
        "oi": oi,
        "oi_day_low": oi_low,
        "oi_day_high": oi_high,
        "depth": {
            "buy": [level(row, "bid") for row in rows],
            "sell": [level(row, "ask") for row in rows],
        },
    }


def utc_text(unix_ms: int) -> str:
    return str(dt.datetime.fromtimestamp(unix_ms // 1000, dt.UTC).replace(tzinfo=None))


def level(row: dict, side: str) -> dict:
    return {"quantity": int(row.get(f"{side}Q", 0)), "price": row.get(f"{side}P", 0.0), "orders": 0}
