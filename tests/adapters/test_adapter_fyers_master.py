"""Fyers' instrument masters, in both of their forms."""

import io
import json

import pytest

from adapters.broker import OpenAlgoRow
from adapters.brokers.fyers.broker import BROKER
from adapters.brokers.fyers.indices import index_names
from adapters.brokers.fyers.master import read_master
from adapters.errors import InstrumentsError
from adapters.symbols import Instrument
from simulators.brokers.fyers.names import master_csv, masters
from simulators.markets.synthetic import SyntheticMarket

#: Rows in the form of the public files; tokens and names are those of public masters.
CSV = """\
10100000003045,STATE BANK OF INDIA,0,1,0.05,INE062A01020,0915-1530|1815-1915:,2026-10-03,,NSE:SBIN-EQ,10,10,3045,SBIN,3045,-1.0,XX,10100000003045,None,1,3.7
101000000010115,CORAL INDIA FIN & HOUS LT,0,1,0.01,INE558D01021,0915-1530|1815-1915:,2024-10-30,,NSE:CORALFINAC-BE,10,10,10115,CORALFINAC,10115,-1.0,XX,101000000010115,None,0,0.0
101000000010232,2.50%GOLDBONDS2030SR-I,2,1,0.01,IN0020220045,0915-1530|1815-1915:,2024-10-30,,NSE:SGBJUN30-GB,10,10,10232,SGBJUN30,10232,-1.0,XX,101000000010232,None,0,0.0
10100000001001,SEC RED NCD 9.40% SR. V,2,1,0.01,INE721A07NX5,0915-1530|1815-1915:,2024-10-30,,NSE:94SFL28-YL,10,10,1001,94SFL28,1001,-1.0,XX,10100000001001,None,0,0.0
101000000026000,NIFTY50-INDEX,10,0,0.05,,0915-1530|1815-1915:,2026-09-09,,NSE:NIFTY50-INDEX,10,10,26000,NIFTY,26000,-1.0,XX,101000000026000,None,0,0.0
101125102771850,BANKNIFTY 27 Oct 26 71900 CE,14,30,0.05,,0915-1530|1815-1915:,2026-10-03,1793098800,NSE:BANKNIFTY26OCT71900CE,10,11,71850,BANKNIFTY,26009,71900.0,CE,101000000026009,None,None,None
101125102762345,BANKNIFTY 27 Oct 26 FUT,11,30,0.2,,0915-1530|1815-1915:,2026-10-03,1793098800,NSE:BANKNIFTY26OCTFUT,10,11,62345,BANKNIFTY,26009,-1.0,XX,101000000026009,None,None,None

102025121912345,SOMETHING ELSE,11,1,1.0,,0900-2330,2025-12-01,1766136600,NSE:X25DECFUT,10,20,12345,X,1,-1.0,XX,1,None,None,None
"""  # noqa: E501
JSON = {
    "NSE:USDINR26OCT83.25CE": {
        "fyToken": "1012261028123", "symTicker": "NSE:USDINR26OCT83.25CE", "optType": "CE",
        "expiryDate": "1793098800", "strikePrice": 83.25, "underSym": "USDINR", "tickSize": 0.0025,
    },
    "MCX:CRUDEOIL26OCTFUT": {
        "fyToken": "1120261027456", "symTicker": "MCX:CRUDEOIL26OCTFUT", "optType": "XX",
        "expiryDate": 1793098800, "strikePrice": -1.0, "underSym": "CRUDEOIL",
    },
    "MCX:SPOT": {"fyToken": "1120000000777", "symTicker": "MCX:SPOT", "expiryDate": None},
}  # fmt: skip


def read(text):
    return list(read_master(io.StringIO(text, newline="")))


