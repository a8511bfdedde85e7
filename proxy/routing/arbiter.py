"""Which of several adapters feeds one topic: failover, and the way back. Pure; times in seconds.

Adapters stand in order of preference. The one that feeds gives way when it

* *refuses* the topic: at once;
* is *down* (not there, or without its broker) for `deadline_s`;
* does not answer within `deadline_s` of being asked, while another one would;
* is *stale*: silent for longer than its own rate lets expect, in trading hours, and another
  adapter has what it does not have. Silence alone proves nothing: where nobody trades, every
  feed is silent. So a silent feed is only doubted; a further adapter is asked for the topic,
  and if that has no news either, doubt comes back after twice the time.

A better one that is there again, answers, and is not behind, gets the topic back once that has
been so for `return_after_s` without a break. When none can feed, nothing changes.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final

from bus.frames import OWN_CLOCK, Frame
from bus.settings import FailoverSettings
from proxy.routing.later import is_later

#: How long the feed that is silent may bring what another one has brought.
GRACE_S: Final = 0.5
#: Ticks that another feed must have brought where times cannot be compared: the first may be
#: a snapshot of what was long ago.
_PROOF_TICKS: Final = 3
#: Times the mean time between ticks that a feed may be silent before it is doubted.
_PATIENCE: Final = 8.0
_MAX_PATIENCE_S: Final = 300.0
_MAX_DOUBT: Final = 32.0


class Why(enum.StrEnum):
    """Why another adapter feeds than before."""

    REFUSED = "refused"
    DOWN = "down"
    MUTE = "no answer"
    STALE = "stale"
    BACK = "back"


class Source:
    """What is known of one adapter, for this topic."""

    __slots__ = (
        *("accepted", "ahead_since", "asked_at", "count", "down_since", "frame", "gap_s"),
        *("good_since", "new_ticks", "stale", "ticked_at"),
    )

    def __init__(self) -> None:
        #: None while it is there and has its broker.
        self.down_since: float | None = None
        self.asked_at: float | None = None
        #: Its answer to the demand; None while there is none.
        self.accepted: bool | None = None
        self.frame: Frame | None = None
        self.ticked_at = float("-inf")
        self.count = 0
        #: Its mean time between ticks, learnt; longer ones count at once, shorter ones slowly.
        self.gap_s = 0.0
        #: Since when it has what the one that feeds has not, and how many ticks of that.
        self.ahead_since: float | None = None
        self.new_ticks = 0
        #: It was given up for silence, and has not caught up since.
        self.stale = False
        self.good_since: float | None = None

    @property
    def is_up(self) -> bool:
        return self.down_since is None

    def patience_s(self, least_s: float) -> float:
        return min(max(least_s, _PATIENCE * self.gap_s), max(least_s, _MAX_PATIENCE_S))


class Arbiter:
    """One topic and its sources. `feeding` is the place of the one that feeds; after `look`
    `wanted` holds those that are to be asked for the topic."""

    def __init__(self, up: Sequence[bool], settings: FailoverSettings, now: float) -> None:
        self.settings = settings
        self.sources = [Source() for _ in up]
        for source, is_up in zip(self.sources, up, strict=True):
            source.down_since = None if is_up else now
        self.feeding = next((n for n, is_up in enumerate(up) if is_up), 0)
        self.wanted: frozenset[int] = frozenset()
        self._open_since: float | None = None
        self._doubt = 1.0
        self._probe: int | None = None
        self._probed_at = now
        self._note_wanted(now)

    # --- what happens ---------------------------------------------------------------------

    def up(self, number: int, now: float) -> None:
        """It is there and has its broker."""
        source = self.sources[number]
        if source.down_since is not None:
            source.down_since = None
            source.asked_at = now if number in self.wanted else None

    def down(self, number: int, now: float) -> None:
        """It is not there, or has no broker."""
        source = self.sources[number]
        if source.down_since is None:
            source.down_since = now
            source.good_since = None

    def answered(self, number: int, accepted: bool) -> None:
        """It answered the demand."""
        source = self.sources[number]
        source.accepted = accepted
        if not accepted:
            source.good_since = None

    def heard(self, number: int, frame: Frame, count: int, now: float) -> None:
        """`count` ticks came since the last word, the newest of them `frame`."""
        source = self.sources[number]
        if source.count:
            gap_s = (now - source.ticked_at) / count
            source.gap_s = max(gap_s, 0.9 * source.gap_s + 0.1 * gap_s)
        source.frame, source.ticked_at = frame, now
        source.count += count
        if source.accepted is None:
            source.accepted = True  # whatever it said to an earlier demand
        if number == self.feeding:
            self._doubt, self._probe = 1.0, None
            for other in self.sources:
                other.ahead_since, other.new_ticks = None, 0
        else:
            source.new_ticks += count

    # --- what follows ---------------------------------------------------------------------

    def look(self, now: float, *, is_open: bool) -> Why | None:
        """The time went on: why another one feeds from now on, or None. `is_open`: its exchange
        trades."""
        if not is_open:
            self._open_since = None
        elif self._open_since is None:
            self._open_since = now
        self._compare(now)
        why = self._give_way(now) or self._go_back(now)
        if why is not None:
            self._doubt, self._probe = 1.0, None
            for source in self.sources:
                source.ahead_since, source.new_ticks = None, 0
        self._note_wanted(now)
        return why

    def _compare(self, now: float) -> None:
        """Note who has what the one that feeds has not."""
        feeding = self.sources[self.feeding]
        for source in self.sources:
            if source is feeding or source.frame is None or source.ahead_since is not None:
                continue
            if self._has_news(source, feeding):
                source.ahead_since = now

    def _has_news(self, source: Source, than: Source) -> bool:
        if source.frame is None or source.ticked_at < than.ticked_at:
            return False
        if than.frame is None:
            return source.new_ticks >= _PROOF_TICKS
        if (source.frame.flags | than.frame.flags) & OWN_CLOCK:
            return source.new_ticks >= _PROOF_TICKS and is_later(source.frame, than.frame)
        return is_later(source.frame, than.frame)

    def _give_way(self, now: float) -> Why | None:
        feeding = self.sources[self.feeding]
        why = self._fault(feeding, now)
        if why is not None:
            return self._switch(self._next(now), why)
        if not self._is_doubted(feeding, now):
            return None
        for number, source in enumerate(self.sources):
            ahead = source.ahead_since
            if ahead is not None and now - ahead >= GRACE_S and self._can_feed(number, now):
                feeding.stale, feeding.good_since = True, None
                return self._switch(number, Why.STALE)
        return None

    def _fault(self, feeding: Source, now: float) -> Why | None:
        deadline_s = self.settings.deadline_s
        if feeding.accepted is False:
            return Why.REFUSED
        if feeding.down_since is not None and now - feeding.down_since >= deadline_s:
            return Why.DOWN
        return Why.MUTE if feeding.is_up and self._is_mute(feeding, now) else None

    def _is_doubted(self, feeding: Source, now: float) -> bool:
        """Whether it has been silent for too long. While it is, another one is asked."""
        if self._open_since is None or not feeding.is_up or feeding.asked_at is None:
            self._probe = None
            return False
        since = max(feeding.ticked_at, feeding.asked_at, self._open_since)
        patience_s = feeding.patience_s(self.settings.stale_s)
        if now - since < patience_s * self._doubt:
            return False
        if self._probe is None:
            self._probe, self._probed_at = self._next(now), now
        elif now - self._probed_at >= self.settings.stale_s:
            self._probe = None  # no news there either
            self._doubt = min(2.0 * self._doubt, _MAX_DOUBT)
        return True

    def _go_back(self, now: float) -> Why | None:
        """To a better one that has been good for long enough."""
        for number in range(self.feeding):
            source = self.sources[number]
            if not self._is_good(source, now):
                source.good_since = None
            elif source.good_since is None:
                source.good_since = now
            elif now - source.good_since >= self.settings.return_after_s:
                return self._switch(number, Why.BACK)
        return None

    def _is_good(self, source: Source, now: float) -> bool:
        if not source.is_up or source.accepted is not True:
            return False
        feeding = self.sources[self.feeding]
        if now - source.ticked_at >= source.patience_s(self.settings.stale_s):
            if source.stale and not (feeding.frame and source.frame):
                return False
            if self._open_since is not None and self._has_news(feeding, source):
                return False
        source.stale = False  # nobody has anything that it has not
        return True

    def _next(self, now: float) -> int | None:
        """The best one beside the one that feeds."""
        others = [
            n for n in range(len(self.sources)) if n != self.feeding and self._can_feed(n, now)
        ]
        answered = [n for n in others if self.sources[n].accepted]
        return min(answered or others, default=None)

    def _can_feed(self, number: int, now: float) -> bool:
        source = self.sources[number]
        return (
            source.is_up
            and source.accepted is not False
            and not source.stale
            and not self._is_mute(source, now)
        )

    def _is_mute(self, source: Source, now: float) -> bool:
        waited = 0.0 if source.asked_at is None else now - source.asked_at
        return source.accepted is None and waited >= self.settings.deadline_s

    def _switch(self, number: int | None, why: Why) -> Why | None:
        if number is None:
            return None
        self.feeding = number
        self.sources[number].stale = False
        return why

    def _note_wanted(self, now: float) -> None:
        """The one that feeds, those it stands in for, who is probed, and a warm one."""
        wanted = {*range(self.feeding + 1)}
        if self._probe is not None:
            wanted.add(self._probe)
        if self.settings.warm and (warm := self._next(now)) is not None:
            wanted.add(warm)
        for number, source in enumerate(self.sources):
            if number not in wanted:
                source.asked_at, source.accepted, source.frame = None, None, None
                source.ahead_since, source.new_ticks, source.count = None, 0, 0
                source.stale = False
            elif source.asked_at is None:
                source.asked_at = now
        self.wanted = frozenset(wanted)
