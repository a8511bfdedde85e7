"""Nubra's instrument master, and the tokens made of it and of OpenAlgo's own table."""

import io
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters import json_rows
from adapters.broker import OpenAlgoRow
from adapters.brokers.nubra.broker import BROKER
from adapters.brokers.nubra.master import read_master
from adapters.brokers.nubra.token import OPTION, STOCK, instrument_token
from adapters.errors import InstrumentsError
from adapters.symbols import Instrument

STOCK_TOKEN = instrument_token(STOCK, 69353, "NSE", "RELIANCE")
OPTION_TOKEN = instrument_token(OPTION, 1746686, "NSE", "NIFTY25NOV25900CE")


def row(**fields):
    return {
        "ref_id": 1, "option_type": "N/A", "token": 2885, "stock_name": "RELIANCE",
        "lot_size": 1, "asset": "RELIANCE", "exchange": "NSE", "derivative_type": "STOCK",
        "tick_size": 10, "expiry": None, "strike_price": None,
    } | fields  # fmt: skip


CONTRACT = {"derivative_type": "OPT", "option_type": "CE", "asset": "VEDL", "expiry": 20240425}


@pytest.mark.parametrize(
    ("fields", "exchange", "symbol"),
    [
        ({}, "NSE", "RELIANCE"),
        ({"exchange": "BSE", "stock_name": "M&M"}, "BSE", "M&M"),
        (CONTRACT | {"strike_price": 29250}, "NFO", "VEDL25APR24292.5CE"),
        (CONTRACT | {"strike_price": 29000.0, "expiry": "20240425"}, "NFO", "VEDL25APR24290CE"),
        (CONTRACT | {"exchange": "BSE", "strike_price": 100}, "BFO", "VEDL25APR241CE"),
        (CONTRACT | {"exchange": "MCX", "strike_price": 100}, "MCX", "VEDL25APR241CE"),
        (
            {"derivative_type": "FUT", "asset": "GOLD", "expiry": 20261005, "exchange": "MCX"},
            "MCX",
            "GOLD05OCT26FUT",
        ),
        ({"derivative_type": "FUT", "expiry": None, "stock_name": "ODD"}, "NFO", "ODD"),
        ({"derivative_type": "SWAP", "expiry": 20261005, "stock_name": "ODD"}, "NFO", "ODD"),
    ],
)
def test_instruments_of_the_master(fields, exchange, symbol):
    text = json.dumps({"message": "", "refdata": [row(**fields)]})
    [found] = read_master(io.StringIO(text))
    assert (found.exchange, found.symbol) == (exchange, symbol)
    assert BROKER.keys(found.token)[0] == 1


INDICES = """EXCHANGE,INDEX_SYMBOL,ZANSKAR_INDEX_SYMBOL,INDEX_NAME
NSE,NIFTY,NIFTY,Nifty 50
NSE,INDIA_VIX,INDIA_VIX,India VIX
NSE,NIFTYPTBNK,NIFTYPTBNK,Nifty Private Bank
BSE,SENSEX50,SENSEX50,Bse Sensex 50
BSE,ENERGY,ENERGY,Bse Energy
NSE,NONE,,No symbol
"""


def test_indices_of_the_master():
    found = {(i.exchange, i.symbol): i.token for i in read_master(io.StringIO(INDICES))}
    assert found == {
        ("NSE_INDEX", "NIFTY"): "INDEX||NSE|Nifty 50|NIFTY",
        ("NSE_INDEX", "INDIAVIX"): "INDEX||NSE|INDIA_VIX|India VIX",
        ("NSE_INDEX", "NIFTYPVTBANK"): "INDEX||NSE|NIFTYPTBNK|Nifty Private Bank",
        ("BSE_INDEX", "SENSEX50"): "INDEX||BSE|Bse Sensex 50|SENSEX50",
        ("BSE_INDEX", "BSEENERGY"): "INDEX||BSE|ENERGY|Bse Energy",
    }


