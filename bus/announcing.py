"""Events from a process that has no ticks, out to the bus.

For a moment after the start events are held: after a restart the consumers need some milliseconds
to connect, and what had happened meanwhile would be told to nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from bus.control.service import Host
from bus.events import Event, encode_event
from bus.publisher import Publisher

#: How long events wait for the consumers to connect, in seconds.
HOLD_S: Final = 1.0
#: What may wait; beyond that the oldest are told to nobody, and counted.
MAX_HELD: Final = 10_000


class Announcer:
    """Made inside a running event loop."""

    def __init__(self, host: Host) -> None:
        self._clock = host.clock
        self._held: deque[bytes] = deque()
        self.announced_total = 0
        self.unheard_total = 0
        self._publisher = Publisher(
            host.context,
            adapter=host.name,
            generation=host.generation,
            secret=host.secret,
            on_demand=lambda _: None,
            clock=host.clock,
        )
        self._holding: asyncio.TimerHandle | None = asyncio.get_running_loop().call_later(
            HOLD_S, self._let_go
        )

    @property
    def endpoint(self) -> str:
        return self._publisher.endpoint

    def tell(self, event: Event) -> None:
        """Every consumer that is there."""
        encoded = encode_event(event)
        if self._holding is None:
            self._publish(encoded)
            return
        self._held.append(encoded)
        if len(self._held) > MAX_HELD:
            self._held.popleft()
            self.unheard_total += 1

    def close(self) -> None:
        """Nothing more comes; what is held goes out now."""
        self._let_go()
        self._publisher.close()

    def _let_go(self) -> None:
        if self._holding is not None:
            self._holding.cancel()
            self._holding = None
        while self._held:
            self._publish(self._held.popleft())

    def _publish(self, event: bytes) -> None:
        self._publisher.publish_event(event, self._clock.unix_ns())
        self.announced_total += 1
