"""Taking on what an earlier supervisor left running: same pids, same ports, same generations.

Where it was about to replace one process by its next generation, both are taken on, and the
replacement goes on: to end either of them could cost ticks, or clients that have moved.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import psutil

from bus.control.messages import Hello
from supervisor.fleet import Fleet
from supervisor.instance import runfile
from supervisor.instance.runfile import ProcessRecord
from supervisor.processes.managed import Managed

logger = logging.getLogger(__name__)


class Adoption:
    """The processes of the last run that are still alive and have not been heard of yet."""

    def __init__(self, records: Iterable[ProcessRecord]) -> None:
        self._waiting = {
            record.pid: record
            for record in records
            if runfile.is_alive(record.pid, record.create_time)
        }

    @property
    def waiting(self) -> list[ProcessRecord]:
        return list(self._waiting.values())

    def expect(self, fleet: Fleet, records: Iterable[ProcessRecord]) -> None:
        """Let the fleet know what lives and addresses there were, and make places for those that
        were about to replace others."""
        for record in records:
            current = fleet.get(record.name)
            if current is None:
                continue
            current.lifecycle.numbers.note(record.generation)  # they only ever grow
            if not (record.standby or record.successor):
                current.last_endpoint = record.endpoint
            if record.successor and record.pid in self._waiting:
                fleet.prepare(current)

    def claim(self, hello: Hello) -> ProcessRecord | None:
        """The record of the process that says hello, once; None for a stranger."""
        record = self._waiting.get(hello.pid)
        if record is None or (record.name, record.generation) != (hello.name, hello.generation):
            return None
        return self._waiting.pop(hello.pid)

    def give_up(self) -> None:
        """End what did not say hello: it hangs, and its place is needed."""
        for record in self.waiting:
            logger.warning("%s (pid %d) does not answer; ending it", record.name, record.pid)
            _kill(record)
        self._waiting.clear()


def settle(fleet: Fleet) -> list[tuple[Managed, Managed]]:
    """All are taken on that will be: returns the old and the new one of each replacement that
    goes on. Where one of the two is gone, the other one is what there is."""
    pairs = []
    for old in list(fleet):
        new = fleet.successor(old.name)
        if new is None:
            continue
        if old.alive and new.alive:
            pairs.append((old, new))
        elif new.alive:
            fleet.promote(old.name)
        else:
            fleet.dismiss(old.name)
    return pairs


def _kill(record: ProcessRecord) -> None:
    try:
        process = psutil.Process(record.pid)
        if abs(process.create_time() - record.create_time) < 1.0:
            process.kill()
            process.wait(5)
    except psutil.Error as error:
        logger.debug("%s was gone already: %s", record.name, error)
