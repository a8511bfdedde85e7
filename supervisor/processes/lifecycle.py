"""The life of one managed process, as a pure state machine.

    starting -> ready -> running -> stopping -> stopped
        \\         \\        /  ^
         `-> backoff / crash_loop -> starting
         `-> failed (configuration), needs_token (credentials)

It takes events with the time and returns actions; the supervisor's shell carries them out.

* *starting*: spawned, no hello yet. *ready*: said hello, bound. *running*: does its work.
* The first failure after a stable minute is answered at once, the next ones with exponential
  back-off and full jitter. Five failures in a minute are a *crash_loop*: seen by all, still
  probed at the cap, cleared by an operator's restart.
* An exit code that says "configuration" or "credentials" is believed: no restart helps.
* A process whose heartbeats stop is told to dump its stacks (abort), then killed.
"""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import Final, TypeAlias

from bus.backoff import Backoff
from bus.control.exits import Exit

START_TIMEOUT_S: Final = 30.0
HEARTBEAT_TIMEOUT_S: Final = 4.0
#: Between the abort, which dumps the stacks, and the kill.
ABORT_GRACE_S: Final = 0.5
STOP_TIMEOUT_S: Final = 8.0
CRASH_LOOP_FAILURES: Final = 5
CRASH_LOOP_WINDOW_S: Final = 60.0


class State(enum.StrEnum):
    STARTING = "starting"
    READY = "ready"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    BACKOFF = "backoff"
    CRASH_LOOP = "crash_loop"
    FAILED = "failed"
    NEEDS_TOKEN = "needs_token"  # noqa: S105 - a state, no credential


ALIVE: Final = frozenset({State.STARTING, State.READY, State.RUNNING, State.STOPPING})
#: States in which its endpoint can be used.
SERVING: Final = frozenset({State.READY, State.RUNNING})


class Spawn(enum.Enum):
    """Start generation `Lifecycle.generation`."""

    NOW = enum.auto()


class Signal(enum.Enum):
    """What to do to the process that lives."""

    #: Ask it, on the control plane and with SIGTERM, to end in order.
    STOP = enum.auto()
    #: Make it dump its stacks and die.
    ABORT = enum.auto()
    KILL = enum.auto()


Action: TypeAlias = Spawn | Signal


