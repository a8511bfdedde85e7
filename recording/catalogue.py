"""What a replay can answer demand with: recorded topics, and those that follow from them."""

from __future__ import annotations

from collections.abc import Iterable

from bus.errors import TopicError
from bus.events import Accepted, Rejected
from bus.frames import Frame
from bus.topics import NUL, Mode, Topic, broker_word
from recording.derive import Derived

_NOT_FOUND = "SYMBOL_NOT_FOUND"


class Catalogue:
    """The recorded topics of one adapter, under another adapter's name."""

    def __init__(self, name: str, recorded: Iterable[str]) -> None:
        self._word = broker_word(name)
        self._wires: dict[bytes, bytes] = {}
        self._modes: dict[tuple[str, str], dict[Mode, bytes]] = {}
        self._derived: dict[bytes, list[Derived]] = {}
        for text in recorded:
            topic = Topic.parse(text)
            own = Topic(self._word, topic.exchange, topic.symbol, topic.mode)
            self._wires[text.encode()] = own.wire
            self._modes.setdefault((topic.exchange, topic.symbol), {})[topic.mode] = text.encode()

    @property
    def instruments(self) -> int:
        return len(self._modes)

    def wire(self, frame: Frame) -> bytes:
        """The topic under which a recorded tick goes out."""
        return self._wires[frame.topic]

    def derived(self, frame: Frame) -> list[Derived]:
        """What else goes out with it."""
        return self._derived.get(frame.topic, [])

    def want(self, wire: bytes) -> Accepted | Rejected:
        """Somebody wants a topic: the answer."""
        text = wire.removesuffix(NUL).decode(errors="replace")
        try:
            topic = Topic.parse(text)
        except TopicError as error:
            return Rejected(text, _NOT_FOUND, str(error))
        modes = self._modes.get((topic.exchange, topic.symbol))
        if topic.broker != self._word or modes is None:
            message = f"the recording has no {topic.symbol} on {topic.exchange}"
            return Rejected(text, _NOT_FOUND, message)
        higher = [mode for mode in modes if mode >= topic.mode]
        if not higher:
            message = f"{topic.symbol} was not recorded in mode {topic.mode.name}"
            return Rejected(text, "MODE_NOT_SUPPORTED", message)
        source = modes[min(higher)]
        if topic.mode not in modes and all(d.topic != wire for d in self._derived.get(source, ())):
            self._derived.setdefault(source, []).append(Derived(wire, topic.mode))
        return Accepted(text)

    def drop(self, wire: bytes) -> None:
        """Nobody wants a topic any more."""
        for derived in self._derived.values():
            derived[:] = [one for one in derived if one.topic != wire]
