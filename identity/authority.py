"""What the proxy needs from whatever knows its users, and who they turn out to be.

IdentityError     the answer cannot be known now; its text has no secret in it
+-- BusyError     too many credentials are being checked already
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol, TypeAlias

from msgspec import Struct

from bus.errors import StreamError
from identity.scopes import Scopes


class Identity(Struct, frozen=True, kw_only=True):
    """Somebody who has proved who they are.

    `user` is whose orders these are and what replies say; `credential` names what was proved
    with (never the secret itself), so that one revoked credential ends exactly the connections
    it opened; `name` is what people call that credential.
    """

    user: str
    credential: str
    name: str
    scopes: Scopes
    #: The broker that the user is logged in to; None when whoever feeds will do, "" when the
    #: user ought to have one and has none now.
    broker: str | None = None
    #: The adapters that feed it, in order of preference; empty: as `[routing]` says.
    route: tuple[str, ...] = ()
    #: Unix seconds; the identity ends by itself then.
    expires: float | None = None


class Slow(NamedTuple):
    """An answer that takes time and work: `run` it, off the path of the ticks."""

    run: Callable[[], Awaitable[Identity | None]]


#: Who that is; None when it is nobody.
Answer: TypeAlias = Identity | Slow | None


class Authority(Protocol):
    """Turns credentials into identities. All calls are quick: they run in the event loop."""

    def verify(self, credential: str) -> Answer:
        """Who that is.

        Raises:
            IdentityError: the answer cannot be known now.
        """
        ...

    def changed(self) -> bool:
        """Whether credentials or rights changed since the last time this said so; cheap."""
        ...

    def renew(self, identity: Identity) -> Identity | None:
        """The identity as it would be given out now; None when it would not be."""
        ...


class IdentityError(StreamError):
    """Base of all errors of this package."""


class BusyError(IdentityError):
    """More credentials wait to be checked than is reasonable."""
