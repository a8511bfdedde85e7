"""What the sections of the configuration share."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

Role: TypeAlias = Literal[
    "adapter",
    "proxy",
    "marketdata",
    "simulator",
    "openalgo-bus",
    "tap",
    "recorder",
    "console",
    "metrics",
    "bridge",
]


Positive: TypeAlias = Annotated[int, Meta(ge=1)]


PositiveSeconds: TypeAlias = Annotated[float, Meta(gt=0)]


Port: TypeAlias = Annotated[int, Meta(ge=0, le=65535)]


class AdapterEntry(Struct, frozen=True):
    """A configured adapter, running or not, the broker whose protocol it speaks, and the user
    whose account it is logged in to, where the configuration says."""

    name: str
    broker: str
    user: str = ""


class TakeOver(Struct, frozen=True):
    """What a new generation of the proxy or of the market-data service is told: it gets its port
    and clients from the old one.

    `path` is a Unix socket on which it awaits the old one, `endpoint` the address served.
    """

    path: str
    endpoint: str
