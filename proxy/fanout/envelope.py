"""One topic as some clients get it, and the lanes that carry it. Pure.

Clients that spell an instrument alike and like the same look share an envelope, and with it
every frame that is built.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from proxy.clients.subscriptions import Subscription
from proxy.fanout.stream import StreamKey
from proxy.protocol.profile import Look
from proxy.protocol.requests import Instrument
from proxy.protocol.shapes import wrapper


class Carrier(Protocol):
    """A lane as its envelopes see it: frames are appended to `parts`, and go out together."""

    parts: list[bytes]

    def flush(self) -> None:
        """Hand what has gathered to every member."""
        ...


class EnvelopeKey(NamedTuple):
    """What makes two clients' frames of one topic equal."""

    spelled: Instrument
    look: Look
    #: The stream whose turns it takes, of a topic that several adapters can feed.
    stream: StreamKey | None = None


class Envelope:
    """`topic` is without its NUL, as frames have it; `token` is the random number that stands
    for this envelope in a lane's digest; `wrap` makes the frame that carries a payload.

    `parked` counts the lanes that have it and are not delivered to at the moment.
    """

    __slots__ = ("key", "lanes", "parked", "subscription", "token", "topic", "wrap")

    def __init__(
        self,
        topic: bytes,
        broker: str,
        subscription: Subscription,
        token: int,
        look: Look = Look(),  # noqa: B008 - immutable
        stream: StreamKey | None = None,
    ) -> None:
        self.topic = topic
        self.key = EnvelopeKey(subscription.spelled, look, stream)
        self.subscription = subscription
        self.token = token
        self.wrap = wrapper(look, broker, subscription)
        self.lanes: dict[Carrier, None] = {}
        self.parked = 0

    def move(self, topic: bytes, broker: str) -> None:
        """Carry another adapter's topic from now on, and say whose it is."""
        self.topic = topic
        self.wrap = wrapper(self.key.look, broker, self.subscription)

    @property
    def is_carried(self) -> bool:
        return bool(self.lanes or self.parked)
