"""Carrying out a restart: by hand-over where that can be, else stop, then start.

Each restart has a `Progress` that the command line reads while it goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from bus.clock import Clock
from supervisor.consumers import CONSUMERS
from supervisor.fleet import Fleet
from supervisor.handover import Handover, Phase, Step, View
from supervisor.lifecycle import Action, Signal, State
from supervisor.managed import Managed
from supervisor.ordering import STOP_S

_LOOK_S: Final = 0.02
_FRESH_S: Final = 1.5
#: What the proxy's clients got from the new generation by then tells the gaps.
_GAP_WAIT_S: Final = 0.5
#: Roles that can run twice for a while. The proxy cannot yet: its port is its clients'.
_CAN_OVERLAP: Final = frozenset({"adapter", *(c.role for c in CONSUMERS if c.may_overlap)})


class Progress:
    """What a restart has come to so far."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.over = False
        self.failed = False

    def finish(self, line: str, *, failed: bool = False) -> None:
        self.lines.append(line)
        self.failed = failed
        self.over = True


class Hands(Protocol):
    """What the supervisor does for a restart."""

    def act(self, process: Managed, actions: list[Action]) -> None: ...

    def ask_report(self, process: Managed) -> None:
        """Have a process send a heartbeat now."""
        ...

    def changed(self) -> None:
        """Processes came or went: directory and run file are to be written anew."""
        ...


class Restarter:
    """Restarts processes of a fleet, one restart per name at a time."""

    def __init__(self, fleet: Fleet, hands: Hands, clock: Clock) -> None:
        self._fleet = fleet
        self._hands = hands
        self._clock = clock

    async def restart(
        self, process: Managed, progress: Progress, *, hard: bool, timeout_s: float
    ) -> None:
        """Replace a process; `progress` says how it went."""
        standby = await self._standby_of(process)
        if hard or not self._can_hand_over(process):
            if standby is not None:  # first, so that it does not take over
                now = self._clock.monotonic()
                self._hands.act(standby, standby.lifecycle.restart(now))
            await self._stop_and_start(process, progress, timeout_s)
        elif standby is not None:
            await self._relieve(process, standby, progress, timeout_s)
        else:
            await self._hand_over(process, progress, timeout_s)

    async def _standby_of(self, process: Managed) -> Managed | None:
        """The one that it keeps by its present configuration, started or not."""
        standby = self._fleet.standby(process.name)
        if process.keeps_standby:
            return standby or self._fleet.add_standby(process)
        if standby is not None:
            self._hands.act(standby, standby.lifecycle.stop(self._clock.monotonic()))
            await self._until(lambda: not standby.alive, STOP_S)
            self._fleet.remove_standby(process.name)
            self._hands.changed()
        return None

    @staticmethod
    def _can_hand_over(process: Managed) -> bool:
        """A broker may allow one session only; one that does nothing has nothing to keep."""
        return (
            process.role in _CAN_OVERLAP
            and process.lifecycle.state is State.RUNNING
            and process.stats.get("may_overlap", True) is True
        )

    async def _hand_over(self, old: Managed, progress: Progress, timeout_s: float) -> None:
        now = self._clock.monotonic
        await self._fresh(old)
        new = self._fleet.prepare(old)
        self._hands.act(new, new.lifecycle.start(now()))
        handover = Handover(old.name, new.lifecycle.generation, now(), timeout_s)
        progress.lines = handover.lines
        while not handover.over:
            for step in handover.observe(now(), _view(old), _view(new)):
                if step is Step.STOP_OLD:
                    self._hands.act(old, old.lifecycle.stop(now()))
                else:
                    new.lifecycle.stop(now())
                    new.signal(Signal.KILL)
            for process in (old, new):
                self._hands.ask_report(process)
            await asyncio.sleep(_LOOK_S)
        if handover.phase is Phase.DONE:
            self._fleet.promote(old.name)
            self._hands.changed()
            gap = await self._longest_gap()
            progress.finish(f"{old.name} restarted: generation {new.lifecycle.generation}{gap}")
            return
        await self._until(lambda: not new.alive, timeout_s)
        self._fleet.dismiss(old.name)
        self._hands.changed()
        if not old.alive:
            self._hands.act(old, old.lifecycle.start(now()))
        progress.finish(
            f"{old.name} was not restarted; generation {old.lifecycle.generation} is "
            f"{old.lifecycle.state}",
            failed=True,
        )

    async def _relieve(
        self, active: Managed, standby: Managed, progress: Progress, timeout_s: float
    ) -> None:
        """A fresh standby takes over, and the active one begins anew as the standby: so no more
        sessions than two are ever open."""
        now = self._clock.monotonic
        deadline = now() + timeout_s
        await self._fresh(active)
        before, last = active.lifecycle.generation, standby.lifecycle.generation
        self._hands.act(standby, standby.lifecycle.restart(now()))
        await self._until(lambda: standby.lifecycle.generation > last, timeout_s)
        generation = standby.lifecycle.generation
        handover = Handover(active.name, generation, now(), max(0.0, deadline - now()))
        progress.lines = handover.lines
        while not handover.over:
            ended = active.lifecycle.generation != before
            old = View(State.STOPPED, {}) if ended else _view(active)
            if Step.STOP_OLD in handover.observe(now(), old, _view(standby)):
                self._hands.act(active, active.lifecycle.restart(now()))
            for process in (active, standby):
                self._hands.ask_report(process)
            await asyncio.sleep(_LOOK_S)
        if handover.phase is Phase.DONE:
            gap = await self._longest_gap()
            progress.finish(f"{active.name} restarted: generation {generation}{gap}")
        else:
            progress.finish(
                f"{active.name} was not restarted; generation {before} is "
                f"{active.lifecycle.state}, its standby {standby.lifecycle.state}",
                failed=True,
            )

    async def _stop_and_start(self, process: Managed, progress: Progress, timeout_s: float) -> None:
        life = process.lifecycle
        before, began = life.generation, self._clock.monotonic()
        self._hands.act(process, life.restart(began))
        came = await self._until(
            lambda: life.generation > before and _is_settled(life.state), timeout_s
        )
        took_ms = (self._clock.monotonic() - began) * 1000
        if came and process.alive:
            progress.finish(
                f"{process.name} restarted: generation {life.generation}, {life.state}, "
                f"{took_ms:.0f} ms without it"
            )
        else:
            progress.finish(
                f"{process.name} did not come up: {life.state} {life.detail}".rstrip(), failed=True
            )

    async def _longest_gap(self) -> str:
        """As the proxy's clients saw it; unknown while it has not told."""
        proxies = self._fleet.of("proxy")
        if not proxies:
            return ""
        proxy = proxies[0]
        await asyncio.sleep(_GAP_WAIT_S)
        await self._fresh(proxy)
        gap_ms = proxy.stats.get("last_gap_ms")
        return f", longest gap {gap_ms:.1f} ms" if isinstance(gap_ms, (int, float)) else ""

    async def _fresh(self, process: Managed) -> None:
        """Wait for figures of this moment; one that hangs has none, and is gone on without."""
        before = process.lifecycle.heartbeat_at
        self._hands.ask_report(process)
        await self._until(lambda: process.lifecycle.heartbeat_at != before, _FRESH_S)

    async def _until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        deadline = self._clock.monotonic() + timeout_s
        while not condition():
            if self._clock.monotonic() >= deadline:
                return False
            await asyncio.sleep(_LOOK_S)
        return True


def _view(process: Managed) -> View:
    return View(process.lifecycle.state, process.stats, process.lifecycle.detail)


def _is_settled(state: State) -> bool:
    return state not in {State.STARTING, State.STOPPING}
