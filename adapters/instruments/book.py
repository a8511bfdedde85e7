"""The instrument master: OpenAlgo's names to the broker's tokens, and back.

A full master has 200,000 rows, of which a process looks up a few thousand; so it is a SQLite
table and not objects: some 2 MB of memory, and a few microseconds a lookup. What a file of
it is called, and how it is replaced, is in `adapters.instruments.file`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final
from urllib.parse import quote

from adapters.demand.names import Name
from adapters.symbols import Instrument
from bus.errors import TopicError
from bus.topics import check_instrument

#: Rows between two calls of `progress`.
_BATCH: Final = 5000
_SCHEMA: Final = """
CREATE TABLE instruments (
    exchange TEXT NOT NULL, symbol TEXT NOT NULL, token TEXT NOT NULL,
    lot_size INTEGER NOT NULL, tick_size INTEGER NOT NULL,
    freeze_quantity INTEGER NOT NULL, contract_value INTEGER NOT NULL,
    PRIMARY KEY (exchange, symbol)
) WITHOUT ROWID;
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_INSERT: Final = "INSERT OR IGNORE INTO instruments VALUES (?, ?, ?, ?, ?, ?, ?)"
_FIND: Final = "SELECT token FROM instruments WHERE exchange = ? AND symbol = ?"
_NAMES: Final = "SELECT exchange, symbol FROM instruments WHERE token = ? ORDER BY 1, 2"
_ALL: Final = "SELECT exchange, symbol, token FROM instruments ORDER BY 1, 2"
#: The shortest symbol that holds the text comes first: RELIANCE before its options.
_SEARCH: Final = """
SELECT exchange, symbol, token FROM instruments
WHERE symbol LIKE ? ESCAPE '\\' AND (? = '' OR exchange = ?)
ORDER BY symbol NOT LIKE ? ESCAPE '\\', length(symbol), symbol, exchange LIMIT ?
"""


class InstrumentBook:
    """Immutable; the first row of an (exchange, symbol) counts.

    `skipped` rows have a name that no topic can hold, `duplicates` one that was there before.
    """

    def __init__(
        self,
        instruments: Iterable[Instrument] = (),
        *,
        path: Path | None = None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Make a book in a new file, or in memory; `progress` gets the rows so far."""
        # A book is made in one thread and read in another, never by two at once.
        self._connection = sqlite3.connect(
            ":memory:" if path is None else path, isolation_level=None, check_same_thread=False
        )
        # The file is nobody's until it is whole: a crash leaves one that nobody looks at.
        self._connection.executescript(
            f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-16000; {_SCHEMA}"
        )
        made = _fill(self._connection, iter(instruments), progress)
        self._length, self.skipped, self.duplicates = made
        self.note(rows=self._length, skipped=self.skipped, duplicates=self.duplicates)
        self._connection.executescript(
            "CREATE INDEX by_token ON instruments (token); PRAGMA cache_size=-2000;"
        )

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Instrument]:
        return map(Instrument._make, self._connection.execute(_ALL))

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back; no lookup may follow."""
        if hasattr(self, "_connection"):
            self._connection.close()

    def find(self, exchange: str, symbol: str) -> str | None:
        """The broker's token, or None: no such instrument."""
        row: tuple[str] | None = self._connection.execute(_FIND, (exchange, symbol)).fetchone()
        return None if row is None else row[0]

    def names(self, token: str) -> list[Name]:
        """What OpenAlgo calls the instruments of a token: mostly one, sometimes several."""
        return self._connection.execute(_NAMES, (token,)).fetchall()

    def search(self, text: str, exchange: str = "", limit: int = 20) -> list[Instrument]:
        """Instruments whose symbol holds a text in any case, the best match first."""
        words = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        found = self._connection.execute(
            _SEARCH, (f"%{words}%", exchange, exchange, f"{words}%", limit)
        )
        return list(map(Instrument._make, found))

    def about(self) -> dict[str, str]:
        """What was noted with `note`."""
        return dict(self._connection.execute("SELECT key, value FROM about"))

    def note(self, **facts: object) -> None:
        """Write down where the rows come from, in a book that is being made."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO about VALUES (?, ?)",
            [(key, str(value)) for key, value in facts.items()],
        )


class FiledBook(InstrumentBook):
    """A book from the file in which one was made."""

    def __init__(self, path: Path) -> None:
        """Raises sqlite3.Error: there is none, or it is damaged."""
        # Immutable: the file is only ever replaced, so SQLite needs no locks and no journal.
        uri = f"file:{quote(path.as_posix())}?immutable=1"
        self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        about = self.about()
        try:
            counts = [int(about[name]) for name in ("rows", "skipped", "duplicates")]
        except (KeyError, ValueError):
            raise sqlite3.DatabaseError("no book of instruments") from None
        self._length, self.skipped, self.duplicates = counts


def _fill(
    connection: sqlite3.Connection,
    instruments: Iterator[Instrument],
    progress: Callable[[int], None],
) -> tuple[int, int, int]:
    """How many rows were taken, had unusable names, and were there before."""
    taken = skipped = duplicates = 0
    connection.execute("BEGIN")
    while batch := list(islice(instruments, _BATCH)):
        good = [(*row, *row.terms) for row in batch if _is_usable(row)]
        inserted = connection.executemany(_INSERT, good).rowcount if good else 0
        taken += inserted
        skipped += len(batch) - len(good)
        duplicates += len(good) - inserted
        progress(taken + skipped + duplicates)
    connection.execute("COMMIT")
    return taken, skipped, duplicates


def _is_usable(row: Instrument) -> bool:
    try:
        check_instrument(row.exchange, row.symbol)
    except TopicError:
        return False
    return True
