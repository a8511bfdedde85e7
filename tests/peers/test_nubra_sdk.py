"""Nubra's own SDK reads the simulator: a real day, value for value, none missing.

And our codec reads an order update that the SDK's schema encoded.
"""

from __future__ import annotations

import asyncio
import collections
import datetime as dt
import gzip
import json
from pathlib import Path

import pytest

from adapters.brokers.nubra.broker import Nubra
from adapters.codec import Account
from bus.market.orders import Order
from simulators import SimulatorServer, SimulatorSettings

pytestmark = [pytest.mark.peer, pytest.mark.realdata, pytest.mark.timeout(180)]

CLIENT = Path(__file__).with_name("nubra_sdk_client.py")
IST = dt.timezone(dt.timedelta(hours=5, minutes=30))

#: Instrument key in the recording -> the exchange's token, per channel that it is read on.
BOOKS = {"NSE_FO|51502": 51502}
QUOTES = {"NSE_EQ|INE027H01010": 22377}
OPTIONS = {"NSE_FO|51498": 51498}


@pytest.fixture(scope="module")
def ticks_file(data_folder) -> Path:
    return data_folder / "upstox-nse-2025-12-15" / "ticks.jsonl.gz"


RECORDED_LEVELS = 5


def test_the_sdk_reads_a_recorded_day(ticks_file, peer_python):
    lines, wanted = asyncio.run(drive(peer_python("nubra_sdk"), ticks_file))
    check_order(bytes.fromhex(lines[0]))

    got = collections.defaultdict(list)
    for line in lines[1:]:
        tick = json.loads(line)
        tick.pop("changepercent", None)  # the simulator's own arithmetic
        got[tick["channel"], tick.get("ref_id") or tick["indexname"]].append(tick)
    assert {key: len(ticks) for key, ticks in got.items()} == {
        key: len(ticks) for key, ticks in wanted.items()
    }
    for key, ticks in wanted.items():
        for number, (is_, should) in enumerate(zip(got[key], ticks, strict=True)):
            assert recorded_part(is_) == should, f"tick {number} of {key}"


def recorded_part(tick: dict) -> dict:
    """The recording has five levels a side; what the simulator adds below them is made up."""
    return {
        name: value[:RECORDED_LEVELS] if name in {"bids", "asks"} else value
        for name, value in tick.items()
    }


def check_order(frame: bytes) -> None:
    [update] = Nubra(Account(credentials={}), "orders").decode(frame).events
    assert update.token == "OPT|5|NSE|X25NOV"
    assert update.order == Order(
        orderid="987", symbol="X25NOV", exchange="NFO", action="SELL", quantity=75, price=250.1,
        trigger_price=250.05, pricetype="SL", product="NRML", order_status="trigger pending",
        filled_quantity=25, pending_quantity=50, average_price=250.15,
    )  # fmt: skip


