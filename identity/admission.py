"""Keys become identities, and who fails often waits: for the servers that speak HTTP."""

from __future__ import annotations

import asyncio
import logging

from bus.access import LimitSettings
from bus.clock import Clock
from identity.authority import Authority, Identity, Slow
from identity.throttle import FailedLogins

logger = logging.getLogger(__name__)


class KeyChecks:
    """Checks keys. Only failures are delayed, by address; good keys never."""

    def __init__(self, authority: Authority, limits: LimitSettings, clock: Clock) -> None:
        self._authority = authority
        self._clock = clock
        self._failed = FailedLogins.by(limits)
        self._first_delay_s = limits.failed_login_delay_s
        self.failures_total = 0

    async def check(self, key: str, address: str) -> Identity | None:
        """Who that is; None, after a delay that grows, for nobody.

        Raises:
            IdentityError: it cannot be known now.
        """
        answer = self._authority.verify(key) if key else None
        if isinstance(answer, Slow):
            await asyncio.sleep(self._failed.delay(address, self._clock.monotonic()))
            answer = await answer.run()
        if answer is not None:
            return answer
        self.failures_total += 1
        delay = self._failed.failed(address, self._clock.monotonic())
        if delay == self._first_delay_s:  # of a series one line is enough
            logger.warning("logins that fail again and again, from %s", address)
        await asyncio.sleep(delay)
        return None
