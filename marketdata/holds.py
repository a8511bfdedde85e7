"""What this service itself wants of the adapters, and for whom. Pure.

The bus's demand knows only "wanted" and "not wanted", so holders are counted here: one who lets
go never ends another's ticks. A *lease* is a hold that ends by itself: a request for a symbol
that nobody subscribes leaves its subscription behind for a while, for the next request.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from bus.events import Rejected
from bus.topics import NUL, Mode, Topic

#: How long a refusal is believed that nobody asks about, in seconds.
_REFUSAL_S: Final = 60.0


class Bus(Protocol):
    """The part of `bus.subscriber.Subscriber` that holds need; topics end in NUL."""

    def subscribe(self, adapter: str, topic: bytes) -> None: ...

    def unsubscribe(self, adapter: str, topic: bytes) -> None: ...


class Wanted(NamedTuple):
    """One instrument in one mode of one adapter."""

    adapter: str
    exchange: str
    symbol: str
    mode: Mode

    @property
    def wire(self) -> bytes:
        """Raises TopicError: no such topic can be."""
        return Topic.make(self.adapter, self.exchange, self.symbol, self.mode).wire


class Lease(NamedTuple):
    """Since when it is held, and until when; monotonic seconds."""

    since: float
    until: float


class Holds:
    """Holders, leases, and the adapters' refusals. `most` bounds the leases."""

    def __init__(self, bus: Bus, most: int) -> None:
        self._bus = bus
        self._most = most
        self._holders: dict[Wanted, set[str]] = {}
        self._leases: dict[Wanted, Lease] = {}
        self._refusals: dict[bytes, tuple[Rejected, float]] = {}

    def __len__(self) -> int:
        """Topics that are wanted."""
        return len(self._holders.keys() | self._leases.keys())

    @property
    def leases(self) -> int:
        return len(self._leases)

    def all(self) -> list[Wanted]:
        return list(self._holders.keys() | self._leases.keys())

    def hold(self, holder: str, wanted: Wanted) -> None:
        """Want it until this holder lets go. Raises TopicError: there is no such topic."""
        self._want(wanted)
        self._holders.setdefault(wanted, set()).add(holder)

    def release(self, holder: str, wanted: Wanted) -> None:
        """This holder needs it no more."""
        holders = self._holders.get(wanted, set())
        if holder not in holders:
            return
        holders.remove(holder)
        if not holders:
            self._holders.pop(wanted, None)
            self._let_go(wanted)

    def keep(self, holder: str, wanted: set[Wanted]) -> None:
        """Let this holder hold exactly these."""
        held = {one for one, holders in self._holders.items() if holder in holders}
        for one in wanted - held:
            self.hold(holder, one)
        for one in held - wanted:
            self.release(holder, one)

    def lease(self, wanted: Wanted, now: float, hold_s: float) -> Lease | None:
        """Want it for `hold_s` from now; the lease as it was before, or as it is now when it is
        new; None when there are too many. Raises TopicError: there is no such topic."""
        before = self._leases.get(wanted)
        if before is None and len(self._leases) >= self._most:
            return None
        self._want(wanted)
        lease = Lease(now if before is None else before.since, now + hold_s)
        self._leases[wanted] = lease
        return lease

    def tidy(self, now: float) -> int:
        """End the leases that are over; how many they were. Refusals of what nobody wants any
        more are believed for a while: whoever asked for less instead is not to ask again."""
        wanted_topics = {wanted.wire for wanted in self.all()}
        self._refusals = {
            topic: (refusal, at)
            for topic, (refusal, at) in self._refusals.items()
            if topic in wanted_topics or now - at < _REFUSAL_S
        }
        over = [wanted for wanted, lease in self._leases.items() if lease.until <= now]
        for wanted in over:
            del self._leases[wanted]
            self._let_go(wanted)
        return len(over)

    def refused(self, rejected: Rejected, now: float) -> None:
        """An adapter said that it does not feed a topic."""
        self._refusals[rejected.topic.encode() + NUL] = (rejected, now)

    def accepted(self, topic: str) -> None:
        self._refusals.pop(topic.encode() + NUL, None)

    def leased(self) -> list[tuple[Wanted, float]]:
        """What is held by leases, and until when; monotonic seconds."""
        return [(wanted, lease.until) for wanted, lease in self._leases.items()]

    def refusals(self) -> list[Rejected]:
        """What adapters said against topics."""
        return [refusal for refusal, _ in self._refusals.values()]

    def refusal(self, wanted: Wanted) -> Rejected | None:
        """What the adapter said against a topic. Raises TopicError: there is no such topic."""
        refusal = self._refusals.get(wanted.wire)
        return None if refusal is None else refusal[0]

    def _want(self, wanted: Wanted) -> None:
        if wanted not in self._holders and wanted not in self._leases:
            self._bus.subscribe(wanted.adapter, wanted.wire)

    def _let_go(self, wanted: Wanted) -> None:
        if wanted not in self._holders and wanted not in self._leases:
            self._bus.unsubscribe(wanted.adapter, wanted.wire)
