"""Which adapter feeds which instrument. Pure, and the one place that decides it."""

from __future__ import annotations

from collections.abc import Sequence

from bus.settings import AdapterEntry


class Routing:
    """The configured adapters in order of preference; the first one feeds everything."""

    def __init__(self, adapters: Sequence[AdapterEntry]) -> None:
        self.adapters = tuple(adapters)

    @property
    def default(self) -> AdapterEntry | None:
        """The adapter whose broker a client is told; None when none is configured."""
        return self.adapters[0] if self.adapters else None

    def choose(self, exchange: str, symbol: str) -> AdapterEntry | None:
        """The adapter for an instrument in canonical spelling."""
        return self.default

    @property
    def brokers(self) -> list[str]:
        """Each broker once."""
        return list(dict.fromkeys(adapter.broker for adapter in self.adapters))
