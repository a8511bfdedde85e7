"""Reading one segment file: its index, its frames, and what is damaged."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from bus import frames
from bus.errors import FrameError
from bus.frames import Frame
from recording import index as indexes
from recording.errors import RecordingError
from recording.index import Index
from recording.notes import End, Gap, Note, decode_note
from recording.records import Damage, Data, Kind, Record, Unpacker

SUFFIX: Final = ".rec"

#: Holds thousands of records, whatever they are.
_TAIL_BYTES: Final = 1 << 20

OnDamage = Callable[["Segment", Damage], None]


class Inspection(NamedTuple):
    """What a whole reading of a segment found. `unreadable` records are whole, and hold
    something that this version does not know."""

    contents: Index
    damages: list[Damage]
    unreadable: int

    @property
    def lost(self) -> int:
        """Records that are known to be missing."""
        return sum(damage.lost or 0 for damage in self.damages)


class Segment:
    """One file of a recording; open until `close`."""

    def __init__(self, path: Path) -> None:
        """Raises RecordingError: it cannot be opened."""
        self.path = path
        try:
            with path.open("rb") as file:
                self.size = path.stat().st_size
                self._data: Data = (
                    mmap.mmap(file.fileno(), self.size, access=mmap.ACCESS_READ)
                    if self.size
                    else b""
                )
        except OSError as error:
            raise RecordingError(f"{path}: cannot be read: {error.strerror}") from None
        self._unpacker = Unpacker()
        self._index: Index | None = None

    def close(self) -> None:
        if isinstance(self._data, mmap.mmap):
            self._data.close()

    @property
    def index(self) -> Index:
        """From the file beside it, or made by reading everything."""
        if self._index is None:
            self._index = indexes.load(self.path, self.size) or self.inspect().contents
        return self._index

    def last_ns(self) -> int:
        """The latest time of receipt near the end, Unix ns; 0: no tick is there. Cheap."""
        told = indexes.load(self.path, self.size)
        if told is not None:
            return told.last_ns
        first = self._unpacker.first(self._data, max(0, self.size - _TAIL_BYTES))
        if first is None:
            return 0
        found = self._unpacker.scan(self._data, first.offset, number=first.number)
        contents = (_content(record) for record in found if isinstance(record, Record))
        return max((f.received_ns for f in contents if isinstance(f, Frame)), default=0)

    def inspect(
        self,
        progress: Callable[[int], None] | None = None,
        on_frame: Callable[[Frame], None] | None = None,
    ) -> Inspection:
        """Read everything, without trusting the index; the one that is made holds what is whole.
        `progress` gets the offset now and then, `on_frame` each frame."""
        index, damages, unreadable = Index(size=self.size), [], 0
        for found in self._unpacker.scan(self._data):
            if isinstance(found, Damage):
                damages.append(found)
                continue
            index.record(found.offset, found.number)
            content = _content(found)
            if content is None:
                unreadable += 1
            elif isinstance(content, Frame):
                index.frame(content)
                if on_frame is not None:
                    on_frame(content)
            elif isinstance(content, Gap):
                index.gaps.append(content)
            elif isinstance(content, End):
                index.complete = content.records == found.number
            if progress is not None and index.records % indexes.BLOCK == 0:
                progress(found.end)
        return Inspection(index, damages, unreadable)

    def frames(
        self,
        from_ns: int = 0,
        to_ns: int | None = None,
        topics: Collection[str] | None = None,
        on_damage: OnDamage | None = None,
    ) -> Iterator[Frame]:
        """The frames received between two times, ends included, in the order of recording."""
        wanted = None if topics is None else {topic.encode() for topic in topics}
        for begin, end, number in self.index.ranges(from_ns, to_ns, topics):
            for found in self._unpacker.scan(self._data, begin, end, number):
                if isinstance(found, Damage):
                    if on_damage is not None:
                        on_damage(self, found)
                    continue
                frame = _content(found)
                if (
                    isinstance(frame, Frame)
                    and frame.received_ns >= from_ns
                    and (to_ns is None or frame.received_ns <= to_ns)
                    and (wanted is None or frame.topic in wanted)
                ):
                    yield frame


def _content(record: Record) -> Frame | Note | None:
    """What a record holds; None: something of a later version."""
    try:
        if record.kind == Kind.FRAME:
            return frames.decode(record.body)
        note: Note = decode_note(record.body)
    except (FrameError, msgspec.DecodeError):
        return None
    return note
