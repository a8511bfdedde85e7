"""How many connections each credential has. Pure."""

from __future__ import annotations

from collections import Counter

from identity.authority import Identity


class Presence:
    """Counts connections by credential, within the limit of the credential's role."""

    def __init__(self) -> None:
        self._connections: Counter[str] = Counter()
        #: How often the limit kept somebody out.
        self.refused_total = 0

    def enter(self, identity: Identity) -> bool:
        """One connection more, if the role allows; to be left again when it does."""
        if self._connections[identity.credential] >= identity.scopes.connections:
            self.refused_total += 1
            return False
        self._connections[identity.credential] += 1
        return True

    def resume(self, identity: Identity) -> None:
        """One that another process let in, whatever the limit."""
        self._connections[identity.credential] += 1

    def leave(self, identity: Identity) -> None:
        self._connections[identity.credential] -= 1
        if not self._connections[identity.credential]:
            del self._connections[identity.credential]
