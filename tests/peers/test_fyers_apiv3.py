"""Fyers' own sockets read the simulator: a real day, value for value, none missing."""

from __future__ import annotations

import asyncio
import collections
import datetime as dt
import gzip
import itertools
import json
import math
from pathlib import Path

import pytest

from simulators import SimulatorServer, SimulatorSettings

pytestmark = [pytest.mark.peer, pytest.mark.realdata, pytest.mark.timeout(180)]

CLIENT = Path(__file__).with_name("fyers_client.py")
ROWS = 60_000
IST = dt.timezone(dt.timedelta(hours=5, minutes=30))
#: Instrument key in the recording -> the price socket's place, and the ticker.
SHARE = "NSE_EQ|INE027H01010", "nse_cm|22377", "NSE:MAXHEALTH-EQ"
OPTION = "NSE_FO|51502", "nse_fo|51502", "NSE:BANKNIFTY25DEC59800PE"


@pytest.fixture(scope="module")
def recording(data_folder, tmp_path_factory) -> Path:
    """The day's first hours: the SDK needs half a second for ten thousand rows."""
    part = tmp_path_factory.mktemp("fyers") / "part.jsonl"
    with gzip.open(data_folder / "upstox-nse-2025-12-15" / "ticks.jsonl.gz") as file:
        part.write_bytes(b"".join(itertools.islice(file, ROWS)))
    return part


@pytest.fixture(scope="module")
def master(data_folder) -> str:
    return str(data_folder / "instrument-masters" / "upstox_nse_2025-10-05.jsonl.gz")


@pytest.fixture(scope="module")
def day(recording):
    """What was recorded, by instrument key, and not through our reader."""
    rows = collections.defaultdict(list)
    with recording.open() as file:
        for line in file:
            row = json.loads(line)
            rows[row["k"]].append((row["t"], row["ff"]["marketFF"]))
    return rows


def test_prices_and_books_of_a_recorded_day(recording, master, day, peer_python):
    request = {"SymbolUpdate": {}, "DepthUpdate": {}}
    wanted = {}
    for key, place, ticker in (SHARE, OPTION):
        request["SymbolUpdate"][f"sf|{place}"] = ticker
        request["DepthUpdate"][f"dp|{place}"] = ticker
        wanted["sf", ticker] = changes(scrip(*row, ticker) for row in day[key])
        wanted["dp", ticker] = changes(book(row[1], ticker) for row in day[key])
    got = drive(peer_python("fyers"), "full", recording, master, request, wanted)
    for message in itertools.chain(*wanted.values()):
        message.pop("OI", None)  # a change of it is a message, but the SDK leaves it out of that
    for message in got:
        for name in ("ch", "chp", "lower_ckt", "upper_ckt"):  # the SDK's own arithmetic
            message.pop(name, None)
    compare(got, wanted, lambda message: (message["type"], message["symbol"]))


def test_lite_mode_of_a_recorded_day(recording, master, day, peer_python):
    request = {"SymbolUpdate": {f"sf|{place}": ticker for _, place, ticker in (SHARE, OPTION)}}
    wanted = {
        ("sf", ticker): changes(
            {"ltp": row[1]["ltpc"].get("ltp", 0.0), "symbol": ticker, "type": "sf"}
            for row in day[key]
        )
        for key, _, ticker in (SHARE, OPTION)
    }
    got = drive(peer_python("fyers"), "lite", recording, master, request, wanted)
    compare(got, wanted, lambda message: (message["type"], message["symbol"]))


def test_deep_books_of_a_recorded_day(recording, master, day, peer_python):
    """The five recorded levels; those that the simulator makes up behind them are not looked at."""
    wanted = {
        ticker: changes(deep_book(row[1], ticker) for row in day[key])
        for key, _, ticker in (SHARE, OPTION)
    }
    got = drive(peer_python("fyers"), "deep", recording, master, list(wanted), wanted)
    assert sum(len(m["bids"]) == len(m["asks"]) == 50 and m["bids"][49][0] > 0 for m in got) > 1000
    for message in got:
        message.pop("time")
        for side in ("bids", "asks"):
            message[side] = message[side][:5]
    compare(got, wanted, lambda message: message["symbol"])


