"""Kite's bytes, commands and instrument master."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators import SimulatorSettings
from simulators.broker import RefusedError, Request
from simulators.brokers.zerodha.broker import MAX_PACKETS_PER_FRAME, Zerodha, instruments_csv
from simulators.brokers.zerodha.packets import instrument_token
from simulators.markets.market import Instrument, Snapshot, contract_symbol
from simulators.markets.synthetic import SyntheticMarket

INFY = Instrument(exchange="NSE", symbol="INFY", exchange_token=1594)
NIFTY = Instrument(exchange="NSE_INDEX", symbol="NIFTY", exchange_token=1001, name="NIFTY 50")
INFY_TOKEN, NIFTY_TOKEN = 408065, 256265


def zerodha(**settings: object) -> Zerodha:
    return Zerodha([INFY, NIFTY], SimulatorSettings(broker="zerodha", **settings))


@given(count=st.integers(0, 3 * MAX_PACKETS_PER_FRAME))
def test_frames_hold_all_packets_in_order(count, read_frame):
    broker = zerodha()
    packets = [broker.packet(Snapshot(number=0, ltp=float(n)), "ltp") for n in range(count)]
    frames = list(broker.frames(packets))
    assert [p for frame in frames for p in read_frame(frame)] == [p[2:] for p in packets]
    assert len(frames) == -(-count // MAX_PACKETS_PER_FRAME)


@pytest.mark.parametrize(
    ("query", "settings"),
    [
        ({}, {}),
        ({"api_key": "k"}, {}),
        ({"access_token": "t"}, {}),
        ({"api_key": "k", "access_token": "t"}, {"api_key": "other"}),
        ({"api_key": "k", "access_token": "t"}, {"access_token": "other"}),
    ],
)
def test_login_with_missing_or_wrong_credentials_is_refused(query, settings):
    with pytest.raises(RefusedError) as refused:
        zerodha(**settings).login(Request("/", query, {}))
    assert refused.value.status == 403


def test_login_with_the_accepted_pair_names_the_account():
    request = Request("/", {"api_key": "k", "access_token": "t"}, {})
    assert zerodha().login(request) == "k"
    assert zerodha(api_key="k", access_token="t").login(request) == "k"


def test_bare_subscribe_gives_quote_and_last_mode_wins():
    session = zerodha().session()
    reaction = session.receive(f'{{"a":"subscribe","v":[{INFY_TOKEN},{NIFTY_TOKEN},1]}}')
    assert reaction.changed == [0, 1]
    assert session.modes == {0: "quote", 1: "quote"}
    session.receive(f'{{"a":"mode","v":["full",[{INFY_TOKEN}]]}}')
    session.receive(f'{{"a":"mode","v":["ltp",[{INFY_TOKEN}]]}}')
    assert session.modes == {0: "ltp", 1: "quote"}
    assert session.receive(f'{{"a":"unsubscribe","v":[{INFY_TOKEN},1]}}').changed == [0]
    assert session.modes == {1: "quote"}


def test_mode_without_subscription_does_nothing():
    session = zerodha().session()
    assert not session.receive(f'{{"a":"mode","v":["full",[{INFY_TOKEN}]]}}').changed
    assert session.modes == {}


@pytest.mark.parametrize(
    "message",
    [
        "",
        "not JSON",
        "[]",
        '{"v":[1]}',
        '{"a":"dance","v":[1]}',
        '{"a":"subscribe"}',
        '{"a":"subscribe","v":"408065"}',
        '{"a":"subscribe","v":["408065"]}',
        '{"a":"mode","v":["deep",[408065]]}',
        '{"a":"mode","v":[408065]}',
        b"\xff\x00",
    ],
)
def test_bad_command_is_answered_by_an_error_text(message):
    session = zerodha().session()
    (reply,) = session.receive(message).replies
    answer = json.loads(reply)
    assert answer["type"] == "error"
    assert answer["data"]
    assert session.modes == {}


@given(message=st.one_of(st.text(), st.binary()))
def test_no_message_raises(message):
    zerodha().session().receive(message)


def test_master_maps_back_to_openalgo_symbols():
    market = SyntheticMarket(seed=0, rate=1, start_ms=1_765_770_300_000)
    rows = list(csv.DictReader(io.StringIO(instruments_csv(market.instruments))))
    names = {"NIFTY 50": "NIFTY", "NIFTY BANK": "BANKNIFTY", "INDIA VIX": "INDIAVIX"}
    for row, instrument in zip(rows, market.instruments, strict=True):
        exchange, symbol = row["exchange"], row["tradingsymbol"]
        if row["segment"] == "INDICES":
            exchange, symbol = f"{exchange}_INDEX", names.get(symbol, symbol)
        elif row["expiry"]:
            expiry = dt.date.fromisoformat(row["expiry"])
            symbol = contract_symbol(
                row["name"], expiry, row["instrument_type"], float(row["strike"])
            )
        assert (exchange, symbol) == (instrument.exchange, instrument.symbol)
        token = instrument_token(instrument.exchange, int(row["exchange_token"]))
        assert int(row["instrument_token"]) == token


@pytest.mark.parametrize(
    ("expiry", "weekly", "kind", "strike", "expected"),
    [
        ("2026-08-25", False, "FUT", 0, "NIFTY26AUGFUT"),
        ("2026-08-25", False, "CE", 26000, "NIFTY26AUG26000CE"),
        ("2026-08-18", True, "PE", 26000, "NIFTY2681826000PE"),
        ("2026-10-01", True, "CE", 82000, "NIFTY26O0182000CE"),
        ("2026-08-25", False, "CE", 172.5, "NIFTY26AUG172.5CE"),
    ],
)
def test_master_spells_contracts_as_kite_does(expiry, weekly, kind, strike, expected):
    instrument = Instrument(
        exchange="NFO",
        symbol="-",
        exchange_token=1,
        name="NIFTY",
        kind=kind,
        expiry=dt.date.fromisoformat(expiry),
        weekly=weekly,
        strike=strike,
    )
    (row,) = csv.DictReader(io.StringIO(instruments_csv([instrument])))
    assert row["tradingsymbol"] == expected
    assert row["segment"] == ("NFO-FUT" if kind == "FUT" else "NFO-OPT")


def test_only_the_master_is_a_document():
    broker = zerodha()
    assert broker.document("/instruments").content_type == "text/csv"
    assert broker.document("/") is None


def test_packet_stands_behind_its_length():
    packet = zerodha().packet(Snapshot(number=1, ltp=1.0), "quote")
    assert struct.unpack(">H", packet[:2])[0] == len(packet) - 2 == 28
