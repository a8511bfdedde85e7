"""What is known of each adapter: whether it is there, how its broker is, when it ticked. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from bus.control.messages import PublisherEntry
from bus.events import BrokerState
from bus.topics import broker_word

_CONNECTED = "connected"
_NEEDS_TOKEN = "needs_token"  # noqa: S105 - a state, no credential


class Feed(Struct):
    """One adapter. `word` is how topics name it; times are Unix ns."""

    name: str
    word: str
    broker: str
    generations: frozenset[int] = frozenset()
    broker_state: str = ""
    detail: str = ""
    last_tick_ns: int = 0

    @property
    def needs_token(self) -> bool:
        return self.broker_state == _NEEDS_TOKEN

    @property
    def trouble(self) -> str:
        """Why no tick can come; empty when some can, as far as it said."""
        if not self.generations:
            return f"the adapter {self.name} is not running"
        if self.broker_state in {"", _CONNECTED}:
            return ""
        why = f": {self.detail}" if self.detail else ""
        return f"{self.name} is not connected to its broker ({self.broker_state}{why})"


class Feeds:
    """The adapters, in the order of preference; one that is gone is remembered."""

    def __init__(self) -> None:
        self._feeds: dict[str, Feed] = {}
        self._words: dict[str, Feed] = {}

    def __iter__(self) -> Iterator[Feed]:
        return iter(self._feeds.values())

    def follow(self, directory: Iterable[PublisherEntry]) -> None:
        """The directory changed."""
        listed: dict[str, set[int]] = {}
        for entry in directory:
            if not entry.ticks:
                continue
            listed.setdefault(entry.adapter, set()).add(entry.generation)
            if entry.adapter not in self._feeds:
                word = broker_word(entry.adapter)
                feed = Feed(entry.adapter, word, entry.broker or entry.adapter)
                self._feeds[entry.adapter] = self._words[word] = feed
        for name, feed in self._feeds.items():
            generations = frozenset(listed.get(name, ()))
            if not generations & feed.generations:
                feed.broker_state = feed.detail = ""  # what a generation said ends with it
            feed.generations = generations

    def heard(self, adapter: str, state: BrokerState) -> None:
        """The adapter said how it stands with its broker."""
        feed = self._feeds.get(adapter)
        if feed is not None:
            feed.broker_state, feed.detail = state.state, state.detail

    def ticked(self, adapter: str, received_ns: int) -> None:
        """Ticks of the adapter came."""
        feed = self._feeds.get(adapter)
        if feed is not None:
            feed.last_tick_ns = received_ns

    def by_word(self, word: str) -> Feed | None:
        """The adapter that topics name so."""
        return self._words.get(word)
