"""API keys in SQLite. A key is shown once, when it is made; only its hash is kept.

A key has a name, a user (whose orders it may see), a role and perhaps an end. Rotating one
makes its successor and ends it, at once or after an overlap in which both are good.
"""

from __future__ import annotations

import contextlib
import hmac
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

from bus.access import DEFAULT_ROLE
from bus.clock import Clock, SystemClock
from identity.api_key import (
    MAX_KEY_LENGTH,
    ApiKey,
    KeyExistsError,
    KeysError,
    KeyUnknownError,
    check_name,
    digest_of,
    new_key,
    route_of,
    route_text,
)
from identity.authority import Identity
from identity.key_file import open_key_file
from identity.scopes import Roles

logger = logging.getLogger(__name__)

#: `last_used` is a hint for people: written at most this often per key.
_USE_RESOLUTION_S: Final = 60


class _Active(NamedTuple):
    row: int
    name: str
    digest: bytes
    user: str
    role: str
    route: str
    ends: int | None


class KeyStore:
    """The API keys of one installation. For one thread; other processes may use the same file.

    Raises:
        KeysError: the file cannot be opened, made, or is no database.
    """

    def __init__(
        self, path: str | Path, clock: Clock | None = None, roles: Roles | None = None
    ) -> None:
        self._path = Path(path)
        self._clock = clock or SystemClock()
        self._roles = roles or Roles()
        self._version = -1
        self._active: list[_Active] = []
        self._identities: dict[str, Identity] = {}
        self._loads = 0
        self._loads_reported = 0
        self._used: dict[int, int] = {}
        self._saved_use: dict[int, int] = {}
        with self._errors():
            self._db = open_key_file(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    # --- for the command line -----------------------------------------------------------

    def create(
        self,
        name: str,
        *,
        user: str = "",
        role: str = DEFAULT_ROLE,
        expires: int | None = None,
        route: Sequence[str] = (),
    ) -> str:
        """Make a key: 64 hex characters, which cannot be shown again.

        `user` is the name's when left out; `expires` is in Unix seconds; `route` names the
        adapters that feed it, in order of preference.

        Raises:
            KeyNameError: 1 to 64 printable characters, please.
            KeyExistsError: revoke or rotate that one.
        """
        check_name(name, "key's name")
        if user:
            check_name(user, "user's name")
        with self._errors():
            try:
                return self._insert(name, user or name, role, expires, route_text(route))
            except sqlite3.IntegrityError:
                raise KeyExistsError(f"there is an active key named {name!r} already") from None

    def rotate(self, name: str, *, overlap_s: int = 0, expires: int | None = None) -> str:
        """Make the successor of an active key, for the same user, role and route.

        The old key ends after `overlap_s` seconds; until then both are good. The successor
        expires at `expires`, or never: the old key's end is not inherited.

        Raises:
            KeyUnknownError: no active key of that name.
        """
        with self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                user, role, route = self._end(name, self._now() + overlap_s)
                key = self._insert(name, user or name, role, expires, route)
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        return key

    def revoke(self, name: str) -> str:
        """End the key of that name, and its predecessors that overlap; returns its user.

        Live connections close within a second.

        Raises:
            KeyUnknownError: no active key of that name.
        """
        with self._errors():
            user, _, _ = self._end(name, self._now())
        return user or name

    def list(self) -> Sequence[ApiKey]:
        """All keys ever made, oldest first."""
        with self._errors():
            rows = self._db.execute(
                "SELECT name, created, last_used, revoked, user, role, expires, route "
                "FROM api_keys ORDER BY id"
            ).fetchall()
        return [
            ApiKey(name, created, used, revoked, user or name, role, expires, route_of(route))
            for name, created, used, revoked, user, role, expires, route in rows
        ]

    # --- for the proxy (Authority) ------------------------------------------------------

    def verify(self, credential: str) -> Identity | None:
        """Whose active key that is. Sees keys made or revoked by other processes at once."""
        if len(credential) > MAX_KEY_LENGTH:
            return None
        self._refresh()
        digest = digest_of(credential)
        found = None
        for active in self._active:  # all of them, so that the time taken tells nothing
            if hmac.compare_digest(active.digest, digest):
                found = active
        if found is None:
            return None
        identity = self._identity(found)
        if identity is not None:
            self._used[found.row] = self._now()
        return identity

    def changed(self) -> bool:
        self._refresh()
        news = self._loads != self._loads_reported
        self._loads_reported = self._loads
        return news

    def renew(self, identity: Identity) -> Identity | None:
        """As of the last `verify` or `changed`, and of now."""
        current = self._identities.get(identity.credential)
        if current is None or (current.expires is not None and current.expires <= self._now()):
            return None
        return current

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
            rows = self._db.execute(
                "SELECT id, name, digest, user, role, route, "
                "min(ifnull(revoked, expires), ifnull(expires, revoked)) AS ends "
                "FROM api_keys WHERE ends IS NULL OR ends > ?",
                (self._now(),),
            ).fetchall()
        self._active = [_Active(*row) for row in rows]
        self._version = version
        self._loads += 1
        made = [self._identity(active) for active in self._active]
        self._identities = {one.credential: one for one in made if one is not None}

    def _identity(self, active: _Active) -> Identity | None:
        """None when it has ended, or has a role that the configuration knows no more."""
        if active.ends is not None and active.ends <= self._now():
            return None
        scopes = self._roles.get(active.role)
        if scopes is None:
            logger.warning(
                "key %r has the role %r, which is not configured", active.name, active.role
            )
            return None
        return Identity(
            user=active.user or active.name,
            credential=f"key:{active.row}",
            name=active.name,
            scopes=scopes,
            route=route_of(active.route),
            expires=active.ends,
        )

    # --- rows ---------------------------------------------------------------------------

    def _insert(self, name: str, user: str, role: str, expires: int | None, route: str) -> str:
        key = new_key()
        self._db.execute(
            "INSERT INTO api_keys (name, digest, created, user, role, expires, route) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (name, digest_of(key), self._now(), user, role, expires, route),
        )
        self._version = -1
        return key

    def _end(self, name: str, when: int) -> tuple[str, str, str]:
        """Let the keys of that name end then, at the latest; the newest one's user, role and
        route."""
        row = self._db.execute(
            "SELECT user, role, route FROM api_keys WHERE name = ? AND revoked IS NULL", (name,)
        ).fetchone()
        if row is None:
            raise KeyUnknownError(f"there is no active key named {name!r}")
        self._db.execute(
            "UPDATE api_keys SET revoked = ? WHERE name = ? AND (revoked IS NULL OR revoked > ?)",
            (when, name, when),
        )
        self._version = -1
        return row[0], row[1], row[2]

    def _now(self) -> int:
        return self._clock.unix_ns() // 1_000_000_000

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise KeysError(f"key store {self._path}: {error}") from error
