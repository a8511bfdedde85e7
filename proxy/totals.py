"""Counters of the proxy, written by many, read by `stats` and the benchmark."""

from __future__ import annotations

from msgspec import Struct


class Totals(Struct):
    """Everything counts up from the start of the process, but for `delivered_per_s`."""

    delivered: int = 0
    bytes_sent: int = 0
    auth_failures: int = 0
    malformed: int = 0
    slow_closed: int = 0
    #: Last values sent right after an acknowledgement.
    snapshots: int = 0
    #: Updates that a newer one replaced before a client could take them; messages thrown away.
    conflated: int = 0
    dropped: int = 0
    order_updates: int = 0
    delivered_per_s: float = 0.0
    _delivered_before: int = 0

    def measure(self, elapsed_s: float) -> None:
        """Work out the rate since the last time."""
        if elapsed_s > 0:
            self.delivered_per_s = round((self.delivered - self._delivered_before) / elapsed_s, 1)
            self._delivered_before = self.delivered
