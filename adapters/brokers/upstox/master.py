"""Upstox's instrument master: one JSON list of all exchanges, mapped to OpenAlgo's names.

Equities keep Upstox's trading symbol, which has no series suffix: where a company's share and
its bonds or warrants have one name, the share has it (series EQ). A derivative's name is put
together from its underlying, expiry and strike; an index is named by the text of its key.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Final, TextIO

import msgspec
from msgspec import Struct

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
from bus.market.expiry import expiry_word

#: The master's segments in OpenAlgo's words; rows of others are left out.
EXCHANGES: Final = {
    "NSE_EQ": "NSE",
    "BSE_EQ": "BSE",
    "NSE_FO": "NFO",
    "BSE_FO": "BFO",
    "NCD_FO": "CDS",
    "BCD_FO": "BCD",
    "MCX_FO": "MCX",
    "NSE_INDEX": "NSE_INDEX",
    "BSE_INDEX": "BSE_INDEX",
    "GLOBAL_INDEX": "GLOBAL_INDEX",
    "GLOBAL_INDICATOR": "GLOBAL_INDEX",
}
_INDIA: Final = timezone(timedelta(hours=5, minutes=30))


class _Row(Struct, gc=False):
    """The columns that are read; `expiry` in Unix ms, the end of the last day in India."""

    segment: str
    instrument_key: str
    trading_symbol: str
    instrument_type: str = ""
    underlying_symbol: str = ""
    expiry: int | None = None
    strike_price: float | None = None
    lot_size: float | None = None
    #: In paise.
    tick_size: float | None = None
    freeze_quantity: float | None = None


# A master has few expiries and strikes for its many rows.
_strike_word = lru_cache(4096)(strike_word)


def read_master(text: TextIO) -> Iterator[Instrument]:
    """Every row of a known segment; shares first among those of one exchange and name.

    Raises:
        InstrumentsError: not an Upstox master, or a damaged row; names the row.
    """
    others: list[Instrument] = []
    for number, told in enumerate(json_rows(text, "the JSON list of Upstox's instruments"), 1):
        try:
            row = msgspec.convert(told, _Row)
            exchange = EXCHANGES.get(row.segment)
            if exchange is None:
                continue
            instrument = _instrument(row, exchange)
        except ValueError as error:
            raise InstrumentsError(f"row {number}: {error}; fetch the master anew") from None
        if exchange == "NSE" and row.instrument_type != "EQ":
            others.append(instrument)
        else:
            yield instrument
    yield from others


def _instrument(row: _Row, exchange: str) -> Instrument:
    """Raises ValueError: an expiry or strike that is none."""
    key = row.instrument_key
    if exchange.endswith("_INDEX"):
        return Instrument(exchange, index_symbol(key.partition("|")[2]), key)
    base, kind, symbol = row.underlying_symbol, row.instrument_type, row.trading_symbol
    if base and row.expiry:
        expiry = _expiry_word(row.expiry)
        if kind == "FUT":
            symbol = future_symbol(base, expiry)
        elif kind in {"CE", "PE"} and row.strike_price is not None:
            symbol = option_symbol(base, expiry, _strike_word(row.strike_price), kind)
    tick = millionths(row.tick_size, 10_000)
    terms = Terms(whole(row.lot_size), tick, whole(row.freeze_quantity))
    return Tradable(exchange, symbol, key, terms)


@lru_cache(4096)
def _expiry_word(unix_ms: int) -> str:
    try:
        return expiry_word(datetime.fromtimestamp(unix_ms / 1000, _INDIA).date())
    except (OverflowError, OSError):
        raise ValueError(f"expiry {unix_ms} is no time") from None
