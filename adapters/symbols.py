"""OpenAlgo's names of instruments, which all brokers' masters are mapped to.

equity   RELIANCE                     the exchange's symbol; a series suffix stays
future   NIFTY30JAN25FUT              base, expiry DDMMMYY, FUT
option   VEDL25APR24292.5CE           base, expiry, strike without a trailing .0, CE or PE
index    NIFTY on NSE_INDEX           a short name where OpenAlgo has one, else no spaces
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple, Self

_MAX_TERM: Final = 10**15

#: Full names of indices, without their spaces, that OpenAlgo calls by a shorter name.
_SHORT_INDEX_NAMES: Final = {
    "NIFTY50": "NIFTY",
    "NIFTYBANK": "BANKNIFTY",
    "NIFTYFINSERVICE": "FINNIFTY",
    "NIFTYMIDSELECT": "MIDCPNIFTY",
    "NIFTYNEXT50": "NIFTYNXT50",
    "SNSX50": "SENSEX50",
}


class Terms(NamedTuple):
    """What an order for an instrument has to keep to; 0 is what the master does not tell.

    `lot_size` and `freeze_quantity` (the largest order) are in units, `tick_size` in millionths of
    a rupee, `contract_value` in millionths of the underlying per unit.
    """

    lot_size: int = 0
    tick_size: int = 0
    freeze_quantity: int = 0
    contract_value: int = 0


_UNTOLD: Final = Terms()


class Instrument(NamedTuple):
    """One row of a master: OpenAlgo's name, and the broker's token as the codec takes it."""

    exchange: str
    symbol: str
    token: str

    @property
    def terms(self) -> Terms:
        return _UNTOLD


class Tradable(Instrument):
    """A row that tells its terms of trading; as a name it equals one that does not."""

    _terms: Terms

    def __new__(cls, exchange: str, symbol: str, token: str, terms: Terms) -> Self:
        self = super().__new__(cls, exchange, symbol, token)
        self._terms = terms
        return self

    @property
    def terms(self) -> Terms:
        return self._terms


@lru_cache(4096)
def whole(told: float | str | None) -> int:
    """A quantity as masters write it: `75`, `75.0`, `"75"`; 0 where there is none."""
    return _scaled(told, 1)


@lru_cache(4096)
def millionths(told: float | str | None, unit: float = 1_000_000) -> int:
    """A tick size or contract value in millionths; `unit` is how many of them make one told."""
    return _scaled(told, unit)


def _scaled(told: float | str | None, unit: float) -> int:
    """What cannot be read is not told: an order is worth no broken master."""
    try:
        number = round(float(told or 0) * unit)
    except (ValueError, OverflowError):
        return 0
    return number if 0 < number < _MAX_TERM else 0


def index_symbol(name: str) -> str:
    """`NIFTY FIN SERVICE` -> `FINNIFTY`, `NIFTY MIDCAP 100` -> `NIFTYMIDCAP100`."""
    joined = name.replace(" ", "").upper()
    return _SHORT_INDEX_NAMES.get(joined, joined)


def strike_word(strike: float) -> str:
    """`23500.0` -> `23500`, `292.5` -> `292.5`."""
    return repr(strike).removesuffix(".0")


def future_symbol(base: str, expiry: str) -> str:
    """The symbol of a future; `expiry` is an expiry word (`bus.market.expiry`)."""
    return f"{base}{expiry}FUT"


def option_symbol(base: str, expiry: str, strike: str, right: str) -> str:
    """The symbol of an option; `right` is CE or PE, the other words as made here."""
    return f"{base}{expiry}{strike}{right}"
