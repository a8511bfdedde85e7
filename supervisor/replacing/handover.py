"""Replacing a process by its next generation without downtime, as a pure state machine.

    starting -> connecting -> covering -> settling -> stopping -> done
        \\__________\\____________\\___________\\-> failed: the old one stays

*starting*: spawned, no hello yet. *connecting*: bound, not yet ready. *covering*: its sockets
bring it the demand, and the broker is being asked. *settling*: everything was asked; ticks are
awaited, so that the old one ends only when the new one feeds. *stopping*: the old one was
told to end. Until then nothing that happens can make things worse than they were.
"""

from __future__ import annotations

import enum
from typing import Final

from msgspec import Struct

from bus.control.messages import Stats
from supervisor.processes.lifecycle import State

#: Quiet instruments have no tick to wait for; after this the rest counts as quiet.
SETTLE_S: Final = 2.0


class Phase(enum.StrEnum):
    STARTING = "starting"
    CONNECTING = "connecting"
    COVERING = "covering"
    SETTLING = "settling"
    STOPPING = "stopping"
    DONE = "done"
    FAILED = "failed"


class Step(enum.Enum):
    """What the shell is to do."""

    #: Tell the old one to hand over to the new one.
    TELL_OLD = enum.auto()
    STOP_OLD = enum.auto()
    KILL_NEW = enum.auto()


#: States from which a generation does not come up any more.
GONE: Final = frozenset(
    {State.STOPPED, State.BACKOFF, State.CRASH_LOOP, State.FAILED, State.NEEDS_TOKEN}
)


class View(Struct, frozen=True):
    """What is known of one of the two now."""

    state: State
    stats: Stats
    detail: str = ""

    @property
    def hopeless(self) -> str:
        """Why it does not come up any more; empty while it may."""
        if self.state in GONE:
            return self.detail or self.state
        if self.stats.get("broker_state") == State.NEEDS_TOKEN:
            return f"the broker refuses the credentials: {self.stats.get('broker_detail', '')}"
        return ""

    @property
    def topics(self) -> int:
        return self._count("topics")

    @property
    def waiting(self) -> int:
        return self._count("topics_waiting")

    @property
    def seen(self) -> int:
        return self._count("topics_seen")

    def _count(self, key: str) -> int:
        value = self.stats.get(key)
        return value if isinstance(value, int) else 0


_BEFORE_STOPPING: Final = frozenset(
    {Phase.STARTING, Phase.CONNECTING, Phase.COVERING, Phase.SETTLING}
)


class Handover:
    """One replacement. `lines` tell a person how far it is."""

    def __init__(self, name: str, generation: int, now: float, timeout_s: float) -> None:
        self.phase = Phase.STARTING
        self.lines: list[str] = []
        self._name = name
        self._generation = generation
        self._began = now
        self._deadline = now + timeout_s
        self._settled_by = 0.0

    @property
    def over(self) -> bool:
        return self.phase in {Phase.DONE, Phase.FAILED}

    @property
    def done(self) -> bool:
        return self.phase is Phase.DONE

    def observe(self, now: float, old: View, new: View) -> list[Step]:
        """Take the next step, if it is time for it."""
        if self.phase in _BEFORE_STOPPING:
            if new.hopeless:
                return self._fail(now, f"it did not come up: {new.hopeless}")
            if now >= self._deadline:
                return self._fail(now, f"it was still {self.phase} when the time was up")
            if old.state in GONE:  # nothing to keep: the new one is all there is
                self._tell(now, "the old generation has ended by itself")
                self.phase = Phase.STOPPING
        while (phase := self._advance(now, old, new)) is not None:
            self.phase = phase
            if phase is Phase.STOPPING:
                return [Step.STOP_OLD]
        return []

    def _advance(self, now: float, old: View, new: View) -> Phase | None:
        match self.phase:
            case Phase.STARTING if new.state in {State.READY, State.RUNNING}:
                self._tell(now, f"generation {self._generation} has started")
                return Phase.CONNECTING
            case Phase.CONNECTING if new.state is State.RUNNING:
                self._tell(now, "it is connected")
                return Phase.COVERING
            case Phase.COVERING if _covers(new, old):
                if new.topics:
                    self._tell(now, f"it has subscribed {new.topics} of {old.topics}")
                self._settled_by = now + SETTLE_S
                return Phase.SETTLING
            case Phase.SETTLING if _covers(new, old) and (
                new.seen >= min(old.seen, old.topics) or now >= self._settled_by
            ):
                self._tell(now, f"it takes over; ticks on {new.seen} of {new.topics} so far")
                return Phase.STOPPING
            case Phase.STOPPING if old.state in GONE:
                self._tell(now, "the old generation has ended")
                return Phase.DONE
        return None

    def _fail(self, now: float, why: str) -> list[Step]:
        self._tell(now, f"{why}; the old generation goes on")
        self.phase = Phase.FAILED
        return [Step.KILL_NEW]

    def _tell(self, now: float, text: str) -> None:
        self.lines.append(f"{now - self._began:6.2f} s  {self._name}: {text}")


def _covers(new: View, old: View) -> bool:
    """Whether the new one has all the demand of the old one, answered by a live broker."""
    return new.state is State.RUNNING and new.topics >= old.topics and not new.waiting
