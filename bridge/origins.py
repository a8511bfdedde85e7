"""What the bridge knows of one adapter here, for the sites that read it elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bridge.demand import Leases
from bus.errors import TopicError
from bus.events import BrokerState
from bus.topics import Mode, Topic


class Origin:
    """Its state, the sites' demand, and what it said of each topic."""

    def __init__(self, adapter: str, lease_s: float) -> None:
        self.adapter = adapter
        self.state = BrokerState("connecting")
        self.leases = Leases(lease_s)
        #: By topic as the bus has it, without NUL.
        self._verdicts: dict[str, bytes] = {}

    def wire(self, name: str) -> bytes | None:
        """`EXCHANGE:SYMBOL:MODE` as this adapter's topic on the wire; None: it cannot be one."""
        exchange, _, rest = name.partition(":")
        symbol, _, mode = rest.rpartition(":")
        try:
            return Topic.make(self.adapter, exchange, symbol, Mode[mode]).wire
        except (TopicError, KeyError):
            return None

    def judged(self, topic: str, event: bytes) -> bool:
        """The adapter accepted or rejected a topic: whether any site wants to know."""
        try:
            name = name_of(Topic.parse(topic))
        except TopicError:
            return False
        self._verdicts[topic] = event
        return name in self.leases.topics

    def verdicts(self, names: Iterable[str]) -> list[msgspec.Raw]:
        """What it said of these, as far as it did."""
        wires = (self.wire(name) for name in names)
        found = (self._verdicts.get(wire[:-1].decode()) for wire in wires if wire is not None)
        return [msgspec.Raw(event) for event in found if event is not None]

    def forget(self, wire: bytes) -> None:
        """Nobody wants it any more."""
        self._verdicts.pop(wire[:-1].decode(), None)


def name_of(topic: Topic) -> str:
    """A topic as sites say it: `EXCHANGE:SYMBOL:MODE`. Symbols may hold colons, the others not."""
    return f"{topic.exchange}:{topic.symbol}:{topic.mode.name}"
