"""The consuming end of the data plane: one SUB socket per publisher generation.

A consumer says what it wants per adapter; the directory says where each adapter's
generations are. Topics wanted are subscribed at every generation, also at those that come
later, so a restarted adapter learns its whole demand from its sockets. While an adapter has
several generations at once, their streams are spliced into one (`bus.splicing.splice`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Final

import msgspec
import zmq

from bus.clock import Clock, SystemClock
from bus.control.messages import PublisherEntry
from bus.events import (
    CONNECTED,
    Accepted,
    BrokerState,
    EndOfStream,
    OrderUpdate,
    Rejected,
    decode_event,
)
from bus.feed import Feed, OnFrames
from bus.frames import Frame, Kind
from bus.lane.receiving import lane_or_zeromq
from bus.secret import Secret
from bus.splicing.joint import Joint
from bus.splicing.splice import Splice
from bus.topics import event_topic
from bus.transport import Connect

EVERYTHING: Final = b""
#: How often topics whose leading generation fell silent are looked for.
_SPLICE_TICK_S: Final = 0.05
#: How long a splice goes on to measure after one generation is left.
_SPLICE_LINGER_S: Final = 2.0


class Subscriber:
    """All feeds of one consumer. Made inside a running event loop.

    `on_frames(feed, frames)` gets each batch, in order per publisher. With `tap` the
    consumer gets whatever flows and causes no demand. `connect` is the transport; the
    publisher's lane where it has one, else ZeroMQ, when left out.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        *,
        secret: Secret,
        on_frames: OnFrames,
        tap: bool = False,
        clock: Clock | None = None,
        connect: Connect | None = None,
    ) -> None:
        self._connect = connect or lane_or_zeromq(context, secret)
        self._secret = secret
        self._on_frames = on_frames
        self._tap = tap
        self._clock = clock or SystemClock()
        self._feeds: dict[tuple[str, int], Feed] = {}
        self._wanted: dict[str, set[bytes]] = {}
        self._closed_lost_total = 0
        self._last: dict[bytes, Frame] = {}
        #: Adapters that had a generation before.
        self._known: set[str] = set()
        self._splices: dict[str, Joint] = {}
        self._splicer: asyncio.Task[None] | None = None
        #: The longest gap of any topic over the last change of generation, in ms.
        self.last_gap_ms: float | None = None

    @property
    def feeds(self) -> Iterable[Feed]:
        return self._feeds.values()

    @property
    def lost_total(self) -> int:
        """Frames lost on the way from all publishers, past and present."""
        return self._closed_lost_total + sum(f.loss.lost_total for f in self._feeds.values())

    def follow(self, directory: Iterable[PublisherEntry]) -> None:
        """Connect to what the directory now lists, and leave what it no longer lists."""
        listed = {(entry.adapter, entry.generation): entry for entry in directory}
        for key in [key for key in self._feeds if key not in listed]:
            self._feeds[key].poll()
            feed = self._feeds.pop(key)
            self._closed_lost_total += feed.loss.lost_total
            self._ended(feed)
            feed.close()
        for key, entry in sorted(listed.items(), key=_active_first):
            if key in self._feeds:
                self._feeds[key].entry = entry  # a standby becomes the active one
            else:
                self._feeds[key] = self._open(entry)

    def subscribe(self, adapter: str, topic: bytes) -> None:
        """Want a topic (ending in NUL) of an adapter, now and of its later generations."""
        self._wanted.setdefault(adapter, set()).add(topic)
        for feed in self._feeds.values():
            if feed.entry.adapter == adapter:
                feed.subscribe(topic)

    def unsubscribe(self, adapter: str, topic: bytes) -> None:
        self._wanted.get(adapter, set()).discard(topic)
        self._last.pop(topic[:-1], None)
        joint = self._splices.get(adapter)
        if joint is not None:
            joint.forget(topic[:-1])
        for feed in self._feeds.values():
            if feed.entry.adapter == adapter:
                feed.unsubscribe(topic)

    def remember(self, adapter: str, frames: Iterable[Frame]) -> None:
        """Another consumer delivered these of an adapter, last of their topics, before this one
        wanted them: a session that is greeted with one of them tells nothing new."""
        newest = 0
        for frame in frames:
            newest = max(newest, frame.generation)
            joint = self._splices.get(adapter)
            if self._last.setdefault(frame.topic, frame) is frame and joint is not None:
                joint.splice.remember(frame)
        living = [generation for name, generation in self._feeds if name == adapter]
        self._known.add(adapter)
        if living and newest < min(living) and adapter not in self._splices:
            self._resume(adapter, min(living))  # theirs ended before we came

    def close(self) -> None:
        if self._splicer is not None:
            self._splicer.cancel()
        for feed in self._feeds.values():
            feed.close()
        self._feeds.clear()

    def _open(self, entry: PublisherEntry) -> Feed:
        self._join(entry)
        feed = Feed(self._connect, entry, self._secret, self._received)
        feed.subscribe(EVERYTHING if self._tap else event_topic(entry.adapter))
        for topic in self._wanted.get(entry.adapter, ()):
            feed.subscribe(topic)
        return feed

    # --- several generations of one adapter -------------------------------------------------

    def _received(self, feed: Feed, frames: list[Frame]) -> None:
        joint = self._splices.get(feed.entry.adapter)
        if joint is not None:
            self._splice(joint, feed, frames)
            return
        last = self._last
        for frame in frames:
            if frame.kind == Kind.TICK:
                last[frame.topic] = frame
        self._on_frames(feed, frames)

    def _splice(self, joint: Joint, feed: Feed, frames: list[Frame]) -> None:
        """Events pass in their place among the ticks; the end of a stream is for us."""
        generation = feed.entry.generation
        if joint.awaits_first:
            joint.awaits_first = False
            joint.alone_since = self._clock.monotonic()
        ticks: list[Frame] = []
        for frame in frames:
            if frame.kind == Kind.TICK:
                ticks.append(frame)
                continue
            self._deliver(feed, joint.splice.take(generation, ticks, self._clock.monotonic()))
            ticks = []
            self._event(joint, feed, frame)
        self._deliver(feed, joint.splice.take(generation, ticks, self._clock.monotonic()))

    def _event(self, joint: Joint, feed: Feed, frame: Frame) -> None:
        """A follower's word counts once it leads; orders count from whoever is first."""
        event = None
        with contextlib.suppress(msgspec.DecodeError):
            event = decode_event(frame.payload)
        generation = feed.entry.generation
        follows = generation != joint.splice.leader
        match event:
            case EndOfStream():
                self._ended(feed)
                return
            case BrokerState(state):
                joint.states[generation] = frame, state == CONNECTED
                if self._lead_who_is_connected(feed.entry.adapter, joint) or follows:
                    return
            case Accepted(topic) | Rejected(topic) if follows and feed.entry.standby:
                joint.verdicts.setdefault(generation, {})[topic] = frame
                return
            case OrderUpdate() if not joint.is_first(frame.payload):
                return
        self._on_frames(feed, [frame])

    def _lead_who_is_connected(self, adapter: str, joint: Joint) -> bool:
        """A leader that lost its broker gives way at once to a follower that has it."""
        splice = joint.splice
        if joint.is_connected(splice.leader, unknown=True):
            return False
        able = (one for one in splice.generations if joint.is_connected(one, unknown=False))
        follower = next(able, None)
        if follower is None:
            return False
        leader = self._feeds[adapter, follower]
        self._deliver(leader, splice.lead(follower))
        joint.changed = True
        self._tell_what_it_said(joint, leader)
        return True

    def _tell_what_it_said(self, joint: Joint, leader: Feed) -> None:
        """What a new leader told while it followed."""
        generation = leader.entry.generation
        told = list(joint.verdicts.pop(generation, {}).values())
        if generation in joint.states:
            told.append(joint.states[generation][0])
        if told:
            self._on_frames(leader, told)

    def _join(self, entry: PublisherEntry) -> None:
        """Another generation of an adapter: splice it to the one that is there, or was."""
        others = [feed for (name, _), feed in self._feeds.items() if name == entry.adapter]
        joint = self._splices.get(entry.adapter)
        if others:
            if joint is None:
                leader = min(feed.entry.generation for feed in others)
                joint = self._splices[entry.adapter] = Joint(Splice(leader, self._last))
            joint.splice.follow(entry.generation)
            joint.alone_since, joint.awaits_first = None, False
        elif entry.adapter in self._known:
            self._resume(entry.adapter, entry.generation)
        else:
            self._known.add(entry.adapter)
            return
        self._look_after_splices()

    def _resume(self, adapter: str, generation: int) -> None:
        """A generation begins when the one before it has ended."""
        joint = self._splices[adapter] = Joint(Splice(generation, self._last, resumed=True))
        joint.awaits_first = True
        self._look_after_splices()

    def _look_after_splices(self) -> None:
        if self._splicer is None or self._splicer.done():
            self._splicer = asyncio.get_running_loop().create_task(self._tick())

    def _ended(self, feed: Feed) -> None:
        """A generation said that it ends, or is gone: what the next one held is delivered."""
        joint = self._splices.get(feed.entry.adapter)
        if joint is None or feed.entry.generation not in joint.splice.generations:
            return
        generation, before = feed.entry.generation, joint.splice.leader
        frames = joint.splice.end(generation)
        leader = self._feeds.get((feed.entry.adapter, joint.splice.leader), feed)
        self._deliver(leader, frames)
        joint.states.pop(generation, None)
        joint.verdicts.pop(generation, None)
        if joint.splice.leader != before:
            joint.changed = True
            self._tell_what_it_said(joint, leader)
        if len(joint.splice.generations) == 1:
            joint.alone_since = self._clock.monotonic()

    def _deliver(self, feed: Feed, frames: list[Frame]) -> None:
        if frames:
            self._last.update((frame.topic, frame) for frame in frames)
            self._on_frames(feed, frames)

    async def _tick(self) -> None:
        """While anything is spliced: hand over silent topics, end what is done."""
        while self._splices:
            await asyncio.sleep(_SPLICE_TICK_S)
            now = self._clock.monotonic()
            for adapter, joint in list(self._splices.items()):
                leader = self._feeds.get((adapter, joint.splice.leader))
                if leader is not None:
                    self._deliver(leader, joint.splice.tick(now))
                if joint.changed:
                    self.last_gap_ms = joint.splice.longest_gap_ns / 1e6
                if joint.alone_since is not None and joint.repeats():
                    joint.alone_since = now  # it has not come past what the other delivered
                if joint.alone_since is not None and now - joint.alone_since >= _SPLICE_LINGER_S:
                    del self._splices[adapter]


def _active_first(
    listed: tuple[tuple[str, int], PublisherEntry],
) -> tuple[str, bool, int]:
    """Who is opened first leads."""
    (adapter, generation), entry = listed
    return adapter, entry.standby, generation
