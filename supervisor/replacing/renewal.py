"""Following where broker tokens come from: a new one is handed to its adapter by itself.

The source is looked at in a thread every second or so; most looks find that nothing changed. An
adapter that runs is handed over to a generation with its new token, as after `token set`.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias

from bus.control.messages import Refused, Reply
from bus.errors import StreamError
from bus.secret import Secret
from supervisor.vault import Vault

logger = logging.getLogger(__name__)

_NO_SOURCE_S: Final = 1.0
_NO_MARKS: Final[Mapping[str, str]] = MappingProxyType({})

#: Credentials by adapter.
Found: TypeAlias = Mapping[str, Mapping[str, Secret]]


class TokenSource(Protocol):
    """Somebody else who logs in to brokers."""

    #: Seconds between two looks; None: no adapter's credentials come from there.
    every_s: float | None

    def look(self) -> Found | None:
        """What each adapter is to use now; None: nothing new. It may block for seconds.

        Raises:
            StreamError: nobody knows for now.
        """
        ...


class Renewal:
    """Takes what is found to where it is used, once each.

    `renew(adapter, values)` begins to use them; it may refuse, and is then asked again. `marks`
    are what an earlier supervisor left behind about what its processes use.
    """

    def __init__(
        self,
        renew: Callable[[str, Mapping[str, Secret]], Reply],
        key: Secret,
        marks: Mapping[str, str] = _NO_MARKS,
    ) -> None:
        self._renew = renew
        self._key = key.reveal().encode()
        #: Adapter -> what tells, and only who has the key, which credentials it uses.
        self.marks = dict(marks)
        self._waiting: dict[str, Mapping[str, Secret]] = {}

    def used(self, found: Found) -> None:
        """These are in use already."""
        self.marks.update({name: self._mark(values) for name, values in found.items()})

    def found(self, found: Found) -> None:
        """Who logged out is not in it; when a session ends is the broker's to say, not ours."""
        self._waiting = {
            name: values
            for name, values in found.items()
            if self._mark(values) != self.marks.get(name)
        }

    def hand_on(self) -> None:
        """One that is being restarted has to wait."""
        for name, values in list(self._waiting.items()):
            reply = self._renew(name, values)
            if isinstance(reply, Refused):
                logger.debug("the new credentials of %s have to wait: %s", name, reply.message)
                continue
            logger.info("new credentials for %s", name)
            self.used({name: values})
            del self._waiting[name]

    def _mark(self, values: Mapping[str, Secret]) -> str:
        told = "\0".join(f"{field}\0{value.reveal()}" for field, value in sorted(values.items()))
        return hmac.new(self._key, told.encode(), "sha256").hexdigest()


class Tokens:
    """Looks, and sees to it that what is found is used."""

    def __init__(self, source: TokenSource, vault: Vault, renewal: Renewal) -> None:
        self._source = source
        self._vault = vault
        self._renewal = renewal
        self._trouble = ""

    @property
    def marks(self) -> dict[str, str]:
        return self._renewal.marks

    async def take(self, starting: Collection[str]) -> None:
        """Have the credentials of this moment for those that are about to start."""
        found = await self._look()
        if found is None:
            return
        fresh = {name: values for name, values in found.items() if name in starting}
        for name, values in fresh.items():
            self._vault.replace(name, values)
        self._renewal.used(fresh)
        self._renewal.found(found)

    async def follow(self) -> None:
        """Look again and again, for ever; the source may come and go with a `reload`."""
        while True:
            await asyncio.sleep(self._source.every_s or _NO_SOURCE_S)
            found = await self._look() if self._source.every_s is not None else None
            if found is not None:
                self._renewal.found(found)
            self._renewal.hand_on()

    async def _look(self) -> Found | None:
        try:
            found = await asyncio.to_thread(self._source.look)
        except StreamError as error:
            if str(error) != self._trouble:
                logger.warning("%s; adapters go on with what they have", error)
            self._trouble = str(error)
            return None
        self._trouble = ""
        return found
