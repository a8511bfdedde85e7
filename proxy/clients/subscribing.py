"""One subscribe request on its way from the client's message to its acknowledgement. Pure.

The acknowledgement should be true, so it waits a moment for the adapters' answers; and it
must come before the first push, while no tick may be missed from the moment of asking. So new
subscriptions first deliver into a buffer, which follows the acknowledgement; before it goes
the last value of each, where there is one.

Who asks again for a book that is held, with more levels, exchanges it; with fewer, or without
saying how many, keeps what is held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from bus.errors import TopicError
from bus.events import Accepted, Rejected
from bus.settings import AdapterEntry
from bus.topics import Mode, Topic
from proxy.clients.rights import Rights
from proxy.clients.subscriptions import Holdings, Subscription
from proxy.desk import Desk
from proxy.fanout.envelope import Envelope
from proxy.fanout.lane import Member, Writer
from proxy.fanout.stream import Stream
from proxy.protocol.profile import PEER, Profile
from proxy.protocol.replies import Outcome
from proxy.protocol.requests import Subscribe, SubscribeEntry
from proxy.routing.rules import Route


class Held:
    """What belongs to a subscription that a client holds, or is about to.

    Of a topic that several adapters can feed there is a `stream`, and which one does changes.
    """

    __slots__ = ("_adapter", "_topic", "envelope", "route", "stream")

    def __init__(
        self, envelope: Envelope, route: Route, topic: bytes, stream: Stream | None = None
    ) -> None:
        self.envelope = envelope
        self.route = route
        self.stream = stream
        self._topic = topic
        self._adapter = route[0]

    @property
    def topic(self) -> bytes:
        """What feeds it now, ending in NUL."""
        return self._topic if self.stream is None else self.stream.topic

    @property
    def adapter(self) -> AdapterEntry:
        """Who feeds it now."""
        return self._adapter if self.stream is None else self.stream.adapter


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
    #: What the client holds and this one takes the place of.
    outgrown: Subscription | None


class Subscribing:
    """Asks for what is new; then `settle` or `abandon` it, once.

    `on_answered`, when set, is called once nothing is left to wait for.
    """

    def __init__(
        self,
        desk: Desk,
        holdings: Holdings[Held],
        request: Subscribe,
        rights: Rights,
        profile: Profile = PEER,
    ) -> None:
        self.request = request
        self.rights = rights
        self.on_answered: Callable[[], None] | None = None
        self._desk = desk
        self._holdings = holdings
        self._profile = profile
        self._new: dict[Subscription, Held] = {}
        self._snapshots: dict[Held, bytes] = {}
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
            if not isinstance(asked, _Asked):
                continue
            if self._rejection(asked.held) is not None:
                self._snapshots.pop(asked.held, None)
                drop(self._desk, self._holdings, member, [asked.subscription])
            elif asked.outgrown is not None:
                drop(self._desk, self._holdings, member, [asked.outgrown])
        return outcomes

    def pour(self, writer: Writer) -> None:
        """After the acknowledgement: last values, then what was ticking meanwhile."""
        if self._snapshots:
            frames = [held.envelope.wrap(payload) for held, payload in self._snapshots.items()]
            self._desk.totals.snapshots += len(frames)
            writer.write(b"".join(frames), len(frames))
        self._buffer.pour(writer)

    def abandon(self) -> None:
        """The client is gone."""
        self._stop_waiting()
        for held in self._new.values():
            release(self._desk, held)

    # --- asking ---------------------------------------------------------------------------

    def _ask(self, entry: SubscribeEntry) -> _Asked | Outcome:
        if entry.refusal is not None:
            return self._failure(entry, entry.refusal.message, entry.refusal.code)
        try:
            subscription = Subscription.of(
                entry.instrument, entry.choice.mode, self.request.depth, entry.broker
            )
        except TopicError as error:
            return self._failure(entry, str(error), "SYMBOL_NOT_FOUND")
        alike = self._holdings.alike(subscription)
        if alike is not None and alike.level >= subscription.level:
            subscription, alike = alike, None
        held = self._holdings.get(subscription) or self._new.get(subscription)
        if held is None:
            refusal = self.rights.may_hold(subscription, len(self._holdings) + len(self._new))
            if refusal is not None:
                return self._failure(entry, refusal.message, refusal.code)
            route = self.rights.route(subscription)
            if not route:
                return self._failure(entry, "No adapter feeds this symbol", "SYMBOL_NOT_FOUND")
            held = self._want(subscription, route)
        return _Asked(entry, subscription, held, outgrown=alike)

    def _want(self, subscription: Subscription, route: Route) -> Held:
        desk = self._desk
        held = self._new[subscription] = want(desk, subscription, route, self._profile)
        topic = held.topic
        snapshot = desk.lanes.routes.last(topic[:-1])
        if snapshot is not None:
            self._snapshots[held] = snapshot
        self._add(self._buffering, [held.envelope])
        self._await(held)
        return held

    def _await(self, held: Held) -> None:
        desk, topic, adapter = self._desk, held.topic, held.adapter.name
        if desk.demand.verdict(topic) is None and desk.feeds.answers(adapter):
            self._unanswered[topic] = adapter
            desk.demand.watch(topic, self._on_verdict)

    def _on_verdict(self, topic: bytes) -> None:
        self._unanswered.pop(topic, None)
        for held in self._new.values():
            if held.stream is not None and topic in held.stream.topics and held.topic != topic:
                self._await(held)  # that one refused, and the next was asked
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
        return Outcome(entry.instrument, broker, mode=entry.choice.echo, depth=self._depth(asked))

    def _depth(self, asked: _Asked) -> int:
        """The levels that the adapter grants; those asked for as long as it did not say."""
        verdict = self._desk.demand.verdict(asked.held.topic)
        if asked.subscription.mode is Mode.DEPTH and isinstance(verdict, Accepted):
            return verdict.depth
        return self.request.depth

    def _rejection(self, held: Held) -> Rejected | None:
        verdict = self._desk.demand.verdict(held.topic)
        return verdict if isinstance(verdict, Rejected) else None

    def _failure(self, entry: SubscribeEntry, message: str, code: str) -> Outcome:
        return Outcome(entry.instrument, self.rights.broker, message, code)

    def _add(self, member: Member, envelopes: Iterable[Envelope]) -> None:
        self._desk.lanes.add(member, envelopes, self._desk.clock.monotonic())


def want(
    desk: Desk, subscription: Subscription, route: Route, profile: Profile, start: str = ""
) -> Held:
    """Demand it; the envelope is to be added to somebody's lane at once.

    `start` names the adapter of the route that has fed this client so far.
    """
    exchange, symbol, mode = subscription.exchange, subscription.bus_symbol, subscription.mode
    if len(route) > 1:
        stream = desk.junction.open(route, exchange, symbol, mode, start)
        topic, broker = stream.topic, stream.adapter.broker
        envelope = desk.lanes.envelope(topic[:-1], broker, subscription, profile.look, stream.key)
        return Held(envelope, route, topic, stream)
    [adapter] = route
    topic = Topic.make(adapter.name, exchange, symbol, mode).wire
    envelope = desk.lanes.envelope(topic[:-1], adapter.broker, subscription, profile.look)
    desk.demand.take(adapter.name, topic)
    return Held(envelope, route, topic)


def release(desk: Desk, held: Held) -> None:
    """Demand it no longer."""
    if held.stream is None:
        desk.demand.release(held.topic)
    else:
        desk.junction.close(held.stream)


def drop(
    desk: Desk, holdings: Holdings[Held], member: Member, subscriptions: Iterable[Subscription]
) -> None:
    """Make a client hold these no longer; those it does not hold change nothing."""
    gone = [holdings.remove(one) for one in subscriptions if one in holdings]
    desk.lanes.remove(member, (held.envelope for held in gone), desk.clock.monotonic())
    for held in gone:
        release(desk, held)


def reseat(
    desk: Desk, holdings: Holdings[Held], member: Member, rights: Rights, profile: Profile
) -> None:
    """After a client's rights changed: drop what they forbid, move what another adapter feeds.

    What no adapter feeds now (its user is logged out of the broker) stays as it is, and ticks
    again once one does.
    """
    moved: list[tuple[Subscription, Route]] = []
    forbidden: list[Subscription] = []
    for number, one in enumerate(holdings):
        held = holdings.get(one)
        route = rights.route(one)
        if rights.may_hold(one, number - len(forbidden)) is not None:
            forbidden.append(one)
        elif held is not None and route and route != held.route:
            moved.append((one, route))
    drop(desk, holdings, member, forbidden)
    before = {one: held for one, _ in moved if (held := holdings.get(one)) is not None}
    wanted = {
        one: want(desk, one, route, profile, before[one].adapter.name) for one, route in moved
    }
    drop(desk, holdings, member, list(before))
    for one, held in wanted.items():
        holdings.add(one, held)
        desk.lanes.add(member, [held.envelope], desk.clock.monotonic())
