"""Logging in: an API key becomes an identity, and who fails often waits, as at the proxy."""

from __future__ import annotations

import asyncio
import logging

from bus.access import LimitSettings
from bus.clock import Clock
from identity.authority import Authority, Identity, IdentityError, Slow
from identity.throttle import Buckets, FailedLogins

logger = logging.getLogger(__name__)


class Admission:
    """Checks keys. Counts what failed."""

    def __init__(self, authority: Authority, limits: LimitSettings, clock: Clock) -> None:
        self._authority = authority
        self._clock = clock
        self._attempts = Buckets(limits.handshakes_per_minute / 60.0, limits.handshakes_per_minute)
        self._failed = FailedLogins(
            limits.free_failed_logins,
            limits.failed_login_delay_s,
            limits.failed_login_delay_max_s,
            limits.failed_login_memory_s,
        )
        self.failures_total = 0
        self.refused_total = 0

    def allows(self, address: str) -> bool:
        """Whether that address may try now."""
        allowed = self._attempts.take(address, self._clock.monotonic())
        self.refused_total += not allowed
        return allowed

    async def check(self, key: str, address: str) -> Identity | None:
        """Who that is; None, after a delay that grows, for nobody.

        Raises:
            IdentityError: it cannot be known now.
        """
        answer = self._authority.verify(key)
        if isinstance(answer, Slow):
            await asyncio.sleep(self._failed.delay(address, self._clock.monotonic()))
            answer = await answer.run()
        if answer is not None:
            return answer
        self.failures_total += 1
        delay = self._failed.failed(address, self._clock.monotonic())
        if delay:
            logger.warning("logins that fail again and again, from %s", address)
        await asyncio.sleep(delay)
        return None


__all__ = ["Admission", "IdentityError"]
