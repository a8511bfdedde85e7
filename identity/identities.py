"""All that knows users, put together, and kept in step with what it knows them from."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from typing import Final, Protocol

from bus.access import AccessSettings
from bus.control.exits import Exit
from bus.control.messages import Stats
from bus.control.service import ExitError, Host
from identity.authority import Authority, Identity, IdentityError
from identity.chain import Chain
from identity.keys import KeyStore
from identity.openalgo import OpenAlgoUsers
from identity.scopes import Roles
from identity.tickets import Tickets
from identity.tokens import TokenAuthority

logger = logging.getLogger(__name__)

#: Looks at OpenAlgo's database are so far apart, however often we are asked to look.
_LOOK_EVERY_S: Final = 0.1


class Holder(Protocol):
    """A client, as far as its identity goes."""

    @property
    def identity(self) -> Identity | None: ...

    def renew(self, identity: Identity) -> None:
        """It has these rights now."""
        ...

    def revoke(self, reason: str) -> None:
        """It is nobody any more."""
        ...


class Identities:
    """Made inside a running event loop.

    Raises:
        ExitError: the key store, the tokens' keys or a role cannot be used.
    """

    def __init__(self, host: Host, keys_path: str, access: AccessSettings) -> None:
        self._host = host
        self._access = access
        roles = Roles(access.roles)
        try:
            self._keys = KeyStore(keys_path, host.clock, roles)
            authorities: dict[str, Authority] = {"key": self._keys}
            if access.jwt.secret or access.jwt.jwks:
                authorities["jwt"] = TokenAuthority(access.jwt, roles, host.clock)
        except IdentityError as error:
            raise ExitError(Exit.CONFIGURATION, str(error)) from None
        self._openalgo = self._openalgo_users(access, roles)
        if self._openalgo is not None:
            authorities["openalgo"] = self._openalgo
        self.tickets = Tickets(host.secret, host.clock, self._renew)
        authorities["ticket"] = self.tickets
        self.authority = Chain(authorities)
        self._hint = asyncio.Event()
        self._hints = 0
        self._polling: asyncio.Task[None] | None = None
        self._said = ""

    async def start(self) -> None:
        """Know whom OpenAlgo knows, and go on following it."""
        if self._openalgo is None:
            return
        await self._openalgo.look()
        self._polling = asyncio.create_task(self._poll(self._openalgo))
        self._polling.add_done_callback(self._polling_ended)

    def stop(self) -> None:
        if self._polling is not None:
            self._polling.cancel()
        if self._openalgo is not None:
            self._openalgo.close()
        self._keys.close()

    def look(self) -> None:
        """OpenAlgo says that something changed: look sooner than it is time to."""
        self._hints += 1
        self._hint.set()

    def sweep(self, clients: Iterable[Holder]) -> None:
        """End or change what clients may, after whatever happened. Cheap when nothing did."""
        try:
            news = self.authority.changed()
        except IdentityError as error:
            self._say(str(error))
            news = False
        now = self._host.clock.unix_ns() / 1e9
        for client in clients:
            identity = client.identity
            if identity is None:
                continue
            if identity.expires is not None and identity.expires <= now:
                client.revoke("key expired")
            elif news:
                current = self.authority.renew(identity)
                if current is None:
                    client.revoke("key revoked")
                else:
                    client.renew(current)

    def _renew(self, identity: Identity) -> Identity | None:
        """Whose ticket it is, as the authority behind it says now."""
        return self.authority.renew(identity)

    def save_use(self) -> None:
        """Note which keys were used."""
        try:
            self._keys.save_use()
        except IdentityError as error:
            self._say(str(error))

    def stats(self) -> Stats:
        if self._openalgo is None:
            return {}
        return {
            "argon2_total": self._openalgo.argon2_total,
            "invalidations_total": self._hints,
        }

    def _openalgo_users(self, access: AccessSettings, roles: Roles) -> OpenAlgoUsers | None:
        if not access.openalgo.database:
            return None
        scopes = roles.get(access.openalgo.role)
        if scopes is None:
            raise ExitError(
                Exit.CONFIGURATION, f"openalgo.role: no role {access.openalgo.role!r} is configured"
            )
        return OpenAlgoUsers(access.openalgo, scopes, self._host.clock)

    async def _poll(self, users: OpenAlgoUsers) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._access.openalgo.poll_s):
                    await self._hint.wait()
            self._hint.clear()
            await users.look()
            await asyncio.sleep(_LOOK_EVERY_S)  # hints come from anybody, and in bursts

    def _polling_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._host.fail(error)

    def _say(self, text: str) -> None:
        """What is wrong four times a second is worth one line."""
        if text != self._said:
            self._said = text
            logger.warning("%s", text)
