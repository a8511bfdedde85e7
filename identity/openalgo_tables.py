"""Reading OpenAlgo's SQLite database: short reads, no transaction held, nothing ever written.

Columns are read by name, and tolerated when missing: upgrades of an install add them by
scripts that may not have run yet.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from identity.authority import IdentityError

_BUSY_TIMEOUT_S: Final = 2.0


class OpenAlgoError(IdentityError):
    """OpenAlgo's database cannot be read."""


class KeyRow(NamedTuple):
    """A user's API key as it is stored."""

    user: str
    hashed: str
    encrypted: str


class LoginRow(NamedTuple):
    """A user's login to a broker as it is stored; the tokens are encrypted."""

    user: str
    broker: str
    auth: str
    feed_token: str
    client_code: str


class Rows(NamedTuple):
    """Keys, and the logins of users that are logged in to a broker."""

    keys: list[KeyRow]
    logins: list[LoginRow]

    @property
    def brokers(self) -> dict[str, str]:
        return {login.user: login.broker for login in self.logins}


class OpenAlgoTables:
    """One database. For one thread at a time; it need not exist yet."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._db: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._version = -1

    def read(self) -> Rows | None:
        """The rows, or None when nothing was committed since the last time.

        Raises:
            OpenAlgoError: it is missing, locked for too long, or none of OpenAlgo's.
        """
        try:
            db = self._connection()
            version: int = db.execute("PRAGMA data_version").fetchone()[0]
            if version == self._version:
                return None
            rows = Rows(_keys(db), _logins(db))
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise OpenAlgoError(f"OpenAlgo's database {self._path}: {error}") from error
        self._version = version
        return rows

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
        self._db, self._version = None, -1

    def _connection(self) -> sqlite3.Connection:
        """The open one, unless the file was replaced meanwhile (a restored backup)."""
        found = self._path.stat()
        if self._db is not None and self._opened == (found.st_dev, found.st_ino):
            return self._db
        self.close()
        self._db = sqlite3.connect(
            f"file:{quote(str(self._path.absolute()))}?mode=ro",
            uri=True,
            timeout=_BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        self._db.row_factory = sqlite3.Row
        self._opened = (found.st_dev, found.st_ino)
        return self._db


def _keys(db: sqlite3.Connection) -> list[KeyRow]:
    return [
        KeyRow(user, _text(row, "api_key_hash"), _text(row, "api_key_encrypted"))
        for row in db.execute("SELECT * FROM api_keys")
        if (user := _text(row, "user_id"))
    ]


def _logins(db: sqlite3.Connection) -> list[LoginRow]:
    """A row may be a logout's or a placeholder: revoked, or without a broker."""
    return [
        LoginRow(
            _text(row, "name"),
            broker,
            _text(row, "auth"),
            _text(row, "feed_token"),
            _text(row, "user_id"),
        )
        for row in db.execute("SELECT * FROM auth")
        if (broker := _text(row, "broker")) and not _value(row, "is_revoked")
    ]


def _value(row: sqlite3.Row, column: str) -> Any:
    with contextlib.suppress(IndexError):
        return row[column]
    return None


def _text(row: sqlite3.Row, column: str) -> str:
    value = _value(row, column)
    return value if isinstance(value, str) else ""
