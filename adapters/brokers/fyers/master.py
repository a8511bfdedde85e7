"""Fyers' instrument masters: CSV without a header, or JSON by ticker; mapped to OpenAlgo's names.

A row's segment is in the first four digits of its fytoken. A share or fund is called as its
underlying, without the series, as OpenAlgo has it; bonds, which OpenAlgo leaves out, are left
out here. A derivative's name is put together from underlying, expiry and strike, and an
index's from its ticker.
"""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Final, TextIO

import msgspec
from msgspec import Raw, Struct

from adapters.broker import OpenAlgoRow
from adapters.brokers.fyers.account import SEGMENTS, is_index, token, token_of
from adapters.brokers.fyers.indices import index_names
from adapters.errors import InstrumentsError
from adapters.symbols import (
    Instrument,
    Terms,
    Tradable,
    future_symbol,
    millionths,
    option_symbol,
    strike_word,
    whole,
)
from bus.market.expiry import expiry_word

#: Places of the columns that are read; the last ones are reserved, and were fewer once.
_FYTOKEN, _KIND, _LOT, _TICK, _EXPIRY, _TICKER, _UNDERLYING = 0, 2, 3, 4, 8, 9, 13
_STRIKE, _RIGHT = 15, 16
#: Exchange instrument types of shares and funds; other cash rows are bonds.
_SHARES: Final = {"NSE": {"0", "9"}, "BSE": {"0", "4", "50"}}
_GOLD_BOND: Final = "-GB"
_RIGHTS: Final = frozenset({"CE", "PE"})
_INDIA: Final = timezone(timedelta(hours=5, minutes=30))


class _JsonRow(Struct, gc=False):
    """Of `..._sym_master.json` what is read; `expiryDate` in Unix seconds, often as text."""

    fyToken: str  # noqa: N815 (the master's word)
    symTicker: str  # noqa: N815
    underSym: str = ""  # noqa: N815
    expiryDate: str | int | float | None = None  # noqa: N815
    strikePrice: str | float | None = None  # noqa: N815
    optType: str = ""  # noqa: N815
    minLotSize: str | float | None = None  # noqa: N815
    tickSize: str | float | None = None  # noqa: N815


_split = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_row = msgspec.json.Decoder(_JsonRow).decode


def read_master(text: TextIO) -> Iterator[Instrument]:
    """Every row of a known segment, in the order of the file.

    Raises:
        InstrumentsError: not a master of Fyers', or a damaged row; names the place.
    """
    first = text.readline()
    if first.lstrip().startswith("{"):
        yield from _read_json(first + text.read())
    else:
        yield from _read_csv(itertools.chain([first], text))


def _read_csv(lines: Iterator[str]) -> Iterator[Instrument]:
    rows = csv.reader(lines)
    try:
        for row in rows:
            if not row:
                continue
            found = _named(
                fytoken=row[_FYTOKEN],
                kind=row[_KIND],
                ticker=row[_TICKER],
                underlying=row[_UNDERLYING],
                expiry=row[_EXPIRY],
                strike=row[_STRIKE],
                right=row[_RIGHT],
                terms=Terms(whole(row[_LOT]), millionths(row[_TICK])),
            )
            if found is not None:
                yield found
    except (csv.Error, ValueError, IndexError) as error:
        raise InstrumentsError(f"line {rows.line_num}: {error}; fetch the master anew") from None


def _read_json(text: str) -> Iterator[Instrument]:
    try:
        rows = _split(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InstrumentsError(f"{error}; expected a JSON object of rows by ticker") from None
    for name, raw in rows.items():
        try:
            found = _json_row(_decode_row(raw))
        except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as error:
            raise InstrumentsError(f"row {name[:64]}: {error}; fetch the master anew") from None
        if found is not None:
            yield found


def _json_row(row: _JsonRow) -> Instrument | None:
    return _named(
        fytoken=row.fyToken,
        kind="",
        ticker=row.symTicker,
        underlying=row.underSym,
        expiry=str(row.expiryDate or ""),
        strike=str(row.strikePrice or ""),
        right=row.optType,
        terms=Terms(whole(row.minLotSize), millionths(row.tickSize)),
    )


def _named(
    *,
    fytoken: str,
    kind: str,
    ticker: str,
    underlying: str,
    expiry: str,
    strike: str,
    right: str,
    terms: Terms,
) -> Instrument | None:
    """A row by OpenAlgo's name; None: OpenAlgo has no such. Raises ValueError: a damaged field."""
    if not (fytoken.isascii() and fytoken.isdigit()):
        raise ValueError(f"fytoken {fytoken[:32]!r} is no number")
    segment, exchange = SEGMENTS.get(fytoken[:4], ("", ""))
    if not segment:
        return None
    if is_index(ticker):
        name, symbol = index_names(ticker)
        return Instrument(f"{exchange}_INDEX", symbol, token(segment, name, ticker))
    place = token_of(fytoken, ticker)
    if exchange in _SHARES:
        is_share = kind in _SHARES[exchange] or ticker.endswith(_GOLD_BOND)
        return Tradable(exchange, underlying, place, terms) if is_share else None
    if not expiry:
        return None
    word = _expiry_word(expiry)
    if right in _RIGHTS:
        symbol = option_symbol(underlying, word, _strike_word(strike), right)
    else:
        symbol = future_symbol(underlying, word)
    return Tradable(exchange, symbol, place, terms)


# A master has few expiries and strikes for its many rows.
@lru_cache(4096)
def _expiry_word(seconds: str) -> str:
    try:
        return expiry_word(datetime.fromtimestamp(float(seconds), _INDIA).date())
    except (OverflowError, OSError, ValueError):
        raise ValueError(f"expiry {seconds[:32]!r} is no time") from None


@lru_cache(4096)
def _strike_word(text: str) -> str:
    strike = float(text)
    if not math.isfinite(strike):
        raise ValueError(f"strike {text!r} is no number")
    return strike_word(strike)


def openalgo_token(row: OpenAlgoRow) -> str:
    """The token of a row of OpenAlgo's table, which has the fytoken and the ticker."""
    if not is_index(row.brsymbol):
        return token_of(row.token, row.brsymbol)
    segment, _ = SEGMENTS.get(row.token[:4], ("", ""))
    return token(segment, index_names(row.brsymbol)[0], row.brsymbol) if segment else ""
