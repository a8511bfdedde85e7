"""How far a stream was read, from one life of a reader to the next.

A new life begins where the one before was, and gives ticks the sequences that they had there; so
consumers know again what both bring, and what one that was killed brought already
(`bus.splicing`, `frames.NUMBERED`). A place that is too old is not used: nobody wants to see last
night's ticks in the morning.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from bridge.inlet import Count
from bus.clock import Clock

#: Seconds after which a place is forgotten.
FRESH_S: Final = 60.0


class Reached(Struct, frozen=True):
    """Behind a message of the stream."""

    #: The stream's sequence of the last message that was dealt with.
    sequence: int
    count: Count


class _Kept(Struct, frozen=True):
    stream: str
    at_ns: int
    place: Reached


class Position:
    """In one file, which each life replaces whole; without a folder nothing is kept."""

    def __init__(self, folder: Path | None, name: str, stream: str, clock: Clock) -> None:
        self._path = None if folder is None else folder / f"{name}.position"
        self._stream = stream
        self._clock = clock
        self._saved: int | None = None
        self._next: Reached | None = None

    def load(self) -> Reached | None:
        """Where the life before was; None: there was none, or it is too long ago."""
        try:
            data = b"" if self._path is None else self._path.read_bytes()
            kept = msgspec.json.decode(data, type=_Kept)
        except (OSError, msgspec.DecodeError):
            return None
        age_s = (self._clock.unix_ns() - kept.at_ns) / 1e9
        return kept.place if kept.stream == self._stream and 0 <= age_s < FRESH_S else None

    def reached(self, place: Reached) -> None:
        """Remember it when the next one is reached: what a process that is killed has said last
        may not have left it yet."""
        before, self._next = self._next, place
        if before is not None:
            self.save(before)

    def save(self, place: Reached) -> None:
        """Remember it; what cannot be written is not worth an error."""
        if self._path is None or place.sequence == self._saved:
            return
        kept = _Kept(self._stream, self._clock.unix_ns(), place)
        beside = self._path.with_suffix(".position-new")
        with contextlib.suppress(OSError):
            beside.write_bytes(msgspec.json.encode(kept))
            beside.replace(self._path)
            self._saved = place.sequence
