"""Tickets: who logged in at one of our servers need not show the credential to the next.

The console keeps no API key in the browser: its page asks the console for a ticket and logs in
to the proxy with that. A ticket holds an identity, is sealed with the run's secret, is good for
a minute, and is worth no more than the credential behind it: whoever gives that identity out is
asked whether it still would.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from bus.clock import Clock
from bus.secret import Secret
from identity.authority import Identity

TICKET_S: Final = 60.0
_MARK: Final = "ticket."
#: Longer ones are refused unread.
_MAX_LENGTH: Final = 8192
_SEAL_BYTES: Final = 32


class _Ticket(Struct, frozen=True):
    identity: Identity
    #: Unix seconds.
    until: float


class Tickets:
    """Makes tickets, and takes them as an authority (`identity.authority.Authority`).

    `renew` is asked for the identity as its own authority would give it out now.
    """

    def __init__(
        self, secret: Secret, clock: Clock, renew: Callable[[Identity], Identity | None]
    ) -> None:
        # A key of its own: what is sealed here opens nothing on the control plane.
        self._key = hmac.digest(secret.reveal().encode(), b"identity.tickets", hashlib.sha256)
        self._clock = clock
        self._renew = renew
        self._decoder = msgspec.msgpack.Decoder(_Ticket)

    def make(self, identity: Identity) -> str:
        body = msgspec.msgpack.encode(_Ticket(identity, self._now() + TICKET_S))
        return _MARK + base64.urlsafe_b64encode(self._seal(body) + body).decode()

    def verify(self, credential: str) -> Identity | None:
        """Who that is; None for what is no ticket of this run, too old, or of a revoked key."""
        if not credential.startswith(_MARK) or len(credential) > _MAX_LENGTH:
            return None
        try:
            sealed = base64.b64decode(credential.removeprefix(_MARK), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        seal, body = sealed[:_SEAL_BYTES], sealed[_SEAL_BYTES:]
        if not hmac.compare_digest(seal, self._seal(body)):
            return None
        ticket = self._decoder.decode(body)
        if ticket.until <= self._now():
            return None
        return self._renew(ticket.identity)

    def changed(self) -> bool:
        """Tickets do not change; what is behind them tells for itself."""
        return False

    def renew(self, identity: Identity) -> Identity | None:
        """No identity is a ticket's own."""
        return None

    def _seal(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, hashlib.sha256)

    def _now(self) -> float:
        return self._clock.unix_ns() / 1e9
