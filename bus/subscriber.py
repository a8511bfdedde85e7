"""The consuming end of the data plane: one SUB socket per publisher generation.

A consumer says what it wants per adapter; the directory says where each adapter's
generations are. Topics wanted are subscribed at every generation, also at those that come
later, so a restarted adapter learns its whole demand from its sockets. While an adapter has
several generations at once, their streams are spliced into one (`bus.splice`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, TypeAlias

import msgspec
import zmq

from bus import frames, welcome
from bus.clock import Clock, SystemClock
from bus.errors import FrameError
from bus.events import BrokerState, EndOfStream, decode_event
from bus.frames import Frame, Kind
from bus.loss import LossCounter
from bus.messages import PublisherEntry
from bus.secret import Secret
from bus.splice import Splice
from bus.topics import WELCOME_TOPIC, event_topic
from bus.transport import Connect, ZeroMq

EVERYTHING: Final = b""
_WELCOME: Final = WELCOME_TOPIC[:-1]
#: How often topics whose leading generation fell silent are looked for.
_SPLICE_TICK_S: Final = 0.05
#: How long a splice goes on to measure after one generation is left.
_SPLICE_LINGER_S: Final = 2.0


class Feed:
    """The stream of one publisher generation, believed once its welcome is genuine."""

    def __init__(
        self, connect: Connect, entry: PublisherEntry, secret: Secret, on_frames: OnFrames
    ) -> None:
        self.entry = entry
        self.trusted = False
        self.received_total = 0
        self.malformed_total = 0
        self.unverified_total = 0
        self.loss = LossCounter()
        self._secret = secret
        self._on_frames = on_frames
        self._receiver = connect(entry, self._received)
        self._receiver.subscribe(WELCOME_TOPIC)

    def subscribe(self, topic: bytes) -> None:
        self._receiver.subscribe(topic)

    def unsubscribe(self, topic: bytes) -> None:
        self._receiver.unsubscribe(topic)
        self.loss.forget(topic[:-1])

    def close(self) -> None:
        self._receiver.close()

    def _received(self, batch: list[bytes]) -> None:
        decode, note = frames.decode, self.loss.note
        good: list[Frame] = []
        for data in batch:
            try:
                frame = decode(data)
            except FrameError:
                self.malformed_total += 1
                continue
            if frame.topic == _WELCOME:
                self._judge(frame)
            elif self.trusted:
                note(frame.topic, frame.sequence)
                good.append(frame)
            else:
                self.unverified_total += 1
        self.received_total += len(good)
        if good:
            self._on_frames(self, good)

    def _judge(self, frame: Frame) -> None:
        """Sent on every (re)connection: a port that changed hands is found out here."""
        self.trusted = welcome.is_genuine(
            frame.payload, self._secret, self.entry.adapter, self.entry.generation
        )


OnFrames: TypeAlias = Callable[[Feed, list[Frame]], None]


class Subscriber:
    """All feeds of one consumer. Made inside a running event loop.

    `on_frames(feed, frames)` gets each batch, in order per publisher. With `tap` the
    consumer gets whatever flows and causes no demand. `connect` is the transport; ZeroMQ
    when left out.
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
        self._connect = connect or partial(ZeroMq, context)
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
        self._splices: dict[str, _Joint] = {}
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
            feed = self._feeds.pop(key)
            self._closed_lost_total += feed.loss.lost_total
            self._ended(feed)
            feed.close()
        for key, entry in sorted(listed.items()):
            if key not in self._feeds:
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
        for feed in self._feeds.values():
            if feed.entry.adapter == adapter:
                feed.unsubscribe(topic)

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

    def _splice(self, joint: _Joint, feed: Feed, frames: list[Frame]) -> None:
        """Events pass in their place among the ticks; the end of a stream is for us."""
        generation = feed.entry.generation
        ticks: list[Frame] = []
        for frame in frames:
            if frame.kind == Kind.TICK:
                ticks.append(frame)
                continue
            self._deliver(feed, joint.splice.take(generation, ticks, self._clock.monotonic()))
            ticks = []
            self._event(joint, feed, frame)
        self._deliver(feed, joint.splice.take(generation, ticks, self._clock.monotonic()))

    def _event(self, joint: _Joint, feed: Feed, frame: Frame) -> None:
        event = None
        with contextlib.suppress(msgspec.DecodeError):
            event = decode_event(frame.payload)
        follows = feed.entry.generation != joint.splice.leader
        if isinstance(event, EndOfStream):
            self._ended(feed)
        elif isinstance(event, BrokerState) and follows:
            joint.states[feed.entry.generation] = frame  # told when it leads
        else:
            self._on_frames(feed, [frame])

    def _join(self, entry: PublisherEntry) -> None:
        """Another generation of an adapter: splice it to the one that is there, or was."""
        others = [feed for (name, _), feed in self._feeds.items() if name == entry.adapter]
        joint = self._splices.get(entry.adapter)
        if others:
            if joint is None:
                leader = min(feed.entry.generation for feed in others)
                joint = self._splices[entry.adapter] = _Joint(Splice(leader, self._last))
            joint.splice.follow(entry.generation)
            joint.splice.longest_gap_ns = 0  # of this hand-over, not of one just before
            joint.alone_since, joint.overlaps = None, True
        elif entry.adapter in self._known:
            splice = Splice(entry.generation, self._last, resumed=True)
            joint = self._splices[entry.adapter] = _Joint(splice, self._clock.monotonic())
        else:
            self._known.add(entry.adapter)
            return
        if self._splicer is None or self._splicer.done():
            self._splicer = asyncio.get_running_loop().create_task(self._tick())

    def _ended(self, feed: Feed) -> None:
        """A generation said that it ends, or is gone: what the next one held is delivered."""
        joint = self._splices.get(feed.entry.adapter)
        if joint is None or feed.entry.generation not in joint.splice.generations:
            return
        frames = joint.splice.end(feed.entry.generation)
        leader = self._feeds.get((feed.entry.adapter, joint.splice.leader), feed)
        self._deliver(leader, frames)
        state = joint.states.pop(joint.splice.leader, None)
        if state is not None:
            self._on_frames(leader, [state])
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
                if joint.alone_since is not None:
                    if joint.overlaps:
                        self.last_gap_ms = joint.splice.longest_gap_ns / 1e6
                    if now - joint.alone_since >= _SPLICE_LINGER_S:
                        del self._splices[adapter]


class _Joint:
    """A splice, the broker states that its followers told, and since when one is alone."""

    def __init__(self, splice: Splice, alone_since: float | None = None) -> None:
        self.splice = splice
        self.states: dict[int, Frame] = {}
        self.alone_since = alone_since
        #: Whether there were two at a time; else there is no gap of a hand-over to tell.
        self.overlaps = alone_since is None
