"""What the old proxy has delivered, as it tells the new one. Pure.

An adapter's answers to the new one's demand are *marks* in its stream: what comes after them
reaches the new one, too. A position is *settled* when it was delivered before the marks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bus.frames import Frame, Kind
from proxy.moving.messages import Mark, Positions


class Logbook:
    """`last` is the newest frame per topic, kept by somebody else."""

    def __init__(self, last: Mapping[bytes, Frame]) -> None:
        self._last = last
        self._told: dict[bytes, Frame] = {}
        #: The newest event per adapter and generation, and the one before each topic's newest tick.
        self._events: dict[tuple[str, int], int] = {}
        self._read_after: dict[bytes, int] = {}
        self._marks: dict[tuple[str, int], int] = {}

    def note(self, adapter: str, frames: Sequence[Frame]) -> None:
        """The bus brought these, and they have been delivered."""
        events, read_after = self._events, self._read_after
        for frame in frames:
            key = adapter, frame.generation
            if frame.kind == Kind.EVENT:
                events[key] = frame.sequence
            read_after[frame.topic] = events.get(key, 0)

    def mark(self, marks: Iterable[Mark]) -> None:
        """Where the new one joined."""
        self._marks = {(mark.adapter, mark.generation): mark.sequence for mark in marks}

    @property
    def has_passed_marks(self) -> bool:
        """Whether we have read up to there: what comes after that, the new one has."""
        return all(self._events.get(key, 0) >= mark for key, mark in self._marks.items())

    def positions(
        self, topics: Iterable[tuple[str, bytes]], event_topics: Iterable[bytes]
    ) -> Positions:
        """What was delivered of new topics (with their adapters), before the new one joined and
        after; and the events, of which the new one knows where they stand."""
        adapters = {topic: adapter for adapter, topic in topics}
        settled: list[Frame] = []
        fresh = self.news(event_topics)
        for frame in self.news(adapters):
            mark = self._marks.get((adapters[frame.topic], frame.generation))
            is_after = mark is not None and self._read_after.get(frame.topic, -1) >= mark
            (fresh if is_after else settled).append(frame)
        return Positions(settled, fresh)

    def news(self, topics: Iterable[bytes]) -> list[Frame]:
        """The newest frame of those topics that have one which was not told yet."""
        last, told = self._last, self._told
        news = [
            frame
            for topic in topics
            if (frame := last.get(topic)) is not None and told.get(topic) is not frame
        ]
        told.update((frame.topic, frame) for frame in news)
        return news
