"""Angel One's instrument master: a JSON list, mapped to OpenAlgo's names.

A token's number repeats across exchanges, so ours is `exchange type|number`, which is also
how ticks are keyed. A derivative's name is put together from base, expiry and strike; an
equity loses a series suffix that OpenAlgo leaves out, and then EQ comes before the other
series of the same company. Strikes are in 1/100 rupees, of currencies in 1/10,000,000.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, TextIO

import msgspec
from msgspec import Struct

from adapters.brokers.angel.packets import EXCHANGE_TYPES
from adapters.errors import InstrumentsError
from adapters.json_rows import json_rows
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

_INDEX: Final = "AMXIDX"
_INDEX_EXCHANGES: Final = {"NSE": "NSE_INDEX", "BSE": "BSE_INDEX", "MCX": "MCX_INDEX"}
_EQ: Final = "-EQ"
#: Series whose suffix OpenAlgo leaves out; that of any other stays.
_SERIES: Final = (_EQ, "-BE", "-MF", "-SG")
_CASH: Final = frozenset({"NSE", "BSE"})
_RIGHTS: Final = frozenset({"CE", "PE"})
_EXPIRY: Final = re.compile(
    "([0-3][0-9])(JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)20([0-9]{2})"
)
_MAX_TOKEN_LENGTH: Final = 25


class _Row(Struct, gc=False):
    """One instrument; all values are texts."""

    token: str
    symbol: str
    exch_seg: str
    name: str = ""
    expiry: str = ""
    strike: str = ""
    instrumenttype: str = ""
    lotsize: str = ""
    #: In paise.
    tick_size: str = ""


def read_master(text: TextIO) -> Iterator[Instrument]:
    """Every row of an exchange that streams, in the order of the file; other series at the end.

    Raises:
        InstrumentsError: not Angel One's master, or a damaged row; names its place.
    """
    later: list[Instrument] = []
    for number, told in enumerate(json_rows(text, "the JSON list of OpenAPIScripMaster")):
        try:
            row = msgspec.convert(told, _Row)
            instrument = _instrument(row) if row.exch_seg in EXCHANGE_TYPES else None
        except ValueError as error:
            raise InstrumentsError(f"row {number}: {error}; fetch the master anew") from None
        if instrument is not None:
            if row.symbol.endswith(_SERIES[1:]):
                later.append(instrument)
            else:
                yield instrument
    yield from later


def equity_symbol(symbol: str) -> str:
    """`SBIN-EQ` -> `SBIN`; `CENTRALBK-BZ` stays."""
    return symbol[:-3] if symbol.endswith(_SERIES) else symbol


def _instrument(row: _Row) -> Instrument:
    """Raises ValueError: a field that cannot be read."""
    venue, number, kind = row.exch_seg, row.token, row.instrumenttype
    if not (number.isascii() and number.isalnum() and len(number) <= _MAX_TOKEN_LENGTH):
        raise ValueError(f"token {number[:32]!r} is no word of {_MAX_TOKEN_LENGTH} letters")
    token = f"{EXCHANGE_TYPES[venue]}|{number}"
    if kind == _INDEX:
        name = index_symbol((row.name or row.symbol).replace("-", ""))
        return Instrument(_INDEX_EXCHANGES.get(venue, venue), name, token)
    symbol = equity_symbol(row.symbol) if venue in _CASH else _contract_symbol(row)
    scale = 10_000_000 if venue == "CDS" else 100
    tick = millionths(row.tick_size, 1_000_000 / scale)
    return Tradable(venue, symbol, token, Terms(whole(row.lotsize), tick))


def _contract_symbol(row: _Row) -> str:
    """Raises ValueError: a field that cannot be read."""
    kind, right = row.instrumenttype, row.symbol[-2:]
    if row.name and row.expiry:
        if kind.startswith("FUT"):
            return future_symbol(row.name, _expiry_word(row.expiry))
        if kind.startswith("OPT") and right in _RIGHTS:
            strike = _strike_word(row.strike, 10_000_000 if row.exch_seg == "CDS" else 100)
            return option_symbol(row.name, _expiry_word(row.expiry), strike, right)
    return row.symbol


# A master has few expiries and strikes for its many rows.
@lru_cache(4096)
def _expiry_word(text: str) -> str:
    """`19MAR2024`, in any case, -> `19MAR24`."""
    found = _EXPIRY.fullmatch(text.upper())
    if found is None:
        raise ValueError(f"expiry {text[:32]!r} is no day like 19MAR2024")
    return "".join(found.groups())


@lru_cache(4096)
def _strike_word(text: str, divisor: int) -> str:
    strike = float(text) / divisor
    if not math.isfinite(strike):
        raise ValueError(f"strike {text[:32]!r} is no number")
    return strike_word(strike)
