"""Writing segments: appended to, synced now and then, closed with an end and an index.

Everything here may block on the disk and belongs into a thread of its own.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol

from bus import __version__, frames
from bus.frames import Frame
from bus.topics import NUL
from recording import index as indexes
from recording import policy
from recording.errors import RecordingError
from recording.index import Index
from recording.notes import Begin, End, Gap, Note, encode_note
from recording.policy import Kept
from recording.records import FILE_MAGIC, Kind, Packer
from recording.segment import SUFFIX, Segment

_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class SegmentWriter:
    """One file, written from its beginning to its end. Raises OSError from every method."""

    def __init__(self, path: Path, number: int, created_ns: int) -> None:
        self.path = path
        self.created_ns = created_ns
        self.size = 0
        self.index = Index()
        self._packer = Packer()
        # Readable by its owner only: it may hold orders.
        self._descriptor = os.open(path, _FLAGS, 0o600)
        try:
            self._append(FILE_MAGIC)
            self.note(Begin(created_ns, number, __version__))
        except OSError:
            os.close(self._descriptor)
            path.unlink()
            raise

    def frames(self, batch: Iterable[Frame]) -> None:
        """Append frames; all of them, or at an error none."""
        number, offset = self._packer.number, self.size
        packed: list[tuple[int, Frame]] = []
        parts = []
        try:
            for frame in batch:
                parts.append(self._packer.pack(Kind.FRAME, _wire(frame)))
                packed.append((offset, frame))
                offset += len(parts[-1])
            self._append(b"".join(parts))
        except OSError:
            self._packer.number = number
            raise
        for place, (offset, frame) in enumerate(packed):
            self.index.record(offset, number + place)
            self.index.frame(frame)

    def note(self, note: Note) -> None:
        number, offset = self._packer.number, self.size
        try:
            self._append(self._packer.pack(Kind.NOTE, encode_note(note)))
        except OSError:
            self._packer.number = number
            raise
        self.index.record(offset, number)
        if isinstance(note, Gap):
            self.index.gaps.append(note)

    def sync(self) -> None:
        """What was written is on the disk when this returns."""
        os.fsync(self._descriptor)

    def seal(self) -> None:
        """Close in order; nothing can be written afterwards."""
        try:
            self.note(End(self._packer.number))
            self.sync()
            self.index.size, self.index.complete = self.size, True
            indexes.save(self.index, self.path)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close without an end: what is there stays, and is read as far as it goes."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _append(self, data: bytes) -> None:
        """All of it, or nothing: what was half written is cut off again."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.size)
                os.lseek(self._descriptor, self.size, os.SEEK_SET)
            raise
        self.size += len(data)


class Sink(Protocol):
    """Where a recorder writes to. Raises OSError from every method."""

    @property
    def bytes_total(self) -> int: ...
    def frames(self, batch: Iterable[Frame], now_ns: int) -> None: ...
    def note(self, note: Note, now_ns: int) -> None: ...
    def sync(self) -> None: ...
    def close(self) -> None: ...


class FileSink:
    """One file, however long it gets."""

    def __init__(self, path: Path, now_ns: int) -> None:
        self._writer = SegmentWriter(path, 1, now_ns)

    @property
    def bytes_total(self) -> int:
        return self._writer.size

    def frames(self, batch: Iterable[Frame], now_ns: int) -> None:
        self._writer.frames(batch)

    def note(self, note: Note, now_ns: int) -> None:
        self._writer.note(note)

    def sync(self) -> None:
        self._writer.sync()

    def close(self) -> None:
        self._writer.seal()

    def abandon(self) -> None:
        """Close it unfinished."""
        self._writer.abandon()


class FolderSink:
    """Segments in a folder: a new one by size and day, the oldest given up for the budget."""

    def __init__(self, folder: Path, *, segment_bytes: int, budget_bytes: int) -> None:
        self.given_up_total = 0
        self.folder_bytes = 0
        self.segments = 0
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._budget_bytes = budget_bytes
        self._closed_bytes = 0
        self._writer: SegmentWriter | None = None

    @property
    def bytes_total(self) -> int:
        return self._closed_bytes + (self._writer.size if self._writer else 0)

    @property
    def path(self) -> Path | None:
        """The segment that is being written."""
        return self._writer.path if self._writer else None

    def frames(self, batch: Iterable[Frame], now_ns: int) -> None:
        self._current(now_ns).frames(batch)

    def note(self, note: Note, now_ns: int) -> None:
        self._current(now_ns).note(note)

    def sync(self) -> None:
        if self._writer is not None:
            self._writer.sync()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.seal()

    def begin(self, now_ns: int) -> None:
        """Open the first segment, and say since when nobody recorded."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = self._kept()
        writer = self._current(now_ns)
        silent_since = _last_tick(before[-1].path) if before else 0
        if silent_since:
            writer.note(Gap("down", None, silent_since, now_ns))

    def _current(self, now_ns: int) -> SegmentWriter:
        writer = self._writer
        if writer is not None and not policy.is_over(
            writer.size, writer.created_ns, now_ns, self._segment_bytes
        ):
            return writer
        if writer is not None:
            self._closed_bytes += writer.size
            self._writer = None
            writer.seal()
        kept = self._kept()
        number = max((policy.number_of(segment.path) for segment in kept), default=0) + 1
        self._writer = SegmentWriter(self._folder / policy.name_of(now_ns, number), number, now_ns)
        self._tidy()
        return self._writer

    def _tidy(self) -> None:
        """Within the budget there is room for the segment that begins."""
        kept = self._kept()
        for path in policy.given_up(kept, self._budget_bytes - self._segment_bytes):
            indexes.index_path(path).unlink(missing_ok=True)
            path.unlink()
            self.given_up_total += 1
        kept = self._kept()
        self.segments, self.folder_bytes = len(kept), sum(segment.size for segment in kept)

    def _kept(self) -> list[Kept]:
        out = []
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            beside = indexes.index_path(path)
            size = path.stat().st_size + (beside.stat().st_size if beside.exists() else 0)
            out.append(Kept(path, size))
        return out


def _last_tick(path: Path) -> int:
    """The time of the last tick in a segment, Unix ns; 0: it cannot be told."""
    try:
        segment = Segment(path)
    except RecordingError:
        return 0
    try:
        return segment.last_ns()
    finally:
        segment.close()


def _wire(frame: Frame) -> bytes:
    return frames.encode(
        frame.topic + NUL,
        frames.Kind(frame.kind),
        frame.flags,
        frame.generation,
        frame.sequence,
        frame.received_ns,
        frame.payload,
    )
