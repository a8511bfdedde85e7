"""API keys in SQLite. A key is shown once, when it is made; only its hash is kept.

IdentityError
+-- KeysError            the store cannot be read or written (file, rights, lock)
    +-- KeyNameError     a name that the store does not take
    +-- KeyExistsError   an active key of that name exists
    +-- KeyUnknownError  no active key of that name

A plain SHA-256 is right here, and a slow password hash would be wrong: a key is 256 random
bits, so nobody finds it by guessing however fast a guess is, while verification runs in the
proxy's event loop, where 100 ms of Argon2 would hold up every client's ticks.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

from msgspec import Struct

from bus.clock import Clock, SystemClock
from identity.authority import Identity, IdentityError

KEY_BYTES: Final = 32
#: The name becomes `user_id` in the auth reply, which must stay under 1000 bytes.
MAX_NAME_LENGTH: Final = 64
#: Longer credentials are refused unhashed.
MAX_KEY_LENGTH: Final = 512

_BUSY_TIMEOUT_S: Final = 2.0
#: `last_used` is a hint for people: written at most this often per key.
_USE_RESOLUTION_S: Final = 60

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS api_keys (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    last_used INTEGER,
    revoked INTEGER
);
CREATE UNIQUE INDEX IF NOT EXISTS one_active_key_per_name ON api_keys (name)
    WHERE revoked IS NULL;
"""


class KeysError(IdentityError):
    """The key store cannot be used, or not in that way."""


class KeyNameError(KeysError, ValueError):
    """A name that cannot be a key's."""


class KeyExistsError(KeysError):
    """There is an active key of that name already."""


class KeyUnknownError(KeysError):
    """There is no active key of that name."""


class ApiKey(Struct, frozen=True):
    """A key as `keys list` shows it. Times are Unix seconds; None means never."""

    name: str
    created: int
    last_used: int | None
    revoked: int | None


class _Active(NamedTuple):
    row: int
    name: str
    digest: bytes


class KeyStore:
    """The API keys of one installation. For one thread; other processes may use the same file.

    Raises:
        KeysError: the file cannot be opened, made, or is no database.
    """

    def __init__(self, path: str | Path, clock: Clock | None = None) -> None:
        self._path = Path(path)
        self._clock = clock or SystemClock()
        self._version = -1
        self._active: list[_Active] = []
        self._valid: set[str] = set()
        self._loads = 0
        self._loads_reported = 0
        self._used: dict[int, int] = {}
        self._saved_use: dict[int, int] = {}
        with self._errors():
            _make_private(self._path)
            self._db = sqlite3.connect(
                self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, cached_statements=16
            )
        try:
            with self._errors():
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.executescript(_SCHEMA)
        except KeysError:
            self._db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    # --- for the command line -----------------------------------------------------------

    def create(self, name: str) -> str:
        """Make a key: 64 hex characters, which cannot be shown again.

        Raises:
            KeyNameError: 1 to 64 printable characters, please.
            KeyExistsError: revoke that one first.
        """
        if (
            not name
            or len(name) > MAX_NAME_LENGTH
            or not name.isprintable()
            or name != name.strip()
        ):
            raise KeyNameError(
                f"a key's name has 1 to {MAX_NAME_LENGTH} printable characters "
                "and no spaces at its ends"
            )
        key = secrets.token_hex(KEY_BYTES)
        with self._errors():
            try:
                self._db.execute(
                    "INSERT INTO api_keys (name, digest, created) VALUES (?, ?, ?)",
                    (name, _digest(key), self._now()),
                )
            except sqlite3.IntegrityError:
                raise KeyExistsError(f"there is an active key named {name!r} already") from None
        self._version = -1
        return key

    def revoke(self, name: str) -> None:
        """End the active key of that name; its live connections close within a second or so.

        Raises:
            KeyUnknownError: no active key of that name.
        """
        with self._errors():
            done = self._db.execute(
                "UPDATE api_keys SET revoked = ? WHERE name = ? AND revoked IS NULL",
                (self._now(), name),
            )
        if not done.rowcount:
            raise KeyUnknownError(f"there is no active key named {name!r}")
        self._version = -1

    def list(self) -> Sequence[ApiKey]:
        """All keys ever made, oldest first."""
        with self._errors():
            rows = self._db.execute(
                "SELECT name, created, last_used, revoked FROM api_keys ORDER BY id"
            ).fetchall()
        return [ApiKey(*row) for row in rows]

    # --- for the proxy (Authority) ------------------------------------------------------

    def verify(self, credential: str) -> Identity | None:
        """Whose active key that is. Sees keys made or revoked by other processes at once."""
        if len(credential) > MAX_KEY_LENGTH:
            return None
        self._refresh()
        digest = _digest(credential)
        found = None
        for active in self._active:  # all of them, so that the time taken tells nothing
            if hmac.compare_digest(active.digest, digest):
                found = active
        if found is None:
            return None
        self._used[found.row] = self._now()
        return Identity(found.name, _credential(found.row))

    def changed(self) -> bool:
        self._refresh()
        news = self._loads != self._loads_reported
        self._loads_reported = self._loads
        return news

    def is_valid(self, identity: Identity) -> bool:
        """As of the last `verify` or `changed`."""
        return identity.credential in self._valid

    def save_use(self) -> None:
        """Write down when keys were last used, now and then; `verify` itself never writes."""
        due = [
            (used, row)
            for row, used in self._used.items()
            if used - self._saved_use.get(row, 0) >= _USE_RESOLUTION_S
        ]
        self._used.clear()
        if due:
            with self._errors():
                self._db.executemany("UPDATE api_keys SET last_used = ? WHERE id = ?", due)
            self._saved_use.update((row, used) for used, row in due)

    def _refresh(self) -> None:
        """Read the active keys again if the file changed; `data_version` costs microseconds."""
        with self._errors():
            version: int = self._db.execute("PRAGMA data_version").fetchone()[0]
            if version == self._version:
                return
            self._active = [
                _Active(*row)
                for row in self._db.execute(
                    "SELECT id, name, digest FROM api_keys WHERE revoked IS NULL"
                )
            ]
        self._version = version
        self._loads += 1
        self._valid = {_credential(active.row) for active in self._active}

    def _now(self) -> int:
        return self._clock.unix_ns() // 1_000_000_000

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise KeysError(f"key store {self._path}: {error}") from error


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="surrogatepass")).digest()


def _credential(row: int) -> str:
    return f"key:{row}"


def _make_private(path: Path) -> None:
    """Make the file before SQLite does, for its owner's eyes only (its journals follow)."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)
