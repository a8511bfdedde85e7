"""OpenAlgo's users as an authority: their existing API keys and broker logins hold here too.

The database is looked at every few seconds, in a thread. A key that decrypts is recognised by
its SHA-256 at once. One that does not (its row was encrypted with a salt since lost) takes an
Argon2 verification per such row: in a small pool, with a bound on what may wait, and its
outcome is remembered, good and bad. Its memory names the stored hash, so a key that OpenAlgo
regenerates is worth nothing here from the next look on.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from msgspec import Struct

from bus.access import OpenAlgoSettings
from bus.clock import Clock
from identity.authority import Answer, BusyError, Identity, IdentityError, Slow
from identity.openalgo_secrets import OpenAlgoSecrets
from identity.openalgo_tables import OpenAlgoTables
from identity.recent import Recent
from identity.scopes import Scopes

logger = logging.getLogger(__name__)

#: Longer credentials are refused unhashed; OpenAlgo's keys have 64 characters.
MAX_KEY_LENGTH: Final = 512
_PREFIX: Final = "openalgo:"


class _Key(Struct, frozen=True):
    """A user's key. `digest` is the plain key's SHA-256, None when it does not decrypt."""

    user: str
    credential: str
    hashed: str
    digest: bytes | None


class _Known(Struct, frozen=True):
    """All that was read, by one look at the database."""

    keys: tuple[_Key, ...] = ()
    brokers: dict[str, str] = {}


class OpenAlgoUsers:
    """Made inside a running event loop; `look` before the first `verify`, then now and then."""

    def __init__(self, settings: OpenAlgoSettings, scopes: Scopes, clock: Clock) -> None:
        self._settings = settings
        self._scopes = scopes
        self._clock = clock
        self._tables = OpenAlgoTables(settings.database)
        self._secrets: OpenAlgoSecrets | None = None
        self._reader = ThreadPoolExecutor(1, "openalgo-db")
        self._hashers = ThreadPoolExecutor(settings.argon2_threads, "argon2")
        self._known = _Known()
        self._by_credential: dict[str, _Key] = {}
        self._undecrypted: list[_Key] = []
        self._failure: IdentityError | None = None
        self._news = False
        self._good: Recent[str] = Recent(settings.cached_keys, settings.good_key_ttl_s)
        self._bad: Recent[bool] = Recent(settings.cached_keys, settings.bad_key_ttl_s)
        self._checking: dict[bytes, asyncio.Task[_Key | None]] = {}
        self.argon2_total = 0

    async def look(self) -> None:
        """Read the database if something was committed to it. Never raises: it is asked again."""
        loop = asyncio.get_running_loop()
        try:
            known = await loop.run_in_executor(self._reader, self._read)
        except IdentityError as error:
            if self._failure is None or str(error) != str(self._failure):
                logger.warning("%s; what was known of its users holds on", error)
            self._failure = error
            return
        self._failure = None
        if known is not None and known != self._known:
            self._take(known)

    def close(self) -> None:
        """Let go of threads and database; what is being read or hashed is let finish."""
        for task in self._checking.values():
            task.cancel()
        self._hashers.shutdown(wait=False, cancel_futures=True)
        self._reader.submit(self._tables.close)
        self._reader.shutdown(wait=True)

    # --- Authority ------------------------------------------------------------------------

    def verify(self, credential: str) -> Answer:
        if len(credential) > MAX_KEY_LENGTH:
            return None
        if self._failure is not None and not self._known.keys:
            raise self._failure
        digest = hashlib.sha256(credential.encode(errors="surrogatepass")).digest()
        found = None
        for key in self._known.keys:  # all of them, so that the time taken tells nothing
            if key.digest is not None and hmac.compare_digest(key.digest, digest):
                found = key
        if found is not None:
            return self._identity(found)
        now = self._clock.monotonic()
        remembered = self._by_credential.get(self._good.get(digest, now) or "")
        if remembered is not None:
            return self._identity(remembered)
        if not self._undecrypted or self._bad.get(digest, now):
            return None
        return Slow(lambda: self._verify_slowly(credential, digest))

    def changed(self) -> bool:
        news, self._news = self._news, False
        return news

    def renew(self, identity: Identity) -> Identity | None:
        key = self._by_credential.get(identity.credential)
        return None if key is None else self._identity(key)

    # --- reading, in the reader's thread ----------------------------------------------------

    def _read(self) -> _Known | None:
        rows = self._tables.read()
        if rows is None:
            return None
        if self._secrets is None:
            self._secrets = OpenAlgoSecrets(self._settings.pepper, self._settings.fernet_salt)
        keys = []
        for row in rows.keys:
            plain = self._secrets.decrypt(row.encrypted)
            digest = None if not plain else hashlib.sha256(plain.encode()).digest()
            mark = hashlib.sha256(f"{row.user}\0{row.hashed}".encode()).hexdigest()[:16]
            keys.append(_Key(row.user, _PREFIX + mark, row.hashed, digest))
        return _Known(tuple(keys), rows.brokers)

    def _take(self, known: _Known) -> None:
        undecrypted = [key for key in known.keys if key.digest is None]
        if undecrypted != self._undecrypted:
            self._bad.clear()
        for key in undecrypted:
            if key not in self._undecrypted:
                logger.warning(
                    "the API key of OpenAlgo's user %r does not decrypt with its pepper and salt; "
                    "it is checked with Argon2, which takes longer",
                    key.user,
                )
        self._known, self._undecrypted = known, undecrypted
        self._by_credential = {key.credential: key for key in known.keys}
        self._news = True

    # --- Argon2 -----------------------------------------------------------------------------

    async def _verify_slowly(self, credential: str, digest: bytes) -> Identity | None:
        """Raises BusyError: too many others are being checked."""
        task = self._checking.get(digest)
        if task is None:
            if len(self._checking) >= self._settings.argon2_queue:
                raise BusyError("too many unknown API keys are being checked; try again")
            task = asyncio.create_task(self._check(credential, digest))
            self._checking[digest] = task
            task.add_done_callback(lambda _: self._checking.pop(digest, None))
        key = await asyncio.shield(task)
        if key is None or key.credential not in self._by_credential:
            return None
        return self._identity(key)

    async def _check(self, credential: str, digest: bytes) -> _Key | None:
        loop = asyncio.get_running_loop()
        secrets = self._secrets
        for key in tuple(self._undecrypted):
            self.argon2_total += 1
            if secrets is not None and await loop.run_in_executor(
                self._hashers, secrets.is_key, credential, key.hashed
            ):
                self._good.put(digest, key.credential, self._clock.monotonic())
                return key
        self._bad.put(digest, True, self._clock.monotonic())
        return None

    def _identity(self, key: _Key) -> Identity:
        return Identity(
            user=key.user,
            credential=key.credential,
            name=f"{key.user} (OpenAlgo)",
            scopes=self._scopes,
            broker=self._known.brokers.get(key.user, ""),
        )
