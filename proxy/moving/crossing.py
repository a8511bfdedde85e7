"""From one process's place in the bus's streams to another's: no tick missing, none twice. Pure.

Two proxies read the same publishers, each at its own pace. When a client moves, the old one says
per topic which frame it delivered last (its *position*); the new one, which joined before, has kept
what it read since, and gives the client exactly what follows. Within a generation the sequence
tells. Where the two follow different generations of an adapter (a restart, or a standby: then
`bus.splicing.splice` chose for each of them) the tick's content tells, and failing that its time
and volume.

A position is *settled* when the new process has read all that was published before it was told:
then a frame that it did not see was published before it joined. Any other position lies in what
both read, and the new process may have yet to come to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from bus.frames import Frame, Kind
from bus.splicing.likeness import content_of, goes_back

#: Frames kept at most; a process that is so far behind cannot take over.
MAX_KEPT: Final = 500_000


class Crossing:
    """The newest frame per topic, and what came after the last position told.

    Fed with what the subscriber delivers, ticks and events alike.
    """

    def __init__(self) -> None:
        self.last: dict[bytes, Frame] = {}
        #: Frames that neither side had, by their sequences.
        self.lost_total = 0
        self._kept: dict[bytes, list[Frame]] = {}
        self._count = 0
        #: Positions told that have not been read here yet.
        self._ahead: dict[bytes, Frame] = {}

    @property
    def overflowed(self) -> bool:
        return self._count > MAX_KEPT

    @property
    def reached(self) -> bool:
        """Whether all that was delivered elsewhere has been read here, too."""
        return not self._ahead

    def note(self, frames: Iterable[Frame]) -> None:
        """These were read."""
        last, kept, ahead = self.last, self._kept, self._ahead
        for frame in frames:
            topic = frame.topic
            last[topic] = frame
            kept.setdefault(topic, []).append(frame)
            self._count += 1
            if topic in ahead:
                self._cut(ahead[topic], settled=False)

    def begin(self, positions: Iterable[Frame], *, settled: bool) -> None:
        """The other side delivered these and nothing after: what came before is forgotten."""
        for position in positions:
            self._cut(position, settled=settled)

    def settle(self) -> None:
        """Wait no longer for what may never be read here: frames of other generations, and events
        of who answers no demand, so that nobody knows since when they reach us."""
        for topic, position in list(self._ahead.items()):
            newest = self.last.get(topic)
            elsewhere = newest is None or newest.generation != position.generation
            if elsewhere or position.kind == Kind.EVENT:
                self._cut(position, settled=True)

    def events(self) -> Iterator[Frame]:
        """All events that follow their topics' positions."""
        for frames in self._kept.values():
            yield from (frame for frame in frames if frame.kind == Kind.EVENT)

    def after(self, topic: bytes) -> Sequence[Frame]:
        """What follows the topic's position, as far as it has come."""
        return self._kept.get(topic, ())

    def restart(self) -> None:
        """Keep from here on: everything read so far has been delivered here."""
        self._kept.clear()
        self._ahead.clear()
        self._count = 0

    def _cut(self, position: Frame, *, settled: bool) -> None:
        topic = position.topic
        frames = self._kept.pop(topic, [])
        place = _place_after(position, frames, self.last.get(topic))
        if place is not None or settled:
            self._ahead.pop(topic, None)
            self.last.setdefault(topic, position)
        else:
            self._ahead[topic] = position
        rest = [] if place is None else frames[place:]
        self._count -= len(frames) - len(rest)
        if rest:
            self._kept[topic] = rest
            if rest[0].generation == position.generation:
                self.lost_total += rest[0].sequence - position.sequence - 1


def _place_after(position: Frame, frames: Sequence[Frame], newest: Frame | None) -> int | None:
    """The index of the first of these frames that follows the position; None: it is yet to come."""
    same = [at for at, frame in enumerate(frames) if frame.generation == position.generation]
    if same:
        after = [at for at in same if frames[at].sequence > position.sequence]
        if after:
            return after[0]
        return len(frames) if frames[same[-1]].sequence == position.sequence else None
    if not frames:
        return 0 if newest is not None and _number(newest) >= _number(position) else None
    return _place_by_content(position, frames)


def _place_by_content(position: Frame, frames: Sequence[Frame]) -> int | None:
    content = content_of(position)
    for at, frame in enumerate(frames):
        if content_of(frame) == content:
            return at + 1
    onward = (at for at, frame in enumerate(frames) if not goes_back(frame, position))
    return next(onward, None)


def _number(frame: Frame) -> tuple[int, int]:
    return frame.generation, frame.sequence
