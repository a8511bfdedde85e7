"""What a recording says about itself, in its place among the frames: JSON, tagged by `note`."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

#: `queue`: the disk was too slow; `disk`: it refused; `bus`: frames did not reach the recorder;
#: `down`: nobody recorded.
Reason: TypeAlias = Literal["queue", "disk", "bus", "down"]


class Begin(Struct, frozen=True, tag="begin", tag_field="note"):
    """The first record of a segment. Times in Unix ns."""

    created_ns: int
    segment: int
    software: str


class Gap(Struct, frozen=True, tag="gap", tag_field="note"):
    """Ticks are missing here; `lost` is how many, None where nobody can know. The times are
    those of the first and last lost tick, or of the silence."""

    reason: Reason
    lost: int | None
    since_ns: int
    until_ns: int


def joined(one: Gap, other: Gap) -> Gap:
    """Two gaps of one reason as one."""
    lost = None if one.lost is None or other.lost is None else one.lost + other.lost
    since_ns, until_ns = min(one.since_ns, other.since_ns), max(one.until_ns, other.until_ns)
    return Gap(one.reason, lost, since_ns, until_ns)


class End(Struct, frozen=True, tag="end", tag_field="note"):
    """The last record of a segment that was closed in order; `records` came before it."""

    records: int


Note: TypeAlias = Begin | Gap | End

encode_note = msgspec.json.Encoder().encode
decode_note = msgspec.json.Decoder(Note).decode
