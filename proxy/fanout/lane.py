"""A lane and its members: what `proxy.fanout.lanes` is made of. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from bus.frames import Frame
from proxy.fanout.envelope import Envelope


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
    """The same frames for all its members.

    `seen` is None but while its one member is parked: then it has the last frame per topic
    that the member was given, those given longest ago first.
    """

    __slots__ = ("changed_at", "digest", "envelopes", "members", "parts", "seen")

    def __init__(self, envelopes: Iterable[Envelope], digest: int) -> None:
        self.envelopes = dict.fromkeys(envelopes)
        self.digest = digest
        self.members: dict[Member, None] = {}
        self.parts: list[bytes] = []
        self.changed_at = 0.0
        self.seen: dict[Envelope, Frame | None] | None = None
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

    def catch_up(self, last_of: Callable[[bytes], Frame | None], budget: int) -> Latest:
        """What a parked member missed, latest only, of each topic's last frame; see
        `Lanes.catch_up`."""
        assert self.seen is not None, "nobody is parked here"  # noqa: S101 - would be a defect
        due: list[tuple[int, bytes]] = []
        conflated = 0
        for envelope, given in list(self.seen.items()):
            last = last_of(envelope.topic)
            if last is None or _is_same(last, given):
                continue
            if budget <= 0:
                return _latest(due, conflated, complete=False)
            data = envelope.wrap(last.payload)
            due.append((last.received_ns, data))
            budget -= len(data)
            conflated += _updates(given, last) - 1
            del self.seen[envelope]  # and to the end of the line
            self.seen[envelope] = last
        return _latest(due, conflated, complete=True)

    def end(self) -> None:
        """Carry nothing any more."""
        for envelope in self.envelopes:
            if self.seen is None:
                del envelope.lanes[self]
            else:
                envelope.parked -= 1
        self.envelopes, self.seen = {}, None


class Latest(NamedTuple):
    """What a parked client is given: whole frames, how many, and how many they stand for."""

    data: bytes
    messages: int
    conflated: int
    #: Whether that is all that moved.
    complete: bool


def _is_same(last: Frame, given: Frame | None) -> bool:
    """By number, for what was given may have been given by another process."""
    return given is not None and (last.sequence, last.generation) == (
        given.sequence,
        given.generation,
    )


def _latest(due: list[tuple[int, bytes]], conflated: int, *, complete: bool) -> Latest:
    due.sort(key=lambda one: one[0])  # stable: one feed's frames of one moment keep their order
    return Latest(b"".join(data for _, data in due), len(due), conflated, complete)


def _updates(given: Frame | None, last: Frame) -> int:
    """How many updates of a topic came after `given`, the last one included, as far as known."""
    if given is None:
        return 1
    before = given.sequence if given.generation == last.generation else 0
    return max(1, last.sequence - before)
