"""Lanes: clients with equal subscriptions share one, and with it every joined buffer. Pure.

A batch of ticks costs one append per lane and tick, one join per lane, and one write per
client. So lanes should be few. They are kept so lazily: a client whose subscriptions change
gets a lane of its own (or has it already: then a change costs what it changes), and once
subscriptions have been quiet for a while `tidy` merges lanes that carry the same.

Equality is told by a digest: each envelope has a random 128-bit token, and a lane's digest is
the XOR of its envelopes' (Zobrist hashing), kept up to date by every change.

Each client gets all its messages in bus order: it is on exactly one lane at any time, and
lanes change only between batches.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Final, Protocol

from bus.frames import Frame
from proxy.envelope import Envelope
from proxy.subscriptions import Subscription

#: Seconds without a change after which a lane may be merged.
QUIET_S: Final = 1.0
#: Envelopes handled per `tidy`, so that it never holds up the event loop for long.
TIDY_BUDGET: Final = 20_000
_TOKEN_BITS: Final = 128


class Writer(Protocol):
    """Where a client's bytes go."""

    def write(self, data: bytes, messages: int) -> None:
        """Take whole WebSocket frames. Never blocks, never raises."""
        ...


class Member:
    """A client as the lanes see it."""

    __slots__ = ("lane", "write")

    def __init__(self, writer: Writer, lane: Lane) -> None:
        self.write = writer.write
        self.lane = lane


class Lane:
    """The same frames for all its members."""

    __slots__ = ("changed_at", "digest", "envelopes", "members", "parts")

    def __init__(self, envelopes: Iterable[Envelope], digest: int) -> None:
        self.envelopes = dict.fromkeys(envelopes)
        self.digest = digest
        self.members: dict[Member, None] = {}
        self.parts: list[bytes] = []
        self.changed_at = 0.0
        for envelope in self.envelopes:
            envelope.lanes[self] = None

    def flush(self) -> None:
        """Hand what has gathered to every member."""
        parts = self.parts
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        messages = len(parts)
        parts.clear()
        for member in self.members:
            member.write(data, messages)

    def end(self) -> None:
        """Carry nothing any more."""
        for envelope in self.envelopes:
            del envelope.lanes[self]
        self.envelopes = {}


class Lanes:
    """All lanes and the topics that lead to them."""

    def __init__(self) -> None:
        self._routes: dict[bytes, list[Envelope]] = {}
        self._settled: dict[int, Lane] = {}
        #: Lanes changed lately, the longest quiet first.
        self._restless: dict[Lane, None] = {}

    @property
    def count(self) -> int:
        return len(self._settled) + len(self._restless)

    # --- the path of the ticks ----------------------------------------------------------

    def deliver(self, frames: Iterable[Frame]) -> list[Frame]:
        """Send a batch to whom it concerns; returns what is nobody's tick (events)."""
        routes = self._routes
        strays: list[Frame] = []
        filled: list[Lane] = []
        for frame in frames:
            route = routes.get(frame.topic)
            if route is None:
                strays.append(frame)
                continue
            for envelope in route:
                data = envelope.wrap(frame.payload)
                for lane in envelope.lanes:
                    parts = lane.parts
                    if not parts:
                        filled.append(lane)
                    parts.append(data)
        for lane in filled:
            lane.flush()
        return strays

    # --- who is on which lane -------------------------------------------------------------

    def join(self, writer: Writer, now: float) -> Member:
        """A client that holds nothing yet."""
        lane = Lane((), 0)
        member = Member(writer, lane)
        lane.members[member] = None
        self._touch(lane, now)
        return member

    def envelope(self, topic: bytes, broker: str, subscription: Subscription) -> Envelope:
        """The envelope of a topic (without NUL) in a client's spelling, to be added at once."""
        for envelope in self._routes.get(topic, ()):
            if envelope.spelled == subscription.spelled:
                return envelope
        return Envelope(topic, broker, subscription, secrets.randbits(_TOKEN_BITS))

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
            if not envelope.lanes:
                self._routes.setdefault(envelope.topic, []).append(envelope)
            envelope.lanes[lane] = None
            lane.envelopes[envelope] = None
            lane.digest ^= envelope.token

    def remove(self, member: Member, envelopes: Iterable[Envelope], now: float) -> None:
        """Deliver these no longer; those it has not change nothing."""
        old = [envelope for envelope in envelopes if envelope in member.lane.envelopes]
        if not old:
            return
        lane = self._own_lane(member, now)
        for envelope in dict.fromkeys(old):
            del envelope.lanes[lane]
            del lane.envelopes[envelope]
            lane.digest ^= envelope.token
            self._prune(envelope)

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

    @staticmethod
    def _merge(lane: Lane, into: Lane) -> None:
        for member in lane.members:
            member.lane = into
        into.members |= lane.members
        lane.end()

    def _own_lane(self, member: Member, now: float) -> Lane:
        """The client's lane once nobody else is on it; its digest may then change."""
        lane = member.lane
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
        if self._settled.get(lane.digest) is lane:
            del self._settled[lane.digest]
        envelopes = list(lane.envelopes)
        lane.end()
        for envelope in envelopes:
            self._prune(envelope)

    def _prune(self, envelope: Envelope) -> None:
        """Forget the route of an envelope that no lane carries."""
        if not envelope.lanes:
            route = self._routes[envelope.topic]
            route.remove(envelope)
            if not route:
                del self._routes[envelope.topic]
