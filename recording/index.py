"""The index of a segment, by time and topic: which blocks of records are worth reading.

A block is a thousand records. The index lies beside its segment (`NAME.rec.idx`) and is written
when the segment is closed. It is a convenience: without one, or with one that does not fit, it
is made from the segment.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final
from zlib import crc32

import msgspec
from msgspec import Struct, field

from bus.frames import Frame, Kind
from recording.notes import Gap

#: Records per block.
BLOCK: Final = 1000
_MAGIC: Final = b"OASRIDX1"
_CRC_BYTES: Final = 4


class Block(Struct, array_like=True):
    """Where a block begins, and between which times of receipt its frames lie, Unix ns."""

    offset: int
    number: int
    first_ns: int = 0
    last_ns: int = 0


class TopicSpan(Struct, array_like=True):
    """A topic's ticks: how many, from when to when, and a bit per block that has any."""

    ticks: int
    first_ns: int
    last_ns: int
    blocks: bytearray


class Index(Struct, kw_only=True):
    """What lies where in a segment of `size` bytes."""

    size: int = 0
    records: int = 0
    ticks: int = 0
    #: Whether the segment was closed in order.
    complete: bool = False
    first_ns: int = 0
    last_ns: int = 0
    blocks: list[Block] = field(default_factory=list)
    topics: dict[str, TopicSpan] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)

    def record(self, offset: int, number: int) -> None:
        """A record follows, of whatever kind; before `frame`."""
        if self.records % BLOCK == 0:
            self.blocks.append(Block(offset, number))
        self.records += 1

    def frame(self, frame: Frame) -> None:
        """That record is a frame."""
        at, block = frame.received_ns, self.blocks[-1]
        block.first_ns = min(block.first_ns, at) if block.first_ns else at
        block.last_ns = max(block.last_ns, at)
        if frame.kind != Kind.TICK:
            return
        self.ticks += 1
        self.first_ns = min(self.first_ns, at) if self.first_ns else at
        self.last_ns = max(self.last_ns, at)
        name = frame.topic.decode(errors="replace")
        span = self.topics.get(name)
        if span is None:
            span = self.topics[name] = TopicSpan(0, at, at, bytearray())
        span.ticks += 1
        span.last_ns = max(span.last_ns, at)
        place, bit = divmod(len(self.blocks) - 1, 8)
        if len(span.blocks) <= place:
            span.blocks.extend(bytes(place + 1 - len(span.blocks)))
        span.blocks[place] |= 1 << bit

    def ranges(
        self, from_ns: int = 0, to_ns: int | None = None, topics: Collection[str] | None = None
    ) -> Iterator[tuple[int, int, int]]:
        """Offset, end and first record number of what may hold frames of these times and
        topics; neighbours are joined."""
        wanted = self._holding(topics)
        begin: tuple[int, int] | None = None
        for place, block in enumerate(self.blocks):
            inside = (
                (wanted is None or wanted[place >> 3] >> (place & 7) & 1)
                and block.last_ns >= from_ns
                and (to_ns is None or block.first_ns <= to_ns)
            )
            if inside and begin is None:
                begin = block.offset, block.number
            elif not inside and begin is not None:
                yield begin[0], block.offset, begin[1]
                begin = None
        if begin is not None:
            yield begin[0], self.size, begin[1]

    def _holding(self, topics: Collection[str] | None) -> bytes | None:
        """The blocks, a bit each, that hold any of these topics; None: all."""
        if topics is None:
            return None
        bits = 0
        for topic in topics:
            span = self.topics.get(topic)
            if span is not None:
                bits |= int.from_bytes(span.blocks, "little")
        return bits.to_bytes(len(self.blocks) // 8 + 1, "little")


def index_path(segment: Path) -> Path:
    return segment.with_name(segment.name + ".idx")


def save(index: Index, segment: Path) -> None:
    """Put the index beside its segment, whole or not at all. Raises OSError."""
    body = msgspec.msgpack.encode(index)
    path = index_path(segment)
    new = path.with_name(path.name + ".new")
    new.touch(0o600)
    new.write_bytes(_MAGIC + crc32(body).to_bytes(_CRC_BYTES, "little") + body)
    new.replace(path)


def load(segment: Path, size: int) -> Index | None:
    """The index beside a segment; None: there is none that can be trusted."""
    try:
        data = index_path(segment).read_bytes()
    except OSError:
        return None
    head = len(_MAGIC)
    body = data[head + _CRC_BYTES :]
    crc = int.from_bytes(data[head : head + _CRC_BYTES], "little")
    if data[:head] != _MAGIC or crc32(body) != crc:
        return None
    index = msgspec.msgpack.decode(body, type=Index)
    return index if index.size == size else None
