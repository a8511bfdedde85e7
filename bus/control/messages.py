"""The control plane's messages: typed structs, MessagePack on the wire.

process -> supervisor   Hello once (and again when asked), Heartbeat every second
supervisor -> process   Acknowledge for each heartbeat, Report, Identify, Directory,
                        ListClients, Credentials, HandOver, Stop
command line -> supervisor, and its answers: the Request and Reply unions
"""

from __future__ import annotations

from typing import Final, TypeAlias

from msgspec import Struct

from bus.measuring.latency import Latency
from bus.secret import Secret
from bus.settings import Role

#: Values in a process's counters: numbers and short words.
Stat: TypeAlias = int | float | str | bool | None
Stats: TypeAlias = dict[str, Stat]


class PublisherEntry(Struct, frozen=True):
    """Where one generation of an adapter publishes.

    Without `ticks` it is no adapter: a process that only tells events about itself. The ticks
    of a `standby` count where those of the active one do not come.
    """

    adapter: str
    generation: int
    endpoint: str
    broker: str = ""
    ticks: bool = True
    standby: bool = False
    #: Where its shared memory is; empty without one.
    lane: str = ""


# --- process to supervisor ----------------------------------------------------------------


class Hello(Struct, frozen=True, tag=True):
    """I am up. `endpoint` is the publisher's for an adapter, the address served for others;
    one that serves and publishes says in `publishes` where it does. `lane` is the publisher's
    shared memory, if it has one."""

    name: str
    role: Role
    pid: int
    generation: int
    endpoint: str
    version: str
    publishes: str = ""
    lane: str = ""


class Heartbeat(Struct, frozen=True, tag=True):
    """My event loop turns; `ready` says that I do my work, `stats` how it goes.

    `latency` is how long ticks took since the broker's bytes arrived, until they had left this
    process: an adapter's way to the bus, a consumer's way from the adapter to its own clients.
    """

    name: str
    generation: int
    ready: bool
    stats: Stats
    latency: Latency | None = None
    #: Parts of that way, or what lies before it, by name (`bus.control.service.HasLegs`).
    legs: dict[str, Latency] = {}


class Follow(Struct, frozen=True, tag=True):
    """From a program of the user's own, once a second: tell me the directory, too."""

    name: str


class ClientStatus(Struct, frozen=True, kw_only=True):
    """One client of a proxy process. `key` is the name of its API key, empty before login.

    `conflated` counts updates that a newer one took the place of, `dropped` messages thrown
    away, `queue_bytes` what waits for it now.
    """

    id: str
    key: str
    user: str
    address: str
    profile: str
    connected_s: float
    subscriptions: int
    queue_bytes: int
    delivered: int
    conflating: bool
    conflated: int
    dropped: int


class Clients(Struct, frozen=True, tag=True):
    """The answer to `ListClients`: those with the most trouble, out of `total`."""

    name: str
    generation: int
    clients: list[ClientStatus]
    total: int


FromProcess: TypeAlias = Hello | Heartbeat | Clients | Follow

# --- supervisor to process ----------------------------------------------------------------


class Acknowledge(Struct, frozen=True, tag=True):
    """The supervisor is there."""


class Report(Struct, frozen=True, tag=True):
    """Send a heartbeat now: somebody needs fresh figures."""


class Identify(Struct, frozen=True, tag=True):
    """The supervisor does not know the sender: say hello again."""


class Directory(Struct, frozen=True, tag=True):
    """Every adapter generation that publishes now. Sent whole on every change."""

    publishers: list[PublisherEntry]


class ListClients(Struct, frozen=True, tag=True):
    """Who is connected to you? Asked of proxies."""


class HandOver(Struct, frozen=True, tag=True):
    """To a proxy: your next generation awaits your port and your clients at `path`."""

    path: str
    generation: int


class Stop(Struct, frozen=True, tag=True):
    """Finish and exit."""

    reason: str


class Credentials(Struct, frozen=True, tag=True):
    """To an adapter: use these from now on. All of them, not only what is new."""

    values: dict[str, Secret]


class Steer(Struct, frozen=True, tag=True):
    """To an adapter whose stats say `steerable`, such as a replay: do this. What actions there
    are, and what values they take, is its own."""

    action: str
    value: str = ""


