"""What is known of the market, in one place: last values, feeds, holds, and who is told. Pure.

The process's shell brings it the bus's batches; everything that answers questions about prices
asks here.
"""

from __future__ import annotations

from collections.abc import Sequence

from bus.clock import Clock
from bus.frames import Frame, Kind
from bus.market.hours import Calendar
from bus.settings import MarketDataSettings
from bus.topics import Mode
from identity.authority import Identity
from marketdata.cache import Entry, LastValues, Tick
from marketdata.consumers import Board
from marketdata.feeds import Feed, Feeds
from marketdata.freshness import Freshness, Gate, gate, of_feed, of_instrument
from marketdata.holds import Bus, Holds
from marketdata.seen import look


class Market:
    """One per process."""

    def __init__(
        self, settings: MarketDataSettings, calendar: Calendar, clock: Clock, bus: Bus
    ) -> None:
        self.settings = settings
        self.calendar = calendar
        self.clock = clock
        self.values = LastValues(settings.max_jump)
        self.feeds = Feeds()
        self.board = Board()
        self.holds = Holds(bus, settings.max_held)

    def take(self, adapter: str, frames: Sequence[Frame]) -> list[Frame]:
        """A batch from the bus: into the cache, then to the consumers. Gives back the events."""
        put = self.values.put
        ticks, events = [], []
        for frame in frames:
            if frame.kind == Kind.TICK:
                tick = put(frame)
                if tick is not None:
                    ticks.append(tick)
            else:
                events.append(frame)
        if ticks:
            self.feeds.ticked(adapter, ticks[-1].frame.received_ns)
            self.board.publish(ticks)
        return events

    def allowed(self, who: Identity) -> list[Feed]:
        """The feeds that somebody may have, in the order of preference."""
        adapters = who.scopes.adapters
        return [
            feed
            for feed in self.feeds
            if who.broker in {None, feed.broker} and (adapters is None or feed.name in adapters)
        ]

    def find(self, feeds: Sequence[Feed], exchange: str, symbol: str) -> Entry | None:
        """An instrument at the first of these feeds that has it."""
        return self.values.find(exchange, symbol, [feed.word for feed in feeds])

    def freshness(self, feeds: Sequence[Feed], exchange: str, symbol: str) -> Freshness:
        """How an instrument stands with the feed that has it, or would have it."""
        entry = self.find(feeds, exchange, symbol)
        return self._freshness(entry, exchange, feeds)

    def gate(self, feeds: Sequence[Feed], exchange: str, symbol: str) -> Gate:
        """Whether trades in an instrument may be managed on its last price."""
        entry = self.find(feeds, exchange, symbol)
        return gate(self._freshness(entry, exchange, feeds), entry)

    def of_feed(self, feed: Feed) -> Freshness:
        exchanges = {entry.exchange for entry in self.values if entry.feed == feed.word}
        return of_feed(
            feed,
            exchanges=exchanges,
            now_ns=self.clock.unix_ns(),
            calendar=self.calendar,
            stale_after_s=self.settings.stale_after_s,
        )

    def is_open(self, exchange: str) -> bool:
        return self.calendar.is_open(exchange, self.clock.unix_ns() / 1e9)

    def _freshness(self, entry: Entry | None, exchange: str, feeds: Sequence[Feed]) -> Freshness:
        first = feeds[0] if feeds else None
        feed = first if entry is None else self.feeds.by_word(entry.feed)
        return of_instrument(
            entry,
            exchange,
            feed,
            now_ns=self.clock.unix_ns(),
            calendar=self.calendar,
            stale_after_s=self.settings.stale_after_s,
        )


def newest(entry: Entry, mode: Mode) -> Tick | None:
    """The newest tick of an instrument that says at least as much as `mode` does."""
    found = entry.newest([one for one in Mode if one >= mode])
    if found is None:
        return None
    its_mode, frame = found
    return Tick(entry, its_mode, frame, look(frame.payload))