def test_rows_of_the_csv():
    assert read(CSV) == [
        Instrument("NSE", "SBIN", "nse_cm|3045|NSE:SBIN-EQ"),
        Instrument("NSE", "CORALFINAC", "nse_cm|10115|NSE:CORALFINAC-BE"),
        Instrument("NSE", "SGBJUN30", "nse_cm|10232|NSE:SGBJUN30-GB"),
        Instrument("NSE_INDEX", "NIFTY", "nse_cm|Nifty 50|NSE:NIFTY50-INDEX"),
        Instrument("NFO", "BANKNIFTY27OCT2671900CE", "nse_fo|71850|NSE:BANKNIFTY26OCT71900CE"),
        Instrument("NFO", "BANKNIFTY27OCT26FUT", "nse_fo|62345|NSE:BANKNIFTY26OCTFUT"),
    ]


def test_rows_of_the_json():
    assert read(json.dumps(JSON)) == [
        Instrument("CDS", "USDINR27OCT2683.25CE", "cde_fo|123|NSE:USDINR26OCT83.25CE"),
        Instrument("MCX", "CRUDEOIL27OCT26FUT", "mcx_fo|456|MCX:CRUDEOIL26OCTFUT"),
    ]


def test_the_simulators_masters_give_its_instruments_back():
    listed = SyntheticMarket(seed=0, rate=1, start_ms=1_765_770_300_000).instruments
    names = [(i.exchange, i.symbol) for i in listed]
    assert [row[:2] for row in read(master_csv(listed))] == names
    by_file = [row[:2] for text in masters(listed).values() for row in read(text)]
    assert sorted(by_file) == sorted(names)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a,b\n", "line 1"),
        (CSV + "x" * 5, "line 10"),
        (CSV.replace("1793098800", "soon"), "line 6"),
        (CSV.replace("71900.0", "nan"), "line 6"),
        (CSV.replace("71900.0", ""), "line 6"),
        (CSV.replace("1793098800", "1e300"), "line 6"),
        ("{", "JSON object"),
        ('{"a":1}', "row a"),
        (json.dumps(JSON).replace('"1793098800"', '"x"'), "row NSE:USDINR26OCT83.25CE"),
        (json.dumps(JSON).replace("83.25,", '"nan",'), "row NSE:USDINR26OCT83.25CE"),
    ],
)
def test_damage_names_the_place(text, place):
    with pytest.raises(InstrumentsError, match=place):
        read(text)


@pytest.mark.parametrize(
    ("ticker", "name", "symbol"),
    [
        ("NSE:NIFTYBANK-INDEX", "Nifty Bank", "BANKNIFTY"),
        ("NSE:FINNIFTY-INDEX", "Nifty Fin Service", "FINNIFTY"),
        ("NSE:MIDCPNIFTY-INDEX", "NIFTY MID SELECT", "MIDCPNIFTY"),
        ("NSE:NIFTYNXT50-INDEX", "Nifty Next 50", "NIFTYNXT50"),
        ("NSE:INDIAVIX-INDEX", "India VIX", "INDIAVIX"),
        ("NSE:NIFTY100 EQL WGT-INDEX", "NIFTY100 EQL Wgt", "NIFTY100EQLWGT"),
        ("NSE:NIFTYTOMORROW-INDEX", "NIFTYTOMORROW", "NIFTYTOMORROW"),
        ("BSE:SENSEX-INDEX", "SENSEX", "SENSEX"),
        ("BSE:SNSX50-INDEX", "SNSX50", "SENSEX50"),
        ("BSE:100-INDEX", "BSE100", "BSE100"),
        ("BSE:NEW ONE-INDEX", "NEW ONE", "NEWONE"),
    ],
)
def test_names_of_indices(ticker, name, symbol):
    assert index_names(ticker) == (name, symbol)


@pytest.mark.parametrize(
    ("brsymbol", "fytoken", "token"),
    [
        ("NSE:SBIN-EQ", "10100000003045", "nse_cm|3045|NSE:SBIN-EQ"),
        ("NSE:NIFTY50-INDEX", "101000000026000", "nse_cm|Nifty 50|NSE:NIFTY50-INDEX"),
        ("X:Y", "9999000000777", ""),
        ("X:Y-INDEX", "9999000000777", ""),
    ],
)
def test_tokens_from_openalgos_table(brsymbol, fytoken, token):
    row = OpenAlgoRow("S", brsymbol, "NSE", "NSE", fytoken)
    assert BROKER.openalgo_token(row) == token
