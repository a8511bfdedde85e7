"""One topic of an instrument that several adapters can feed. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from bus.frames import Frame
from bus.settings import AdapterEntry, FailoverSettings
from bus.topics import Mode, Topic
from proxy.routing.arbiter import Arbiter, Why
from proxy.routing.later import is_later

#: Brokers whose counts and times never agree: after so long a step back is better than nothing.
_UNALIGNED_S: Final = 5.0
_UNALIGNED_TICKS: Final = 3


class StreamKey(NamedTuple):
    """What makes two clients' streams the same: the adapters by preference, and the topic."""

    route: tuple[AdapterEntry, ...]
    exchange: str
    symbol: str
    mode: Mode


class Stream:
    """Its clients get the topic of one adapter; which, `arbiter` decides. The change is made
    with the first tick of the new one that is later than the last one delivered."""

    def __init__(
        self, key: StreamKey, up: list[bool], settings: FailoverSettings, now: float
    ) -> None:
        self.key = key
        self.topics = tuple(
            Topic.make(adapter.name, key.exchange, key.symbol, key.mode).wire
            for adapter in key.route
        )
        self.arbiter = Arbiter(up, settings, now)
        #: The place of the adapter whose topic the clients get.
        self.carrying = self.arbiter.feeding
        self.why: Why | None = None
        self.holders = 0
        #: Places of the adapters that were asked for it.
        self.asked: set[int] = set()
        #: Sequence and generation of the newest tick known of each.
        self.seen: dict[int, tuple[int, int]] = {}
        self._withheld = 0
        self._withheld_since = 0.0

    @property
    def topic(self) -> bytes:
        """What its clients get, ending in NUL."""
        return self.topics[self.carrying]

    @property
    def next_topic(self) -> bytes:
        """What they are to get."""
        return self.topics[self.arbiter.feeding]

    @property
    def adapter(self) -> AdapterEntry:
        return self.key.route[self.carrying]

    @property
    def is_switching(self) -> bool:
        return self.carrying != self.arbiter.feeding

    def note(self, number: int, newest: Frame, now: float) -> None:
        """The newest tick known of an adapter."""
        mark = newest.generation, newest.sequence
        before = self.seen.get(number)
        if mark == before:
            return
        self.seen[number] = mark
        is_next = before is not None and before[0] == mark[0] and before[1] < mark[1]
        count = mark[1] - before[1] if before is not None and is_next else 1
        self.arbiter.heard(number, newest, count, now)

    def joins(self, frame: Frame, last: Frame | None, now: float) -> bool | None:
        """Whether the new adapter's tick may follow the last one delivered; None: it may, for
        want of anything better."""
        if last is None or is_later(frame, last):
            return True
        if not self._withheld:
            self._withheld_since = now
        self._withheld += 1
        late = now - self._withheld_since >= _UNALIGNED_S and self._withheld > _UNALIGNED_TICKS
        return None if late else False

    def switched(self) -> None:
        """The clients get the new adapter's topic from now on."""
        self.carrying = self.arbiter.feeding
        self._withheld = 0

    def __str__(self) -> str:
        return f"{self.key.exchange}:{self.key.symbol} {self.key.mode.name}"
