"""Instruments as Kite spells them."""

from __future__ import annotations

from typing import Final

from bus.market.expiry import month_word
from simulators.markets.market import Instrument

#: Kite's letter for the month of a weekly expiry.
_WEEKLY_MONTHS: Final = "123456789OND"


def trading_symbol(instrument: Instrument) -> str:
    """Kite's own spelling.

    `RELIANCE`, `NIFTY 50`, `NIFTY25DECFUT`, a month's last expiry `NIFTY25DEC26000CE`, any
    other `NIFTY25D0926000CE` (year, month as one character, day).
    """
    if instrument.is_index:
        return instrument.name
    expiry = instrument.expiry
    if expiry is None:
        return instrument.symbol
    year = f"{expiry.year % 100:02d}"
    if instrument.kind == "FUT":
        return f"{instrument.name}{year}{month_word(expiry)}FUT"
    day = (
        f"{_WEEKLY_MONTHS[expiry.month - 1]}{expiry.day:02d}"
        if instrument.weekly
        else month_word(expiry)
    )
    return f"{instrument.name}{year}{day}{instrument.strike:.10g}{instrument.kind}"
