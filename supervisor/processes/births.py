"""What the supervisor and its template say to each other: lines of JSON on a private socket.

supervisor -> template   Preload once, then an Order per child, with two descriptors beside it
template -> supervisor   Warm when everything is imported, Born or Refused for each order, and
                         Exited for each child that ended

No setting and no secret is in these lines: those go down the child's own pipe, so that the
template never holds what its next children must not know.
"""

from __future__ import annotations

from typing import Generic, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

T = TypeVar("T")


class Preload(Struct, frozen=True, tag=True):
    """Import these modules, and call `find_any(name)` of the registry for these brokers.

    With `rehearse`, play what an adapter does first, too.
    """

    modules: list[str]
    brokers: list[str] = []
    rehearse: bool = False


class Order(Struct, frozen=True, tag=True):
    """Fork a child that runs `python -m module`; `name` is what the system shows of it.

    Beside it travel the child's standard input and its log, as descriptors.
    """

    module: str
    name: str


class Warm(Struct, frozen=True, tag=True):
    """Everything is imported; `failed` names what could not be."""

    failed: list[str] = []


class Born(Struct, frozen=True, tag=True):
    pid: int


class Refused(Struct, frozen=True, tag=True):
    """The system gives no process; `why` in its words."""

    why: str


class Exited(Struct, frozen=True, tag=True):
    """A child is gone and reaped. `code` is negative for a signal."""

    pid: int
    code: int


ToTemplate: TypeAlias = Preload | Order
FromTemplate: TypeAlias = Warm | Born | Refused | Exited


def encode(message: ToTemplate | FromTemplate) -> bytes:
    """The line of a message."""
    return msgspec.json.encode(message) + b"\n"


class Lines(Generic[T]):
    """Takes bytes as they come and gives whole messages; pure."""

    def __init__(self, kind: object) -> None:
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(kind)
        self._rest = b""

    def feed(self, data: bytes) -> list[T]:
        """Raises msgspec.DecodeError: what came is no message."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        return [self._decoder.decode(line) for line in whole]
