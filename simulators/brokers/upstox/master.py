"""Upstox's instrument master of a market: its JSON list, with its columns and spelling."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bus.market.expiry import month_word
from simulators.markets.market import IST
from simulators.markets.masters import UPSTOX_EXCHANGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulators.markets.market import Instrument

SEGMENTS: Final = {exchange: segment for segment, exchange in UPSTOX_EXCHANGES.items()}
#: Keys of indices are case sensitive; those that are not here are as the exchange has them.
_INDEX_NAMES: Final = {
    "NIFTY 50": "Nifty 50",
    "NIFTY BANK": "Nifty Bank",
    "NIFTY FIN SERVICE": "Nifty Fin Service",
    "NIFTY NEXT 50": "Nifty Next 50",
    "INDIA VIX": "India VIX",
}
_DAY_END: Final = dt.time(23, 59, 59, tzinfo=IST)


def instrument_key(instrument: Instrument) -> str:
    """`NSE_EQ|INE002A01018`, `NSE_FO|51414`, `NSE_INDEX|Nifty 50`."""
    if instrument.is_index:
        name = _INDEX_NAMES.get(instrument.name, instrument.name)
    else:
        name = instrument.isin or str(instrument.exchange_token)
    return f"{SEGMENTS[instrument.exchange]}|{name}"


def instruments_json(instruments: Sequence[Instrument]) -> bytes:
    return msgspec.json.encode([_row(instrument) for instrument in instruments])


def _row(instrument: Instrument) -> dict[str, Any]:
    segment = SEGMENTS[instrument.exchange]
    key = instrument_key(instrument)
    row: dict[str, Any] = {
        "segment": segment,
        "name": instrument.name,
        "exchange": segment.partition("_")[0],
        "instrument_type": instrument.kind,
        "instrument_key": key,
        "exchange_token": str(instrument.exchange_token),
        "trading_symbol": trading_symbol(instrument),
    }
    if instrument.is_index:
        return row | {"instrument_type": "INDEX", "name": key.partition("|")[2]}
    row |= {"lot_size": instrument.lot_size, "tick_size": round(instrument.tick_size * 100, 4)}
    if instrument.expiry is None:
        return row | ({"isin": instrument.isin} if instrument.isin else {})
    end = dt.datetime.combine(instrument.expiry, _DAY_END)
    return row | {
        "weekly": instrument.weekly,
        "expiry": int(end.timestamp()) * 1000,
        "asset_symbol": instrument.name,
        "underlying_symbol": instrument.name,
        "minimum_lot": instrument.lot_size,
        "strike_price": instrument.strike,
    }


def trading_symbol(instrument: Instrument) -> str:
    """Upstox's own spelling: `RELIANCE`, `NIFTY 26000 CE 30 DEC 25`, `NIFTY FUT 30 DEC 25`."""
    expiry = instrument.expiry
    if expiry is None:
        return instrument.symbol
    strike = [] if instrument.kind == "FUT" else [f"{instrument.strike:.10g}"]
    day = f"{expiry.day:02d} {month_word(expiry)} {expiry.year % 100:02d}"
    return " ".join([instrument.name, *strike, instrument.kind, day])
