"""What the proxy knows of each adapter: is it there, how is its broker, does it answer. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from bus.control.messages import PublisherEntry
from bus.events import BrokerState

_CONNECTED = "connected"


class _Feed(Struct):
    generations: frozenset[int] = frozenset()
    broker_state: str = ""
    silent: bool = False


class Feeds:
    """The adapters as the directory and their own events describe them."""

    def __init__(self) -> None:
        self._feeds: dict[str, _Feed] = {}

    def follow(self, directory: Iterable[PublisherEntry]) -> list[str]:
        """The directory changed; returns the adapters of which nothing is known any more: they
        have a new generation, or none."""
        listed: dict[str, set[int]] = {}
        for entry in directory:
            if entry.standby:
                continue  # it speaks for the adapter once it is the active one
            listed.setdefault(entry.adapter, set()).add(entry.generation)
        changed = []
        for adapter in self._feeds.keys() | listed.keys():
            generations = frozenset(listed.get(adapter, ()))
            before = self._feed(adapter).generations
            if generations - before or (before and not generations):
                self._feeds[adapter] = _Feed(generations)
                changed.append(adapter)
            elif generations != before:  # what the others said stands
                self._feed(adapter).generations = generations
        return changed

    def heard(self, adapter: str, state: BrokerState | None = None) -> None:
        """The adapter said something."""
        feed = self._feed(adapter)
        feed.silent = False
        if state is not None:
            feed.broker_state = state.state

    def was_silent(self, adapter: str) -> None:
        """The adapter did not answer a demand in time."""
        self._feed(adapter).silent = True

    def answers(self, adapter: str) -> bool:
        """Whether waiting for the adapter's answer is worth a client's time.

        Not when it is not there; nor when it let one demand go unanswered and was not heard
        since (its broker is down, say): a client that subscribes to 1,000 symbols one by one
        must not wait 1,000 times.
        """
        feed = self._feed(adapter)
        return bool(feed.generations) and not feed.silent

    def present(self, adapter: str) -> bool:
        """Whether the adapter is there, whatever its broker."""
        return bool(self._feed(adapter).generations)

    def generations(self, adapter: str) -> frozenset[int]:
        """Those that publish now."""
        return self._feed(adapter).generations

    def connected(self, adapter: str) -> bool:
        """Whether the adapter is there and, as far as it said, connected to its broker."""
        feed = self._feed(adapter)
        return bool(feed.generations) and feed.broker_state in {"", _CONNECTED}

    def _feed(self, adapter: str) -> _Feed:
        return self._feeds.setdefault(adapter, _Feed())
