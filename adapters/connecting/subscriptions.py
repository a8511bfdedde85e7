"""What one broker connection should carry, and what it has been asked to carry. Pure.

Wishes may change faster than a broker takes requests, and a new connection knows nothing;
so the difference is worked out when a request can go out, never earlier.
"""

from __future__ import annotations

from typing import NamedTuple

from adapters.broker import Pace
from adapters.codec import Codec, WireFrame
from bus.topics import Mode


class Plan(NamedTuple):
    """The next request: its frames, and what holds once they are sent."""

    frames: list[WireFrame]
    tokens: list[str]
    mode: Mode | None


class Subscriptions:
    """Wishes of one connection, at most `batch` tokens a request."""

    def __init__(self, batch: int) -> None:
        self._batch = batch
        self._wanted: dict[str, Mode] = {}
        self._asked: dict[str, Mode] = {}
        #: Tokens to look at, oldest wish first.
        self._open: dict[str, None] = {}

    @property
    def tokens(self) -> list[str]:
        """Every token that the connection should carry."""
        return list(self._wanted)

    def want(self, token: str, mode: Mode | None) -> None:
        """Carry a token in a mode; None: no longer."""
        if mode is None:
            self._wanted.pop(token, None)
        else:
            self._wanted[token] = mode
        self._open[token] = None

    def asked(self, token: str) -> Mode | None:
        """The mode that the broker was asked for on the present connection."""
        return self._asked.get(token)

    def reset(self) -> None:
        """The connection is gone, and all that was asked with it."""
        self._asked.clear()
        self._open = dict.fromkeys(self._wanted)

    def plan(self, codec: Codec) -> Plan | None:
        """The next request, or None: the broker has been asked for everything.

        The codec's `modes` are as they will be once the frames are sent.
        """
        batch, before, after = self._next_batch()
        if not batch:
            return None
        for token in batch:
            del self._open[token]
            if after is None:
                codec.modes.pop(token, None)
            else:
                codec.modes[token] = after
        return Plan(_frames(codec, batch, before, after), batch, after)

    def sent(self, plan: Plan) -> None:
        """Every frame of a plan went out."""
        for token in plan.tokens:
            if plan.mode is None:
                self._asked.pop(token, None)
            else:
                self._asked[token] = plan.mode

    def _next_batch(self) -> tuple[list[str], Mode | None, Mode | None]:
        """Tokens with the same change: what ends comes first, so that its place is free."""
        changes: dict[tuple[Mode | None, Mode | None], list[str]] = {}
        for token in list(self._open):
            change = self._asked.get(token), self._wanted.get(token)
            if change[0] == change[1]:
                del self._open[token]
            else:
                changes.setdefault(change, []).append(token)
        if not changes:
            return [], None, None
        ending = (change for change in changes if change[1] is None)
        chosen = next(ending, next(iter(changes)))
        return changes[chosen][: self._batch], *chosen


def _frames(
    codec: Codec, tokens: list[str], before: Mode | None, after: Mode | None
) -> list[WireFrame]:
    if before is None and after is not None:
        return codec.subscribe(tokens, after)
    if before is not None and after is None:
        return codec.unsubscribe(tokens, before)
    if before is not None and after is not None:
        return codec.change(tokens, before, after)
    return []


class Pacer:
    """A bucket of requests: full at first, refilled steadily. Time is passed in, seconds."""

    def __init__(self, pace: Pace, now: float) -> None:
        self._pace = pace
        self._left = float(pace.burst)
        self._at = now

    def wait_s(self, now: float) -> float:
        """0: one may go now, and is taken off. Else how long to wait before asking again."""
        refill = (now - self._at) * self._pace.per_second
        self._left = min(float(self._pace.burst), self._left + refill)
        self._at = now
        if self._left >= 1.0:
            self._left -= 1.0
            return 0.0
        return (1.0 - self._left) / self._pace.per_second
