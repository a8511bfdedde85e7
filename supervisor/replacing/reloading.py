"""Carrying out a `reload`: the configuration is read again, and only what changed is touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from bus.clock import Clock
from supervisor import ordering
from supervisor.config import Config
from supervisor.fleet import Fleet
from supervisor.ordering import Hands
from supervisor.processes.managed import Managed
from supervisor.replacing.changes import Change, Plan, plan
from supervisor.replacing.renewal import Tokens
from supervisor.replacing.restarting import Progress, Restarter
from supervisor.vault import Vault


class Source(Protocol):
    """Where configurations come from, and what becomes of them."""

    def read(self) -> Config:
        """The configuration as it is written now. Raises UserError: it cannot be used."""
        ...

    def compose(self, config: Config, existing: Mapping[str, Managed]) -> list[Managed]:
        """Its processes; `existing` are those that live, whose addresses stay valid."""
        ...


class Reloader:
    """Takes a running fleet from one configuration to the next."""

    def __init__(
        self,
        current: Config,
        source: Source,
        fleet: Fleet,
        hands: Hands,
        restarter: Restarter,
        vault: Vault,
        tokens: Tokens,
        clock: Clock,
    ) -> None:
        self._current = current
        self._source = source
        self._fleet = fleet
        self._hands = hands
        self._restarter = restarter
        self._vault = vault
        self._tokens = tokens
        self._clock = clock
        #: Processes that a reload did not reach, and the configuration that they run by.
        self._behind: dict[str, Config] = {}

    def prepare(self) -> tuple[Config, Plan]:
        """What the file says now, and what that changes. Raises UserError."""
        new = self._source.read()
        return new, plan(self._current, new, self._behind)

    async def carry_out(
        self, new: Config, todo: Plan, progress: Progress, *, timeout_s: float
    ) -> None:
        """Stops at the first failure; what was not reached is touched by the next `reload`."""
        self._vault.follow(self._current, new)
        fresh = {
            one.name: one
            for one in self._source.compose(new, {one.name: one for one in self._fleet})
        }
        for change in todo.changes:
            if change.kind != "start":
                self._behind.setdefault(change.name, self._current)
        self._current = new
        await self._tokens.take([change.name for change in todo.changes if change.kind != "stop"])
        for process in self._fleet.all:
            if process.name in fresh:
                process.reconfigure(fresh[process.name])
        added = [fresh[change.name] for change in todo.changes if change.kind == "start"]
        to_start = []
        for process in added:
            to_start += self._fleet.add(process)
            progress.lines.append(f"starting {process.name}")
        await ordering.start(to_start, self._hands, self._clock)
        for change in todo.changes:
            if change.kind == "restart" and not await self._restart(change, progress, timeout_s):
                return
        for change in todo.changes:
            if change.kind == "stop":
                await self._stop(change.name)
                progress.lines.append(f"{change.name} stopped")
        progress.finish("reloaded")

    async def _restart(self, change: Change, progress: Progress, timeout_s: float) -> bool:
        process = self._fleet.get(change.name)
        if process is None:
            return True
        one = Progress()
        await self._restarter.restart(process, one, hard=False, timeout_s=timeout_s)
        progress.lines += one.lines
        if one.failed:
            progress.finish("stopped at the first failure", failed=True)
            return False
        self._behind.pop(change.name, None)
        return True

    async def _stop(self, name: str) -> None:
        leaving = self._fleet.all_of(name)
        for process in leaving:
            self._hands.act(process, process.lifecycle.stop(self._clock.monotonic()))
        if leaving:
            await self._hands.until(ordering.none_alive(leaving), ordering.STOP_S)
            self._fleet.remove(name)
        self._behind.pop(name, None)
