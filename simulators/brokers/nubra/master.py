"""Nubra's instrument master: JSON of what trades, CSV of the indices, and the names in both."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final

import msgspec

from simulators.brokers.nubra.packets import Feed, paise
from simulators.brokers.zerodha.names import trading_symbol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulators.markets.market import Instrument

#: OpenAlgo's exchanges in Nubra's words; it has no currency.
EXCHANGES: Final = {
    "NSE": "NSE",
    "NFO": "NSE",
    "NSE_INDEX": "NSE",
    "BSE": "BSE",
    "BFO": "BSE",
    "BSE_INDEX": "BSE",
    "MCX": "MCX",
}
_FIRST_REF_ID: Final = 69_001
_INDEX_COLUMNS: Final = ["EXCHANGE", "INDEX_SYMBOL", "ZANSKAR_INDEX_SYMBOL", "INDEX_NAME"]
#: The names of indices that are asked for by another than their symbol.
_DESCRIPTIONS: Final = {
    "NIFTY": "Nifty 50",
    "BANKNIFTY": "Nifty Bank",
    "FINNIFTY": "Nifty Financial Services",
    "SENSEX": "Bse Sensex",
    "SENSEX50": "Bse Sensex 50",
}
_SYMBOLS: Final = {"INDIAVIX": "INDIA_VIX"}


def feeds(instruments: Sequence[Instrument]) -> dict[int, Feed]:
    """How Nubra names those of a market's instruments that it has, by their numbers."""
    return {
        number: Feed(instrument, _name(instrument), exchange, _FIRST_REF_ID + number)
        for number, instrument in enumerate(instruments)
        if (exchange := EXCHANGES.get(instrument.exchange)) is not None
    }


def _name(instrument: Instrument) -> str:
    """What the index channel calls it: an index in lower case, as the real one does."""
    if instrument.is_index:
        return _description(instrument).lower()
    if instrument.exchange != "MCX" or instrument.expiry is None:
        return trading_symbol(instrument)
    contract = f"{instrument.name}_{instrument.expiry:%Y%m%d}"
    if instrument.kind == "FUT":
        return f"FUT_{contract}"
    return f"OPT_{contract}_{instrument.kind}_{paise(instrument.strike)}"


def names_asked(feed: Feed) -> Iterator[str]:
    """The names by which an instrument may be asked for on the index channel."""
    yield feed.name.upper()
    if feed.instrument.is_index:
        yield feed.instrument.symbol
        yield _index_symbol(feed.instrument)


def _description(instrument: Instrument) -> str:
    return _DESCRIPTIONS.get(instrument.symbol, instrument.name.title())


def _index_symbol(instrument: Instrument) -> str:
    return _SYMBOLS.get(instrument.symbol, instrument.symbol)


def refdata(known: Sequence[Feed]) -> str:
    """The JSON of `/refdata/refdata/<day>`, in one line; strikes and ticks in paise."""
    rows = [_row(feed) for feed in known if not feed.instrument.is_index]
    return msgspec.json.encode({"message": "refdata", "refdata": rows}).decode()


def _row(feed: Feed) -> dict[str, object]:
    instrument = feed.instrument
    is_option = instrument.kind in {"CE", "PE"}
    kinds = {"EQ": "STOCK", "FUT": "FUT"}
    return {
        "ref_id": feed.ref_id,
        "option_type": instrument.kind if is_option else "N/A",
        "token": instrument.exchange_token,
        "stock_name": feed.name,
        "lot_size": instrument.lot_size,
        "asset": instrument.symbol if instrument.expiry is None else instrument.name,
        "expiry": int(f"{instrument.expiry:%Y%m%d}") if instrument.expiry else None,
        "exchange": feed.exchange,
        "derivative_type": kinds.get(instrument.kind, "OPT"),
        "strike_price": paise(instrument.strike) if is_option else None,
        "tick_size": paise(instrument.tick_size),
    }


def indices_csv(known: Sequence[Feed]) -> str:
    """The CSV of `/public/indexes`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_INDEX_COLUMNS)
    for feed in known:
        if feed.instrument.is_index:
            symbol = _index_symbol(feed.instrument)
            writer.writerow([feed.exchange, symbol, symbol, _description(feed.instrument)])
    return out.getvalue()
