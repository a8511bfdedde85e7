"""Nubra's instrument master: JSON per exchange for what trades, a CSV for the indices.

All of it may stand in one file, one document behind the other; each begins a line. Symbols of
shares are Nubra's `stock_name`, contracts are put together from asset, expiry and strike.
Strikes are in paise. `ref_id` is what the feed takes, `token` (the exchange's) is not.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TextIO

import msgspec
from msgspec import Struct

from adapters.broker import OpenAlgoRow
from adapters.brokers.nubra.orders import openalgo_exchange
from adapters.brokers.nubra.token import OPTION, STOCK, index_token, instrument_token
from adapters.errors import InstrumentsError
from adapters.json_rows import JsonCursor, list_values
from adapters.symbols import (
    Instrument,
    Terms,
    Tradable,
    future_symbol,
    index_symbol,
    millionths,
    option_symbol,
    strike_word,
    whole,
)
from bus.market.expiry import expiry_word

_FUTURE: Final = "FUT"
_COLUMNS: Final = ("EXCHANGE", "INDEX_SYMBOL", "ZANSKAR_INDEX_SYMBOL", "INDEX_NAME")
_NEITHER: Final = "neither Nubra's refdata (JSON) nor its indices (CSV)"
#: OpenAlgo's symbols of indices that Nubra calls by another word.
_INDEX_SYMBOLS: Final = {
    "NSE": {
        "LIQ15": "NIFTY100LIQ15",
        "LIX15MIDCAP": "NIFTYMIDLIQ15",
        "NIFTY100WEIGHT": "NIFTY100EQLWGT",
        "NIFTY200QLTY30": "NIFTY200QUALTY30",
        "NIFTYALPHA": "NIFTYALPHA50",
        "NIFTYCDTY": "NIFTYCOMMODITIES",
        "NIFTYCONSUMP": "NIFTYCONSUMPTION",
        "NIFTYDIVOPPT": "NIFTYDIVOPPS50",
        "NIFTYEQWGT": "NIFTY50EQLWGT",
        "NIFTYINFRAST": "NIFTYINFRA",
        "NIFTYLOWVOL": "NIFTY100LOWVOL30",
        "NIFTYMIDCAP": "NIFTYMIDCAP100",
        "NIFTYMIDSMALL400": "NIFTYMIDSML400",
        "NIFTYPTBNK": "NIFTYPVTBANK",
        "NIFTYSERVICE": "NIFTYSERVSECTOR",
        "NIFTYSMALL": "NIFTYSMLCAP100",
        "NIFTYSMALLCAP250": "NIFTYSMLCAP250",
        "NIFTYSMALLCAP50": "NIFTYSMLCAP50",
        "NIFTYV20": "NIFTY50VALUE20",
        "NSEQ30": "NIFTY100QUALTY30",
    },
    "BSE": {
        "AUTO": "BSEAUTO",
        "BSECD": "BSECONSUMERDURABLES",
        "BSECG": "BSECAPITALGOODS",
        "BSEFMC": "BSEFASTMOVINGCONSUMERGOODS",
        "BSEHC": "BSEHEALTHCARE",
        "BSEIT": "BSEINFORMATIONTECHNOLOGY",
        "CPSE": "BSECPSE",
        "ENERGY": "BSEENERGY",
        "FINSER": "BSEFINANCIALSERVICES",
        "INDSTR": "BSEINDUSTRIALS",
        "LRGCAP": "BSELARGECAP",
        "METAL": "BSEMETAL",
        "MIDCAP": "BSEMIDCAP",
        "OILGAS": "BSEOIL&GAS",
        "POWER": "BSEPOWER",
        "REALTY": "BSEREALTY",
        "SMLCAP": "BSESMALLCAP",
        "SNXT50": "BSESENSEXNEXT50",
        "TECK": "BSETECK",
        "TELCOM": "BSETELECOM",
    },
}


class _Row(Struct):
    """What of a row of `refdata` is used; empty fields may be null, text or left out."""

    ref_id: int
    stock_name: str
    exchange: str
    derivative_type: str
    asset: str | None = None
    option_type: str | None = None
    expiry: int | float | str | None = None
    strike_price: float | str | None = None
    lot_size: float | str | None = None
    #: In paise.
    tick_size: float | str | None = None


def read_master(text: TextIO) -> Iterator[Instrument]:
    """Every row of every document, in the order of the file.

    Raises:
        InstrumentsError: no document of Nubra's, or a damaged row; names the place.
    """
    cursor = JsonCursor(text)
    if not cursor.peek():
        raise InstrumentsError(f"line {cursor.line}: {_NEITHER}")
    while cursor.peek():
        yield from _tradables(cursor) if cursor.take("{") else _indices(cursor)


def _tradables(cursor: JsonCursor) -> Iterator[Instrument]:
    """A document whose brace was taken: its rows one by one, whatever stands around them."""
    line, number = cursor.line, 0
    try:
        for row in _refdata(cursor):
            yield _instrument(msgspec.convert(row, _Row))
            number += 1
    except (ValueError, OverflowError, RecursionError) as error:
        text = f"line {line}: refdata[{number}]: {error}; fetch the master anew"
        raise InstrumentsError(text) from None


def _refdata(cursor: JsonCursor) -> Iterator[Any]:
    is_found = False
    while not cursor.take("}"):
        name = cursor.value()
        if not cursor.take(":"):
            raise ValueError(f"no value of {name!r}")
        if name == "refdata" and cursor.take("["):
            is_found = True
            yield from list_values(cursor)
        else:
            cursor.value()
        if not cursor.take(",") and cursor.peek() != "}":
            raise ValueError("an object that does not go on")
    if not is_found:
        raise ValueError("no list `refdata`")


def _instrument(row: _Row) -> Instrument:
    """Raises ValueError or OverflowError: a field that cannot be read."""
    kind, name = row.derivative_type, row.stock_name
    symbol = name
    if kind != STOCK and row.asset and row.expiry:
        expiry = _expiry_word(row.expiry)
        if row.option_type in {"CE", "PE"}:
            strike = _strike_word(row.strike_price or 0)
            symbol = option_symbol(row.asset, expiry, strike, row.option_type)
        elif kind == _FUTURE:
            symbol = future_symbol(row.asset, expiry)
    token = instrument_token(kind, row.ref_id, row.exchange, name)
    exchange = openalgo_exchange(row.exchange, kind)
    tick = millionths(row.tick_size, 10_000)
    return Tradable(exchange, symbol, token, Terms(whole(row.lot_size), tick))


@lru_cache(4096)
def _expiry_word(expiry: float | str) -> str:
    """`20251125` -> `25NOV25`."""
    return expiry_word(datetime.strptime(str(int(expiry)), "%Y%m%d").date())  # noqa: DTZ007


@lru_cache(4096)
def _strike_word(paise: float | str) -> str:
    """`2590000` -> `25900`, `40250` -> `402.5`."""
    return strike_word(int(paise) / 100)


def _indices(cursor: JsonCursor) -> Iterator[Instrument]:
    line = cursor.line
    rows = csv.DictReader(_lines(cursor))
    try:
        missing = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise InstrumentsError(f"line {line}: {_NEITHER}; no column {', '.join(missing)}")
        for row in rows:
            exchange, symbol, asked, name = (row[column] or "" for column in _COLUMNS)
            if asked and exchange != _COLUMNS[0]:  # the header again, of another document
                ours = _INDEX_SYMBOLS.get(exchange, {}).get(symbol)
                ours = ours or index_symbol(symbol.replace("_", ""))
                names = [known for known in (asked, symbol, name) if known]
                yield Instrument(f"{exchange}_INDEX", ours, index_token(exchange, ours, names))
    except csv.Error as error:
        text = f"line {line + rows.line_num}: {error}; fetch the master anew"
        raise InstrumentsError(text) from None


def _lines(cursor: JsonCursor) -> Iterator[str]:
    """The lines of the CSV: until another document begins."""
    yield cursor.rest_of_line().rstrip("\r\n")
    while cursor.peek() not in {"{", ""}:
        yield cursor.rest_of_line().rstrip("\r\n")


def openalgo_token(row: OpenAlgoRow) -> str:
    """The token of a row of OpenAlgo's table, whose `token` is the ref_id or an index's name."""
    if row.exchange.endswith("_INDEX"):
        names = [known for known in (row.brsymbol, row.token, row.symbol) if known]
        return index_token(row.brexchange, row.symbol, names) if names else ""
    if not (row.token.isascii() and row.token.isdigit()):
        return ""
    if row.exchange == row.brexchange != "MCX":
        kind = STOCK
    else:
        kind = _FUTURE if row.symbol.endswith(_FUTURE) else OPTION
    return instrument_token(kind, row.token, row.brexchange, row.brsymbol)
