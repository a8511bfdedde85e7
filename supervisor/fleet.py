"""The processes that are managed: one per name, perhaps a standby, for a while a successor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from bus.control.messages import ProcessStatus, PublisherEntry
from bus.settings import Role
from supervisor.instance.runfile import ProcessRecord
from supervisor.ledger import TAKEOVERS, Account, Ledger
from supervisor.processes.lifecycle import SERVING
from supervisor.processes.managed import Managed


class Fleet:
    """Processes by name. While one is replaced, both generations of it are here.

    A process that keeps a standby has two places under its name. When the active one ends and
    the standby serves, they change places: the standby is the active one from then on, and
    what lives again in the other place stands by.
    """

    def __init__(
        self, processes: Iterable[Managed], accounts: dict[str, Account] | None = None
    ) -> None:
        #: What their generations counted together.
        self.ledger = Ledger(accounts)
        self._current: dict[str, Managed] = {}
        self._standbys: dict[str, Managed] = {}
        self._successors: dict[str, Managed] = {}
        self._takeovers: Counter[str] = Counter()
        for process in processes:
            self.add(process)

    def __iter__(self) -> Iterator[Managed]:
        """The current one of each name, as `status` shows them."""
        return iter(self._current.values())

    @property
    def all(self) -> list[Managed]:
        """Current ones, standbys and successors."""
        return [*self._current.values(), *self._standbys.values(), *self._successors.values()]

    @property
    def names(self) -> list[str]:
        return list(self._current)

    def get(self, name: str) -> Managed | None:
        return self._current.get(name)

    def all_of(self, name: str) -> list[Managed]:
        """Every one of a name, the current one first."""
        return [process for process in self.all if process.name == name]

    def find(self, name: str, generation: int) -> Managed | None:
        """The process that calls itself so."""
        for process in self.all_of(name):
            if process.lifecycle.generation == generation:
                return process
        return None

    def of(self, role: Role) -> list[Managed]:
        """All of a role, standbys and successors included."""
        return [process for process in self.all if process.role == role]

    def add(self, process: Managed) -> list[Managed]:
        """A process that is new to the configuration, and the standby that it keeps."""
        self._current[process.name] = process
        return [process, *([self.add_standby(process)] if process.keeps_standby else [])]

    def remove(self, name: str) -> None:
        """One that left the configuration, and has ended."""
        self._current.pop(name, None)
        self._standbys.pop(name, None)
        self.ledger.forget(name)

    def directory(self) -> list[PublisherEntry]:
        """Every generation that publishes."""
        entries = []
        for process in self.all:
            entry = process.publisher()
            if entry is not None:
                entries.append(replace(entry, standby=self._stands_by(process)))
        return entries

    def records(self) -> list[ProcessRecord]:
        """What a later supervisor needs to know of every one that lives."""
        records = []
        for process in self.all:
            record = process.record()
            if record is not None:
                is_successor = self._successors.get(process.name) is process
                standby = self._stands_by(process)
                records.append(replace(record, standby=standby, successor=is_successor))
        return records

    def status(self, now: float) -> list[ProcessStatus]:
        """One per name; a standby is told with its active one, and their restarts together."""
        told = []
        for process in self:
            standby = self.standby(process.name)
            status = replace(process.status(now), totals=self.ledger.totals(process.name))
            if standby is not None:
                status = replace(
                    status,
                    restarts=status.restarts + standby.lifecycle.restarts,
                    standby=standby.status(now),
                    takeovers=self._takeovers[process.name],
                )
            told.append(status)
        return told

    def place_of(self, record: ProcessRecord) -> Managed | None:
        """Where a process that an earlier supervisor left running belongs."""
        if record.standby:
            return self._standbys.get(record.name)
        return (self._successors if record.successor else self._current).get(record.name)

    # --- standing by ------------------------------------------------------------------------

    def standby(self, name: str) -> Managed | None:
        """The one that stands by, in whatever life it is."""
        return self._standbys.get(name)

    def add_standby(self, process: Managed) -> Managed:
        """One that is to stand by for a process, not started yet."""
        standby = self._standbys[process.name] = process.second()
        return standby

    def remove_standby(self, name: str) -> None:
        """It is not kept any more, and has ended."""
        self._standbys.pop(name, None)

    def take_over(self, name: str) -> bool:
        """Let the standby change places with an active one that has ended, if it can."""
        standby = self._standbys.get(name)
        if standby is None or standby.lifecycle.state not in SERVING or self._current[name].handle:
            return False
        self._standbys[name], self._current[name] = self._current[name], standby
        self._takeovers[name] += 1
        self.ledger.count(name, TAKEOVERS)
        return True

    def _stands_by(self, process: Managed) -> bool:
        return self._standbys.get(process.name) is process

    # --- replacing one ----------------------------------------------------------------------

    def is_replaced(self, name: str) -> bool:
        """Whether a replacement is under way."""
        return name in self._successors

    def successor(self, name: str) -> Managed | None:
        """The one that is to replace the current one."""
        return self._successors.get(name)

    def prepare(self, process: Managed) -> Managed:
        """A successor, not started yet, that will be the next generation."""
        successor = process.twin()
        process.lifecycle.superseded = True
        self._successors[process.name] = successor
        return successor

    def promote(self, name: str) -> None:
        """The successor is the current one from now on."""
        self._current[name] = successor = self._successors.pop(name)
        successor.takeover, successor.lifecycle.superseded = None, False

    def dismiss(self, name: str) -> None:
        """The replacement failed: the current one stays what it was."""
        del self._successors[name]
        self._current[name].lifecycle.superseded = False
