"""What Fyers calls an instrument: ticker, fytoken, the price socket's name; and its masters.

Sources: Fyers' public masters and index list. The CSV files have no header and are all of one
form, so one after the other they are a master too. The day in a fytoken is a contract's last.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from simulators.brokers.zerodha.names import trading_symbol
from simulators.markets.market import IST, Instrument

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Segment(NamedTuple):
    """A segment: first digits of its fytokens, names, Fyers' numbers, and its master's file."""

    prefix: str
    name: str
    exchange: str
    exchange_code: int
    segment_code: int
    file: str


_NSE_CM: Final = Segment("1010", "nse_cm", "NSE", 10, 10, "NSE_CM.csv")
_BSE_CM: Final = Segment("1210", "bse_cm", "BSE", 12, 10, "BSE_CM.csv")
SEGMENTS: Final = {
    "NSE": _NSE_CM,
    "NSE_INDEX": _NSE_CM,
    "BSE": _BSE_CM,
    "BSE_INDEX": _BSE_CM,
    "NFO": Segment("1011", "nse_fo", "NSE", 10, 11, "NSE_FO.csv"),
    "BFO": Segment("1211", "bse_fo", "BSE", 12, 11, "BSE_FO.csv"),
    "CDS": Segment("1012", "cde_fo", "NSE", 10, 12, "NSE_CD_sym_master.json"),
    "BCD": Segment("1212", "bcs_fo", "BSE", 12, 12, "BSE_CD_sym_master.json"),
    "MCX": Segment("1120", "mcx_fo", "MCX", 11, 20, "MCX_COM_sym_master.json"),
}
#: By OpenAlgo's symbol: the ticker's word and the price socket's name, where they are others.
_INDICES: Final = {
    "NIFTY": ("NIFTY50", "Nifty 50"),
    "BANKNIFTY": ("NIFTYBANK", "Nifty Bank"),
    "FINNIFTY": ("FINNIFTY", "Nifty Fin Service"),
    "MIDCPNIFTY": ("MIDCPNIFTY", "NIFTY MID SELECT"),
    "NIFTYNXT50": ("NIFTYNXT50", "Nifty Next 50"),
    "INDIAVIX": ("INDIAVIX", "India VIX"),
}
_KINDS: Final = {"EQ": 0, "FUT": 11, "CE": 14, "PE": 14}
_INDEX_KIND: Final = 10
_SESSION: Final = "0915-1530|1815-1915:"
_CLOSE: Final = dt.time(15, 30, tzinfo=IST)


def ticker(instrument: Instrument) -> str:
    """`NSE:RELIANCE-EQ`, `NSE:NIFTY50-INDEX`, `NSE:NIFTY25DECFUT`; contracts as Kite has them."""
    exchange = SEGMENTS[instrument.exchange].exchange
    if instrument.is_index:
        return f"{exchange}:{_index(instrument)[0]}-INDEX"
    if instrument.expiry is None:
        return f"{exchange}:{instrument.symbol}-EQ"
    return f"{exchange}:{trading_symbol(instrument)}"


def fytoken(instrument: Instrument) -> str:
    day = f"{instrument.expiry:%y%m%d}" if instrument.expiry else "000000"
    return f"{SEGMENTS[instrument.exchange].prefix}{day}{instrument.exchange_token}"


def place(instrument: Instrument) -> str:
    """The price socket's topic without its kind: `nse_cm|2885`, `nse_cm|Nifty 50`."""
    name = _index(instrument)[1] if instrument.is_index else str(instrument.exchange_token)
    return f"{SEGMENTS[instrument.exchange].name}|{name}"


def _index(instrument: Instrument) -> tuple[str, str]:
    return _INDICES.get(instrument.symbol, (instrument.symbol, instrument.symbol))


def masters(instruments: Sequence[Instrument]) -> dict[str, str]:
    """The content of each master's file that is not empty."""
    by_file: dict[str, list[Instrument]] = {}
    for instrument in instruments:
        if instrument.exchange in SEGMENTS:
            by_file.setdefault(SEGMENTS[instrument.exchange].file, []).append(instrument)
    return {
        file: master_json(listed) if file.endswith(".json") else master_csv(listed)
        for file, listed in by_file.items()
    }


def master_csv(instruments: Iterable[Instrument]) -> str:
    """Rows in the order and spelling of Fyers' CSV files."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for instrument in instruments:
        if instrument.exchange in SEGMENTS:
            writer.writerow(_row(instrument))
    return out.getvalue()


def _row(instrument: Instrument) -> list[object]:
    segment = SEGMENTS[instrument.exchange]
    underlying = instrument.name if instrument.expiry else instrument.symbol
    is_option = instrument.kind in {"CE", "PE"}
    return [
        fytoken(instrument),
        _details(instrument),
        _INDEX_KIND if instrument.is_index else _KINDS[instrument.kind],
        instrument.lot_size,
        instrument.tick_size,
        instrument.isin,
        _SESSION,
        "2025-12-15",
        _expiry_s(instrument),
        ticker(instrument),
        segment.exchange_code,
        segment.segment_code,
        instrument.exchange_token,
        underlying,
        instrument.exchange_token,
        instrument.strike if is_option else -1.0,
        instrument.kind if is_option else "XX",
        fytoken(instrument),
        "None",
        0,
        0.0,
    ]


def master_json(instruments: Iterable[Instrument]) -> str:
    """A `..._sym_master.json`: the rows by ticker, numbers partly as text."""
    rows = {}
    for instrument in instruments:
        row = _row(instrument)
        rows[ticker(instrument)] = {
            "fyToken": row[0],
            "symDetails": row[1],
            "exInstType": row[2],
            "minLotSize": 1,
            "qtyMultiplier": row[3],
            "tickSize": row[4],
            "expiryDate": str(row[8]),
            "symTicker": row[9],
            "exchange": row[10],
            "segment": row[11],
            "exToken": row[12],
            "underSym": row[13],
            "strikePrice": row[15],
            "optType": row[16],
        }
    return msgspec.json.encode(rows).decode()


def _details(instrument: Instrument) -> str:
    expiry = instrument.expiry
    if expiry is None:
        return instrument.name or instrument.symbol
    day = f"{instrument.name} {expiry.day} {expiry:%b %y}"
    strike = "" if instrument.kind == "FUT" else f"{instrument.strike:.10g} "
    return f"{day} {strike}{instrument.kind}"


def _expiry_s(instrument: Instrument) -> int | str:
    if instrument.expiry is None:
        return ""
    return int(dt.datetime.combine(instrument.expiry, _CLOSE).timestamp())
