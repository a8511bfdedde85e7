"""One subscribe request on its way from the client's message to its acknowledgement. Pure.

The acknowledgement should be true, so it waits a moment for the adapters' answers; and it
must come before the first push, while no tick may be missed from the moment of asking. So new
subscriptions first deliver into a buffer, which follows the acknowledgement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from bus.errors import TopicError
from bus.events import Rejected
from bus.settings import AdapterEntry
from bus.topics import Topic
from proxy.desk import Desk
from proxy.envelope import Envelope
from proxy.lanes import Member, Writer
from proxy.replies import Outcome
from proxy.requests import Subscribe, SubscribeEntry
from proxy.subscriptions import Holdings, Subscription


class Held(NamedTuple):
    """What belongs to a subscription that a client holds, or is about to."""

    envelope: Envelope
    topic: bytes
    adapter: AdapterEntry


class _Buffer:
    """Keeps what is written until it is known where to."""

    def __init__(self) -> None:
        self._kept: list[tuple[bytes, int]] = []

    def write(self, data: bytes, messages: int) -> None:
        self._kept.append((data, messages))

    def pour(self, writer: Writer) -> None:
        for data, messages in self._kept:
            writer.write(data, messages)


class _Asked(NamedTuple):
    entry: SubscribeEntry
    subscription: Subscription
    held: Held


class Subscribing:
    """Asks for what is new; then `settle` or `abandon` it, once.

    `on_answered`, when set, is called once nothing is left to wait for.
    """

    def __init__(self, desk: Desk, holdings: Holdings[Held], request: Subscribe) -> None:
        self.request = request
        self.on_answered: Callable[[], None] | None = None
        self._desk = desk
        self._holdings = holdings
        self._new: dict[Subscription, Held] = {}
        self._unanswered: dict[bytes, str] = {}
        self._buffer = _Buffer()
        self._buffering = desk.lanes.join(self._buffer, desk.clock.monotonic())
        self._asked = [self._ask(entry) for entry in request.entries]

    @property
    def answered(self) -> bool:
        """Whether all that is worth waiting for is known."""
        return not self._unanswered

    def settle(self, member: Member) -> list[Outcome]:
        """Let the client hold what was not rejected; how each entry fared."""
        for adapter in set(self._unanswered.values()):
            self._desk.feeds.was_silent(adapter)
        self._stop_waiting()
        outcomes = [self._outcome(asked) for asked in self._asked]
        for subscription, held in self._new.items():
            self._holdings.add(subscription, held)
        self._add(member, (held.envelope for held in self._new.values()))
        for asked in self._asked:
            if isinstance(asked, _Asked) and self._rejection(asked.held) is not None:
                drop(self._desk, self._holdings, member, [asked.subscription])
        return outcomes

    def pour(self, writer: Writer) -> None:
        """After the acknowledgement: what was ticking meanwhile."""
        self._buffer.pour(writer)

    def abandon(self) -> None:
        """The client is gone."""
        self._stop_waiting()
        for held in self._new.values():
            self._desk.demand.release(held.topic)

    # --- asking ---------------------------------------------------------------------------

    def _ask(self, entry: SubscribeEntry) -> _Asked | Outcome:
        if entry.refusal is not None:
            return self._failure(entry, entry.refusal.message, entry.refusal.code)
        try:
            subscription = Subscription.of(entry.instrument, entry.choice.mode)
        except TopicError as error:
            return self._failure(entry, str(error), "SYMBOL_NOT_FOUND")
        held = self._holdings.get(subscription) or self._new.get(subscription)
        if held is None:
            adapter = self._desk.routing.choose(subscription.exchange, subscription.symbol)
            if adapter is None:
                return self._failure(entry, "No adapter feeds this symbol", "SYMBOL_NOT_FOUND")
            held = self._want(subscription, adapter)
        return _Asked(entry, subscription, held)

    def _want(self, subscription: Subscription, adapter: AdapterEntry) -> Held:
        desk = self._desk
        topic = Topic.make(
            adapter.name, subscription.exchange, subscription.symbol, subscription.mode
        ).wire
        envelope = desk.lanes.envelope(topic[:-1], adapter.broker, subscription)
        held = self._new[subscription] = Held(envelope, topic, adapter)
        self._add(self._buffering, [envelope])
        desk.demand.take(adapter.name, topic)
        if desk.demand.verdict(topic) is None and desk.feeds.answers(adapter.name):
            self._unanswered[topic] = adapter.name
            desk.demand.watch(topic, self._on_verdict)
        return held

    def _on_verdict(self, topic: bytes) -> None:
        self._unanswered.pop(topic, None)
        if not self._unanswered and self.on_answered is not None:
            self.on_answered()

    def _stop_waiting(self) -> None:
        for topic in self._unanswered:
            self._desk.demand.unwatch(topic, self._on_verdict)
        self._unanswered.clear()
        self._desk.lanes.leave(self._buffering)

    # --- telling --------------------------------------------------------------------------

    def _outcome(self, asked: _Asked | Outcome) -> Outcome:
        if isinstance(asked, Outcome):
            return asked
        entry, broker = asked.entry, asked.held.adapter.broker
        rejected = self._rejection(asked.held)
        if rejected is not None:
            return Outcome(entry.instrument, broker, rejected.message, rejected.code)
        return Outcome(entry.instrument, broker, mode=entry.choice.echo, depth=self.request.depth)

    def _rejection(self, held: Held) -> Rejected | None:
        verdict = self._desk.demand.verdict(held.topic)
        return verdict if isinstance(verdict, Rejected) else None

    def _failure(self, entry: SubscribeEntry, message: str, code: str) -> Outcome:
        return Outcome(entry.instrument, self._desk.default_broker, message, code)

    def _add(self, member: Member, envelopes: Iterable[Envelope]) -> None:
        self._desk.lanes.add(member, envelopes, self._desk.clock.monotonic())


def drop(
    desk: Desk, holdings: Holdings[Held], member: Member, subscriptions: Iterable[Subscription]
) -> None:
    """Make a client hold these no longer; those it does not hold change nothing."""
    gone = [holdings.remove(one) for one in subscriptions if one in holdings]
    desk.lanes.remove(member, (held.envelope for held in gone), desk.clock.monotonic())
    for held in gone:
        desk.demand.release(held.topic)
