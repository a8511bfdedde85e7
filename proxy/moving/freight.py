"""A client's connection as it travels, beside its socket: what it is, holds, and is owed. Pure."""

from __future__ import annotations

from msgspec import Struct
from websockets.frames import Opcode

from bus.frames import Frame, Kind
from bus.settings import AdapterEntry
from bus.topics import Mode
from identity.authority import Identity


class Message(Struct, frozen=True, array_like=True):
    """A WebSocket frame that was received whole and not handled yet, unmasked."""

    opcode: int
    fin: bool
    data: bytes


class Given(Struct, frozen=True, array_like=True):
    """The frame of a topic that a conflated client was given last; (0, 0) for none."""

    generation: int
    sequence: int

    def frame(self, topic: bytes) -> Frame | None:
        """By its number, which is all that is ever looked at."""
        if not self.sequence:
            return None
        return Frame(topic, int(Kind.TICK), 0, self.generation, self.sequence, 0, b"")


class Holding(Struct, frozen=True, array_like=True):
    """One subscription, and the adapter that feeds it."""

    exchange: str
    symbol: str
    mode: Mode
    spelled_symbol: str
    spelled_exchange: str
    level: int
    adapter: AdapterEntry
    broker: str = ""


class Conflated(Struct, frozen=True, array_like=True):
    """A client that does not keep up: what it was given last of each holding, by the holding's
    index, those given longest ago first."""

    given: list[tuple[int, Given]]


class Conversation(Struct, frozen=True, kw_only=True):
    """What a connection is once its handshake is done. Times are in seconds."""

    shape: str
    binary: bool
    tells_status: bool
    age_s: float
    identity: Identity | None
    wants_orders: bool
    holdings: list[Holding]
    #: Bytes of frames received so far of a message in fragments; None between messages.
    fragment_bytes: int | None
    messages: list[Message]
    conflated: Conflated | None
    delivered: int
    dropped: int
    conflated_total: int


class Freight(Struct, frozen=True, kw_only=True):
    """One connection. `unread` goes to the parser, `unsent` to the socket, both first of all."""

    id: str
    #: Where it comes from, as the rules of admission count it; asked again with its handshake.
    address: str
    #: The messages that it may send at once, of its rate's burst.
    allowance: float
    #: When it was taken off the old loop, on the clock that both processes share.
    taken_at: float
    unread: bytes
    unsent: bytes
    #: None while it is still shaking hands.
    conversation: Conversation | None


def as_frame(message: str | bytes) -> Message:
    """A message that was taken out of its frame, to be handled by somebody else."""
    if isinstance(message, str):
        return Message(int(Opcode.TEXT), True, message.encode())
    return Message(int(Opcode.BINARY), True, bytes(message))
