"""OpenAlgo's names of instruments, which all brokers' masters are mapped to.

equity   RELIANCE                     the exchange's symbol; a series suffix stays
future   NIFTY30JAN25FUT              base, expiry DDMMMYY, FUT
option   VEDL25APR24292.5CE           base, expiry, strike without a trailing .0, CE or PE
index    NIFTY on NSE_INDEX           a short name where OpenAlgo has one, else no spaces
"""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

_MONTHS: Final = (
    *("JAN", "FEB", "MAR", "APR", "MAY", "JUN"),
    *("JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
)

#: Full names of indices, without their spaces, that OpenAlgo calls by a shorter name.
_SHORT_INDEX_NAMES: Final = {
    "NIFTY50": "NIFTY",
    "NIFTYBANK": "BANKNIFTY",
    "NIFTYFINSERVICE": "FINNIFTY",
    "NIFTYMIDSELECT": "MIDCPNIFTY",
    "NIFTYNEXT50": "NIFTYNXT50",
    "SNSX50": "SENSEX50",
}


class Instrument(NamedTuple):
    """One row of a master: OpenAlgo's name, and the broker's token as the codec takes it."""

    exchange: str
    symbol: str
    token: str


def index_symbol(name: str) -> str:
    """`NIFTY FIN SERVICE` -> `FINNIFTY`, `NIFTY MIDCAP 100` -> `NIFTYMIDCAP100`."""
    joined = name.replace(" ", "").upper()
    return _SHORT_INDEX_NAMES.get(joined, joined)


def expiry_word(day: date) -> str:
    """`2025-01-30` -> `30JAN25`, whatever the locale."""
    return f"{day.day:02d}{_MONTHS[day.month - 1]}{day.year % 100:02d}"


def strike_word(strike: float) -> str:
    """`23500.0` -> `23500`, `292.5` -> `292.5`."""
    return repr(strike).removesuffix(".0")


def future_symbol(base: str, expiry: str) -> str:
    """The symbol of a future; `expiry` is an `expiry_word`."""
    return f"{base}{expiry}FUT"


def option_symbol(base: str, expiry: str, strike: str, right: str) -> str:
    """The symbol of an option; `right` is CE or PE, the other words as made here."""
    return f"{base}{expiry}{strike}{right}"
