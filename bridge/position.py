"""How far a stream was read, from one life of a reader to the next.

A new life begins where the one before was. While both live, consumers know again what both
bring (`bus.splicing.splice`); after one that was killed, what it read since it last said where it
was comes again. A place that is too old is not used: nobody wants to see last night's ticks in the
morning.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from bus.clock import Clock

#: Seconds after which a place is forgotten.
FRESH_S: Final = 60.0


class _Place(Struct, frozen=True):
    stream: str
    sequence: int
    at_ns: int


class Position:
    """In one file, which each life replaces whole; without a folder nothing is kept."""

    def __init__(self, folder: Path | None, name: str, stream: str, clock: Clock) -> None:
        self._path = None if folder is None else folder / f"{name}.position"
        self._stream = stream
        self._clock = clock
        self._saved: int | None = None

    def load(self) -> int | None:
        """Where the life before was; None: there was none, or it is too long ago."""
        try:
            data = b"" if self._path is None else self._path.read_bytes()
            place = msgspec.json.decode(data, type=_Place)
        except (OSError, msgspec.DecodeError):
            return None
        age_s = (self._clock.unix_ns() - place.at_ns) / 1e9
        return place.sequence if place.stream == self._stream and 0 <= age_s < FRESH_S else None

    def save(self, sequence: int | None) -> None:
        """Remember it; what cannot be written is not worth an error."""
        if self._path is None or sequence is None or sequence == self._saved:
            return
        place = _Place(self._stream, sequence, self._clock.unix_ns())
        beside = self._path.with_suffix(".position-new")
        with contextlib.suppress(OSError):
            beside.write_bytes(msgspec.json.encode(place))
            beside.replace(self._path)
            self._saved = sequence
