"""Upstox's instrument master, and OpenAlgo's names from it."""

import gzip
import io
import json

import pytest

from adapters.brokers.upstox.master import read_master
from adapters.errors import InstrumentsError
from adapters.symbols import Instrument


def read(*rows):
    return list(read_master(io.StringIO(json.dumps(rows))))


def row(segment, key, symbol, kind, **fields):
    return {
        "segment": segment,
        "instrument_key": key,
        "trading_symbol": symbol,
        "instrument_type": kind,
        **fields,
    }


def contract(segment, kind, strike, base="NIFTY"):
    return row(
        segment, f"{segment}|7", f"{base} ...", kind,
        underlying_symbol=base, expiry=1767119399000, strike_price=strike,
    )  # fmt: skip


def test_rows_get_openalgo_names():
    rows = [
        row("NSE_EQ", "NSE_EQ|INE1", "BAJAJ-AUTO", "EQ"),
        row("BSE_EQ", "BSE_EQ|INE1", "BAJAJ-AUTO", "A"),
        row("NSE_INDEX", "NSE_INDEX|Nifty Bank", "BANKNIFTY", "INDEX"),
        row("BSE_INDEX", "BSE_INDEX|SENSEX", "SENSEX", "INDEX"),
        row("NSE_INDEX", "NSE_INDEX|India VIX", "INDIA VIX", "INDEX"),
        contract("NSE_FO", "FUT", 0.0),
        contract("NSE_FO", "CE", 26000.0),
        contract("BSE_FO", "PE", 402.5, "ITC"),
        contract("NCD_FO", "CE", 90.25, "USDINR"),
        row("NSE_COM", "NSE_COM|1", "GOLD", "FUT"),
    ]
    assert read(*rows) == [
        Instrument("NSE", "BAJAJ-AUTO", "NSE_EQ|INE1"),
        Instrument("BSE", "BAJAJ-AUTO", "BSE_EQ|INE1"),
        Instrument("NSE_INDEX", "BANKNIFTY", "NSE_INDEX|Nifty Bank"),
        Instrument("BSE_INDEX", "SENSEX", "BSE_INDEX|SENSEX"),
        Instrument("NSE_INDEX", "INDIAVIX", "NSE_INDEX|India VIX"),
        Instrument("NFO", "NIFTY30DEC25FUT", "NSE_FO|7"),
        Instrument("NFO", "NIFTY30DEC2526000CE", "NSE_FO|7"),
        Instrument("BFO", "ITC30DEC25402.5PE", "BSE_FO|7"),
        Instrument("CDS", "USDINR30DEC2590.25CE", "NCD_FO|7"),
    ]


def test_the_share_comes_before_its_namesakes():
    bond = row("NSE_EQ", "NSE_EQ|INE775A08105", "MOTHERSON", "D1")
    share = row("NSE_EQ", "NSE_EQ|INE775A01035", "MOTHERSON", "EQ")
    assert [i.token for i in read(bond, share)] == [share["instrument_key"], bond["instrument_key"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected the JSON list"),
        ('{"a":1}', "expected the JSON list"),
        ("[" * 5000, "expected the JSON list"),
        ('[{"segment":"NSE_EQ"}]', "row 1: "),
        (
            json.dumps([row("NSE_EQ", "k", "s", "EQ"), contract("NSE_FO", "CE", "x")]),
            "row 2: Expected `float",
        ),
        (json.dumps([contract("NSE_FO", "FUT", 0.0) | {"expiry": 10**18}]), "row 1: "),
    ],
)
def test_a_damaged_master_names_its_place(text, words):
    with pytest.raises(InstrumentsError, match=words):
        list(read_master(io.StringIO(text)))


@pytest.mark.realdata
def test_real_master(data_folder):
    path = data_folder / "instrument-masters" / "upstox_nse_2025-10-05.jsonl.gz"
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    names = {}
    for instrument in read_master(io.StringIO(f"[{','.join(lines)}]")):
        names.setdefault((instrument.exchange, instrument.symbol), instrument.token)
    assert names["NSE", "MAXHEALTH"] == "NSE_EQ|INE027H01010"
    assert names["NFO", "BANKNIFTY30DEC2559000CE"] == "NSE_FO|51414"
    assert names["NSE_INDEX", "NIFTY"] == "NSE_INDEX|Nifty 50"
    assert names["NSE_INDEX", "FINNIFTY"] == "NSE_INDEX|Nifty Fin Service"
    assert names["NSE", "MOTHERSON"] == "NSE_EQ|INE775A01035"
    # Bonds and warrants that share a name with something else have no other.
    assert len(names) == len(lines) - 11