def test_documents_may_stand_in_one_file():
    one = json.dumps({"refdata": [row()]})
    indented = json.dumps({"refdata": [row(ref_id=2, stock_name="TCS")]}, indent=1)
    text = f"{one}\n{indented}\n{INDICES}"
    tokens = [found.token for found in read_master(io.StringIO(text))]
    assert tokens[:3] == ["STOCK|1|NSE|RELIANCE", "STOCK|2|NSE|TCS", "INDEX||NSE|Nifty 50|NIFTY"]
    assert len(tokens) == 7


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "line 1"),
        ("[]", "line 1"),
        ("instrument_token,exchange\n1,NSE\n", "line 1"),
        ('\n{"refdata": [1]}', "line 2: refdata[0]: Expected `object`, got `int`"),
        ('{"message": "expired"}', "line 1: refdata[0]: no list `refdata`"),
        ('{"refdata": [', "line 1"),
        (json.dumps({"refdata": [row(), row(derivative_type="FUT", expiry="soon")]}), "refdata[1]"),
        (json.dumps({"refdata": [row(derivative_type="FUT", expiry=20261399)]}), "refdata[0]"),
        (json.dumps({"refdata": [row(**CONTRACT, strike_price="x")]}), "refdata[0]"),
        (json.dumps({"refdata": [row(**CONTRACT | {"expiry": 1e300})]}), "refdata[0]"),
        ("EXCHANGE,NAME\nNSE,NIFTY\n", "no column INDEX_SYMBOL"),
        (INDICES + "NSE," + "X" * 200_000, "line 8: field larger than field limit"),
    ],
)
def test_a_damaged_master_names_the_place(text, place):
    with pytest.raises(InstrumentsError) as raised:
        list(read_master(io.StringIO(text)))
    assert place in str(raised.value)


@given(st.one_of(st.text(), st.text().map(lambda text: "{" + text)))
@example('{"refdata":[' + "[" * 5000)
@example('EXCHANGE,INDEX_SYMBOL,ZANSKAR_INDEX_SYMBOL,INDEX_NAME\n"a\r\n')
def test_any_text_gives_instruments_or_a_typed_error(text):
    try:
        found = list(read_master(io.StringIO(text, newline="")))
    except InstrumentsError:
        return
    assert all(isinstance(each, Instrument) for each in found)


@pytest.mark.parametrize(
    ("cells", "token"),
    [
        (("RELIANCE", "RELIANCE", "NSE", "NSE", "69353"), STOCK_TOKEN),
        (("NIFTY25NOV2525900CE", "NIFTY25NOV25900CE", "NFO", "NSE", "1746686"), OPTION_TOKEN),
        (("GOLD05OCT26FUT", "FUT_GOLD_20261005", "MCX", "MCX", "5"), "FUT|5|MCX|FUT_GOLD_20261005"),
        (("NIFTY", "NIFTY", "NSE_INDEX", "NSE", "NIFTY"), "INDEX||NSE|Nifty 50|NIFTY"),
        (("RELIANCE", "RELIANCE", "NSE", "NSE", ""), ""),
        (("X", "", "NSE_INDEX", "NSE", ""), "INDEX||NSE|X"),
    ],
)
def test_tokens_from_openalgos_table(cells, token):
    assert BROKER.openalgo_token(OpenAlgoRow(*cells)) == token


@given(st.integers(1, 40), st.sampled_from([None, 1]))
def test_the_same_wherever_the_chunks_end(size, indent):
    rows = [row(ref_id=n, stock_name=f"S{n}") for n in range(4)]
    document = json.dumps({"message": 'a "word"', "n": 12.5, "refdata": rows}, indent=indent)
    text = f"{document}\n{INDICES}{document}\n"
    known = list(read_master(io.StringIO(text)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_rows, "_CHUNK_CHARACTERS", size)
        assert list(read_master(io.StringIO(text))) == known
    assert len(known) == 4 + 5 + 4
