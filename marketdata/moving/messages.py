"""What the old service and the new one say to each other while everything changes hands. Pure.

old                                      new
---                                      ---
Values(frames), again and again    ->    has them, where the bus brought nothing newer
Needs(...)                         ->    wants the same of the adapters
                                   <-    Joined: what the old one reads, I read
    stands still: reads no request, answers those under way, closes the paper accounts
Free(positions)                    ->    opens the paper accounts
                                   <-    Opened, or why not
Listener + descriptor              ->    accepts new connections
Connections + descriptors          ->    serves them
                                   <-    Serving(connections): all of them are mine
    answers what it still has, passes what is left in further Connections
Finish                             ->    that was all

Until `Serving` nothing has happened that the old one cannot undo: when the new one dies or cannot
open the accounts, it opens them again and reads on. Requests that came meanwhile lie in the kernel.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from bus.events import Rejected
from bus.frames import Frame
from bus.topics import Mode


class Lease(Struct, frozen=True, array_like=True):
    """A topic that somebody asked for, and for how long it is still held."""

    adapter: str
    exchange: str
    symbol: str
    mode: Mode
    left_s: float


class Position(Struct, frozen=True, array_like=True):
    """The last tick of a topic that the old one's desk was told."""

    topic: bytes
    generation: int
    sequence: int


# --- old to new ---------------------------------------------------------------------------------


class Values(Struct, frozen=True, tag=True):
    frames: list[Frame]


class Needs(Struct, frozen=True, tag=True):
    """`instruments` are those that paper orders and positions need, as (exchange, symbol)."""

    leases: list[Lease]
    instruments: list[tuple[str, str]]
    refusals: list[Rejected]


class Free(Struct, frozen=True, tag=True):
    """The paper accounts are. Nothing was read since `since`, by the system's monotonic clock."""

    positions: list[Position]
    since: float


class Listener(Struct, frozen=True, tag=True):
    """A descriptor beside it: the socket that listens."""


class Connections(Struct, frozen=True, tag=True):
    """As many descriptors beside it, all between two requests. After the `last` ones before
    `Serving` is awaited."""

    count: int
    last: bool = False


class Finish(Struct, frozen=True, tag=True):
    """There is nothing left here."""


FromOld: TypeAlias = Values | Needs | Free | Listener | Connections | Finish

# --- new to old ---------------------------------------------------------------------------------


class Joined(Struct, frozen=True, tag=True):
    """`topics` have a last value."""

    topics: int


class Opened(Struct, frozen=True, tag=True):
    """With a `trouble` the paper accounts are not open, and nothing may move."""

    trouble: str = ""


class Serving(Struct, frozen=True, tag=True):
    connections: int


FromNew: TypeAlias = Joined | Opened | Serving


def descriptors_of(message: FromOld | FromNew) -> int:
    """How many descriptors travel beside a message."""
    match message:
        case Listener():
            return 1
        case Connections(count):
            return count
        case _:
            return 0
