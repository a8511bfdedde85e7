"""Which adapter, in which mode, feeds the paper account's instruments. Pure.

Orders fill against one feed's book, never against two mixed: a tick of another adapter, or of
another mode of the same, is not theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from bus.errors import TopicError
from bus.topics import Mode
from marketdata.cache import Tick
from marketdata.feeds import Feed
from marketdata.holds import Holds, Wanted

#: The most telling first: a book has quantities to fill against.
_BEST_FIRST: Final = (Mode.DEPTH, Mode.QUOTE, Mode.LTP)


class Sources:
    """For each (exchange, symbol) the topic that counts."""

    def __init__(self, holds: Holds) -> None:
        self._holds = holds
        self._chosen: dict[tuple[str, str], tuple[str, Wanted]] = {}

    def __iter__(self) -> Iterator[tuple[tuple[str, str], Wanted]]:
        """What was chosen, by (exchange, symbol)."""
        return iter([(key, wanted) for key, (_, wanted) in self._chosen.items()])

    def choose(self, instruments: Iterable[tuple[str, str]], feeds: Sequence[Feed]) -> set[Wanted]:
        """What is to be held for these; an instrument stays with its feed while that is good."""
        chosen: dict[tuple[str, str], tuple[str, Wanted]] = {}
        for exchange, symbol in instruments:
            source = self._source(exchange, symbol, feeds)
            if source is not None:
                chosen[exchange, symbol] = source
        self._chosen = chosen
        return {wanted for _, wanted in chosen.values()}

    def feed_of(self, instrument: tuple[str, str]) -> str:
        """The word in topics of the adapter that counts; empty: none does."""
        chosen = self._chosen.get(instrument)
        return "" if chosen is None else chosen[0]

    def is_source(self, tick: Tick) -> bool:
        """Whether a tick counts."""
        chosen = self._chosen.get((tick.entry.exchange, tick.entry.symbol))
        if chosen is None:
            return False
        word, wanted = chosen
        return tick.entry.feed == word and tick.mode is wanted.mode

    def _source(
        self, exchange: str, symbol: str, feeds: Sequence[Feed]
    ) -> tuple[str, Wanted] | None:
        """The first feed without trouble that does not refuse it, else the first that does not."""
        before = self._chosen.get((exchange, symbol))
        others: tuple[str, Wanted] | None = None
        for feed in feeds:
            wanted = self._at(feed, exchange, symbol)
            if wanted is None:
                continue
            if not feed.trouble:
                return feed.word, wanted
            if others is None or (before is not None and before[0] == feed.word):
                others = feed.word, wanted
        return others

    def _at(self, feed: Feed, exchange: str, symbol: str) -> Wanted | None:
        """In the best mode that the feed does not refuse; None: it refuses all."""
        for mode in _BEST_FIRST:
            wanted = Wanted(feed.name, exchange, symbol, mode)
            try:
                if self._holds.refusal(wanted) is None:
                    return wanted
            except TopicError:
                return None
        return None