class Generations:
    """The numbers that lives of one name have had: none is used twice, whoever lives it."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        self._last += 1
        return self._last

    def note(self, used: int) -> None:
        """An earlier supervisor gave this one out."""
        self._last = max(self._last, used)


@dataclass
class Lifecycle:
    """One managed process. Times are monotonic seconds."""

    random: Random = field(default_factory=Random, repr=False)
    state: State = State.STOPPED
    generation: int = 0
    restarts: int = 0
    detail: str = ""
    started_at: float | None = None
    heartbeat_at: float | None = None
    #: When `tick` has something to do; None: only events matter.
    deadline: float | None = None
    #: Another generation is about to take its place: its end is not answered by a restart.
    superseded: bool = False
    #: Shared by all that live under one name.
    numbers: Generations = field(default_factory=Generations, repr=False)

    def __post_init__(self) -> None:
        self._backoff = Backoff(
            base_s=0.5, cap_s=30.0, stable_s=CRASH_LOOP_WINDOW_S, random=self.random
        )
        self._failures: deque[float] = deque(maxlen=CRASH_LOOP_FAILURES)
        self._restarting = False
        self._aborted = False

    # --- what the operator wants ---------------------------------------------------------

    def start(self, now: float) -> list[Action]:
        """Begin, or begin again, from any state in which nothing lives."""
        if self.state in ALIVE:
            return []
        self._backoff.reset()
        self._failures.clear()
        return self._spawn(now)

    def stop(self, now: float) -> list[Action]:
        self._restarting = False
        if self.state not in ALIVE:
            self._rest(State.STOPPED, "")
            return []
        return self._begin_stopping(now)

    def restart(self, now: float) -> list[Action]:
        """Stop what lives and start afresh; clears back-off and crash loop."""
        if self.state not in ALIVE:
            self.restarts += 1
            return self.start(now)
        self._restarting = True
        return self._begin_stopping(now)

    def adopt(self, now: float, *, generation: int, restarts: int, age_s: float) -> None:
        """Take on a process that an earlier supervisor started."""
        self.generation, self.restarts = generation, restarts
        self.numbers.note(generation)
        self.started_at = now - age_s
        self.heartbeat_at = now
        self.state, self.detail = State.READY, ""
        self.deadline = now + HEARTBEAT_TIMEOUT_S

    # --- what happens ---------------------------------------------------------------------

    def hello(self, now: float) -> None:
        if self.state is State.STARTING:
            self.state = State.READY
            self.heartbeat(now, ready=False)

    def heartbeat(self, now: float, *, ready: bool) -> None:
        self.heartbeat_at = now
        if self.state not in SERVING:
            return
        if ready and self.state is State.READY:
            self._backoff.succeeded(now)
        self.state = State.RUNNING if ready else State.READY
        if not self._aborted:
            self.deadline = now + HEARTBEAT_TIMEOUT_S

    def exited(self, now: float, code: int, why: str) -> list[Action]:
        """It is gone; `code` as waitpid gives it, negative for a signal."""
        if self.state is State.STOPPING:
            if self._restarting:
                self.restarts += 1
                return self._start_again(now)
            self._rest(State.STOPPED, "")
        elif self.superseded:
            self._rest(State.STOPPED, why)
        elif code == Exit.CONFIGURATION:
            self._rest(State.FAILED, why)
        elif code == Exit.CREDENTIALS:
            self._rest(State.NEEDS_TOKEN, why)
        else:
            return self._failed(now, why)
        return []

    def tick(self, now: float) -> list[Action]:
        """The time went on: act on what is due."""
        if self.deadline is None or now < self.deadline:
            return []
        match self.state:
            case State.BACKOFF | State.CRASH_LOOP:
                self.restarts += 1
                return self._spawn(now)
            case State.STARTING:
                return self._give_up(now, f"said no hello within {START_TIMEOUT_S:g} s")
            case State.STOPPING:
                self.deadline = now + STOP_TIMEOUT_S
                return [Signal.KILL]
            case _:
                return self._give_up(now, f"no heartbeat for {HEARTBEAT_TIMEOUT_S:g} s")

    def overslept(self, seconds: float) -> None:
        """The supervisor itself did not run for so long: what was said meanwhile is unread, and
        nobody is to blame for being late."""
        if self.state in ALIVE and self.deadline is not None:
            self.deadline += seconds

    # --- transitions ----------------------------------------------------------------------

    def _spawn(self, now: float) -> list[Action]:
        self.generation = self.numbers.next()
        self.state, self.detail = State.STARTING, ""
        self.started_at, self.heartbeat_at = now, None
        self.deadline = now + START_TIMEOUT_S
        self._aborted = self._restarting = False
        return [Spawn.NOW]

    def _start_again(self, now: float) -> list[Action]:
        self.state = State.STOPPED
        return self.start(now)

    def _begin_stopping(self, now: float) -> list[Action]:
        if self.state is State.STOPPING:
            return []
        self.state = State.STOPPING
        self.deadline = now + STOP_TIMEOUT_S
        return [Signal.STOP]

    def _give_up(self, now: float, why: str) -> list[Action]:
        """It hangs: abort for the stack dump, then kill; its exit is a failure."""
        self.detail = why
        if self._aborted:
            self.deadline = now + STOP_TIMEOUT_S
            return [Signal.KILL]
        self._aborted = True
        self.deadline = now + ABORT_GRACE_S
        return [Signal.ABORT]

    def _failed(self, now: float, why: str) -> list[Action]:
        hung = f"{self.detail}; " if self._aborted else ""
        delay = self._backoff.failed(now)
        self._failures.append(now)
        first = self._backoff.failures == 1
        looping = (
            len(self._failures) == CRASH_LOOP_FAILURES
            and now - self._failures[0] <= CRASH_LOOP_WINDOW_S
        )
        state = State.CRASH_LOOP if looping else State.BACKOFF
        if looping:
            delay = self._backoff.cap_s * self.random.uniform(0.75, 1.0)
        elif first:
            delay = 0.0
        self._rest(state, f"{hung}{why}")
        self.deadline = now + delay
        return self.tick(now)

    def _rest(self, state: State, detail: str) -> None:
        self.state, self.detail = state, detail
        self.started_at = self.heartbeat_at = self.deadline = None
