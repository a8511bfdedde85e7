"""OpenAlgo's table of symbols as an instrument master, for those who run OpenAlgo beside us.

OpenAlgo empties and refills the table every day after a login, row by row: a reader can see
none or half of it. So it is taken only when OpenAlgo says that it is ready, for the right
broker, and when about as many rows are there as OpenAlgo says. It is read in one snapshot,
and never written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

from adapters.broker import Broker, OpenAlgoRow
from adapters.errors import InstrumentsError
from adapters.instruments.masters import Progress
from adapters.symbols import Instrument, Terms, Tradable, millionths, whole

BUSY_TIMEOUT_S: Final = 5.0
#: Of the rows that OpenAlgo counted: brokers' lists hold some that it cannot store.
_PLAUSIBLE: Final = 0.9
_STATUS: Final = "SELECT status, is_ready, total_symbols FROM master_contract_status WHERE broker=?"
_BROKERS: Final = "SELECT broker FROM master_contract_status ORDER BY last_updated DESC"
_COUNT: Final = "SELECT count(*) FROM symtoken"
_COLUMNS: Final = "SELECT name FROM pragma_table_info('symtoken')"
_NAMES: Final = ("symbol", "brsymbol", "exchange", "brexchange", "token")
#: Terms of trading; OpenAlgo's older versions lack some.
_TERMS: Final = ("lotsize", "tick_size", "contract_value")


class OpenAlgoMaster:
    """The `symtoken` table of one OpenAlgo database (`adapters.origin.Origin`)."""

    may_recover = True
    shrinks = False
    #: The file changes with every login and setting: its time tells nothing of the table.
    stamp = ""

    def __init__(self, path: Path, broker: Broker) -> None:
        self.text = f"openalgo:{path}"
        self._path = path
        self._broker = broker

    def rows(self, progress: Progress) -> Iterator[Instrument]:
        progress(f"reading {self._path}", 0)
        try:
            with closing(self._open()) as database:
                database.execute("BEGIN")  # status and rows of the same moment
                self._check(database)
                yield from self._read(database)
        except sqlite3.Error as error:
            raise InstrumentsError(f"{self._path}: {error}; is it OpenAlgo's database?") from None

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(
            f"file:{quote(self._path.as_posix())}?mode=ro",
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )

    def _check(self, database: sqlite3.Connection) -> None:
        status = database.execute(_STATUS, (self._broker.name,)).fetchone()
        if status is None:
            held = ", ".join(row[0] for row in database.execute(_BROKERS)) or "no broker"
            raise InstrumentsError(
                f"{self._path}: holds the symbols of {held}, not of {self._broker.name}; "
                "log in to this broker in OpenAlgo"
            )
        word, is_ready, total = status
        if word != "success" or not is_ready:
            raise InstrumentsError(f"{self._path}: OpenAlgo is not done with the symbols: {word}")
        [count] = database.execute(_COUNT).fetchone()
        expected = int(total) if str(total).isdigit() else 1
        if count < max(1, expected * _PLAUSIBLE):
            raise InstrumentsError(f"{self._path}: {count} of {expected} symbols are there")

    def _read(self, database: sqlite3.Connection) -> Iterator[Instrument]:
        token_of = self._broker.openalgo_token
        there = {name for (name,) in database.execute(_COLUMNS)}
        told = [name if name in there else "NULL" for name in _TERMS]
        query = f"SELECT {', '.join([*_NAMES, *told])} FROM symtoken"  # noqa: S608 - our own words
        for *texts, lot, tick, contract_value in database.execute(query):
            row = OpenAlgoRow(*("" if text is None else str(text) for text in texts))
            token = row.token if token_of is None else token_of(row)
            if token:
                terms = Terms(whole(lot), millionths(tick), 0, millionths(contract_value))
                yield Tradable(row.exchange, row.symbol, token, terms)
