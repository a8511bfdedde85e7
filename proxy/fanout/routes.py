"""Topics, and what they lead to: the path of every tick. Pure.

A tick is wrapped once per envelope and appended once per lane; each lane that got something
is flushed once per batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bus.frames import Frame
from proxy.fanout.envelope import Carrier, Envelope, EnvelopeKey
from proxy.fanout.stream import StreamKey


class Route:
    """A topic: its envelopes, and the last frame that came while it had any."""

    __slots__ = ("envelopes", "last")

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.last: Frame | None = None


class Routes:
    """All topics that somebody holds, without their NUL."""

    def __init__(self) -> None:
        self._routes: dict[bytes, Route] = {}

    def deliver(self, frames: Iterable[Frame]) -> list[Frame]:
        """Send a batch to whom it concerns; returns what is nobody's tick (events)."""
        routes = self._routes
        strays: list[Frame] = []
        filled: list[Carrier] = []
        for frame in frames:
            route = routes.get(frame.topic)
            if route is None:
                strays.append(frame)
                continue
            route.last = frame
            for envelope in route.envelopes:
                if not envelope.lanes:
                    continue
                data = envelope.wrap(frame.payload)
                for lane in envelope.lanes:
                    parts = lane.parts
                    if not parts:
                        filled.append(lane)
                    parts.append(data)
        for lane in filled:
            lane.flush()
        return strays

    def seed(self, frame: Frame) -> None:
        """The last frame of a topic that somebody holds, where none has come here yet."""
        route = self._routes.get(frame.topic)
        if route is not None and route.last is None:
            route.last = frame

    def newest(self) -> list[Frame]:
        """The last frame of each topic that somebody holds."""
        return [route.last for route in self._routes.values() if route.last is not None]

    def last(self, topic: bytes) -> bytes | None:
        """The last payload of a topic (without NUL) that somebody holds."""
        frame = self.frame(topic)
        return None if frame is None else frame.payload

    def frame(self, topic: bytes) -> Frame | None:
        """The last frame of a topic (without NUL) that somebody holds."""
        route = self._routes.get(topic)
        return None if route is None else route.last

    def give(self, frames: Sequence[Frame], stream: StreamKey) -> None:
        """Send ticks of one topic to one stream's clients only."""
        route = self._routes.get(frames[0].topic)
        if route is None:
            return
        if route.last is None or route.last.received_ns < frames[-1].received_ns:
            route.last = frames[-1]
        for envelope in route.envelopes:
            if envelope.key.stream == stream:
                for lane in envelope.lanes:
                    lane.parts += [envelope.wrap(frame.payload) for frame in frames]
                    lane.flush()

    # --- who wants what -------------------------------------------------------------------

    def envelope(self, topic: bytes, key: EnvelopeKey) -> Envelope | None:
        """The envelope that carries a topic in that way, if one does."""
        route = self._routes.get(topic)
        envelopes = route.envelopes if route is not None else ()
        return next((one for one in envelopes if one.key == key), None)

    def attach(self, envelope: Envelope) -> Frame | None:
        """It is to be carried, from now on if it was not; returns its topic's last frame."""
        route = self._routes.setdefault(envelope.topic, Route())
        if not envelope.is_carried:
            route.envelopes.append(envelope)
        return route.last

    def prune(self, envelope: Envelope) -> None:
        """Forget an envelope that no lane carries."""
        if not envelope.is_carried:
            route = self._routes[envelope.topic]
            route.envelopes.remove(envelope)
            if not route.envelopes:
                del self._routes[envelope.topic]

    def move(
        self, before: bytes, after: bytes, stream: StreamKey, broker: str
    ) -> Sequence[Envelope]:
        """Have a stream's envelopes carry another adapter's topic; returns which they are."""
        route = self._routes.get(before)
        if route is None:
            return ()
        moving = [one for one in route.envelopes if one.key.stream == stream]
        target = self._routes.setdefault(after, Route())
        for envelope in moving:
            route.envelopes.remove(envelope)
            target.envelopes.append(envelope)
            envelope.move(after, broker)
        for topic in (before, after):
            if not self._routes[topic].envelopes:
                del self._routes[topic]
        return moving
