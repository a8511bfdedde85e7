"""Credentials that say `openalgo:`: those of today's login to the broker in OpenAlgo.

OpenAlgo's database is read by `identity`, what a broker's adapter makes of it is the adapter's;
here the two meet (`supervisor.replacing.renewal.TokenSource`).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from bus.secret import Secret
from bus.settings import AdapterSettings
from supervisor.config import Config
from supervisor.config.openalgo import login_user

if TYPE_CHECKING:
    from identity.openalgo_secrets import OpenAlgoSecrets
    from identity.openalgo_tables import LoginRow

logger = logging.getLogger(__name__)


class OpenAlgoLogins:
    """The logins of the install that the configuration names."""

    def __init__(self, settings: Config) -> None:
        self.take(settings)

    def take(self, settings: Config) -> None:
        """Serve the adapters of another configuration from now on; the next look tells all."""
        wanted = {name: adapter for name, adapter in settings.adapters.items() if _fields(adapter)}
        # A look may be under way in another thread: it ends with the reader that it began with.
        self._reader = _Reader(settings, wanted) if wanted else None
        self.every_s = settings.openalgo.poll_s if wanted else None

    def look(self) -> dict[str, dict[str, Secret]] | None:
        """Raises IdentityError: the database cannot be read now."""
        reader = self._reader
        return None if reader is None else reader.look()


def resolved(settings: Config) -> Config:
    """The configuration with the credentials of the logins of this moment.

    Raises:
        IdentityError: the database cannot be read now.
    """
    found = OpenAlgoLogins(settings).look() or {}
    adapters = {
        name: msgspec.structs.replace(
            adapter, credentials={**adapter.credentials, **found.get(name, {})}
        )
        for name, adapter in settings.adapters.items()
    }
    return msgspec.structs.replace(settings, adapters=adapters)


class _Reader:
    """Reads one database for some adapters."""

    def __init__(self, settings: Config, wanted: dict[str, AdapterSettings]) -> None:
        from identity.openalgo_tables import OpenAlgoTables

        self._openalgo = settings.openalgo
        self._wanted = wanted
        self._tables = OpenAlgoTables(settings.openalgo.database)
        self._secrets: OpenAlgoSecrets | None = None
        self._undecrypted: set[str] = set()

    def look(self) -> dict[str, dict[str, Secret]] | None:
        from identity.openalgo_secrets import OpenAlgoSecrets

        rows = self._tables.read()
        if rows is None:
            return None
        if self._secrets is None:  # derived here, as it takes a tenth of a second
            self._secrets = OpenAlgoSecrets(self._openalgo.pepper, self._openalgo.fernet_salt)
        found = {}
        for name, adapter in self._wanted.items():
            values = self._values(adapter, rows.logins, self._secrets)
            if values and all(values.values()):
                found[name] = values
        return found

    def _values(
        self, adapter: AdapterSettings, logins: list[LoginRow], secrets: OpenAlgoSecrets
    ) -> dict[str, Secret]:
        """What the adapter is to use; a value is empty while nobody is logged in for it."""
        from adapters.broker import Broker, OpenAlgoLogin
        from adapters.registry import find_any

        broker = find_any(adapter.broker)
        values = {}
        for field, user in _fields(adapter).items():
            of_broker = [row for row in logins if row.broker == adapter.broker]
            row = next((row for row in of_broker if user in {"", row.user}), None)
            text = ""
            if row is not None and isinstance(broker, Broker):
                login = OpenAlgoLogin(
                    self._decrypt(secrets, row, row.auth),
                    self._decrypt(secrets, row, row.feed_token),
                    row.client_code,
                    self._openalgo.broker_api_key.reveal(),
                )
                text = broker.openalgo_login(login).get(field, "")
            values[field] = Secret(text)
        return values

    def _decrypt(self, secrets: OpenAlgoSecrets, row: LoginRow, token: str) -> str:
        plain = secrets.decrypt(token) if token else ""
        if plain is None and row.user not in self._undecrypted:
            self._undecrypted.add(row.user)
            logger.warning(
                "the broker token of OpenAlgo's user %r does not decrypt with its pepper and "
                "salt; log in to %s there again",
                row.user,
                row.broker,
            )
        return plain or ""


def _fields(adapter: AdapterSettings) -> dict[str, str]:
    """The credentials that come from a login, and whose it is; empty for anybody's."""
    return {
        field: user or adapter.user
        for field, value in adapter.credentials.items()
        if (user := login_user(value)) is not None
    }
