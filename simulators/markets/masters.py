"""Names for recorded instruments, from an instrument master: Upstox's JSON or Kite's CSV.

A master has tens of thousands of rows and a recording tens of instruments, so only the
rows asked for are looked at closely.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import re
import zlib
from typing import TYPE_CHECKING, Final

import msgspec

from bus.market.expiry import month_word
from simulators.errors import DataError
from simulators.markets.market import IST, Instrument, contract_symbol

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

_GZIP_MAGIC: Final = b"\x1f\x8b"
_UPSTOX_KEY: Final = re.compile(rb'"instrument_key": ?"([^"]+)"')
#: Upstox's segments in OpenAlgo's words.
UPSTOX_EXCHANGES: Final = {
    "NSE_EQ": "NSE",
    "BSE_EQ": "BSE",
    "NSE_FO": "NFO",
    "BSE_FO": "BFO",
    "NCD_FO": "CDS",
    "BCD_FO": "BCD",
    "MCX_FO": "MCX",
    "NSE_INDEX": "NSE_INDEX",
    "BSE_INDEX": "BSE_INDEX",
}
#: The exchanges' names of indices: OpenAlgo's symbol and the token that Kite's is made of.
_INDICES: Final = {
    "NIFTY 50": ("NIFTY", 1001),
    "NIFTY BANK": ("BANKNIFTY", 1016),
    "NIFTY FIN SERVICE": ("FINNIFTY", 1007),
    "NIFTY MID SELECT": ("MIDCPNIFTY", 1125),
    "NIFTY NEXT 50": ("NIFTYNXT50", 1058),
    "INDIA VIX": ("INDIAVIX", 1035),
    "SENSEX": ("SENSEX", 1),
}


def read_bytes(path: Path) -> bytes:
    """A file's content, unpacked if it is gzip.

    Raises:
        DataError: it cannot be read.
    """
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(_GZIP_MAGIC) else content
    except (OSError, EOFError, zlib.error) as problem:
        raise DataError(path, f"cannot be read: {problem}") from problem


class _UpstoxRow(msgspec.Struct, kw_only=True):
    """The columns of Upstox's master that are used; tick in paise, expiry in Unix ms."""

    segment: str
    instrument_key: str
    exchange_token: str
    trading_symbol: str
    name: str = ""
    asset_symbol: str = ""
    instrument_type: str = "EQ"
    expiry: int = 0
    weekly: bool = False
    strike_price: float = 0.0
    tick_size: float = 5.0
    lot_size: int = 1


def from_upstox(path: Path, keys: Collection[str]) -> dict[str, Instrument]:
    """The instruments of some of Upstox's keys; keys that the master does not have are left out.

    Raises:
        DataError: not a master in Upstox's format.
    """
    content = read_bytes(path)
    wanted = {key.encode() for key in keys}
    decoder = msgspec.json.Decoder(_UpstoxRow, strict=False)
    found = {}
    for match in _UPSTOX_KEY.finditer(content):
        if match[1] not in wanted:
            continue
        start = content.rfind(b"\n", 0, match.start()) + 1
        end = content.find(b"\n", match.end())
        try:
            row = decoder.decode(content[start : end if end >= 0 else None])
            found[row.instrument_key] = _upstox_instrument(row)
        except (msgspec.MsgspecError, ValueError, KeyError) as problem:
            line = content.count(b"\n", 0, start) + 1
            text = f"not a row of an Upstox master, one JSON object a line: {problem}"
            raise DataError(path, text, line=line) from problem
    return found


def _upstox_instrument(row: _UpstoxRow) -> Instrument:
    exchange = UPSTOX_EXCHANGES[row.segment]
    if exchange.endswith("_INDEX"):
        return index_instrument(exchange, row.instrument_key.partition("|")[2])
    if not row.expiry:
        return Instrument(
            exchange=exchange,
            symbol=row.trading_symbol,
            exchange_token=int(row.exchange_token),
            name=row.name,
            tick_size=row.tick_size / 100,
            lot_size=row.lot_size,
            isin=row.instrument_key.partition("|")[2],
        )
    expiry = dt.datetime.fromtimestamp(row.expiry / 1000, IST).date()
    return Instrument(
        exchange=exchange,
        symbol=contract_symbol(row.asset_symbol, expiry, row.instrument_type, row.strike_price),
        exchange_token=int(row.exchange_token),
        name=row.asset_symbol,
        kind=row.instrument_type,
        expiry=expiry,
        weekly=row.weekly,
        strike=row.strike_price,
        tick_size=row.tick_size / 100,
        lot_size=row.lot_size,
    )


def index_instrument(exchange: str, name: str) -> Instrument:
    """An index by the exchange's name for it, in any case; unknown ones get a made-up token."""
    name = name.upper()
    symbol, token = _INDICES.get(name, (name.replace(" ", ""), made_up_token(name)))
    return Instrument(
        exchange=exchange, symbol=symbol, exchange_token=token, name=name, tick_size=0.01
    )


def made_up_token(text: str) -> int:
    """A number for what has none, the same in every run; exchange tokens have up to 24 bits."""
    return zlib.crc32(text.encode()) % 10_000_000 + 2_000_000


def from_kite(path: Path, token: int) -> Instrument | None:
    """The instrument of one Kite token, from Kite's CSV; None if it has none.

    Raises:
        DataError: not a master in Kite's format.
    """
    lines = read_bytes(path).decode("utf-8", "replace").splitlines()
    header = next(csv.reader(lines[:1]), [])
    if "instrument_token" not in header:
        raise DataError(path, "not an instruments CSV of Kite's: no column instrument_token")
    for number, line in enumerate(lines, 1):
        if line.startswith(f"{token},"):
            try:
                return _kite_instrument(dict(zip(header, next(csv.reader([line])), strict=True)))
            except (KeyError, ValueError) as problem:
                raise DataError(path, f"not a row of Kite's: {problem!r}", line=number) from problem
    return None


def _kite_instrument(row: dict[str, str]) -> Instrument:
    if row["segment"] == "INDICES":
        return index_instrument(f"{row['exchange']}_INDEX", row["tradingsymbol"])
    symbol, name = row["tradingsymbol"], row["name"]
    kind, strike = row["instrument_type"], float(row["strike"])
    expiry = dt.date.fromisoformat(row["expiry"]) if row["expiry"] else None
    return Instrument(
        exchange=row["exchange"],
        symbol=contract_symbol(name, expiry, kind, strike) if expiry else symbol,
        exchange_token=int(row["exchange_token"]),
        name=name,
        kind=kind,
        expiry=expiry,
        weekly=expiry is not None and month_word(expiry) not in symbol.removeprefix(name),
        strike=strike,
        tick_size=float(row["tick_size"]),
        lot_size=int(row["lot_size"]),
    )
