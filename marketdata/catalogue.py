"""Looks instruments up and searches them, in the files that the adapters keep.

A search reads a whole table of up to 200,000 rows: callers run it in a thread of its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from datetime import date
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import quote

from bus.market.expiry import expiry_word
from bus.market.instruments import named
from marketdata.chain import Right

_COLUMNS: Final = "exchange, symbol, token, lot_size, tick_size, freeze_quantity"
_FIND: Final = f"SELECT {_COLUMNS} FROM instruments WHERE exchange = ? AND symbol = ?"  # noqa: S608
_NAMED: Final = "SELECT symbol FROM instruments WHERE exchange = ? AND symbol LIKE ? ESCAPE '\\'"
_CHAIN: Final = (
    f"SELECT {_COLUMNS} FROM instruments WHERE exchange = ? AND symbol LIKE ? ESCAPE '\\'"  # noqa: S608
)
_PAGE: Final = (
    f"SELECT {_COLUMNS} FROM instruments "  # noqa: S608
    "WHERE exchange = ? AND symbol > ? ORDER BY symbol LIMIT ?"
)
_PAGE_ROWS: Final = 1000
MAX_FOUND: Final = 200


class Listed(NamedTuple):
    """A row of a master; `tick_size` in millionths of a rupee, 0 where the master has none."""

    exchange: str
    symbol: str
    token: str
    lot_size: int
    tick_size: int
    freeze_quantity: int


class Catalogue:
    """The instruments of several adapters; the first that has one counts."""

    def __init__(self, folder: Path, adapters: Sequence[str]) -> None:
        self._paths = [folder / f"{adapter}.db" for adapter in adapters]

    def find(self, exchange: str, symbol: str) -> Listed | None:
        """None: no adapter has it, or none has its instruments yet."""
        return next(self._rows(_FIND, (exchange, symbol)), None)

    def search(self, text: str, exchange: str = "", limit: int = MAX_FOUND) -> list[Listed]:
        """Instruments whose symbols hold every word of a text, the shortest symbols first."""
        words = text.upper().split()
        conditions = ["symbol LIKE ? ESCAPE '\\'" for _ in words]
        values: list[str | int] = [f"%{_escaped(word)}%" for word in words]
        if exchange:
            conditions.append("exchange = ?")
            values.append(exchange)
        query = (
            f"SELECT {_COLUMNS} FROM instruments WHERE {' AND '.join(conditions) or '1'} "  # noqa: S608
            "ORDER BY symbol NOT LIKE ? ESCAPE '\\', length(symbol), symbol, exchange LIMIT ?"
        )
        first = _escaped(words[0]) if words else ""
        found = {
            (row.exchange, row.symbol): row
            for row in reversed(list(self._rows(query, [*values, f"{first}%", limit])))
        }
        return list(reversed(found.values()))[:limit]

    def expiries(self, base: str, exchange: str, kind: Literal["future", "option"]) -> list[date]:
        """The last days of an underlying's contracts, nearest first."""
        days = set()
        for path in self._paths:
            with suppress(sqlite3.Error), closing(_open(path)) as database:
                for (symbol,) in database.execute(_NAMED, (exchange, f"{_escaped(base)}%")):
                    what, day = named(exchange, symbol)
                    # A longer base may begin with this one: NIFTY and NIFTYNXT50.
                    if what == kind and day is not None and symbol[len(base)].isdigit():
                        days.add(day)
        return sorted(days)

    def chain(self, base: str, exchange: str, day: date, right: Right) -> dict[float, Listed]:
        """An underlying's options of one kind that end on a day, by strike."""
        word = f"{base}{expiry_word(day)}"
        found: dict[float, Listed] = {}
        for row in self._rows(_CHAIN, (exchange, f"{_escaped(word)}%{right}")):
            with suppress(ValueError):
                found.setdefault(float(row.symbol[len(word) : -len(right)]), row)
        return found

    def pages(self, exchange: str) -> Iterator[list[Listed]]:
        """All instruments of an exchange by symbol, a thousand at a time; of several adapters
        those of the first that has any."""
        for path in self._paths:
            after = ""
            while page := self._rows_of(path, _PAGE, (exchange, after, _PAGE_ROWS)):
                yield page
                after = page[-1].symbol
            if after:
                return

    def _rows(self, query: str, values: Sequence[str | int]) -> Iterator[Listed]:
        for path in self._paths:
            yield from self._rows_of(path, query, values)

    @staticmethod
    def _rows_of(path: Path, query: str, values: Sequence[str | int]) -> list[Listed]:
        """None where the file is not there (yet), or is damaged."""
        with suppress(sqlite3.Error), closing(_open(path)) as database:
            return list(map(Listed._make, database.execute(query, values)))
        return []


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _open(path: Path) -> sqlite3.Connection:
    """Raises sqlite3.Error. For one look: who keeps it open keeps Windows from replacing it."""
    return sqlite3.connect(f"file:{quote(path.as_posix())}?immutable=1", uri=True)
