"""A recording as a whole: the segments of a folder in order, or one file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from bus.frames import Frame
from recording.errors import EmptyError
from recording.notes import Gap
from recording.records import Damage
from recording.segment import SUFFIX, OnDamage, Segment


class Archive:
    """Opened for reading; a context manager. What is written meanwhile is not seen."""

    def __init__(self, path: Path) -> None:
        """Raises EmptyError: there is no recording. RecordingError: it cannot be read."""
        self.path = path
        paths = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
        if not paths:
            raise EmptyError(f"{path}: no recording in this folder (*{SUFFIX})")
        if not path.exists():
            raise EmptyError(f"{path}: there is no such recording")
        self.segments = [Segment(one) for one in paths]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        for segment in self.segments:
            segment.close()

    @property
    def first_ns(self) -> int:
        """When the first tick was received, Unix ns; 0: there is none."""
        return min((s.index.first_ns for s in self.segments if s.index.ticks), default=0)

    @property
    def last_ns(self) -> int:
        return max((segment.index.last_ns for segment in self.segments), default=0)

    @property
    def ticks(self) -> int:
        return sum(segment.index.ticks for segment in self.segments)

    def topics(self) -> Counter[str]:
        """How many ticks each topic has."""
        total: Counter[str] = Counter()
        for segment in self.segments:
            total.update({name: span.ticks for name, span in segment.index.topics.items()})
        return total

    def adapters(self) -> list[str]:
        """The BROKER words of the topics, sorted."""
        return sorted({topic.partition("_")[0] for topic in self.topics()})

    def gaps(self) -> list[Gap]:
        """What is missing, as the recorder noted it."""
        return [gap for segment in self.segments for gap in segment.index.gaps]

    def frames(
        self,
        from_ns: int = 0,
        to_ns: int | None = None,
        topics: Collection[str] | None = None,
        on_damage: OnDamage | None = None,
    ) -> Iterator[Frame]:
        """The frames received between two times, ends included, in the order of recording."""
        for segment in self.segments:
            yield from segment.frames(from_ns, to_ns, topics, on_damage)


def damage_line(path: Path, damage: Damage) -> str:
    """Damage in words."""
    size = damage.end - damage.offset
    lost = "what it held is unknown" if damage.lost is None else f"{damage.lost} records lost"
    return f"{path.name}: {size} bytes at {damage.offset} are no record; {lost}"
