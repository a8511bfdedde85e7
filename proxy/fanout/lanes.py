"""Lanes: clients with equal subscriptions share one, and with it every joined buffer. Pure.

A batch of ticks costs one append per lane and tick, one join per lane, and one write per
client. So lanes should be few. They are kept so lazily: a client whose subscriptions change
gets a lane of its own (or has it already: then a change costs what it changes), and once
subscriptions have been quiet for a while `tidy` merges lanes that carry the same.

Equality is told by a digest: each envelope has a random 128-bit token, and a lane's digest is
the XOR of its envelopes' (Zobrist hashing), kept up to date by every change.

Each client gets all its messages in bus order: it is on exactly one lane at any time, and
lanes change only between batches.

A client that does not keep up is *parked*: its lane stays, nothing is delivered to it, and it
costs nothing per tick. `catch_up` then gives it the latest of each topic that moved. The last
frame per topic is kept anyway, for who subscribes next.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Final

from bus.frames import Frame
from proxy.clients.subscriptions import Subscription
from proxy.fanout.envelope import Envelope, EnvelopeKey
from proxy.fanout.lane import Lane, Latest, Member, Writer
from proxy.fanout.routes import Routes
from proxy.fanout.stream import StreamKey
from proxy.protocol.profile import PEER, Look

#: Seconds without a change after which a lane may be merged.
QUIET_S: Final = 1.0
#: Envelopes handled per `tidy`, so that it never holds up the event loop for long.
TIDY_BUDGET: Final = 20_000
_TOKEN_BITS: Final = 128


class Lanes:
    """All lanes; `routes` has the topics that lead to them."""

    def __init__(self) -> None:
        self.routes = Routes()
        self._settled: dict[int, Lane] = {}
        #: Lanes changed lately, the longest quiet first.
        self._restless: dict[Lane, None] = {}
        self._parked: dict[Lane, None] = {}

    @property
    def count(self) -> int:
        return len(self._settled) + len(self._restless) + len(self._parked)

    @property
    def parked(self) -> int:
        """How many clients are parked."""
        return len(self._parked)

    # --- who is on which lane -------------------------------------------------------------

    def join(self, writer: Writer, now: float) -> Member:
        """A client that holds nothing yet."""
        lane = Lane((), 0)
        member = Member(writer, lane)
        lane.members[member] = None
        self._touch(lane, now)
        return member

    def envelope(
        self,
        topic: bytes,
        broker: str,
        subscription: Subscription,
        look: Look = PEER.look,
        stream: StreamKey | None = None,
    ) -> Envelope:
        """The envelope of a topic (without NUL) as a client wants it, to be added at once."""
        key = EnvelopeKey(subscription.spelled, look, stream)
        return self.routes.envelope(topic, key) or Envelope(
            topic, broker, subscription, secrets.randbits(_TOKEN_BITS), look, stream
        )

    def leave(self, member: Member) -> None:
        lane = member.lane
        del lane.members[member]
        if not lane.members:
            self._drop(lane)

    def add(self, member: Member, envelopes: Iterable[Envelope], now: float) -> None:
        """Deliver these to the client too; those it has already change nothing."""
        new = [envelope for envelope in envelopes if envelope not in member.lane.envelopes]
        if not new:
            return
        lane = self._own_lane(member, now)
        for envelope in dict.fromkeys(new):
            last = self.routes.attach(envelope)
            if lane.seen is None:
                envelope.lanes[lane] = None
            else:
                envelope.parked += 1
                lane.seen[envelope] = last
            lane.envelopes[envelope] = None
            lane.digest ^= envelope.token

    def remove(self, member: Member, envelopes: Iterable[Envelope], now: float) -> None:
        """Deliver these no longer; those it has not change nothing."""
        old = [envelope for envelope in envelopes if envelope in member.lane.envelopes]
        if not old:
            return
        lane = self._own_lane(member, now)
        for envelope in dict.fromkeys(old):
            if lane.seen is None:
                del envelope.lanes[lane]
            else:
                envelope.parked -= 1
                del lane.seen[envelope]
            del lane.envelopes[envelope]
            lane.digest ^= envelope.token
            self.routes.prune(envelope)

    def tidy(self, now: float) -> None:
        """Merge lanes that carry the same and have been quiet; does a bounded piece of it."""
        budget = TIDY_BUDGET
        while self._restless and budget > 0:
            lane = next(iter(self._restless))
            if now - lane.changed_at < QUIET_S:
                return
            del self._restless[lane]
            other = self._settled.setdefault(lane.digest, lane)
            if other is not lane:
                budget -= len(lane.envelopes)
                self._merge(lane, other)
            budget -= 1

    def settle(self, member: Member) -> None:
        """Merge a client's lane at once: it has come with all it holds."""
        lane = member.lane
        if lane.seen is None and lane in self._restless:
            del self._restless[lane]
            other = self._settled.setdefault(lane.digest, lane)
            if other is not lane:
                self._merge(lane, other)

    # --- who does not keep up -------------------------------------------------------------

    def park(
        self, member: Member, now: float, given: Mapping[Envelope, Frame | None] | None = None
    ) -> None:
        """Deliver nothing to the client until it is resumed; between batches only.

        `given` is what it was given last of each envelope, those given longest ago first; it
        has got everything when left out.
        """
        lane = self._own_lane(member, now)
        if lane.seen is not None:
            return
        del self._restless[lane]
        self._parked[lane] = None
        lane.seen = {}
        for envelope in lane.envelopes if given is None else given:
            del envelope.lanes[lane]
            envelope.parked += 1
            last = self.routes.frame(envelope.topic) if given is None else given[envelope]
            lane.seen[envelope] = last

    def catch_up(self, member: Member, budget: int) -> Latest:
        """The latest of what moved since the client was given it, about `budget` bytes.

        What does not fit comes next time, before what is given now. In bus order.
        """
        return member.lane.catch_up(self.routes.frame, budget)

    def resume(self, member: Member, now: float) -> None:
        """Deliver to the client again: right after a `catch_up` that was complete."""
        lane = member.lane
        if lane.seen is None:
            return
        lane.seen = None
        del self._parked[lane]
        for envelope in lane.envelopes:
            envelope.parked -= 1
            envelope.lanes[lane] = None
        self._touch(lane, now)

    def move(self, before: bytes, after: bytes, stream: StreamKey, broker: str) -> None:
        """Let a stream's clients have another adapter's topic (both without NUL) from now on;
        between batches only."""
        for envelope in self.routes.move(before, after, stream, broker):
            if envelope.parked:  # what it was given last has no number among the new ones
                for lane in self._parked:
                    if lane.seen is not None and envelope in lane.seen:
                        lane.seen[envelope] = None

    # --- lanes among themselves -------------------------------------------------------------

    @staticmethod
    def _merge(lane: Lane, into: Lane) -> None:
        for member in lane.members:
            member.lane = into
        into.members |= lane.members
        lane.end()

    def _own_lane(self, member: Member, now: float) -> Lane:
        """The client's lane once nobody else is on it; its digest may then change."""
        lane = member.lane
        if lane.seen is not None:
            return lane
        if len(lane.members) > 1:
            del lane.members[member]
            lane = Lane(lane.envelopes, lane.digest)
            lane.members[member] = None
            member.lane = lane
        elif self._settled.get(lane.digest) is lane:
            del self._settled[lane.digest]
        self._touch(lane, now)
        return lane

    def _touch(self, lane: Lane, now: float) -> None:
        self._restless.pop(lane, None)
        self._restless[lane] = None
        lane.changed_at = now

    def _drop(self, lane: Lane) -> None:
        self._restless.pop(lane, None)
        self._parked.pop(lane, None)
        if self._settled.get(lane.digest) is lane:
            del self._settled[lane.digest]
        envelopes = list(lane.envelopes)
        lane.end()
        for envelope in envelopes:
            self.routes.prune(envelope)
