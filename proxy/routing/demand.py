"""What all clients together want of the adapters, and what the adapters said to it. Pure.

The bus is told when the first holder of a topic comes and when the last one goes. Adapters
answer each demand (`Accepted`, `Rejected`); the answer is kept while the topic is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from msgspec import Struct

from bus.events import Accepted, Rejected
from bus.frames import Frame
from bus.topics import NUL

Verdict = Accepted | Rejected


class Bus(Protocol):
    """The part of `bus.subscriber.Subscriber` that demand needs; topics end in NUL."""

    def subscribe(self, adapter: str, topic: bytes) -> None: ...

    def unsubscribe(self, adapter: str, topic: bytes) -> None: ...

    def remember(self, adapter: str, frames: Iterable[Frame]) -> None: ...


class _Want(Struct):
    adapter: str
    holders: int = 0
    verdict: Verdict | None = None
    watchers: dict[Callable[[bytes], None], None] = {}


class Demand:
    """Topics (ending in NUL) with their holders, verdicts and whoever waits for one."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._wants: dict[bytes, _Want] = {}
        self._observers: dict[Callable[[Verdict], None], None] = {}

    def __len__(self) -> int:
        return len(self._wants)

    def wants(self) -> list[tuple[str, bytes, Verdict | None]]:
        """All that is wanted: adapter, topic, and what the adapter said."""
        return [(want.adapter, topic, want.verdict) for topic, want in self._wants.items()]

    def take(self, adapter: str, topic: bytes) -> None:
        """One holder more."""
        want = self._wants.get(topic)
        if want is None:
            want = self._wants[topic] = _Want(adapter)
            self._bus.subscribe(adapter, topic)
        want.holders += 1

    def release(self, topic: bytes) -> None:
        """One holder less."""
        want = self._wants[topic]
        want.holders -= 1
        if not want.holders:
            del self._wants[topic]
            self._bus.unsubscribe(want.adapter, topic)

    def remember(self, frames: Iterable[Frame]) -> None:
        """Another process delivered these to clients that come here, before it was asked for
        their topics here."""
        by_adapter: dict[str, list[Frame]] = {}
        for frame in frames:
            want = self._wants.get(frame.topic + NUL)
            if want is not None:
                by_adapter.setdefault(want.adapter, []).append(frame)
        for adapter, its in by_adapter.items():
            self._bus.remember(adapter, its)

    def verdict(self, topic: bytes) -> Verdict | None:
        """What the adapter said; None while it has not, or nobody wants the topic."""
        want = self._wants.get(topic)
        return None if want is None else want.verdict

    def note(self, verdict: Verdict) -> None:
        """An adapter answered."""
        topic = verdict.topic.encode() + NUL
        want = self._wants.get(topic)
        if want is None:
            return  # the demand was withdrawn meanwhile
        news = want.verdict != verdict
        want.verdict = verdict
        watchers, want.watchers = want.watchers, {}
        for watcher in watchers:
            watcher(topic)
        if news:  # every consumer's demand is answered, so most answers are repetitions
            for observer in list(self._observers):
                observer(verdict)

    def forget(self, adapter: str) -> None:
        """Another generation of the adapter: it will answer afresh."""
        for want in self._wants.values():
            if want.adapter == adapter:
                want.verdict = None

    def watch(self, topic: bytes, watcher: Callable[[bytes], None]) -> None:
        """Tell `watcher` the next answer about a wanted topic, once."""
        self._wants[topic].watchers[watcher] = None

    def observe(self, observer: Callable[[Verdict], None]) -> None:
        """Tell `observer` every answer that is news, from now on."""
        self._observers[observer] = None

    def ignore(self, observer: Callable[[Verdict], None]) -> None:
        self._observers.pop(observer, None)

    def unwatch(self, topic: bytes, watcher: Callable[[bytes], None]) -> None:
        want = self._wants.get(topic)
        if want is not None:
            want.watchers.pop(watcher, None)
