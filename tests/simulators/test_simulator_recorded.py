"""Recorded formats: made-up files for the edges, the real ones where they are at hand."""

from __future__ import annotations

import base64
import csv
import datetime as dt
import gzip
import json
import logging

import pytest

from simulators.brokers.zerodha.packets import encode, instrument_token
from simulators.errors import DataError
from simulators.markets.market import Snapshot
from simulators.markets.recorded import load

IST_OFFSET_MS = 19_800_000


def upstox_row(key="NSE_FO|51414", time="2025-12-15 09:32:48.880000", **full) -> str:
    content = {"ltpc": {"ltp": 10.5, "ltt": "1765771372292", "ltq": "35", "cp": 9.0}} | full
    return json.dumps({"t": time, "k": key, "m": "full_d5", "ff": {"marketFF": content}})


def write(path, *rows: str, packed: bool = False):
    content = "".join(f"{row}\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_upstox_row_becomes_a_snapshot(tmp_path, packed):
    levels = [{"bidQ": "7", "bidP": 10.4, "askQ": "9", "askP": 10.6}] * 5
    candles = [
        {"interval": "1d", "open": 9.5, "high": 11.0, "low": 9.1},
        {"interval": "I1", "open": 1.0, "high": 1.0, "low": 1.0},
    ]
    row = upstox_row(
        marketLevel={"bidAskQuote": levels},
        marketOHLC={"ohlc": candles},
        atp=10.25,
        vtt="3500",
        oi=700.0,
        tbq=100.0,
        tsq=200.0,
    )
    ((at, snapshot),) = load(write(tmp_path / "a.jsonl", row, packed=packed)).events()
    assert at == 0
    assert (snapshot.open, snapshot.high, snapshot.low, snapshot.close) == (9.5, 11.0, 9.1, 9.0)
    assert (snapshot.volume, snapshot.last_quantity, snapshot.average_price) == (3500, 35, 10.25)
    assert (snapshot.oi, snapshot.oi_low, snapshot.oi_high) == (700, 700, 700)
    assert (snapshot.buy_quantity, snapshot.sell_quantity) == (100, 200)
    assert snapshot.last_trade_ms == 1765771372292
    assert snapshot.bids == ((10.4, 7, 0),) * 5
    assert snapshot.asks == ((10.6, 9, 0),) * 5


def test_exchange_time_is_never_before_the_trade(tmp_path):
    before = upstox_row(time="2025-12-15 09:32:48.880000")
    after = upstox_row(time="2025-12-15 09:33:00.5")
    path = write(tmp_path / "a.jsonl", before, after)
    first, second = (event.snapshot.exchange_ms for event in load(path).events())
    assert first == 1765771372292
    assert second == int(
        dt.datetime(2025, 12, 15, 9, 33, 0, 500_000, dt.UTC).timestamp() * 1000
    ) - (IST_OFFSET_MS)


def test_rows_that_go_back_in_time_are_played_at_once(tmp_path):
    times = ["2025-12-15 10:00:00", "2025-12-15 10:00:02", "2025-12-15 10:00:01"]
    path = write(tmp_path / "a.jsonl", *(upstox_row(time=time) for time in times))
    assert [event.at for event in load(path).events()] == [0.0, 2.0, 2.0]


def test_open_interest_range_is_kept_per_instrument(tmp_path):
    rows = [upstox_row(oi=value) for value in (70.0, 35.0, 105.0)]
    rows.insert(1, upstox_row(key="NSE_FO|51420", oi=9.0))
    *_, last = load(write(tmp_path / "a.jsonl", *rows)).events()
    assert (last.snapshot.oi, last.snapshot.oi_low, last.snapshot.oi_high) == (105, 35, 105)


def test_index_rows_of_upstox_are_indices(tmp_path):
    row = json.dumps(
        {
            "t": "2025-12-15 10:00:00",
            "k": "NSE_INDEX|Nifty 50",
            "ff": {"indexFF": {"ltpc": {"ltp": 26_000.5, "cp": 25_900.0}}},
        }
    )
    market = load(write(tmp_path / "a.jsonl", row))
    (instrument,) = market.instruments
    assert (instrument.exchange, instrument.symbol) == ("NSE_INDEX", "NIFTY")
    assert instrument_token("NSE_INDEX", instrument.exchange_token) == 256265


def test_without_master_the_key_names_the_instrument(tmp_path, caplog):
    rows = [upstox_row(), upstox_row(key="NSE_EQ|INE027H01010")]
    with caplog.at_level(logging.WARNING):
        market = load(write(tmp_path / "a.jsonl", *rows))
    option, share = market.instruments
    assert (option.symbol, option.exchange, option.exchange_token) == ("51414", "NFO", 51414)
    assert (share.symbol, share.exchange) == ("INE027H01010", "NSE")
    assert len(caplog.records) == 2


def test_master_is_found_beside_the_data(tmp_path):
    (tmp_path / "instrument-masters").mkdir()
    (tmp_path / "day").mkdir()
    master = {
        "segment": "NSE_FO",
        "instrument_key": "NSE_FO|51414",
        "exchange_token": "51414",
        "trading_symbol": "BANKNIFTY 59000 CE 30 DEC 25",
        "asset_symbol": "BANKNIFTY",
        "instrument_type": "CE",
        "expiry": 1767119399000,
        "strike_price": 59000.0,
        "tick_size": 5.0,
        "lot_size": 35,
    }
    write(
        tmp_path / "instrument-masters" / "upstox_nse_x.jsonl.gz", json.dumps(master), packed=True
    )
    market = load(write(tmp_path / "day" / "a.jsonl", upstox_row()))
    (instrument,) = market.instruments
    assert instrument.symbol == "BANKNIFTY30DEC2559000CE"
    assert (instrument.tick_size, instrument.lot_size) == (0.05, 35)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ('{"t":"2025-12-15 10:00:00","k":"NSE_FO|51414","ff":{}}', "neither"),
        ('{"t":"noon","k":"NSE_FO|51414","ff":{"marketFF":{"ltpc":{}}}}', "noon"),
        ('{"t":"2025-12-15 10:00:00","k":"NSE_FO|51414"', "not a row"),
    ],
)
def test_bad_row_is_told_with_its_line(tmp_path, row, problem):
    path = write(tmp_path / "a.jsonl", upstox_row(), row)
    events = load(path).events()
    next(events)
    with pytest.raises(DataError, match=problem) as failure:
        next(events)
    assert failure.value.line == 2
    assert str(path) in str(failure.value)


