"""What clients may ask for, as types; `parsing` makes them of what clients send. Pure."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from msgspec import Raw

from bus.topics import Mode
from proxy.protocol.modes import ModeChoice
from proxy.protocol.refusal import Refusal

#: JSON of any type, given back as it came.
RequestId: TypeAlias = Raw | None


class Instrument(NamedTuple):
    """A symbol and its exchange, spelled as the client spells them."""

    symbol: str
    exchange: str


class SubscribeEntry(NamedTuple):
    """One instrument wanted; `refusal` when its own mode is none."""

    instrument: Instrument
    choice: ModeChoice
    refusal: Refusal | None = None
    #: The adapter or broker that is to feed it; empty: whoever does.
    broker: str = ""


class UnsubscribeEntry(NamedTuple):
    """One instrument no longer wanted, in `mode`, or None: in every mode held."""

    instrument: Instrument
    mode: Mode | None
    refusal: Refusal | None = None


class Authenticate(NamedTuple):
    credential: str


class Subscribe(NamedTuple):
    entries: list[SubscribeEntry]
    depth: int
    request_id: RequestId


class Unsubscribe(NamedTuple):
    entries: list[UnsubscribeEntry]
    request_id: RequestId


class UnsubscribeAll(NamedTuple):
    request_id: RequestId


class Orders(NamedTuple):
    """Whether order updates are wanted."""

    wanted: bool
    request_id: RequestId


class BrokerInfo(NamedTuple):
    pass


class SupportedBrokers(NamedTuple):
    pass


class Ping(NamedTuple):
    timestamp: Raw | None
    ping_id: Raw | None


class Nothing(NamedTuple):
    """Keep-alive text that wants no answer."""


Request: TypeAlias = (
    Authenticate
    | Subscribe
    | Unsubscribe
    | UnsubscribeAll
    | Orders
    | BrokerInfo
    | SupportedBrokers
    | Ping
    | Nothing
)
