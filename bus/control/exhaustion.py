"""A process that has no descriptors left: told now and then, not for each attempt.

The event loop tries to accept as many connections as may queue, and would log each failure with
its stack: thousands of lines a second, which cost the heartbeats their turn. Who is
connected goes on; who is not waits in the kernel, and the loop tries again every second.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from bus.clock import Clock

logger = logging.getLogger(__name__)

_MESSAGE: Final = "socket.accept() out of system resource"
_TOLD_EVERY_S: Final = 10.0


class Exhaustion:
    """An event loop's handler of exceptions that nobody caught."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._quiet_until = -_TOLD_EVERY_S

    def handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if context.get("message") != _MESSAGE:
            loop.default_exception_handler(context)
            return
        now = self._clock.monotonic()
        if now < self._quiet_until:
            return
        self._quiet_until = now + _TOLD_EVERY_S
        why = context["exception"].strerror
        logger.error("new connections wait: %s; allow this process more (ulimit -n)", why)
