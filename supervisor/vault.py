"""The adapters' credentials: the configuration's, and those that came later.

Brokers' tokens live for a day. A new one is kept here, in memory, for every later generation
of its adapter; the next `up` reads what the configuration names.
"""

from __future__ import annotations

from collections.abc import Mapping

from bus.secret import Secret
from supervisor.config import Config
from supervisor.config.openalgo import login_user
from supervisor.errors import NoTokenError, UserError


class Vault:
    """Credentials by adapter."""

    def __init__(self, config: Config) -> None:
        self._credentials = {
            name: dict(adapter.credentials) for name, adapter in config.adapters.items()
        }

    def of(self, adapter: str) -> dict[str, Secret]:
        """Raises NoTokenError: one is that of OpenAlgo's login, and nobody is logged in."""
        values = dict(self._credentials.get(adapter, {}))
        for field, value in values.items():
            user = login_user(value)
            if user is not None:
                who = f"{user} is not" if user else "nobody is"
                raise NoTokenError(f"no {field}: {who} logged in to the broker in OpenAlgo")
        return values

    def replace(self, adapter: str, values: Mapping[str, Secret]) -> None:
        """Use these from now on; the others stay.

        Raises:
            UserError: no such adapter, or it has no credential of that name.
        """
        known = self._credentials.get(adapter)
        if known is None:
            names = ", ".join(self._credentials) or "none"
            raise UserError(f"no adapter is named {adapter!r}; there are: {names}")
        for name in values:
            if name not in known:
                names = ", ".join(sorted(known)) or "none"
                raise UserError(f"{adapter} has no credential {name!r}; it has: {names}")
        known.update(values)

    def follow(self, before: Config, after: Config) -> None:
        """Take up what a new configuration changed; where it says the same as before, what
        came later stays."""
        now: dict[str, dict[str, Secret]] = {}
        for name, adapter in after.adapters.items():
            was = before.adapters[name].credentials if name in before.adapters else {}
            held = self._credentials.get(name, {})
            now[name] = {
                key: held[key] if key in held and was.get(key) == value else value
                for key, value in adapter.credentials.items()
            }
        self._credentials = now
