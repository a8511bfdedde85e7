"""A client that does not keep up: from every tick to the latest per topic, and back. Pure.

    keeping up --(too many bytes, or the oldest is too old)--> conflated
    conflated  --(its buffer is empty)--> gets the latest of each topic that moved
    conflated  --(took everything at once for `RECOVER_S`)--> keeping up
    conflated  --(buffer not empty for `stall_timeout_s`)--> closed, by the owner

While conflated a client costs no memory but a reference per subscription, and what it is
given is never older than the time that it takes to empty its buffer once.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from bus.frames import Frame
from proxy.fanout.envelope import Envelope
from proxy.fanout.lane import Member, Writer
from proxy.fanout.lanes import Lanes

#: How often a conflated client is looked at.
ROUND_S: Final = 0.05
#: How long it must take everything at once before it gets every tick again.
RECOVER_S: Final = 1.0


class Lag:
    """How old the oldest byte is that waits for a client, from counters alone."""

    __slots__ = ("_mark", "_since")

    def __init__(self, now: float) -> None:
        self._mark = 0
        self._since = now

    def seconds(self, now: float, written: int, waiting: int) -> float:
        """At least so old; `written` counts all bytes ever, `waiting` those not yet taken."""
        if written - waiting >= self._mark:  # all that was written by then is gone
            self._mark, self._since = written, now
        return now - self._since


class Step(enum.Enum):
    """What a round came to."""

    AGAIN = enum.auto()
    RECOVERED = enum.auto()
    STALLED = enum.auto()


class Conflation:
    """One stretch of conflation of one client; parks it, and resumes it in the end.

    `given` is for a client that was conflated by another process: see `Lanes.park`.
    """

    def __init__(
        self,
        lanes: Lanes,
        member: Member,
        writer: Writer,
        *,
        now: float,
        budget: int,
        stall_timeout_s: float,
        given: Mapping[Envelope, Frame | None] | None = None,
    ) -> None:
        self.conflated = 0
        self._lanes = lanes
        self._member = member
        self._writer = writer
        self._budget = budget
        self._stall_timeout_s = stall_timeout_s
        self._empty_at = now
        self._easy_since: float | None = None
        lanes.park(member, now, given)

    def round(self, now: float, waiting: int) -> Step:
        """Look at the client; `waiting` is the size of its buffer in bytes."""
        if waiting:
            self._easy_since = None
            stalled = now - self._empty_at > self._stall_timeout_s
            return Step.STALLED if stalled else Step.AGAIN
        self._empty_at = now
        if self._easy_since is None:
            self._easy_since = now
        latest = self._lanes.catch_up(self._member, self._budget)
        if latest.messages:
            self.conflated += latest.conflated
            self._writer.write(latest.data, latest.messages)
        if not latest.complete or now - self._easy_since < RECOVER_S:
            return Step.AGAIN
        self._lanes.resume(self._member, now)
        return Step.RECOVERED