def compare(got, wanted, key_of):
    by_key = collections.defaultdict(list)
    for message in got:
        by_key[key_of(message)].append(message)
    assert {k: len(v) for k, v in by_key.items()} == {k: len(v) for k, v in wanted.items()}
    for key, messages in wanted.items():
        for number, (is_, should) in enumerate(zip(by_key[key], messages, strict=True)):
            assert is_ == should, f"message {number} of {key}"


def drive(python, kind, recording, master, request, wanted):
    """Play the recording to the SDK as fast as it reads; what it understood."""
    count = sum(len(messages) for messages in wanted.values())
    output = asyncio.run(play(python, kind, recording, master, json.dumps(request), count))
    return [json.loads(line) for line in output.splitlines()]


async def play(python, kind, recording, master, request, count):
    settings = SimulatorSettings(broker="fyers", data=str(recording), master=master, speed=0)
    server = SimulatorServer(settings)
    port = await server.start()
    server.paused = True  # the SDK asks for prices and for books half a second apart
    try:
        process = await asyncio.create_subprocess_exec(
            str(python),
            str(CLIENT),
            *(kind, str(port), request, str(count)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        end = asyncio.create_task(process.communicate())
        mode = {"full": "sf dp", "lite": "sf", "deep": "deep"}[kind]
        while not (end.done() or asked(server) == [mode, mode]):
            await asyncio.sleep(0.01)
        server.paused = False
        output, errors = await end
    finally:
        await server.stop()
    assert process.returncode == 0, errors.decode()
    assert output, errors.decode()
    return output.decode()


def asked(server):
    return [mode for client in server._clients for mode in client.session.modes.values()]


def changes(messages):
    """What is not the same as before: a message is sent when something changed."""
    return [message for message, _ in itertools.groupby(messages)]


def number(value):
    return int(value or 0)


def rounded(price):
    return math.floor(price * 100 + 0.5) / 100


def levels(full):
    """Five levels a side, as price and quantity."""
    rows = full["marketLevel"]["bidAskQuote"]
    return [
        [[row.get(f"{side}P", 0.0), number(row.get(f"{side}Q"))] for row in rows]
        for side in ("bid", "ask")
    ]


def scrip(received, full, ticker):
    trade = full["ltpc"]
    day = next(c for c in full["marketOHLC"]["ohlc"] if c["interval"] == "1d")
    bids, asks = levels(full)
    traded = number(trade.get("ltt")) // 1000
    return {
        "ltp": trade.get("ltp", 0.0),
        "vol_traded_today": number(full.get("vtt")),
        "last_traded_time": traded,
        "exch_feed_time": max(traded, india_s(received)),
        "bid_size": bids[0][1],
        "ask_size": asks[0][1],
        "bid_price": bids[0][0],
        "ask_price": asks[0][0],
        "last_traded_qty": number(trade.get("ltq")),
        "tot_buy_qty": number(full.get("tbq")),
        "tot_sell_qty": number(full.get("tsq")),
        "avg_trade_price": rounded(full.get("atp", 0.0)),
        "OI": number(full.get("oi")),
        "low_price": day.get("low", 0.0),
        "high_price": day.get("high", 0.0),
        "open_price": day.get("open", 0.0),
        "prev_close_price": trade.get("cp", 0.0),
        "type": "sf",
        "symbol": ticker,
    }


def india_s(received):
    return int(dt.datetime.fromisoformat(received).replace(tzinfo=IST).timestamp())


def book(full, ticker):
    message = {"type": "dp", "symbol": ticker}
    for side, rows in zip(("bid", "ask"), levels(full), strict=True):
        for place, (price, quantity) in enumerate(rows, 1):
            message[f"{side}_price{place}"] = price
            message[f"{side}_size{place}"] = quantity
            message[f"{side}_order{place}"] = 0  # the recording does not know them
    return message


def deep_book(full, ticker):
    bids, asks = levels(full)
    return {
        "symbol": ticker,
        "tbq": number(full.get("tbq")),
        "tsq": number(full.get("tsq")),
        "bids": bids,
        "asks": asks,
    }
