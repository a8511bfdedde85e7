"""Angel One's instrument master, `OpenAPIScripMaster.json`: a JSON list of texts.

Its spelling of contracts differs by exchange: those of NFO have the day of expiry in their
name, others year and month only. Strikes and ticks are in 1/100 rupees, those of currencies
in 1/10,000,000; -1 stands for none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from bus.market.expiry import month_word
from simulators.brokers.angel.packets import EXCHANGE_TYPES, token
from simulators.markets.market import Instrument

if TYPE_CHECKING:
    from collections.abc import Iterable

_FUTURE_KINDS: Final = {"CDS": "FUTCUR", "MCX": "FUTCOM", "NCDEX": "FUTCOM"}
_OPTION_KINDS: Final = {"CDS": "OPTCUR", "MCX": "OPTFUT", "NCDEX": "OPTFUT"}
_INDEX_NAMES: Final = frozenset(
    {"NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "NIFTYNXT50", "SENSEX", "BANKEX"}
)


def scrip_master(instruments: Iterable[Instrument]) -> bytes:
    """The master's bytes; instruments of exchanges that the broker has not are left out."""
    return msgspec.json.encode([_row(i) for i in instruments if i.exchange in EXCHANGE_TYPES])


def _row(instrument: Instrument) -> dict[str, str]:
    unit = 10_000_000 if instrument.exchange == "CDS" else 100
    expiry = instrument.expiry
    return {
        "token": token(instrument),
        "symbol": trading_symbol(instrument),
        "name": _name(instrument),
        "expiry": f"{expiry.day:02d}{month_word(expiry)}{expiry.year}" if expiry else "",
        "strike": _strike(instrument, unit),
        "lotsize": str(instrument.lot_size),
        "instrumenttype": _kind(instrument),
        "exch_seg": instrument.exchange.removesuffix("_INDEX"),
        "tick_size": f"{0.0 if instrument.is_index else instrument.tick_size * unit:.6f}",
    }


def trading_symbol(instrument: Instrument) -> str:
    """Angel One's own spelling: `SBIN-EQ`."""
    expiry = instrument.expiry
    if instrument.is_index:
        return instrument.name.title()
    if expiry is None:
        return f"{instrument.symbol}-EQ" if instrument.exchange == "NSE" else instrument.symbol
    if instrument.exchange == "NFO":
        return instrument.symbol
    strike = "" if instrument.kind == "FUT" else f"{instrument.strike:.10g}"
    month = f"{expiry.year % 100:02d}{month_word(expiry)}"
    return f"{instrument.name}{month}{strike}{instrument.kind}"


def _name(instrument: Instrument) -> str:
    """The base of a contract; of shares and indices the symbol, not the company."""
    return instrument.symbol if instrument.expiry is None else instrument.name


def _strike(instrument: Instrument, unit: int) -> str:
    if instrument.is_index:
        return "0.000000"
    return f"{instrument.strike * unit:.6f}" if instrument.strike else "-1.000000"


def _kind(instrument: Instrument) -> str:
    if instrument.is_index:
        return "AMXIDX"
    if instrument.expiry is None:
        return ""
    underlying = "IDX" if instrument.name in _INDEX_NAMES else "STK"
    if instrument.kind == "FUT":
        return _FUTURE_KINDS.get(instrument.exchange, f"FUT{underlying}")
    return _OPTION_KINDS.get(instrument.exchange, f"OPT{underlying}")
