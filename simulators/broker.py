"""What a broker's simulator is: one pure class, `Broker`, and its `Session`s.

Everything that a protocol decides is here, without sockets or clocks; the server
(`simulators.server`) asks and sends. To add a broker, write one module with a class of this
shape and name it in `simulators.SIMULATORS`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from simulators.errors import SimulatorError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bus.settings import SimulatorSettings
    from simulators.markets.market import Instrument, Snapshot


class RefusedError(SimulatorError):
    """The broker refuses an upgrade, with this HTTP status, reason and extra headers."""

    def __init__(
        self, status: int, reason: str, headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers


class Request(NamedTuple):
    """The HTTP request that opens a connection."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


class Document(NamedTuple):
    """An answer to a plain HTTP GET."""

    content_type: str
    body: bytes


class Reaction(NamedTuple):
    """What a client's message causes.

    Attributes:
        replies: frames to send now.
        changed: numbers of the instruments whose mode in `Session.modes` changed, or was
            confirmed; the client is sent their latest snapshot at once.
    """

    replies: Sequence[str | bytes] = ()
    changed: Sequence[int] = ()


class Session(Protocol):
    """One connection as the broker sees it.

    Attributes:
        modes: instrument number -> the broker's word for the mode it is fed in.
    """

    modes: dict[int, str]

    def receive(self, message: str | bytes) -> Reaction:
        """Take one message of the client's; never raises for what a client may send."""
        ...


@runtime_checkable
class Opened(Protocol):
    """A session that has to know what it was opened by, or that speaks first."""

    def opened(self, request: Request) -> Reaction:
        """The connection is there; called once, before anything is received."""
        ...


@runtime_checkable
class Framing(Protocol):
    """A session that makes its frames itself: they depend on what it has sent before."""

    def frames(self, packets: Sequence[bytes]) -> Iterator[str | bytes]:
        """In place of `Broker.frames`, whose contract it has."""
        ...


class Broker(Protocol):
    """One broker's protocol over one market's instruments.

    Attributes:
        heartbeat: the frame that tells a silent connection is alive; an empty one stands for
            WebSocket pings, sent steadily.
        heartbeat_s: seconds of silence after which it is sent; infinite for none at all.
        max_connections: per account; one more is refused with HTTP 429.
    """

    heartbeat: str | bytes
    heartbeat_s: float
    max_connections: int

    def __init__(self, instruments: Sequence[Instrument], settings: SimulatorSettings) -> None: ...

    def login(self, request: Request) -> str:
        """The account that a connection belongs to.

        Raises:
            RefusedError: credentials are missing or wrong.
        """
        ...

    def session(self) -> Session:
        """A connection that has just been accepted."""
        ...

    def packet(self, snapshot: Snapshot, mode: str) -> bytes:
        """One instrument's tick, as it stands in a frame."""
        ...

    def frames(self, packets: Sequence[bytes]) -> Iterator[str | bytes]:
        """WebSocket messages that carry these packets, in this order."""
        ...

    def document(self, path: str) -> Document | None:
        """What a plain GET of this path answers; None for 404."""
        ...

    def hint(self, port: int) -> str:
        """TOML lines that point an adapter at this simulator."""
        ...
