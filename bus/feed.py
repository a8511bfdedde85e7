"""The stream of one publisher generation, as a consumer gets it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from bus import frames, welcome
from bus.control.messages import PublisherEntry
from bus.errors import FrameError
from bus.frames import Frame
from bus.measuring.loss import LossCounter
from bus.secret import Secret
from bus.topics import WELCOME_TOPIC
from bus.transport import Connect

_WELCOME: Final = WELCOME_TOPIC[:-1]


class Feed:
    """Frames in order, believed once the publisher's welcome is genuine; holes are counted."""

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

    def poll(self) -> None:
        """Take what is there now, without waiting for the event loop."""
        self._receiver.poll()

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


#: Takes a batch of a feed.
OnFrames: TypeAlias = Callable[[Feed, list[Frame]], None]
