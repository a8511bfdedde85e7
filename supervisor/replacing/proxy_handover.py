"""Replacing a proxy by its next generation, which gets its port and its clients. Pure.

    starting -> joining -> moving -> done
        \\__________\\________\\-> failed: the old one goes on with all that it still has

*starting*: spawned, no hello yet. *joining*: the old one was told to hand over, and leads the
new one into the streams of the bus. *moving*: the new one accepts connections, and gets those of
the old one, which ends by itself when nothing is left in it. The two settle between themselves
whose each connection is (`proxy.moving`); here it is told how far that is, and decided what
becomes of the processes.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from bus.control.messages import Stat
from supervisor.processes.lifecycle import State
from supervisor.replacing.handover import GONE, Step, View

#: How often a person is told how many have moved.
_TELL_EVERY_S: Final = 1.0
#: The new one may notice the end of the old one a moment after us.
_NOTICE_S: Final = 5.0


class MovingPhase(enum.StrEnum):
    STARTING = "starting"
    JOINING = "joining"
    MOVING = "moving"
    DONE = "done"
    FAILED = "failed"


class Moving:
    """One replacement. `lines` tell a person how far it is."""

    def __init__(self, name: str, generation: int, now: float, timeout_s: float) -> None:
        self.phase = MovingPhase.STARTING
        self.lines: list[str] = []
        self._name = name
        self._generation = generation
        self._began = now
        self._deadline = now + timeout_s
        self._told_at = now
        self._told_drain = False
        self._ended_at: float | None = None

    @property
    def over(self) -> bool:
        return self.phase in {MovingPhase.DONE, MovingPhase.FAILED}

    @property
    def done(self) -> bool:
        return self.phase is MovingPhase.DONE

    def observe(self, now: float, old: View, new: View) -> list[Step]:
        """Take the next step, if it is time for it."""
        if self.over:
            return []
        ours = old.stats if old.stats.get("handover_to") == self._generation else {}
        why = self._why_not(now, old, new, ours)
        if why:
            return self._fail(now, why, new)
        if self.phase is MovingPhase.STARTING:
            if new.state not in {State.READY, State.RUNNING}:
                return []
            self._tell(now, f"generation {self._generation} has started")
            self.phase = MovingPhase.JOINING
            return [Step.TELL_OLD]
        self._follow(now, old, new, ours)
        return []

    def _why_not(self, now: float, old: View, new: View, ours: Mapping[str, Stat]) -> str:
        """What makes an end of it; empty while nothing does."""
        if new.hopeless:
            return f"it did not come up: {new.hopeless}"
        if ours.get("handover") == "failed":
            return str(ours.get("handover_why"))
        is_early = self.phase in {MovingPhase.STARTING, MovingPhase.JOINING}
        if old.state in GONE:
            self._ended_at = now if self._ended_at is None else self._ended_at
            is_late = now - self._ended_at >= _NOTICE_S
            if new.state is not State.RUNNING and (self.phase is MovingPhase.STARTING or is_late):
                return "the old generation has ended by itself"
        elif is_early and now >= self._deadline:
            return f"it was still {self.phase} when the time was up"
        return ""

    def _follow(self, now: float, old: View, new: View, ours: Mapping[str, Stat]) -> None:
        word = ours.get("handover")
        if self.phase is MovingPhase.JOINING and word in {"moving", "draining", "done"}:
            self._tell(now, f"it has joined the bus: {_count(ours, 'handover_topics')} topics")
            self.phase = MovingPhase.MOVING
        moved, of = _count(new.stats, "arrived"), _count(ours, "handover_of")
        if old.state in GONE and new.state is State.RUNNING:
            self._tell(now, f"connections moved: {moved} of {max(moved, of)}")
            self._tell(now, "the old generation has ended")
            self.phase = MovingPhase.DONE
        elif word == "draining" and not self._told_drain:
            self._told_drain = True
            left = _count(ours, "handover_draining")
            self._tell(now, f"connections that cannot move, to be ended bit by bit: {left}")
        elif word == "moving" and now - self._told_at >= _TELL_EVERY_S:
            self._tell(now, f"connections moved: {moved} of {of}")

    def _fail(self, now: float, why: str, new: View) -> list[Step]:
        moved = _count(new.stats, "arrived")
        lost = f" ({moved} connections that had moved have to come back)" if moved else ""
        self._tell(now, f"{why}; the old generation goes on{lost}")
        self.phase = MovingPhase.FAILED
        return [Step.KILL_NEW]

    def _tell(self, now: float, text: str) -> None:
        self._told_at = now
        self.lines.append(f"{now - self._began:6.2f} s  {self._name}: {text}")


def _count(stats: Mapping[str, Stat], key: str) -> int:
    value = stats.get(key)
    return value if isinstance(value, int) else 0
