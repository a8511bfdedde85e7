"""`[recorder]`: what flows on the bus, on disk."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from bus.settings.common import Positive, PositiveSeconds


class RecorderSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[recorder]`: what flows on the bus, written to disk."""

    enabled: bool = False
    #: Directory for the segments; `recordings` in the state directory when empty.
    folder: str = ""
    #: Record only these adapters; all when empty.
    adapters: list[str] = []
    #: Instruments, `EXCHANGE:SYMBOL`, that are asked of the adapters whether anybody else wants
    #: them or not, and in which mode. Beside them everything that flows is recorded.
    symbols: list[str] = []
    mode: Literal["LTP", "QUOTE", "DEPTH"] = "DEPTH"
    #: Whether order updates are recorded, too.
    orders: bool = False
    #: A segment ends at so many MiB, and with the day in India.
    segment_mb: Positive = 256
    #: MiB of disk for all segments; the oldest are deleted for new ones.
    budget_mb: Positive = 20480
    #: Seconds between two fsyncs: what a power failure can cost.
    fsync_s: PositiveSeconds = 1.0
    #: MiB that may wait for the disk before ticks are lost to the recording.
    queue_mb: Positive = 128
