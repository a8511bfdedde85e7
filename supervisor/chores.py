"""What the supervisor does now and then: keep logs short and memory bounded, tell systemd."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from bus.clock import Clock
from supervisor.fleet import Fleet
from supervisor.instance.paths import StatePaths
from supervisor.notify import ALIVE, notify, watchdog_s
from supervisor.processes.lifecycle import State
from supervisor.processes.logfiles import rotate
from supervisor.processes.managed import Managed
from supervisor.processes.memory import LOOK_S

logger = logging.getLogger(__name__)

_LOG_LOOKS: Final = 12


class Chores:
    """Runs beside the lifecycles. `replace(name)` begins a restart; whether it could."""

    def __init__(
        self, fleet: Fleet, paths: StatePaths, replace: Callable[[str], bool], clock: Clock
    ) -> None:
        self._fleet = fleet
        self._paths = paths
        self._replace = replace
        self._clock = clock

    async def run(self) -> None:
        looks = 0
        while True:
            await asyncio.sleep(LOOK_S)
            for process in self._fleet.all:
                self._weigh(process)
            looks += 1
            if looks % _LOG_LOOKS == 0:
                for name in (*self._fleet.names, "template"):
                    rotate(self._paths.log(name))

    @staticmethod
    async def tell_watchdog() -> None:
        """From the event loop, so that a supervisor that hangs is found out."""
        interval_s = watchdog_s()
        while interval_s is not None:
            notify(ALIVE)
            await asyncio.sleep(interval_s)

    def _weigh(self, process: Managed) -> None:
        if process.lifecycle.state is not State.RUNNING or process.handle is None:
            return
        rss_bytes = process.handle.rss_bytes()
        if process.ceiling.observe(self._clock.monotonic(), rss_bytes, process.max_rss_bytes):
            logger.warning(
                "%s has %d MB, more than its max_rss_mb; replacing it",
                process.name,
                rss_bytes // 1_000_000,
            )
            self._replace(process.name)
