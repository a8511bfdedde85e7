"""What adapters sent that no client got, as long as it may be wanted. Pure.

Topics are without their NUL, as frames have them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from bus.frames import Frame

#: Ticks of a stand-in that are kept per topic while it is not clear whether it is needed.
_KEPT: Final = 256


class Reserve:
    """The newest tick of each topic that no client gets, and all of those topics that are kept."""

    def __init__(self) -> None:
        self._newest: dict[bytes, Frame] = {}
        self._kept: dict[bytes, deque[Frame]] = {}

    def keep(self, topic: bytes) -> None:
        """All that comes of this one, until `clear`."""
        self._kept.setdefault(topic, deque(maxlen=_KEPT))

    def came(self, frames: Iterable[Frame]) -> None:
        """A batch, whoever gets it."""
        if self._kept:
            for frame in frames:
                kept = self._kept.get(frame.topic)
                if kept is not None:
                    kept.append(frame)

    def strayed(self, frame: Frame) -> None:
        """A tick that no client gets."""
        self._newest[frame.topic] = frame

    def newest(self, topic: bytes) -> Frame | None:
        return self._newest.get(topic)

    def kept(self, topic: bytes) -> Sequence[Frame]:
        """In order."""
        return tuple(self._kept.get(topic, ()))

    def forget(self, topic: bytes) -> None:
        """Nobody can want this one any more."""
        self._newest.pop(topic, None)

    def clear(self) -> None:
        """It is clear now who is needed."""
        self._kept.clear()