async def drive(python: Path, data: Path) -> tuple[list[str], dict[tuple, list[dict]]]:
    """Play the recording to the SDK as fast as it reads; what it said, and what it must say."""
    server = SimulatorServer(SimulatorSettings(broker="nubra", data=str(data), speed=0))
    port = await server.start()
    try:
        refdata = json.loads(server._broker.document("/refdata/refdata/2025-12-15").body)
        master = {row["token"]: row for row in refdata["refdata"]}
        wanted = expected_ticks(data, master)
        names = [master[token]["stock_name"] for token in QUOTES.values()]
        request = {
            "orderbook": [[str(master[t]["ref_id"]) for t in BOOKS.values()], None, None],
            "greeks": [[str(master[t]["ref_id"]) for t in OPTIONS.values()], None, None],
            "index": [names, "NSE", None],
            "ohlcv": [names, "NSE", "1d"],
        }
        process = await asyncio.create_subprocess_exec(
            str(python),
            str(CLIENT),
            str(port),
            json.dumps(request),
            str(sum(len(ticks) for ticks in wanted.values())),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
    finally:
        await server.stop()
    assert process.returncode == 0, errors.decode()
    assert not errors, errors.decode()
    return output.decode().splitlines(), wanted


def expected_ticks(path: Path, master: dict[int, dict]) -> dict[tuple, list[dict]]:
    """What the SDK must say, from the recording itself and not through our reader."""
    wanted = collections.defaultdict(list)
    with gzip.open(path) as file:
        for line in file:
            row = json.loads(line)
            key, full = row["k"], row["ff"]["marketFF"]
            for channels, tokens in (
                ([book], BOOKS),
                ([option], OPTIONS),
                ([quote, candle], QUOTES),
            ):
                if key in tokens:
                    entry = master[tokens[key]]
                    for make in channels:
                        tick = make(entry, full, stamp_ns(row["t"], full))
                        name = tick.get("ref_id") or tick["indexname"]
                        wanted[tick["channel"], name].append(tick)
    return wanted


def stamp_ns(received: str, full: dict) -> int:
    at = dt.datetime.fromisoformat(received).replace(tzinfo=IST)
    return max(int(full["ltpc"].get("ltt", 0)), int(at.timestamp() * 1000)) * 1_000_000


def paise(price: float) -> int | None:
    """What the SDK makes of a price; it knows no zero."""
    return round(price * 100) or None


def number(value: str | float) -> int | None:
    return int(value) or None


def book(entry: dict, full: dict, time_ns: int) -> dict:
    rows = full["marketLevel"]["bidAskQuote"]
    return {
        "channel": "orderbook",
        "ref_id": entry["ref_id"],
        "timestamp": time_ns,
        "last_traded_price": paise(full["ltpc"].get("ltp", 0)),
        "last_traded_quantity": int(full["ltpc"].get("ltq", 0)),
        "volume": int(full.get("vtt", 0)),
        "bids": [level(row, "bid") for row in rows],
        "asks": [level(row, "ask") for row in rows],
    }


def level(row: dict, side: str) -> dict:
    return {
        "price": paise(row.get(f"{side}P", 0)),
        "quantity": int(row.get(f"{side}Q", 0)),
        "num_orders": 0,
    }


def option(entry: dict, full: dict, time_ns: int) -> dict:
    greeks = dict.fromkeys(
        ["last_traded_price_change", "iv", "delta", "gamma", "theta", "vega"], 0.0
    )
    return greeks | {
        "channel": "greeks",
        "ref_id": entry["ref_id"],
        "timestamp": time_ns,
        "strike_price": entry["strike_price"],
        "lot_size": entry["lot_size"],
        "last_traded_price": paise(full["ltpc"].get("ltp", 0)),
        "volume": number(full.get("vtt", 0)),
        "open_interest": number(full.get("oi", 0)),
        "previous_open_interest": None,
        "price_pcp": None,
    }


def day(full: dict) -> dict:
    return next(c for c in full["marketOHLC"]["ohlc"] if c["interval"] == "1d")


def quote(entry: dict, full: dict, time_ns: int) -> dict:
    return {
        "channel": "index",
        "indexname": entry["stock_name"],
        "exchange": entry["exchange"],
        "timestamp": time_ns,
        "index_value": paise(full["ltpc"].get("ltp", 0)),
        "high_index_value": paise(day(full).get("high", 0)),
        "low_index_value": paise(day(full).get("low", 0)),
        "volume": number(full.get("vtt", 0)),
        "tick_volume": int(full["ltpc"].get("ltq", 0)),
        "prev_close": paise(full["ltpc"].get("cp", 0)),
        "volume_oi": None,
        "indicative_close_price": None,
    }


def candle(entry: dict, full: dict, time_ns: int) -> dict:
    volume = number(full.get("vtt", 0))
    return {
        "channel": "ohlcv",
        "indexname": entry["stock_name"],
        "exchange": entry["exchange"],
        "interval": "1d",
        "timestamp": time_ns,
        "open": paise(day(full).get("open", 0)),
        "high": paise(day(full).get("high", 0)),
        "low": paise(day(full).get("low", 0)),
        "close": paise(full["ltpc"].get("ltp", 0)),
        "bucket_volume": volume,
        "tick_volume": number(full["ltpc"].get("ltq", 0)),
        "cumulative_volume": volume,
        "bucket_timestamp": None,
    }
