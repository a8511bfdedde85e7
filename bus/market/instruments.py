"""The terms of trading of an instrument, read from the adapters' instrument files.

`adapters/instruments/file.py` makes the files, one per adapter, and only ever replaces them whole;
here they are read by who is no adapter. What an instrument is and when it expires stands in its
OpenAlgo symbol; lot, tick and freeze quantity come from the broker's master.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import quote

from bus.market.expiry import MONTHS, expiry_day

Kind: TypeAlias = Literal["share", "index", "future", "option"]

_CASH: Final = frozenset({"NSE", "BSE"})
_CONTRACT: Final = re.compile(rf".+?(\d\d)({'|'.join(MONTHS)})(\d\d)(?:FUT|[\d.]+(CE|PE))")
_FIND: Final = (
    "SELECT lot_size, tick_size, freeze_quantity, contract_value FROM instruments "
    "WHERE exchange = ? AND symbol = ?"
)


class Contract(NamedTuple):
    """What an order for an instrument has to keep to.

    `expiry` is its last day, None for what never expires. `tick_size` is in millionths of a rupee,
    `freeze_quantity` the largest order in units, both 0 where the broker's master does not tell.
    `contract_value` is how much of the underlying one unit stands for, in millionths.
    """

    exchange: str
    symbol: str
    kind: Kind
    expiry: date | None = None
    lot_size: int = 1
    tick_size: int = 0
    freeze_quantity: int = 0
    contract_value: int = 1_000_000


@lru_cache(65536)
def named(exchange: str, symbol: str) -> tuple[Kind, date | None]:
    """What a symbol says of itself: `NIFTY30JAN25FUT` on NFO is a future until 30 January 2025.

    A perpetual or a bond, on an exchange of derivatives, is a future that never expires.
    """
    if exchange in _CASH:
        return "share", None
    if exchange.endswith("_INDEX"):
        return "index", None
    found = _CONTRACT.fullmatch(symbol)
    if found is None:
        return "future", None
    day, month, year, right = found.groups()
    with suppress(ValueError):
        expiry = expiry_day(day, month, year)
        return ("option" if right else "future"), expiry
    return "future", None


class Contracts:
    """Looks instruments up in the files of several adapters; the first that has one counts."""

    def __init__(self, folder: Path, adapters: Sequence[str]) -> None:
        self._folder = folder
        self._found: dict[tuple[str, str], Contract] = {}
        self._stamp: tuple[tuple[int, int], ...] = ()
        self.follow(adapters)

    def follow(self, adapters: Sequence[str]) -> None:
        """These adapters from now on, the first that has an instrument counts; any thread."""
        self._paths = [self._folder / f"{adapter}.db" for adapter in adapters]

    def find(self, exchange: str, symbol: str) -> Contract | None:
        """None: no adapter has such an instrument now."""
        stamp = tuple(map(_stamp, self._paths))
        if stamp != self._stamp:
            self._found.clear()
            self._stamp = stamp
        known = self._found.get((exchange, symbol))
        if known is None:
            known = self._read(exchange, symbol)
            if known is not None:
                self._found[exchange, symbol] = known
        return known

    def _read(self, exchange: str, symbol: str) -> Contract | None:
        for path in self._paths:
            # Opened for one look: who keeps it open keeps Windows from replacing it.
            with suppress(sqlite3.Error), closing(_open(path)) as database:
                row = database.execute(_FIND, (exchange, symbol)).fetchone()
                if row is not None:
                    lot, tick, freeze, value = row
                    kind, expiry = named(exchange, symbol)
                    return Contract(
                        exchange,
                        symbol,
                        kind,
                        expiry,
                        lot or 1,
                        tick,
                        freeze,
                        value or 1_000_000,
                    )
        return None


def _open(path: Path) -> sqlite3.Connection:
    """Raises sqlite3.Error: there is no such file, or it is damaged."""
    uri = f"file:{quote(path.as_posix())}?immutable=1"
    return sqlite3.connect(uri, uri=True, check_same_thread=False)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        told = path.stat()
    except OSError:
        return 0, 0
    return told.st_mtime_ns, told.st_ino
