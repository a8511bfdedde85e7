"""Zerodha's instrument master: the CSV of Kite Connect, mapped to OpenAlgo's names.

The exchange is OpenAlgo's own, but an index goes to its index exchange. A derivative's name is put
together from base, expiry and strike; a row without a base or expiry keeps the name that
Zerodha gives it. Equities keep theirs as well: series EQ has no suffix there, and every
other series' suffix (`CENTRALBK-BE`) tells it from the EQ share of the same company.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Final, TextIO

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
    "instrument_token",
    "tradingsymbol",
    "name",
    "expiry",
    "strike",
    "instrument_type",
    "segment",
    "exchange",
)
#: Terms of trading, which a user's own short list may leave out.
_TERMS: Final = ("lot_size", "tick_size")
_INDEX_EXCHANGES: Final = {
    "NSE": "NSE_INDEX",
    "BSE": "BSE_INDEX",
    "MCX": "MCX_INDEX",
    "CDS": "CDS_INDEX",
    "GLOBAL": "GLOBAL_INDEX",
    "NSEIX": "GLOBAL_INDEX",
}
_MAX_TOKEN: Final = 2**32 - 1

# A master has few expiries and strikes for its many rows.
_expiry_word = lru_cache(4096)(lambda text: expiry_word(date.fromisoformat(text)))


def read_master(text: TextIO) -> Iterator[Instrument]:
    """Every row, in the order of the file.

    Raises:
        InstrumentsError: not a Kite master, or a damaged row; names the line.
    """
    rows = csv.reader(text)
    try:
        header = next(rows, [])
        missing = [name for name in _COLUMNS if name not in header]
        if missing:
            raise InstrumentsError(
                f"line 1: no column {', '.join(missing)}; expected Kite's instruments CSV"
            )
        at = [header.index(name) for name in _COLUMNS]
        terms_at = [header.index(name) if name in header else None for name in _TERMS]
        for row in rows:
            if row:
                lot, tick = ["" if i is None else row[i] for i in terms_at]
                named = _instrument(*[row[i] for i in at])
                yield Tradable(*named, Terms(whole(lot), millionths(tick)))
    except (csv.Error, ValueError, IndexError) as error:
        raise InstrumentsError(f"line {rows.line_num}: {error}; fetch the master anew") from None


def is_token(text: str) -> bool:
    """Whether a text is a token as Kite's protocol can carry it."""
    return text.isascii() and text.isdigit() and int(text) <= _MAX_TOKEN


def _instrument(
    token: str,
    symbol: str,
    name: str,
    expiry: str,
    strike: str,
    kind: str,
    segment: str,
    venue: str,
) -> Instrument:
    """Raises ValueError: a field that cannot be read."""
    if not is_token(token):
        raise ValueError(f"instrument_token {token[:32]!r} is no 32-bit number")
    if segment == "INDICES":
        return Instrument(_INDEX_EXCHANGES.get(venue, venue), index_symbol(symbol), token)
    if name and expiry:
        if kind == "FUT":
            symbol = future_symbol(name, _expiry_word(expiry))
        elif kind in {"CE", "PE"}:
            symbol = option_symbol(name, _expiry_word(expiry), _strike_word(strike), kind)
    return Instrument(venue, symbol, token)


@lru_cache(4096)
def _strike_word(text: str) -> str:
    strike = float(text)
    if not math.isfinite(strike):
        raise ValueError(f"strike {text!r} is no number")
    return strike_word(strike)
