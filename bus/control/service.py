"""What a role does inside its process, and what the shell around it gives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import zmq

from bus.clock import Clock
from bus.control.exits import Exit
from bus.control.messages import ClientStatus, HandOver, PublisherEntry, Stats
from bus.measuring.latency import Latency
from bus.secret import Secret

#: Clients in one answer: a control message has at most 1 MiB.
CLIENTS_TOLD: Final = 2000


def _raise(error: BaseException) -> None:
    raise error


@dataclass(frozen=True)
class Host:
    """What the shell gives to the service that runs in it."""

    name: str
    generation: int
    secret: Secret
    context: zmq.Context[zmq.Socket[bytes]]
    clock: Clock
    #: Call when `ready` or something worth an early heartbeat changed.
    changed: Callable[[], None]
    #: Call when something in the background failed for good: the process ends with it.
    fail: Callable[[BaseException], None] = _raise
    #: Call when there is nothing left to do, with the reason: the process ends in order.
    finish: Callable[[str], None] = lambda _: None


class Service(Protocol):
    """What a role does inside its process."""

    @property
    def ready(self) -> bool:
        """Whether it does its work now (an adapter: connected to the broker)."""
        ...

    async def start(self) -> str:
        """Bind, begin, and say where: the publisher's endpoint, or the address served."""
        ...

    async def stop(self) -> None:
        """End in order; what is under way is finished or told."""
        ...

    def stats(self) -> Stats:
        """The counters for `status`."""
        ...

    def follow(self, publishers: list[PublisherEntry]) -> None:
        """The directory changed."""
        ...


@runtime_checkable
class TakesCredentials(Protocol):
    """A service that can go on with new credentials."""

    def renew(self, credentials: Mapping[str, Secret]) -> None:
        """Use these from now on."""
        ...


@runtime_checkable
class Publishes(Protocol):
    """A service that serves an address and has events for the bus, too."""

    @property
    def publishes(self) -> str:
        """The publisher's endpoint, once started."""
        ...


@runtime_checkable
class HandsOver(Protocol):
    """A service whose next generation takes on what it has open."""

    def hand_over(self, order: HandOver) -> None:
        """Begin; how it goes on is in `stats`, and once it is done the process ends."""
        ...


@runtime_checkable
class Steerable(Protocol):
    """A service that does what it is told while it runs."""

    def steer(self, action: str, value: str) -> None:
        """Raises ControlError: it knows no such action or value."""
        ...


@runtime_checkable
class HasLane(Protocol):
    """A service that publishes in shared memory, too."""

    @property
    def lane(self) -> str:
        """Where that memory is; empty when it has none."""
        ...


@runtime_checkable
class HasClients(Protocol):
    """A service that others connect to."""

    def clients(self) -> tuple[list[ClientStatus], int]:
        """Those with the most trouble, at most `CLIENTS_TOLD`, and how many there are."""
        ...


@runtime_checkable
class HasLatency(Protocol):
    """A service through which ticks go."""

    def latency(self) -> Latency:
        """How long they took, counted since the start."""
        ...


@runtime_checkable
class HasLegs(Protocol):
    """A service that knows parts of the way of ticks apart."""

    def legs(self) -> dict[str, Latency]:
        """By name, counted since the start."""
        ...


class ExitError(Exception):
    """Raised by a service to end its process with an exit code that means something."""

    def __init__(self, code: Exit, message: str) -> None:
        super().__init__(message)
        self.code = code
