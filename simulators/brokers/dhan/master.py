"""Dhan's compact instrument master, and what Dhan calls an instrument: segment and id.

An id is the exchange's own number, but indices have numbers of Dhan's, all in one segment.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final, NamedTuple

from bus.market.expiry import month_word
from simulators.markets.market import INDEX_EXCHANGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulators.markets.market import Instrument


class Segment(NamedTuple):
    """A segment in packets, in requests, and in the master."""

    number: int
    name: str
    venue: str
    letter: str


SEGMENTS: Final = {
    "NSE_INDEX": Segment(0, "IDX_I", "NSE", "I"),
    "BSE_INDEX": Segment(0, "IDX_I", "BSE", "I"),
    "NSE": Segment(1, "NSE_EQ", "NSE", "E"),
    "NFO": Segment(2, "NSE_FNO", "NSE", "D"),
    "CDS": Segment(3, "NSE_CURRENCY", "NSE", "C"),
    "BSE": Segment(4, "BSE_EQ", "BSE", "E"),
    "MCX": Segment(5, "MCX_COMM", "MCX", "M"),
    "BCD": Segment(7, "BSE_CURRENCY", "BSE", "C"),
    "BFO": Segment(8, "BSE_FNO", "BSE", "D"),
}
#: Real ids; any other index has the number of its exchange.
_INDEX_IDS: Final = {
    "NIFTY": 13,
    "INDIAVIX": 21,
    "BANKNIFTY": 25,
    "FINNIFTY": 27,
    "NIFTYNXT50": 38,
    "SENSEX": 51,
    "MIDCPNIFTY": 442,
}
#: Dhan's own names of indices.
_INDEX_NAMES: Final = {"INDIAVIX": "INDIA VIX"}
#: Letter of the segment -> word for futures, for options.
_KINDS: Final = {"D": ("FUTSTK", "OPTSTK"), "C": ("FUTCUR", "OPTCUR"), "M": ("FUTCOM", "OPTFUT")}
_INDEX_KINDS: Final = ("FUTIDX", "OPTIDX")
#: Contracts end at this time; the column has it behind the day.
_EXPIRY_TIMES: Final = {"D": "14:30:00", "C": "12:30:00", "M": "23:30:00"}
_COLUMNS: Final = (
    *("SEM_EXM_EXCH_ID", "SEM_SEGMENT", "SEM_SMST_SECURITY_ID", "SEM_INSTRUMENT_NAME"),
    *("SEM_EXPIRY_CODE", "SEM_TRADING_SYMBOL", "SEM_LOT_UNITS", "SEM_CUSTOM_SYMBOL"),
    *("SEM_EXPIRY_DATE", "SEM_STRIKE_PRICE", "SEM_OPTION_TYPE", "SEM_TICK_SIZE"),
    *("SEM_EXPIRY_FLAG", "SEM_EXCH_INSTRUMENT_TYPE", "SEM_SERIES", "SM_SYMBOL_NAME"),
)


def security_id(instrument: Instrument) -> int:
    """Dhan's number of an instrument within its segment."""
    if instrument.exchange in INDEX_EXCHANGES:
        return _INDEX_IDS.get(instrument.symbol, instrument.exchange_token)
    return instrument.exchange_token


def master_csv(instruments: Sequence[Instrument]) -> str:
    """The master: Dhan's columns, in its order and spelling."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(_row(i) for i in instruments if i.exchange in SEGMENTS)
    return out.getvalue()


def trading_symbol(instrument: Instrument) -> str:
    """Dhan's own spelling: `NIFTY-Nov2026-FUT`, `NIFTY-Nov2026-26000-CE`, `GOLD-04Dec2026-FUT`.

    Commodities and currency futures have the day; weekly options do not, so that several
    contracts have one symbol.
    """
    expiry = instrument.expiry
    if expiry is None:
        return _INDEX_NAMES.get(instrument.symbol, instrument.symbol)
    month = f"{month_word(expiry).capitalize()}{expiry.year}"
    is_future = instrument.kind == "FUT"
    if instrument.exchange == "MCX" or (is_future and instrument.exchange in {"CDS", "BCD"}):
        month = f"{expiry.day:02d}{month}"
    if is_future:
        return f"{instrument.name}-{month}-FUT"
    return f"{instrument.name}-{month}-{instrument.strike:.10g}-{instrument.kind}"


def _row(instrument: Instrument) -> list[object]:
    segment, symbol = SEGMENTS[instrument.exchange], trading_symbol(instrument)
    begin = [segment.venue, segment.letter, security_id(instrument)]
    paise = f"{instrument.tick_size * 100:.10g}"
    if instrument.is_index:
        row: list[object] = ["INDEX", 0, symbol, 1, instrument.name]
        return [*begin, *row, "0001-01-01", "", "XX", "0.05", "", "INDEX", "X", symbol]
    if instrument.expiry is None:
        row = ["EQUITY", 0, symbol, instrument.lot_size, instrument.name]
        series = "EQ" if segment.venue == "NSE" else "A"
        return [*begin, *row, "", "", "", paise, "NA", "ES", series, instrument.name]
    is_future = instrument.kind == "FUT"
    is_on_index = segment.letter == "D" and instrument.name in _INDEX_IDS
    kind = (_INDEX_KINDS if is_on_index else _KINDS[segment.letter])[not is_future]
    row = [kind, 0, symbol, instrument.lot_size, symbol.replace("-", " ").upper()]
    expiry = f"{instrument.expiry} {_EXPIRY_TIMES[segment.letter]}"
    strike = "-0.01000" if is_future else f"{instrument.strike:.5f}"
    right = "XX" if is_future else instrument.kind
    flag = "W" if instrument.weekly else "M"
    # The last column is blank for many contracts, so that nobody can rely on it.
    return [*begin, *row, expiry, strike, right, paise, flag, "FUT" if is_future else "OP", "", ""]
