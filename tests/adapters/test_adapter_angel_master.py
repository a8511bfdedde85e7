"""Angel One's instrument master."""

import io
import json

import pytest

from adapters.brokers.angel.master import read_master
from adapters.errors import InstrumentsError
from adapters.symbols import Instrument


def row(token, symbol, name, venue, kind="", expiry="", strike="-1.000000"):
    return {
        "token": token, "symbol": symbol, "name": name, "expiry": expiry, "strike": strike,
        "lotsize": "1", "instrumenttype": kind, "exch_seg": venue, "tick_size": "5.000000",
    }  # fmt: skip


def master(*listed):
    return list(read_master(io.StringIO(json.dumps(listed))))


@pytest.mark.parametrize(
    ("listed", "exchange", "symbol", "token"),
    [
        (row("3045", "SBIN-EQ", "SBIN", "NSE"), "NSE", "SBIN", "1|3045"),
        (row("10196", "782GJ32-SG", "782GJ32", "NSE"), "NSE", "782GJ32", "1|10196"),
        (row("1001", "94SFL28-YL", "94SFL28", "NSE"), "NSE", "94SFL28-YL", "1|1001"),
        (row("500325", "RELIANCE", "RELIANCE", "BSE"), "BSE", "RELIANCE", "3|500325"),
        (row("99926000", "Nifty 50", "NIFTY", "NSE", "AMXIDX"), "NSE_INDEX", "NIFTY",
         "1|99926000"),
        (row("99926017", "India VIX", "INDIA VIX", "NSE", "AMXIDX"), "NSE_INDEX", "INDIAVIX",
         "1|99926017"),
        (row("1", "X", "Hangseng BeES-NAV", "NSE", "AMXIDX"), "NSE_INDEX", "HANGSENGBEESNAV",
         "1|1"),
        (row("2", "X", "SNSX50", "BSE", "AMXIDX"), "BSE_INDEX", "SENSEX50", "3|2"),
        (row("3", "MCXBULLDEX", "MCXBULLDEX", "MCX", "AMXIDX"), "MCX_INDEX", "MCXBULLDEX", "5|3"),
        (row("4", "NIFTY25NOV25FUT", "NIFTY", "NFO", "FUTIDX", "25NOV2025"), "NFO",
         "NIFTY25NOV25FUT", "2|4"),
        (row("5", "NIFTY31DEC2626000PE", "NIFTY", "NFO", "OPTIDX", "31Dec2026", "2600000.000000"),
         "NFO", "NIFTY31DEC2626000PE", "2|5"),
        (row("6", "SENSEX25OCTFUT", "SENSEX", "BFO", "FUTIDX", "30OCT2025"), "BFO",
         "SENSEX30OCT25FUT", "4|6"),
        (row("7", "CRUDEOIL25NOV5000CE", "CRUDEOIL", "MCX", "OPTFUT", "17NOV2025", "500000"),
         "MCX", "CRUDEOIL17NOV255000CE", "5|7"),
        (row("8", "USDINR25OCT8325CE", "USDINR", "CDS", "OPTCUR", "29OCT2025",
             "832500000.000000"), "CDS", "USDINR29OCT2583.25CE", "13|8"),
        (row("9", "VEDL25APR24292.5CE", "VEDL", "NFO", "OPTSTK", "25APR2024", "29250.000000"),
         "NFO", "VEDL25APR24292.5CE", "2|9"),
        (row("10", "DHANIYA20NOV25FUT", "DHANIYA", "NCDEX", "FUTCOM", "20NOV2025"), "NCDEX",
         "DHANIYA20NOV25FUT", "7|10"),
        (row("11", "GOLD", "GOLD", "MCX", "COMDTY"), "MCX", "GOLD", "5|11"),
        (row("12", "ODD", "X", "NFO", "OPTIDX", "25APR2024", "100"), "NFO", "ODD", "2|12"),
    ],
)  # fmt: skip
def test_openalgo_names(listed, exchange, symbol, token):
    assert master(listed) == [Instrument(exchange, symbol, token)]


def test_eq_comes_before_other_series_of_the_company():
    found = master(
        row("4884", "SBIN-BE", "SBIN", "NSE"),
        row("3045", "SBIN-EQ", "SBIN", "NSE"),
        row("1", "X", "X", "NCO"),
    )
    assert [instrument.token for instrument in found] == ["1|3045", "1|4884"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no JSON list; expected the JSON list of OpenAPIScripMaster"),
        ("{}", "no JSON list"),
        ('[{"token":"1"}]', "row 0: Object missing required field `symbol`"),
        ("[" * 5000, "expected the JSON list"),
        (json.dumps([row("a b", "X", "X", "NSE")]), "row 0: token 'a b'"),
        (json.dumps([row("", "X", "X", "NSE")]), "row 0: token ''"),
        (json.dumps([row("1", "X", "X", "NFO", "FUTIDX", "soon")]), "row 0: expiry 'soon'"),
        (
            json.dumps([row("1", "XCE", "X", "NFO", "OPTIDX", "01JAN2026", "nan")]),
            "row 0: strike 'nan'",
        ),
        (
            json.dumps([row("1", "XCE", "X", "NFO", "OPTIDX", "01JAN2026", "")]),
            "row 0: could not convert string to float",
        ),
    ],
)
def test_a_bad_master_is_told_with_its_row(text, told):
    with pytest.raises(InstrumentsError, match=told):
        list(read_master(io.StringIO(text)))
