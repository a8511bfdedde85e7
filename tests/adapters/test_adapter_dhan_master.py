"""Dhan's instrument master, mapped to OpenAlgo's names."""

import gzip
import io

import pytest

from adapters.brokers.dhan.master import read_master
from adapters.errors import InstrumentsError

HEADER = (
    "SEM_EXM_EXCH_ID,SEM_SEGMENT,SEM_SMST_SECURITY_ID,SEM_INSTRUMENT_NAME,SEM_EXPIRY_CODE,"
    "SEM_TRADING_SYMBOL,SEM_LOT_UNITS,SEM_CUSTOM_SYMBOL,SEM_EXPIRY_DATE,SEM_STRIKE_PRICE,"
    "SEM_OPTION_TYPE,SEM_TICK_SIZE,SEM_EXPIRY_FLAG,SEM_EXCH_INSTRUMENT_TYPE,SEM_SERIES,"
    "SM_SYMBOL_NAME"
)


def row(place, number, kind, symbol, expiry="", strike="", right="", series=""):
    return f"{place},{number},{kind},0,{symbol},1,-,{expiry},{strike},{right},5,NA,-,{series},"


def read(*rows):
    return [tuple(i) for i in read_master(io.StringIO("\n".join([HEADER, *rows])))]


@pytest.mark.parametrize(
    ("line", "instrument"),
    [
        (row("NSE,E", 2031, "EQUITY", "M&M", series="EQ"), ("NSE", "M&M", "NSE_EQ|2031")),
        (row("BSE,E", 500325, "EQUITY", "RELIANCE"), ("BSE", "RELIANCE", "BSE_EQ|500325")),
        (
            row("NSE,I", 21, "INDEX", "INDIA VIX", "0001-01-01"),
            ("NSE_INDEX", "INDIAVIX", "IDX_I|21"),
        ),
        (row("BSE,I", 51, "INDEX", "SENSEX"), ("BSE_INDEX", "SENSEX", "IDX_I|51")),
        (
            row("NSE,D", 1, "FUTIDX", "NIFTY-Nov2026-FUT", "2026-11-24 14:30:00", "-0.01", "XX"),
            ("NFO", "NIFTY24NOV26FUT", "NSE_FNO|1"),
        ),
        (
            row("NSE,D", 2, "OPTSTK", "BAJAJ-AUTO-Nov2026-9000-PE", "2026-11-24", "9000.0", "PE"),
            ("NFO", "BAJAJ-AUTO24NOV269000PE", "NSE_FNO|2"),
        ),
        (
            row("BSE,D", 3, "OPTIDX", "SENSEX-Nov2026-84000-CE", "2026-11-26", "84000", "CE"),
            ("BFO", "SENSEX26NOV2684000CE", "BSE_FNO|3"),
        ),
        (
            row("NSE,C", 4, "OPTCUR", "EURINR-Aug2025-102.75-CE", "2025-08-01", "102.75000", "CE"),
            ("CDS", "EURINR01AUG25102.75CE", "NSE_CURRENCY|4"),
        ),
        (
            row("BSE,C", 5, "FUTCUR", "USDINR-28Aug2024-FUT", "2024-08-28", "-0.01", "XX"),
            ("BCD", "USDINR28AUG24FUT", "BSE_CURRENCY|5"),
        ),
        (
            row("MCX,M", 6, "OPTFUT", "GOLDM-04Sep2026-72000-CE", "2026-09-04", "72000", "CE"),
            ("MCX", "GOLDM04SEP2672000CE", "MCX_COMM|6"),
        ),
        (row("NSE,D", 7, "FUTSTK", "ODD", "2026-11-24"), ("NFO", "ODD", "NSE_FNO|7")),
        (row("NSE,D", 8, "FUTSTK", "X-Nov2026-FUT"), ("NFO", "X-Nov2026-FUT", "NSE_FNO|8")),
    ],
)
def test_rows_get_openalgos_names(line, instrument):
    assert read(line) == [instrument]


def test_a_share_is_found_before_its_companys_bonds():
    found = read(
        row("NSE,E", 25510, "EQUITY", "MOTHERSON", series="D1"),
        row("NSE,E", 4204, "EQUITY", "MOTHERSON", series="EQ"),
        row("NSE,E", 1, "EQUITY", "GOLDSTAR", series="SM"),
    )
    assert [token for _, _, token in found] == ["NSE_EQ|4204", "NSE_EQ|25510", "NSE_EQ|1"]


def test_segments_that_the_feed_has_not_are_left_out():
    assert read(row("NSE,M", 1, "FUTCOM", "GOLD"), "", row("NCDEX,M", 1, "FUTCOM", "JEERA")) == []


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["NSE,E"], "line 2"),
        ([row("NSE,E", "x", "EQUITY", "A")], "line 2: SEM_SMST_SECURITY_ID 'x'"),
        ([row("NSE,E", 2**32, "EQUITY", "A")], "32-bit"),
        ([row("NSE,D", 1, "FUTIDX", "N-Nov2026-FUT", "24-11-2026")], "line 2"),
        ([row("NSE,D", 1, "OPTIDX", "N-Nov2026-1-CE", "2026-11-24", "nan", "CE")], "strike 'nan'"),
    ],
)
def test_a_damaged_row_names_its_line(rows, words):
    with pytest.raises(InstrumentsError, match=words):
        read(*rows)


def test_another_file_names_what_is_missing():
    with pytest.raises(InstrumentsError, match=r"no column SEM_EXM_EXCH_ID.*api-scrip-master"):
        list(read_master(io.StringIO("instrument_token,tradingsymbol\n")))


@pytest.mark.realdata
def test_the_real_master(data_folder):
    path = data_folder / "instrument-masters" / "dhan_api-scrip-master_eq_idx_2026-06.csv.gz"
    with gzip.open(path, "rt", newline="") as text:
        found = list(read_master(text))
    assert len(found) == 23_116
    first = {}
    for exchange, symbol, token in found:
        first.setdefault((exchange, symbol), token)
    assert first["NSE", "RELIANCE"] == "NSE_EQ|2885"
    assert first["NSE", "MOTHERSON"] == "NSE_EQ|4204"
    assert first["BSE", "RELIANCE"] == "BSE_EQ|500325"
    assert first["NSE_INDEX", "NIFTY"] == "IDX_I|13"
    assert first["NSE_INDEX", "BANKNIFTY"] == "IDX_I|25"
    assert first["BSE_INDEX", "SENSEX"] == "IDX_I|51"
    assert len(found) - len(first) == 7
