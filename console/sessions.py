"""Who is logged in. Pure: the time is passed in.

The browser has a random token in a cookie, the session is here. Of the token only a hash is
kept, and of the API key nothing: an identity is all that is needed from then on.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from typing import Final

from identity.authority import Identity

_TOKEN_BYTES: Final = 32
#: Sessions at most, in all and of one credential; the one that was longest idle makes room.
MAX_SESSIONS: Final = 1000
MAX_OF_ONE: Final = 64


class Session:
    """One browser's (`identity.identities.Holder`)."""

    def __init__(self, identity: Identity, now: float) -> None:
        self.identity: Identity | None = identity
        self.seen_at = now

    def renew(self, identity: Identity) -> None:
        self.identity = identity

    def revoke(self, reason: str) -> None:
        self.identity = None


class Sessions:
    """All of them, by the hash of their token. `idle_s`: unused for so long, they end."""

    def __init__(self, idle_s: float) -> None:
        self._idle_s = idle_s
        #: The longest idle first.
        self._sessions: dict[bytes, Session] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    def __len__(self) -> int:
        return len(self._sessions)

    def begin(self, identity: Identity, now: float) -> str:
        """The token of a new session."""
        self.tidy(now)
        same = [
            digest
            for digest, one in self._sessions.items()
            if one.identity is not None and one.identity.credential == identity.credential
        ]
        for digest in same[: max(0, len(same) - MAX_OF_ONE + 1)]:
            del self._sessions[digest]
        while len(self._sessions) >= MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._sessions[_digest(token)] = Session(identity, now)
        return token

    def find(self, token: str, now: float) -> Session | None:
        """The session of a token; None: there is none, it was idle too long, or revoked."""
        digest = _digest(token)
        session = self._sessions.pop(digest, None)
        if session is None or not self._is_good(session, now):
            return None
        session.seen_at = now
        self._sessions[digest] = session
        return session

    def end(self, token: str) -> None:
        """Log out."""
        session = self._sessions.pop(_digest(token), None)
        if session is not None:
            session.revoke("logged out")

    def tidy(self, now: float) -> None:
        """Forget what is over."""
        over = [digest for digest, one in self._sessions.items() if not self._is_good(one, now)]
        for digest in over:
            self._sessions.pop(digest).revoke("idle")

    def _is_good(self, session: Session, now: float) -> bool:
        return session.identity is not None and now - session.seen_at < self._idle_s


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
