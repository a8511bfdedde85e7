"""The control plane's messages: typed structs, MessagePack on the wire.

process -> supervisor   Hello once (and again when asked), Heartbeat every second
supervisor -> process   Acknowledge for each heartbeat, Identify, Directory, Stop
command line -> supervisor, and its answers: the Request and Reply unions
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from bus.settings import Role

#: Values in a process's counters: numbers and short words.
Stat: TypeAlias = int | float | str | bool | None
Stats: TypeAlias = dict[str, Stat]


class PublisherEntry(Struct, frozen=True):
    """Where one generation of an adapter publishes."""

    adapter: str
    generation: int
    endpoint: str
    broker: str = ""


# --- process to supervisor ----------------------------------------------------------------


class Hello(Struct, frozen=True, tag=True):
    """I am up. `endpoint` is the publisher's for an adapter, the address served for others."""

    name: str
    role: Role
    pid: int
    generation: int
    endpoint: str
    version: str


class Heartbeat(Struct, frozen=True, tag=True):
    """My event loop turns; `ready` says that I do my work, `stats` how it goes."""

    name: str
    generation: int
    ready: bool
    stats: Stats


FromProcess: TypeAlias = Hello | Heartbeat

# --- supervisor to process ----------------------------------------------------------------


class Acknowledge(Struct, frozen=True, tag=True):
    """The supervisor is there."""


class Identify(Struct, frozen=True, tag=True):
    """The supervisor does not know the sender: say hello again."""


class Directory(Struct, frozen=True, tag=True):
    """Every adapter generation that publishes now. Sent whole on every change."""

    publishers: list[PublisherEntry]


class Stop(Struct, frozen=True, tag=True):
    """Finish and exit."""

    reason: str


ToProcess: TypeAlias = Acknowledge | Identify | Directory | Stop

# --- command line to supervisor -----------------------------------------------------------


class StatusRequest(Struct, frozen=True, tag=True):
    """What runs, and how?"""


class DirectoryRequest(Struct, frozen=True, tag=True):
    """Where do the adapters publish?"""


class RestartRequest(Struct, frozen=True, tag=True):
    """Begin to restart one process; `hard` stops it first, without a hand-over."""

    name: str
    hard: bool = False
    timeout_s: float = 30.0


class ProgressRequest(Struct, frozen=True, tag=True):
    """How far is the restart of that process?"""

    name: str


class DownRequest(Struct, frozen=True, tag=True):
    """End everything, in order."""


Request: TypeAlias = (
    StatusRequest | DirectoryRequest | RestartRequest | ProgressRequest | DownRequest
)


class SupervisorStatus(Struct, frozen=True):
    pid: int
    uptime_s: float
    version: str


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


class Done(Struct, frozen=True, tag=True):
    message: str


class Refused(Struct, frozen=True, tag=True):
    """The request was understood and could not be met; the message says what to do."""

    message: str


Reply: TypeAlias = StatusReply | DirectoryReply | ProgressReply | Done | Refused
