"""What the old proxy and the new one say to each other while clients move. Pure.

old                                     new
---                                     ---
Wanted(number, topics)            ->    subscribes to them at every adapter
                                  <-    Joined(number, marks): all of it reaches me
Positions(settled, fresh)         ->    what was delivered up to there
Listener + descriptors            ->    accepts new connections
                                  <-    Accepting
Offer(batch, freights) + sockets  ->    holds them, touches nothing
                                  <-    Taken(batch, ids): these I can serve
Commit(batch, ids)                ->    they are the new one's from here on
                                  <-    Active(batch)
Finish                            ->    that was all

Until its commit a connection is the old one's, whatever happens to the new one; after it the new
one's, whatever happens to the old one. A process that loses the other closes what is not its own,
which the client does not notice: the other process has the same socket.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from bus.frames import Frame
from proxy.moving.freight import Freight


class Want(Struct, frozen=True, array_like=True):
    """A topic (ending in NUL) that the old proxy's clients hold, and the event in JSON with which
    the adapter answered; empty while it has not."""

    adapter: str
    topic: bytes
    verdict: bytes = b""


class Mark(Struct, frozen=True, array_like=True):
    """An event in an adapter's stream: what is published after it reaches the new proxy, too."""

    adapter: str
    generation: int
    sequence: int


class Failures(Struct, frozen=True, array_like=True):
    """Logins of an address that failed, the last one `age_s` seconds ago."""

    address: str
    count: int
    age_s: float


# --- old to new ---------------------------------------------------------------------------------


class Wanted(Struct, frozen=True, tag=True):
    number: int
    topics: list[Want]
    failures: list[Failures] = []


class Positions(Struct, frozen=True, tag=True):
    """The last frame delivered per topic: `settled` those from before the new one's marks, which
    it has read or never will; `fresh` those that it will have read soon, and events, which it may
    have come too late for."""

    settled: list[Frame]
    fresh: list[Frame]


class Listener(Struct, frozen=True, tag=True):
    """As many descriptors beside it: sockets that listen."""

    sockets: int


class Offer(Struct, frozen=True, tag=True):
    """A socket beside it per freight; `positions` is what was delivered since the last ones,
    all of which reaches the new one."""

    batch: int
    positions: list[Frame]
    freights: list[Freight]


class Commit(Struct, frozen=True, tag=True):
    batch: int
    ids: list[str]


class Finish(Struct, frozen=True, tag=True):
    """Everything that can move has moved."""


FromOld: TypeAlias = Wanted | Positions | Listener | Offer | Commit | Finish

# --- new to old ---------------------------------------------------------------------------------


class Joined(Struct, frozen=True, tag=True):
    number: int
    marks: list[Mark]


class Accepting(Struct, frozen=True, tag=True):
    """New connections are the new proxy's."""


class Taken(Struct, frozen=True, tag=True):
    """Those of a batch that can go on here; the others stay where they are."""

    batch: int
    ids: list[str]


class Active(Struct, frozen=True, tag=True):
    batch: int


FromNew: TypeAlias = Joined | Accepting | Taken | Active


def descriptors_of(message: FromOld | FromNew) -> int:
    """How many descriptors travel beside a message."""
    match message:
        case Listener(sockets):
            return sockets
        case Offer():
            return len(message.freights)
        case _:
            return 0
