"""Carrying out a restart: by hand-over where that can be, else stop, then start.

Each restart has a `Progress` that the command line reads while it goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from bus.clock import Clock
from bus.control.messages import HandOver, RestartRequest, Stat, ToProcess
from bus.measuring.latency import LatencyMeter
from bus.moving.passing import can_pass_sockets
from bus.settings import TakeOver
from supervisor.consumers import CONSUMERS
from supervisor.fleet import Fleet
from supervisor.instance.paths import StatePaths
from supervisor.ledger import FAILED_HANDOVERS, HANDOVER_GAP, HANDOVERS
from supervisor.ordering import STOP_S
from supervisor.processes.lifecycle import Action, Signal, State
from supervisor.processes.managed import Managed
from supervisor.replacing.handover import Handover, Step, View
from supervisor.replacing.inheriting import meeting_place
from supervisor.replacing.proxy_handover import Moving

_LOOK_S: Final = 0.02
_FRESH_S: Final = 1.5
#: What the proxy's clients got from the new generation by then tells the gaps.
_GAP_WAIT_S: Final = 0.5
#: Roles whose next generation gets port and clients from the one before.
_MOVES: Final = frozenset({"proxy", *(c.role for c in CONSUMERS if c.moves)})
#: Roles that can run twice for a while, each at an address of its own.
_CAN_OVERLAP: Final = frozenset({"adapter", *(c.role for c in CONSUMERS if c.may_overlap)})

_CLIENTS_LEAVE: Final = (
    "This system cannot pass open sockets from one process to another: clients are disconnected, "
    "and have to connect again."
)


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

    def tell(self, process: Managed, message: ToProcess) -> bool:
        """Whether the process was there to be told."""
        ...

    def changed(self) -> None:
        """Processes came or went: directory and run file are to be written anew."""
        ...


class Restarter:
    """Restarts processes of a fleet, one restart per name at a time."""

    def __init__(self, fleet: Fleet, hands: Hands, paths: StatePaths, clock: Clock) -> None:
        self._fleet = fleet
        self._hands = hands
        self._paths = paths
        self._clock = clock

    async def restart(
        self, process: Managed, progress: Progress, *, hard: bool, timeout_s: float
    ) -> None:
        """Replace a process; `progress` says how it went."""
        standby = await self._standby_of(process)
        if hard or process.lifecycle.state is not State.RUNNING or not self._may_overlap(process):
            if standby is not None:  # first, so that it does not take over
                now = self._clock.monotonic()
                self._hands.act(standby, standby.lifecycle.restart(now))
            if process.role in _MOVES and not hard and not can_pass_sockets():
                progress.lines.append(_CLIENTS_LEAVE)
            await self._stop_and_start(process, progress, timeout_s)
        elif process.role in _MOVES:
            await self._move(process, progress, timeout_s)
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
    def _may_overlap(process: Managed) -> bool:
        """A broker may allow one session only; what moves needs a system that passes sockets."""
        if process.role in _MOVES:
            return can_pass_sockets()
        return process.role in _CAN_OVERLAP and process.stats.get("may_overlap", True) is True

    async def _hand_over(self, old: Managed, progress: Progress, timeout_s: float) -> None:
        now = self._clock.monotonic
        await self._fresh(old)
        new = self._fleet.prepare(old)
        self._hands.act(new, new.lifecycle.start(now()))
        handover = Handover(old.name, new.lifecycle.generation, now(), timeout_s)
        await self._replace(old, new, handover, progress, timeout_s)

    async def _move(self, old: Managed, progress: Progress, timeout_s: float) -> None:
        """The next generation gets the port and the clients of this one."""
        now = self._clock.monotonic
        new = self._fleet.prepare(old)
        with meeting_place(self._paths.root, old.name) as path:
            new.takeover = TakeOver(str(path), old.endpoint)
            new.lifecycle.superseded = True  # it has one chance
            self._hands.act(new, new.lifecycle.start(now()))
            moving = Moving(old.name, new.lifecycle.generation, now(), timeout_s)
            await self._replace(old, new, moving, progress, timeout_s)

    async def resume(self, old: Managed, new: Managed, progress: Progress) -> None:
        """Go on with a replacement that an earlier supervisor began. Where it was is not known,
        but both of them are; what was done already is found done."""
        now, timeout_s = self._clock.monotonic, RestartRequest(old.name).timeout_s
        generation = new.lifecycle.generation
        if old.role not in _MOVES:
            handover = Handover(old.name, generation, now(), timeout_s)
            await self._replace(old, new, handover, progress, timeout_s)
            return
        with meeting_place(self._paths.root, old.name) as path:
            new.takeover = TakeOver(str(path), old.endpoint)
            new.lifecycle.superseded = True
            moving = Moving(old.name, generation, now(), timeout_s)
            await self._replace(old, new, moving, progress, timeout_s)

    async def _replace(
        self,
        old: Managed,
        new: Managed,
        replacement: Handover | Moving,
        progress: Progress,
        timeout_s: float,
    ) -> None:
        now = self._clock.monotonic
        progress.lines = replacement.lines
        while not replacement.over:
            for step in replacement.observe(now(), _view(old), _view(new)):
                self._take(step, old, new)
            for process in (old, new):
                self._hands.ask_report(process)
            await asyncio.sleep(_LOOK_S)
        if replacement.done:
            self._fleet.promote(old.name)
            self._hands.changed()
            gap = await self._handed_over(new)
            progress.finish(f"{old.name} restarted: generation {new.lifecycle.generation}{gap}")
            return
        await self._until(lambda: not new.alive, timeout_s)
        self._fleet.dismiss(old.name)
        self._hands.changed()
        if not old.alive:
            self._hands.act(old, old.lifecycle.start(now()))
        self._fleet.ledger.count(old.name, FAILED_HANDOVERS)
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
        if handover.done:
            gap = await self._handed_over(standby)
            progress.finish(f"{active.name} restarted: generation {generation}{gap}")
        else:
            self._fleet.ledger.count(active.name, FAILED_HANDOVERS)
            progress.finish(
                f"{active.name} was not restarted; generation {before} is "
                f"{active.lifecycle.state}, its standby {standby.lifecycle.state}",
                failed=True,
            )

    def _take(self, step: Step, old: Managed, new: Managed) -> None:
        now = self._clock.monotonic()
        match step:
            case Step.TELL_OLD if new.takeover is not None:
                self._hands.tell(old, HandOver(new.takeover.path, new.lifecycle.generation))
            case Step.STOP_OLD:
                self._hands.act(old, old.lifecycle.stop(now))
            case Step.KILL_NEW:
                new.lifecycle.stop(now)
                new.signal(Signal.KILL)

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

    async def _handed_over(self, new: Managed) -> str:
        """Count it, and say how long clients went without."""
        ledger, gap_ms = self._fleet.ledger, await self._longest_gap_ms(new)
        ledger.count(new.name, HANDOVERS)
        if gap_ms is None:
            return ""
        meter = LatencyMeter()
        meter.note(round(gap_ms * 1e6))
        ledger.took(new.name, HANDOVER_GAP, meter.counted())
        return f", longest gap {gap_ms:.1f} ms"

    async def _longest_gap_ms(self, new: Managed) -> float | None:
        """As its clients saw it, an adapter's as the proxy's did; None while it has not told."""
        if new.role in _MOVES:
            await self._fresh(new)
            return _number(new.stats.get("longest_pause_ms"))
        proxies = self._fleet.of("proxy")
        if not proxies:
            return None
        proxy = proxies[0]
        await asyncio.sleep(_GAP_WAIT_S)
        await self._fresh(proxy)
        return _number(proxy.stats.get("last_gap_ms"))

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


def _number(stat: Stat) -> float | None:
    return stat if isinstance(stat, (int, float)) else None


def _view(process: Managed) -> View:
    return View(process.lifecycle.state, process.stats, process.lifecycle.detail)


def _is_settled(state: State) -> bool:
    return state not in {State.STARTING, State.STOPPING}
