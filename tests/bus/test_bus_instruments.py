"""Terms of trading, from a broker's master through the adapter's file to who places orders."""

import io
import json
from datetime import date

import pytest

from adapters.brokers.angel.master import read_master as read_angel
from adapters.brokers.upstox.master import read_master as read_upstox
from adapters.brokers.zerodha.master import read_master as read_zerodha
from adapters.instruments.book import InstrumentBook
from adapters.symbols import Instrument, Terms, Tradable
from bus.market.instruments import Contract, Contracts, named


def filed(folder, adapter, rows):
    InstrumentBook(rows, path=folder / f"{adapter}.db").close()


@pytest.mark.parametrize(
    ("exchange", "symbol", "meant"),
    [
        ("NSE", "RELIANCE", ("share", None)),
        ("NSE_INDEX", "NIFTY", ("index", None)),
        ("NFO", "NIFTY30JAN25FUT", ("future", date(2025, 1, 30))),
        ("NFO", "VEDL25APR24292.5CE", ("option", date(2024, 4, 25))),
        ("CDS", "726GS203325APR24FUT", ("future", date(2024, 4, 25))),
        ("CRYPTO", "BTCUSD.P", ("future", None)),
        ("CRYPTO", "BTC28FEB2580000PE", ("option", date(2025, 2, 28))),
        ("NFO", "X31FEB25FUT", ("future", None)),
    ],
)
def test_a_symbol_says_what_it_is(exchange, symbol, meant):
    assert named(exchange, symbol) == meant


def test_terms_go_from_the_master_to_who_asks(tmp_path):
    kite = (
        "instrument_token,tradingsymbol,name,expiry,strike,instrument_type,segment,exchange,"
        "tick_size,lot_size\n"
        "1,NIFTY25JANFUT,NIFTY,2025-01-30,0,FUT,NFO-FUT,NFO,0.05,75\n"
    )
    upstox = [
        {"segment": "NSE_EQ", "instrument_key": "NSE_EQ|X", "trading_symbol": "SBIN",
         "instrument_type": "EQ", "lot_size": 1, "tick_size": 5.0, "freeze_quantity": 100000.0},
    ]  # fmt: skip
    filed(tmp_path, "kite", read_zerodha(io.StringIO(kite)))
    filed(tmp_path, "upstox", read_upstox(io.StringIO(json.dumps(upstox))))
    contracts = Contracts(tmp_path, ["kite", "upstox", "missing"])
    assert contracts.find("NFO", "NIFTY30JAN25FUT") == Contract(
        "NFO", "NIFTY30JAN25FUT", "future", date(2025, 1, 30), 75, 50_000
    )
    assert contracts.find("NSE", "SBIN") == Contract(
        "NSE", "SBIN", "share", None, 1, 50_000, 100_000
    )
    assert contracts.find("NSE", "TCS") is None


def test_currencies_of_angel_have_ticks_of_a_quarter_paisa():
    row = {
        "token": "1", "symbol": "USDINR25OCTFUT", "name": "USDINR", "expiry": "29OCT2025",
        "strike": "-1.0", "lotsize": "1", "instrumenttype": "FUTCUR", "exch_seg": "CDS",
        "tick_size": "25000.000000",
    }  # fmt: skip
    [found] = read_angel(io.StringIO(json.dumps([row])))
    assert found.terms == Terms(1, 2500)


def test_a_replaced_file_is_seen_and_what_is_not_told_is_harmless(tmp_path):
    contracts = Contracts(tmp_path, ["a"])
    filed(tmp_path, "a", [Instrument("NSE", "SBIN", "1")])
    assert contracts.find("NSE", "SBIN").lot_size == 1
    InstrumentBook(
        [Tradable("NSE", "SBIN", "1", Terms(lot_size=7, contract_value=1000))],
        path=tmp_path / "new.db",
    ).close()
    (tmp_path / "new.db").replace(tmp_path / "a.db")
    assert contracts.find("NSE", "SBIN").lot_size == 7
    assert contracts.find("NSE", "SBIN").contract_value == 1000
    (tmp_path / "a.db").write_text("damaged")
    assert contracts.find("NSE", "SBIN") is None
