"""The frame: one ZeroMQ message part per tick or event.

    topic | 0x00 | header (24 bytes, little-endian) | payload

Header `<BBHIQQ`: version, kind, flags, generation, sequence, received_ns. One part costs a
receiver a fifth of what two parts cost (docs/performance.md), so everything is in one.
"""

from __future__ import annotations

import enum
import struct
from typing import Final, NamedTuple

from bus.errors import FrameError

VERSION: Final = 1
HEADER: Final = struct.Struct("<BBHIQQ")
HEADER_BYTES: Final = HEADER.size

#: Flag bit 0: the payload's `timestamp` is the adapter's own clock; the broker gave none.
OWN_CLOCK: Final = 1
#: Flag bit 1: sequences go on from one generation of this publisher to the next, so that the same
#: tick has the same sequence and time of receipt in each.
NUMBERED: Final = 2

_unpack = HEADER.unpack_from
_pack = HEADER.pack


class Kind(enum.IntEnum):
    """What a frame carries."""

    TICK = 1
    EVENT = 2


class Frame(NamedTuple):
    """A frame taken apart.

    `topic` is without its NUL; `sequence` counts from 1 per topic and generation;
    `received_ns` is Unix time in ns when the broker's bytes arrived at the adapter.
    """

    topic: bytes
    kind: int
    flags: int
    generation: int
    sequence: int
    received_ns: int
    payload: bytes


def encode(
    wire_topic: bytes,
    kind: Kind,
    flags: int,
    generation: int,
    sequence: int,
    received_ns: int,
    payload: bytes,
) -> bytes:
    """Build a frame; `wire_topic` ends in NUL (`Topic.wire`, `event_topic`)."""
    return wire_topic + _pack(VERSION, kind, flags, generation, sequence, received_ns) + payload


def decode(data: bytes) -> Frame:
    """Take a frame apart.

    Raises:
        FrameError: no topic, a header cut short, an unknown version or kind.
    """
    end = data.find(0)
    if end <= 0:
        raise FrameError("no topic")
    start = end + 1
    if len(data) < start + HEADER_BYTES:
        raise FrameError(f"header cut short: {len(data) - start} of {HEADER_BYTES} bytes")
    version, kind, flags, generation, sequence, received_ns = _unpack(data, start)
    if version != VERSION:
        raise FrameError(f"version {version}, known is {VERSION}")
    if kind not in _KINDS:
        raise FrameError(f"unknown kind {kind}")
    return Frame(
        data[:end], kind, flags, generation, sequence, received_ns, data[start + HEADER_BYTES :]
    )


_KINDS: Final = frozenset(int(kind) for kind in Kind)
