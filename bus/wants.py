"""What a publisher's consumers want, from the subscriptions that reach its socket. Pure.

libzmq passes every subscription up, also the second consumer's to a topic, and a withdrawal once,
when the last one leaves. Consumers on the lane subscribe under other names (`bus.topics`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from bus.topics import BELL_MARK, EVENT_MARK, LANE_MARK, NUL

_SUBSCRIBE: Final = 1
_EVENT_BYTE: Final = EVENT_MARK.encode()


class Demand(NamedTuple):
    """Somebody wants a topic (`wanted`), or nobody does any more. `topic` ends in NUL."""

    topic: bytes
    wanted: bool


class Asked(NamedTuple):
    """What a batch of subscriptions amounts to."""

    demands: list[Demand]
    #: Somebody wants this publisher's events, and should be told how it stands.
    events: bool
    #: Bells of readers that sleep beside the lane.
    bells: list[tuple[str, bool]]


class Wants:
    """`event_topic` is that of the publisher's own events."""

    def __init__(self, event_topic: bytes) -> None:
        self._event_topic = event_topic
        self._taps: set[bytes] = set()
        self._from_socket: set[bytes] = set()
        self._from_lane: set[bytes] = set()

    @property
    def topics(self) -> set[bytes]:
        """What is in demand, each ending in NUL."""
        return self._from_socket | self._from_lane

    def from_socket(self, topic: bytes) -> bool:
        """Whether anybody gets this topic from the socket."""
        return bool(self._taps) or topic in self._from_socket

    def take(self, messages: Iterable[bytes]) -> Asked:
        """Subscription messages arrived: 0x01 topic, or 0x00 topic."""
        asked = Asked([], events := False, [])
        for message in messages:
            wanted, topic = message[0] == _SUBSCRIBE, message[1:]
            mark = topic[:1]
            if not topic.endswith(NUL) or len(topic) < 2:
                (self._taps.add if wanted else self._taps.discard)(topic)
            elif mark == BELL_MARK:
                asked.bells.append((topic[1:-1].decode(errors="replace"), wanted))
            elif topic.removeprefix(LANE_MARK) == self._event_topic:
                events |= wanted
            elif mark != _EVENT_BYTE and self._changes(topic, wanted):
                asked.demands.append(Demand(topic.removeprefix(LANE_MARK), wanted))
        return asked._replace(events=events)

    def _changes(self, topic: bytes, wanted: bool) -> bool:
        """Demand from the socket or from the lane; it ends when it ends for both."""
        on_lane = topic.startswith(LANE_MARK)
        topic = topic.removeprefix(LANE_MARK)
        ours, others = self._from_socket, self._from_lane
        if on_lane:
            ours, others = others, ours
        (ours.add if wanted else ours.discard)(topic)
        return wanted or topic not in others
