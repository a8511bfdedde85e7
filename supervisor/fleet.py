"""The processes that are managed: one per name, and for a while its successor, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bus.messages import PublisherEntry
from bus.settings import Role
from supervisor.managed import Managed
from supervisor.runfile import ProcessRecord


class Fleet:
    """Processes by name. While one is replaced, both generations of it are here."""

    def __init__(self, processes: Iterable[Managed]) -> None:
        self._current = {process.name: process for process in processes}
        self._successors: dict[str, Managed] = {}

    def __iter__(self) -> Iterator[Managed]:
        """The current one of each name, as `status` shows them."""
        return iter(self._current.values())

    @property
    def all(self) -> list[Managed]:
        """Current ones and successors."""
        return [*self._current.values(), *self._successors.values()]

    @property
    def names(self) -> list[str]:
        return list(self._current)

    def get(self, name: str) -> Managed | None:
        return self._current.get(name)

    def find(self, name: str, generation: int) -> Managed | None:
        """The process that calls itself so."""
        for process in (self._current.get(name), self._successors.get(name)):
            if process is not None and process.lifecycle.generation == generation:
                return process
        return None

    def of(self, role: Role) -> list[Managed]:
        """All of a role, successors included."""
        return [process for process in self.all if process.role == role]

    def add(self, process: Managed) -> None:
        """A process that is new to the configuration."""
        self._current[process.name] = process

    def remove(self, name: str) -> None:
        """One that left the configuration, and has ended."""
        self._current.pop(name, None)

    def directory(self) -> list[PublisherEntry]:
        """Every generation that publishes."""
        return [entry for p in self.all if (entry := p.publisher()) is not None]

    def records(self) -> list[ProcessRecord]:
        """What a later supervisor needs to know of every one that lives."""
        return [record for process in self.all if (record := process.record()) is not None]

    # --- replacing one ----------------------------------------------------------------------

    def is_replaced(self, name: str) -> bool:
        """Whether a replacement is under way."""
        return name in self._successors

    def prepare(self, process: Managed) -> Managed:
        """A successor, not started yet, that will be the next generation."""
        successor = process.twin()
        process.lifecycle.superseded = True
        self._successors[process.name] = successor
        return successor

    def promote(self, name: str) -> None:
        """The successor is the current one from now on."""
        self._current[name] = self._successors.pop(name)

    def dismiss(self, name: str) -> None:
        """The replacement failed: the current one stays what it was."""
        successor = self._successors.pop(name)
        current = self._current[name]
        current.lifecycle.superseded = False
        current.lifecycle.used = successor.lifecycle.used