@pytest.mark.parametrize("key", ["nothing", "XYZ|1", "NSE_FO|"])
def test_key_of_no_segment_is_refused(tmp_path, key):
    with pytest.raises(DataError, match="segment"):
        load(write(tmp_path / "a.jsonl", upstox_row(key=key)))


@pytest.mark.parametrize("content", [b"", b"\n", b"hello, world\n", b"\x00\x01", b"#!/bin/sh\n"])
def test_unknown_content_is_refused(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(DataError, match="Upstox JSON lines"):
        load(path)


def test_missing_file_is_told(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        load(tmp_path / "none")


def test_json_without_keys_is_told(tmp_path):
    with pytest.raises(DataError, match="no instrument key"):
        load(write(tmp_path / "a.jsonl", '{"price": 1}'))


@pytest.mark.parametrize("cut", [20, 2000])
def test_cut_off_gzip_is_told(tmp_path, cut):
    rows = [upstox_row(oi=n * 1.1) for n in range(3000)]
    path = write(tmp_path / "a.jsonl.gz", *rows, packed=True)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match="damaged"):
        load(path)


def test_index_recording_runs_open_high_low(tmp_path):
    path = write(
        tmp_path / "a.csv",
        "2022-10-03 09:00:01,100.5",
        "2022-10-03 09:00:02,99",
        "2022-10-03 09:00:04,101",
    )
    market = load(path)
    events = list(market.events())
    assert [event.at for event in events] == [0.0, 1.0, 3.0]
    last = events[-1].snapshot
    assert (last.open, last.high, last.low, last.ltp) == (100.5, 101.0, 99.0, 101.0)
    nine_utc = dt.datetime(2022, 10, 3, 9, 0, 4, tzinfo=dt.UTC).timestamp()
    assert last.exchange_ms == nine_utc * 1000 - IST_OFFSET_MS
    assert market.instruments[0].symbol == "NIFTY"


@pytest.mark.parametrize("row", ["", "2022-10-03 09:00:02", "x,1", "2022-10-03 09:00:02,nan"])
def test_bad_index_row_is_told(tmp_path, row):
    events = load(write(tmp_path / "a.csv", "2022-10-03 09:00:01,1", row)).events()
    next(events)
    with pytest.raises(DataError, match="a row is") as failure:
        next(events)
    assert failure.value.line == 2


def test_kite_packets_are_played_in_order(tmp_path):
    packets = [
        encode(408065, Snapshot(number=0, ltp=1573.7, volume=9), "full"),
        encode(256265, Snapshot(number=0, ltp=26_000.0), "quote"),
        encode(408065, Snapshot(number=0, ltp=1573.8), "ltp"),
    ]
    lines = [base64.b64encode(packet).decode() for packet in packets]
    market = load(write(tmp_path / "a.packet", *lines))
    events = list(market.events())
    assert [(e.at, e.snapshot.number) for e in events] == [(0.0, 0), (1.0, 1), (2.0, 0)]
    assert encode(408065, events[0].snapshot, "full") == packets[0]
    assert [i.exchange for i in market.instruments] == ["NSE", "NSE_INDEX"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (base64.b64encode(bytes(9)).decode(), "Kite packet"),
        (base64.b64encode(bytes(8)).decode(), "no segment"),
    ],
)
def test_bad_kite_packet_is_told(tmp_path, line, problem):
    with pytest.raises(DataError, match=problem):
        load(write(tmp_path / "a.packet", line))


