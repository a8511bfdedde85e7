"""The SQLite file of the API keys: made private, and brought up to date."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bus.clock import SystemClock

_BUSY_TIMEOUT_S: Final = 2.0
_AGAIN_S: Final = 0.005

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS api_keys (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    last_used INTEGER,
    revoked INTEGER,
    user TEXT NOT NULL DEFAULT '',
    role TEXT NOT NULL DEFAULT 'trader',
    expires INTEGER,
    route TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX IF NOT EXISTS one_active_key_per_name ON api_keys (name)
    WHERE revoked IS NULL;
"""
#: Columns that files of the first version have not.
_LATER_COLUMNS: Final = {
    "user": "TEXT NOT NULL DEFAULT ''",
    "role": "TEXT NOT NULL DEFAULT 'trader'",
    "expires": "INTEGER",
    "route": "TEXT NOT NULL DEFAULT ''",
}


def open_key_file(path: Path) -> sqlite3.Connection:
    """Open the file, made if need be, for its owner's eyes only.

    Raises:
        sqlite3.Error, OSError: it cannot be opened or made, or is no database.
    """
    _make_private(path)
    db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, cached_statements=16)
    try:
        _use_wal(db)
        db.executescript(_SCHEMA)
        _add_columns(db)
    except sqlite3.Error:
        db.close()
        raise
    return db


def _use_wal(db: sqlite3.Connection) -> None:
    """Processes that begin together on a new file refuse each other this at once, whatever
    patience they have otherwise."""
    clock = SystemClock()
    deadline = clock.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or clock.monotonic() > deadline:
                raise
            time.sleep(_AGAIN_S)
        else:
            return


def _make_private(path: Path) -> None:
    """Make the file before SQLite does (its journals follow)."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)


def _add_columns(db: sqlite3.Connection) -> None:
    if not _missing_columns(db):
        return
    db.execute("BEGIN IMMEDIATE")  # another process may be at it
    for column in _missing_columns(db):
        db.execute(f"ALTER TABLE api_keys ADD COLUMN {column} {_LATER_COLUMNS[column]}")
    db.execute("COMMIT")


def _missing_columns(db: sqlite3.Connection) -> Sequence[str]:
    known = {row[1] for row in db.execute("PRAGMA table_info(api_keys)")}
    return [column for column in _LATER_COLUMNS if column not in known]