ToProcess: TypeAlias = (
    Acknowledge
    | Report
    | Identify
    | Directory
    | ListClients
    | HandOver
    | Stop
    | Credentials
    | Steer
)

# --- command line to supervisor -----------------------------------------------------------


class StatusRequest(Struct, frozen=True, tag=True):
    """What runs, and how?"""


class DirectoryRequest(Struct, frozen=True, tag=True):
    """Where do the adapters publish?"""


#: The name under which a reload's progress is asked for; no process can have it.
RELOAD: Final = "(reload)"


class RestartRequest(Struct, frozen=True, tag=True):
    """Begin to restart one process; `hard` stops it first, without a hand-over."""

    name: str
    hard: bool = False
    timeout_s: float = 30.0


class ProgressRequest(Struct, frozen=True, tag=True):
    """How far is the restart of that process?"""

    name: str


class TokenRequest(Struct, frozen=True, tag=True):
    """Let an adapter use a new credential from now on; how far that is, `ProgressRequest` asks."""

    name: str
    field: str
    value: Secret


class ReloadRequest(Struct, frozen=True, tag=True):
    """Read your configuration again; a dry run only tells what that would change. How far it
    is, `ProgressRequest` asks under the name `RELOAD`."""

    dry_run: bool
    timeout_s: float = 30.0


class SteerRequest(Struct, frozen=True, tag=True):
    """Pass `Steer` on to the adapter of this name."""

    name: str
    action: str
    value: str = ""


class DownRequest(Struct, frozen=True, tag=True):
    """End everything, in order."""


class ClientsRequest(Struct, frozen=True, tag=True):
    """Who is connected to the proxies?"""


Request: TypeAlias = (
    StatusRequest
    | DirectoryRequest
    | RestartRequest
    | ProgressRequest
    | TokenRequest
    | ReloadRequest
    | DownRequest
    | ClientsRequest
    | SteerRequest
)


class SupervisorStatus(Struct, frozen=True):
    pid: int
    uptime_s: float
    version: str
    #: Messages without a valid seal, or that are none that is known.
    control_refused_total: int = 0


class Totals(Struct, frozen=True):
    """What all generations of a process counted together, and its latencies by name: these go
    on through restarts, where `stats` and `latency` begin anew with each generation."""

    counts: dict[str, int | float] = {}
    latency: dict[str, Latency] = {}


class ProcessStatus(Struct, frozen=True, kw_only=True):
    """One managed process. Ages and uptimes in seconds, memory in bytes, CPU in percent of
    one core; null where there is nothing to tell (no pid, no heartbeat yet)."""

    name: str
    role: Role
    state: str
    pid: int | None
    generation: int
    restarts: int
    uptime_s: float | None
    endpoint: str
    cpu_percent: float | None
    rss_bytes: int | None
    heartbeat_age_s: float | None
    detail: str = ""
    stats: Stats
    latency: Latency | None = None
    #: The second generation that is ready to take over, of an adapter that keeps one, and how
    #: often one has.
    standby: ProcessStatus | None = None
    takeovers: int = 0
    #: What the log lines of this generation are known by.
    life: str = ""
    totals: Totals = Totals()


class StatusReply(Struct, frozen=True, tag=True):
    supervisor: SupervisorStatus
    processes: list[ProcessStatus]


class DirectoryReply(Struct, frozen=True, tag=True):
    publishers: list[PublisherEntry]


class ProgressReply(Struct, frozen=True, tag=True):
    """A restart so far, a line per step; `over` once nothing more happens."""

    lines: list[str]
    over: bool
    failed: bool


class PlanReply(Struct, frozen=True, tag=True):
    """What a reload changes, in lines; `changes` counts the processes that are touched."""

    lines: list[str]
    changes: int


class ProxyClients(Struct, frozen=True):
    """The clients of one proxy process; `total` is None when it did not answer in time."""

    name: str
    generation: int
    total: int | None = None
    clients: list[ClientStatus] = []


class ClientsReply(Struct, frozen=True, tag=True):
    proxies: list[ProxyClients]


class Done(Struct, frozen=True, tag=True):
    message: str


class Refused(Struct, frozen=True, tag=True):
    """The request was understood and could not be met; the message says what to do."""

    message: str


Reply: TypeAlias = (
    StatusReply | DirectoryReply | ProgressReply | PlanReply | ClientsReply | Done | Refused
)
