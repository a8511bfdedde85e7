"""`[adapters.NAME.options]` of a replay."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct, field


class ReplayOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is played, how fast, from when to when."""

    #: The recording: a folder of segments, or one file.
    path: str
    #: Times real time; 0 is as fast as the slowest consumer.
    speed: Annotated[float, Meta(ge=0)] = 1.0
    #: Play what was received between these; India's time where none is given.
    from_: datetime | None = field(default=None, name="from")
    to: datetime | None = None
    #: Begin again at the end.
    loop: bool = False
    #: Whose ticks, where the recording holds those of several adapters.
    adapter: str = ""
    #: When to begin: with the first demand, at once, or when told to.
    start: Literal["demand", "now", "paused"] = "demand"
    #: Stamp ticks with the time of playing, or leave the time of recording.
    stamps: Literal["now", "recorded"] = "now"
    #: The longest silence that is played, in recorded seconds; 0 plays every one.
    max_gap_s: Annotated[float, Meta(ge=0)] = 0.0
