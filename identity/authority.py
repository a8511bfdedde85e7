"""What the proxy needs from whatever knows its users; `KeyStore` is the first of them."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from bus.errors import StreamError


class Identity(Struct, frozen=True):
    """Somebody who has proved who they are.

    `user` is for people and replies; `credential` names what they proved it with (never the
    secret itself), so that one revoked credential ends exactly the connections it opened.
    """

    user: str
    credential: str


class Authority(Protocol):
    """Turns credentials into identities. All calls are quick: they run in the event loop."""

    def verify(self, credential: str) -> Identity | None:
        """Who that is; None when it is nobody.

        Raises:
            IdentityError: the answer cannot be known now.
        """
        ...

    def changed(self) -> bool:
        """Whether credentials came or went since the last time this said so; cheap."""
        ...

    def is_valid(self, identity: Identity) -> bool:
        """Whether the identity would still be given out."""
        ...


class IdentityError(StreamError):
    """Base of all errors of this package."""
