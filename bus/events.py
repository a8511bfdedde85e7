"""What an adapter tells its consumers about itself, on the topic `@<adapter>` (kind 2, JSON).

Every demand that reaches the adapter is answered with `Accepted` or `Rejected`, in the same
stream as its ticks, so that the proxy can tell each client the truth per symbol.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from bus.market.orders import Order


class Accepted(Struct, frozen=True, tag="accepted", tag_field="event"):
    """The adapter feeds this topic: the broker was asked for it.

    `depth` is how many levels a side its books have at most: fewer than the topic asks for
    (`TCS:200`) where the broker has no more, and always 5 where none are asked for.
    """

    topic: str
    depth: int = 5


class Rejected(Struct, frozen=True, tag="rejected", tag_field="event"):
    """The adapter does not feed this topic.

    `code` is one of `SYMBOL_NOT_FOUND`, `LIMIT_EXCEEDED`, `MODE_NOT_SUPPORTED`,
    `BROKER_REFUSED`; `message` is for people.
    """

    topic: str
    code: str
    message: str


#: The broker state in which ticks can come.
CONNECTED: Final = "connected"


class BrokerState(Struct, frozen=True, tag="broker_state", tag_field="event"):
    """How the adapter stands with its broker.

    `state` is `connecting`, `connected`, `backoff`, `needs_token` or `stopped`.
    """

    state: str
    detail: str = ""


class EndOfStream(Struct, frozen=True, tag="end_of_stream", tag_field="event"):
    """The last thing that a generation publishes: nothing of it comes after this."""


class OrderUpdate(Struct, frozen=True, tag="order_update", tag_field="event"):
    """An order of the account changed. For that account's owner only."""

    order: Order


class PaperOrder(Struct, frozen=True, tag="paper_order", tag_field="event"):
    """An order of a user's paper account changed. For that user only."""

    user: str
    order: Order


class RelayedOrder(Struct, frozen=True, tag="relayed_order", tag_field="event"):
    """An order update that OpenAlgo put into words (a JSON object). For that user only."""

    user: str
    update: msgspec.Raw


class UsersChanged(Struct, frozen=True, tag="users_changed", tag_field="event"):
    """OpenAlgo says that what is known of somebody may be stale: look at its database."""


Event: TypeAlias = (
    Accepted
    | Rejected
    | BrokerState
    | EndOfStream
    | OrderUpdate
    | PaperOrder
    | RelayedOrder
    | UsersChanged
)

encode_event = msgspec.json.Encoder().encode
decode_event = msgspec.json.Decoder(Event).decode
