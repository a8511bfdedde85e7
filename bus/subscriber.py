"""The consuming end of the data plane: one SUB socket per publisher generation.

A consumer says what it wants per adapter; the directory says where each adapter's
generations are. Topics wanted are subscribed at every generation, also at those that come
later, so a restarted adapter learns its whole demand from its sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

import zmq

from bus import frames, sockets, welcome
from bus.drain import Drain
from bus.errors import FrameError
from bus.frames import Frame
from bus.loss import LossCounter
from bus.messages import PublisherEntry
from bus.secret import Secret
from bus.topics import WELCOME_TOPIC, event_topic

EVERYTHING: Final = b""
_WELCOME: Final = WELCOME_TOPIC[:-1]


class Feed:
    """The stream of one publisher generation, believed once its welcome is genuine."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        entry: PublisherEntry,
        secret: Secret,
        on_frames: OnFrames,
    ) -> None:
        self.entry = entry
        self.trusted = False
        self.received_total = 0
        self.malformed_total = 0
        self.unverified_total = 0
        self.loss = LossCounter()
        self._secret = secret
        self._on_frames = on_frames
        self._socket = sockets.subscriber(context)
        self._socket.subscribe(WELCOME_TOPIC)
        self._socket.connect(entry.endpoint)
        self._drain = Drain(self._socket, self._socket.recv, self._received)

    def subscribe(self, topic: bytes) -> None:
        self._socket.subscribe(topic)
        self._drain.kick()

    def unsubscribe(self, topic: bytes) -> None:
        self._socket.unsubscribe(topic)
        self.loss.forget(topic[:-1])
        self._drain.kick()

    def close(self) -> None:
        self._drain.close()
        self._socket.close()

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
    consumer gets whatever flows and causes no demand.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        *,
        secret: Secret,
        on_frames: OnFrames,
        tap: bool = False,
    ) -> None:
        self._context = context
        self._secret = secret
        self._on_frames = on_frames
        self._tap = tap
        self._feeds: dict[tuple[str, int], Feed] = {}
        self._wanted: dict[str, set[bytes]] = {}
        self._closed_lost_total = 0

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
            feed.close()
        for key, entry in listed.items():
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
        for feed in self._feeds.values():
            if feed.entry.adapter == adapter:
                feed.unsubscribe(topic)

    def close(self) -> None:
        for feed in self._feeds.values():
            feed.close()
        self._feeds.clear()

    def _open(self, entry: PublisherEntry) -> Feed:
        feed = Feed(self._context, entry, self._secret, self._on_frames)
        feed.subscribe(EVERYTHING if self._tap else event_topic(entry.adapter))
        for topic in self._wanted.get(entry.adapter, ()):
            feed.subscribe(topic)
        return feed
