"""Dhan's instrument master: the compact CSV, mapped to OpenAlgo's names.

The token is `SEGMENT|security id`, as the feed has it. A derivative's name is put together
from base, expiry and strike; the base stands in the trading symbol only (`NIFTY-Nov2026-FUT`,
`M&M-24Nov2026-3700-CE`), a row without one keeps the symbol that Dhan gives it. Equities keep
theirs as well. NSE's bonds and preference shares may have the symbol of the company's
share (`MOTHERSON` is a debenture of series D1 as well, and comes first in the file), so series
EQ is given out before every other.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Final, TextIO

from adapters.brokers.dhan.wire import VENUES
from adapters.errors import InstrumentsError
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

_COLUMNS: Final = (
    "SEM_EXM_EXCH_ID",
    "SEM_SEGMENT",
    "SEM_SMST_SECURITY_ID",
    "SEM_INSTRUMENT_NAME",
    "SEM_TRADING_SYMBOL",
    "SEM_EXPIRY_DATE",
    "SEM_STRIKE_PRICE",
    "SEM_OPTION_TYPE",
    "SEM_SERIES",
)
#: Terms of trading, which a user's own short list may leave out; the tick is in paise.
_TERMS: Final = ("SEM_LOT_UNITS", "SEM_TICK_SIZE")
_MAX_ID: Final = 2**32 - 1
#: A contract's symbol: base, month with or without a day, and what it is.
_CONTRACT: Final = re.compile(r"(.+?)-(?:\d\d?)?[A-Za-z]{3}\d{4}-(?:FUT|[\d.]+-(?:CE|PE))")

# A master has few expiries and strikes for its many rows; the expiry has a time of day.
_expiry_word = lru_cache(4096)(lambda text: expiry_word(date.fromisoformat(text[:10])))


def read_master(text: TextIO) -> Iterator[Instrument]:
    """Every row of a segment that the feed has; series other than EQ of NSE come last.

    Raises:
        InstrumentsError: not Dhan's compact master, or a damaged row; names the line.
    """
    rows = csv.reader(text)
    later: list[Instrument] = []
    try:
        header = next(rows, [])
        missing = [name for name in _COLUMNS if name not in header]
        if missing:
            raise InstrumentsError(
                f"line 1: no column {', '.join(missing)}; expected Dhan's api-scrip-master.csv"
            )
        at = [header.index(name) for name in _COLUMNS]
        terms_at = [header.index(name) if name in header else None for name in _TERMS]
        for row in rows:
            if not row:
                continue
            venue, letter, security_id, kind, symbol, expiry, strike, right, series = [
                row[i] for i in at
            ]
            place = VENUES.get((venue, letter))
            if place is None:
                continue
            name = _symbol(symbol, letter, kind, expiry, strike, right)
            lot, tick = ["" if i is None else row[i] for i in terms_at]
            token = f"{place[1]}|{_checked(security_id)}"
            terms = Terms(whole(lot), millionths(tick, 10_000))
            instrument = Tradable(place[0], name, token, terms)
            if place[0] == "NSE" and series != "EQ":
                later.append(instrument)
            else:
                yield instrument
    except (csv.Error, ValueError, IndexError) as error:
        raise InstrumentsError(f"line {rows.line_num}: {error}; fetch the master anew") from None
    yield from later


def _symbol(symbol: str, letter: str, kind: str, expiry: str, strike: str, right: str) -> str:
    """OpenAlgo's name. Raises ValueError: a field that cannot be read."""
    if letter == "I":
        return index_symbol(symbol)
    contract = _CONTRACT.fullmatch(symbol)
    if contract is not None and expiry:
        if kind.startswith("FUT"):
            return future_symbol(contract[1], _expiry_word(expiry))
        if kind.startswith("OPT") and right in {"CE", "PE"}:
            return option_symbol(contract[1], _expiry_word(expiry), _strike_word(strike), right)
    return symbol


def _checked(security_id: str) -> str:
    if not (security_id.isascii() and security_id.isdigit() and int(security_id) <= _MAX_ID):
        raise ValueError(f"SEM_SMST_SECURITY_ID {security_id[:32]!r} is no 32-bit number")
    return security_id


@lru_cache(4096)
def _strike_word(text: str) -> str:
    strike = float(text)
    if not math.isfinite(strike):
        raise ValueError(f"strike {text!r} is no number")
    return strike_word(strike)
