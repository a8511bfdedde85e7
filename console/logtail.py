"""The ends of the processes' logs: the last lines, and what is appended from then on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from msgspec import Struct

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
        lines: list[Line] = []
        for file in self._files():
            size = min(_size(file), self._offsets.get(file, sys.maxsize))
            text = _read(file, max(0, size - _FIRST_BYTES), size)
            whole = text.split(b"\n")
            # The first is cut short when the file is longer; the last one is not written yet.
            lines += _lines(file, whole[1 if size > _FIRST_BYTES else 0 : -1])[-count:]
        # Lines begin with their time; one without it, of a traceback, stays where it is.
        return _in_order(lines)[-count:]

    def fresh(self) -> list[Line]:
        """What was appended since the last call; nothing at the first."""
        lines: list[Line] = []
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
                lines += _lines(file, data[:end].split(b"\n")[:-1])
        return _in_order(lines)

    def forget(self) -> None:
        """Nobody looks any more: the next `fresh` is a first one."""
        self._offsets.clear()

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.log"))


def _lines(file: Path, raw: list[bytes]) -> list[Line]:
    return [
        Line(file.stem, line.decode(errors="replace")[:_LONGEST_LINE])
        for line in raw
        if line.strip()
    ]


def _in_order(lines: list[Line]) -> list[Line]:
    """By time, and lines that bring none after the one of their process before them."""
    keyed: list[tuple[str, Line]] = []
    last: dict[str, str] = {}
    for line in lines:
        if line.text[:4].isdigit():
            last[line.process] = line.text[:24]
        keyed.append((last.get(line.process, ""), line))
    return [line for _, line in sorted(keyed, key=lambda pair: pair[0])]


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
