"""One number for what was recorded: equal digests mean equal ticks in equal order.

What names the adapter and its generation is left out, so that a replay under another name,
and a recording of that replay, have the digest of the original.
"""

from __future__ import annotations

import struct
from hashlib import blake2b
from typing import Final

from bus.frames import OWN_CLOCK, Frame

_STAMPS: Final = struct.Struct("<BQQI")
BYTES: Final = 16


class Digest:
    """Over ticks, in order."""

    def __init__(self) -> None:
        self.ticks = 0
        self._hash = blake2b(digest_size=BYTES)

    def add(self, frame: Frame) -> None:
        self.ticks += 1
        instrument = frame.topic[frame.topic.index(b"_") :]
        stamps = _STAMPS.pack(
            frame.flags & OWN_CLOCK, frame.sequence, frame.received_ns, len(frame.payload)
        )
        self._hash.update(instrument + b"\0" + stamps + frame.payload)

    def text(self) -> str:
        """Hexadecimal; of the ticks so far."""
        return self._hash.hexdigest()
