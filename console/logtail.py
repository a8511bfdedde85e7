"""The ends of the processes' logs: the last lines, and what is appended from then on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from msgspec import Struct

from bus.logs.lines import human, in_order

#: Of each log, when somebody begins to look.
_FIRST_BYTES: Final = 64 << 10
#: Of each log in one look; a process that writes more than that in a moment is skipped over.
_MOST_BYTES: Final = 256 << 10
_LONGEST_LINE: Final = 2000


class Line(Struct, frozen=True):
    """One line, and whose."""

    process: str
    text: str


class LogTail:
    """Reads a folder of `NAME.log`. Calls block for as long as reading takes.

    `recent` right after `fresh` joins it without a hole: both end with the same whole line.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offsets: dict[Path, int] = {}
        self.skipped_bytes_total = 0

    def recent(self, count: int) -> list[Line]:
        """The last lines of all logs, in order of time."""
        lines: list[tuple[str, str]] = []
        for file in self._files():
            size = min(_size(file), self._offsets.get(file, sys.maxsize))
            text = _read(file, max(0, size - _FIRST_BYTES), size)
            whole = text.split(b"\n")
            # The first is cut short when the file is longer; the last one is not written yet.
            lines += _raw(file, whole[1 if size > _FIRST_BYTES else 0 : -1])[-count:]
        return _told(lines)[-count:]

    def fresh(self) -> list[Line]:
        """What was appended since the last call; nothing at the first."""
        lines: list[tuple[str, str]] = []
        first = not self._offsets
        for file in self._files():
            size = _size(file)
            start = self._offsets.get(file, max(0, size - _FIRST_BYTES) if first else 0)
            if size < start:  # cut off by rotation
                start = 0
            if size - start > _MOST_BYTES:
                self.skipped_bytes_total += size - _MOST_BYTES - start
                start = size - _MOST_BYTES
            data = _read(file, start, size)
            end = data.rfind(b"\n") + 1
            self._offsets[file] = start + end
            if not first:
                lines += _raw(file, data[:end].split(b"\n")[:-1])
        return _told(lines)

    def forget(self) -> None:
        """Nobody looks any more: the next `fresh` is a first one."""
        self._offsets.clear()

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.log"))


def _raw(file: Path, lines: list[bytes]) -> list[tuple[str, str]]:
    return [(file.stem, line.decode(errors="replace")) for line in lines if line.strip()]


def _told(raw: list[tuple[str, str]]) -> list[Line]:
    """In order of time, as people read them."""
    return [
        Line(process, text[:_LONGEST_LINE])
        for process, line in in_order(raw)
        for text in human(line)
    ]


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _read(file: Path, start: int, end: int) -> bytes:
    try:
        with file.open("rb") as stream:
            stream.seek(start)
            return stream.read(end - start)
    except OSError:
        return b""
