"""When a recording begins a new file, and which old files it gives up. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from recording.moments import in_india
from recording.segment import SUFFIX


class Kept(NamedTuple):
    """A segment on disk; `size` is in bytes, with its index."""

    path: Path
    size: int


def day_of(unix_ns: int) -> int:
    """The day in India, as a number that grows by one a day."""
    return in_india(unix_ns).date().toordinal()


def is_over(size: int, created_ns: int, now_ns: int, limit: int) -> bool:
    """Whether a segment ends here: it has its size, or India's day is another one."""
    return size >= limit or day_of(created_ns) != day_of(now_ns)


def given_up(segments: Sequence[Kept], budget: int) -> list[Path]:
    """The oldest segments, as many as bring the rest within the budget.

    `segments` are in order of time; the last one is being written and stays.
    """
    total = sum(segment.size for segment in segments)
    out = []
    for segment in segments[:-1]:
        if total <= budget:
            break
        out.append(segment.path)
        total -= segment.size
    return out


def name_of(created_ns: int, number: int) -> str:
    """Sorts by time: `20261121T034500Z-000001.rec`; the number tells those of one second
    apart, and rises for ever."""
    moment = datetime.fromtimestamp(created_ns // 1_000_000_000, UTC)
    return f"{moment:%Y%m%dT%H%M%SZ}-{number:06d}{SUFFIX}"


def number_of(path: Path) -> int:
    """The number in a segment's name; 0: it has none."""
    _, _, number = path.stem.rpartition("-")
    return int(number) if number.isdigit() else 0