@pytest.mark.realdata
def test_real_recording_knows_its_ten_instruments(ticks_file):
    symbols = {(i.exchange, i.symbol) for i in load(ticks_file).instruments}
    options = [
        "59000CE",
        "59200CE",
        "59400CE",
        "59400PE",
        "59600PE",
        "59800PE",
        "59900CE",
        "60000CE",
    ]
    assert symbols == {("NSE", "MAXHEALTH"), ("NSE", "BSE")} | {
        ("NFO", f"BANKNIFTY30DEC25{option}") for option in options
    }


@pytest.mark.realdata
def test_real_recording_is_played_whole(ticks_file):
    market = load(ticks_file)
    counts = [0] * 10
    backwards, last_at, last = 0, 0.0, {}
    for at, snapshot in market.events():
        counts[snapshot.number] += 1
        assert at >= last_at
        last_at = at
        before = last.get(snapshot.number)
        backwards += before is not None and snapshot.volume < before.volume
        last[snapshot.number] = snapshot
    by_symbol = {i.symbol: counts[n] for n, i in enumerate(market.instruments)}
    assert sum(counts) == 258_470
    assert by_symbol["MAXHEALTH"] == 15_924
    assert by_symbol["BSE"] == 35_187
    assert by_symbol["BANKNIFTY30DEC2560000CE"] == 29_463
    assert backwards == 18


@pytest.mark.realdata
def test_real_index_day_is_played_whole(data_folder):
    market = load(data_folder / "nifty50-1s-2022" / "2022-10-03.csv.gz")
    events = list(market.events())
    with gzip.open(data_folder / "nifty50-1s-2022" / "2022-10-03.csv.gz", "rt") as file:
        values = [float(value) for _, value in csv.reader(file)]
    assert [event.snapshot.ltp for event in events] == values
    assert events[-1].snapshot.high == max(values)


@pytest.mark.realdata
@pytest.mark.parametrize("mode", ["full", "quote"])
def test_real_kite_packet_is_reproduced(data_folder, read_packet, mode):
    path = data_folder / "kite-packets" / f"ticker_{mode}.packet"
    market = load(path)
    (event,) = market.events()
    (instrument,) = market.instruments
    assert (instrument.exchange, instrument.symbol) == ("NSE", "INFY")
    packet = base64.b64decode(path.read_text())
    assert encode(408065, event.snapshot, mode) == packet
    expected = json.loads(path.with_suffix(".json").read_text())
    tick = read_packet(packet)
    assert tick["ltp"] == expected["last_price"]
    assert tick["volume"] == expected["volume"]
