"""Facts about a machine and an instance, as plain values: who gathers them is elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bus.control.messages import StatusReply


@dataclass(frozen=True)
class Holder:
    """Who listens on a port. `pid` None: the system does not say."""

    pid: int | None
    command: str = ""
    ours: bool = False


@dataclass(frozen=True)
class PortFact:
    """A port that a section of the configuration wants."""

    key: str
    host: str
    port: int
    #: Why it cannot be bound; empty: it can.
    refused: str
    holder: Holder | None


@dataclass(frozen=True)
class FileFact:
    """A file or folder of the instance; `mode` is None where the system has no such modes."""

    path: str
    mode: int | None
    mine: bool
    writable: bool


@dataclass(frozen=True)
class CredentialFact:
    """One credential of an adapter, never its value."""

    adapter: str
    broker: str
    field: str
    #: `env:VAR`, `file:PATH`, `openalgo:`, or empty: written in the configuration.
    source: str
    #: Unix seconds at which it says itself that it ends; None: it does not say.
    expires: float | None = None


@dataclass(frozen=True)
class MasterFact:
    """The instruments of an adapter; `age_s` None: there are none."""

    adapter: str
    age_s: float | None
    simulated: bool


@dataclass(frozen=True)
class DiskFact:
    """Room under a folder, in bytes; `wanted` is what will be written there in time."""

    path: str
    free: int
    wanted: int = 0


@dataclass(frozen=True)
class OpenAlgoFact:
    """The install that the configuration names. `missing` are `table` or `table.column`."""

    database: str
    error: str = ""
    missing: Sequence[str] = ()
    users: int = 0
    logins: int = 0


@dataclass(frozen=True)
class ClockFact:
    """Seconds east of UTC, whether the system says that its clock is set by others (None: it says
    nothing), and by how much it was moved since the supervisor began."""

    utc_offset_s: float
    synchronized: bool | None = None
    moved_s: float | None = None


@dataclass(frozen=True)
class Leftover:
    """A process or file of a run that is over."""

    what: str
    pid: int | None = None


@dataclass(frozen=True)
class Facts:
    """All of it, of one moment."""

    now: float
    #: What commands have to be given besides: empty, or ` --config FILE`.
    option: str
    config_file: str | None
    #: What is wrong with the configuration, one line each.
    config_problems: Sequence[str]
    python: tuple[int, int, int]
    version: str
    libraries: Mapping[str, str | None]
    ports: Sequence[PortFact] = ()
    files: Sequence[FileFact] = ()
    credentials: Sequence[CredentialFact] = ()
    masters: Sequence[MasterFact] = ()
    disks: Sequence[DiskFact] = ()
    leftovers: Sequence[Leftover] = ()
    clock: ClockFact = field(default_factory=lambda: ClockFact(19800.0))
    #: Soft and hard limit of open files; None where there is none.
    open_files: tuple[int, int] | None = None
    #: Connections that clients may make, by the configuration.
    wanted_files: int = 0
    openalgo: OpenAlgoFact | None = None
    #: OpenAlgo's own ports that somebody else has: port -> command.
    beside: Mapping[int, str] = field(default_factory=dict)
    #: A supervisor's process lives.
    supervised: bool = False
    status: StatusReply | None = None
