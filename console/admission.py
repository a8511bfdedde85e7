"""Logging in: an API key becomes an identity, and who tries or fails often waits."""

from __future__ import annotations

from bus.access import LimitSettings
from bus.clock import Clock
from identity.admission import KeyChecks
from identity.authority import Authority, IdentityError
from identity.throttle import Buckets


class Admission(KeyChecks):
    """Checks keys. Counts what failed."""

    def __init__(self, authority: Authority, limits: LimitSettings, clock: Clock) -> None:
        super().__init__(authority, limits, clock)
        self._attempts = Buckets(limits.handshakes_per_minute / 60.0, limits.handshakes_per_minute)
        self.refused_total = 0

    def allows(self, address: str) -> bool:
        """Whether that address may try now."""
        allowed = self._attempts.take(address, self._clock.monotonic())
        self.refused_total += not allowed
        return allowed


__all__ = ["Admission", "IdentityError"]
