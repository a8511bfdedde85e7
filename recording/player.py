"""When a recorded tick is due, and under which sequence it goes out. Pure; times passed in."""

from __future__ import annotations

from typing import Final

from bus.frames import Frame

_NS: Final = 1e9


class Pace:
    """Recorded time against the time of playing: speed, pauses, jumps.

    `speed` is times real time; 0 is as fast as it goes. `max_gap_s` is the longest silence
    that is played, in recorded seconds; 0 plays every one.
    """

    def __init__(self, speed: float, max_gap_s: float = 0.0) -> None:
        self.speed = speed
        self._max_gap_ns = int(max_gap_s * _NS)
        self._paused_at: float | None = None
        #: This recorded moment is due at this time of playing.
        self._anchor: tuple[int, float] | None = None

    @property
    def is_paused(self) -> bool:
        return self._paused_at is not None

    def wait_s(self, received_ns: int, now: float) -> float | None:
        """Seconds until a tick of this time is due; 0: now. None: not before `resume`."""
        if self.is_paused:
            return None
        if not self.speed:
            return 0.0
        if self._anchor is None:
            self._anchor = received_ns, now
        recorded_ns, played = self._anchor
        ahead_ns = received_ns - recorded_ns - (now - played) * self.speed * _NS
        if self._max_gap_ns and ahead_ns > self._max_gap_ns:
            self._anchor = received_ns - self._max_gap_ns, now
            ahead_ns = self._max_gap_ns
        return max(0.0, ahead_ns / _NS / self.speed)

    def pause(self, now: float) -> None:
        if self._paused_at is None:
            self._paused_at = now

    def resume(self, now: float) -> None:
        """Go on from where it was paused."""
        if self._paused_at is not None and self._anchor is not None:
            recorded_ns, played = self._anchor
            self._anchor = recorded_ns, played + now - self._paused_at
        self._paused_at = None

    def change(self, speed: float, now: float) -> None:
        """Another speed from this moment on."""
        if self._anchor is not None:
            recorded_ns, played = self._anchor
            until = now if self._paused_at is None else self._paused_at
            passed_ns = int((until - played) * self.speed * _NS)
            self._anchor = (recorded_ns + passed_ns, until) if self.speed else None
        self.speed = speed

    def jump(self) -> None:
        """The next tick is due at once, whatever its time."""
        self._anchor = None


class Sequencer:
    """The recorded sequences, as long as that can be.

    After a jump in the recording a topic goes on with the number after the last one that it
    had, and keeps the distance, so that no consumer takes a jump for a loss. The same where a
    recorder joined a new generation late: its first number tells nothing about what was lost.
    """

    def __init__(self) -> None:
        self._topics: dict[bytes, _Numbers] = {}

    def jump(self) -> None:
        for numbers in self._topics.values():
            numbers.jumped = True

    def of(self, frame: Frame) -> int:
        """The sequence of the tick that goes out next."""
        numbers = self._topics.get(frame.topic)
        if numbers is None:
            self._topics[frame.topic] = numbers = _Numbers(frame.generation)
        elif numbers.jumped or (
            frame.generation != numbers.generation
            and frame.sequence + numbers.offset > numbers.last + 1
        ):
            numbers.offset = numbers.last + 1 - frame.sequence
        numbers.jumped = False
        numbers.generation = frame.generation
        numbers.last = frame.sequence + numbers.offset
        return numbers.last


class _Numbers:
    __slots__ = ("generation", "jumped", "last", "offset")

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.offset = 0
        self.last = 0
        self.jumped = False
