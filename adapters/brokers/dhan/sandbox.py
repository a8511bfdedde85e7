"""Dhan's sandbox: Dhan's protocol against a local simulator.

The vendor's sandbox has orders and funds over REST and no market data at all; OpenAlgo makes
ticks up instead. Here a simulator does (`simulate dhan_sandbox`), whose address has to be
configured: production is never asked. There are no credentials, no deep books, no orders.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from adapters.brokers.dhan import broker as dhan
from adapters.codec import Handshake
from adapters.errors import BrokerError, Verdict

_ANYBODY: Final = "sandbox"


class Sandbox(dhan.Feed):
    """A connection to a local simulator."""

    def handshake(self) -> Handshake:
        """Raises BrokerError: no address is configured."""
        if not self.account.url:
            raise BrokerError(
                "no_url",
                "Dhan Sandbox has no feed of its own: set `url` to a simulator's address",
                Verdict.FATAL,
            )
        return super().handshake()

    def credentials(self) -> tuple[str, str]:
        return _ANYBODY, _ANYBODY


BROKER: Final = replace(
    dhan.BROKER,
    name="dhan_sandbox",
    title="Dhan Sandbox",
    credentials=(),
    streams=(replace(dhan.FEED_STREAM, symbols_per_connection=1000, connections=3),),
    codec=Sandbox,
)
