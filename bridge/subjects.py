"""Topics of the bus as subjects of NATS, and back. Pure.

    md.<adapter>.<exchange>.<symbol>.<mode>     ticks
    md.<adapter>.event                          states and answers of the adapter
    md.<adapter>.order                          updates of orders
    md-demand.<adapter>                         what sites want; asked, never stored
    md-hello                                    a bridge began: sites say again what they want

`md` is the configured prefix. A token keeps letters, digits and `-_&:+=@,~()!'`; every other
byte of its UTF-8 is written `%XX`, so the dot, blanks and wildcards of NATS never stand in
one. `escape` and `unescape` are inverse.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from bridge.errors import SubjectError
from bus.errors import TopicError
from bus.topics import Mode, Topic, is_adapter_name

_SPECIAL: Final = re.compile(rb"[^A-Za-z0-9\-_&:+=@,~()!']")
_ESCAPED: Final = re.compile(rb"%([0-9A-F]{2})")
_EVENT: Final = "event"
_ORDER: Final = "order"
_MODES: Final = {mode.name: mode for mode in Mode}


def escape(text: str) -> str:
    """Any text that is not empty as one token of a subject."""
    return _SPECIAL.sub(lambda found: b"%%%02X" % found[0][0], text.encode()).decode()


def unescape(token: str) -> str:
    """The inverse of `escape`.

    Raises:
        SubjectError: no token that `escape` makes.
    """
    plain = _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), token.encode())
    try:
        text = plain.decode()
    except UnicodeDecodeError:
        text = ""
    if not text or escape(text) != token:
        raise SubjectError(f"no token of ours: {token!r}")
    return text


class Place(NamedTuple):
    """What a subject says: an adapter's tick in one topic, or its events or orders."""

    adapter: str
    exchange: str = ""
    symbol: str = ""
    mode: Mode = Mode.LTP
    kind: str = "tick"

    def topic(self, adapter: str) -> Topic:
        """The tick's topic under another adapter's name.

        Raises:
            TopicError: exchange or symbol are not of the grammar.
        """
        return Topic.make(adapter, self.exchange, self.symbol, self.mode)


class Subjects:
    """The subjects under one prefix."""

    def __init__(self, prefix: str) -> None:
        self.everything = f"{prefix}.>"
        self.hello = f"{prefix}-hello"
        self._prefix = prefix

    def tick(self, adapter: str, topic: Topic) -> str:
        exchange, symbol = topic.exchange, escape(topic.symbol)
        return f"{self._prefix}.{adapter}.{exchange}.{symbol}.{topic.mode.name}"

    def event(self, adapter: str) -> str:
        return f"{self._prefix}.{adapter}.{_EVENT}"

    def order(self, adapter: str) -> str:
        return f"{self._prefix}.{adapter}.{_ORDER}"

    def of_adapter(self, adapter: str) -> str:
        """The pattern of all that an adapter has in the stream."""
        return f"{self._prefix}.{adapter}.>"

    def demand(self, adapter: str) -> str:
        return f"{self._prefix}-demand.{adapter}"

    def parse(self, subject: str) -> Place:
        """The inverse of `tick`, `event` and `order`.

        Raises:
            SubjectError: no subject of this prefix.
        """
        head = f"{self._prefix}."
        words = subject.removeprefix(head).split(".") if subject.startswith(head) else []
        match words:
            case [adapter, "event" | "order" as kind] if is_adapter_name(adapter):
                return Place(adapter, kind=kind)
            case [adapter, exchange, symbol, mode] if is_adapter_name(adapter) and mode in _MODES:
                place = Place(adapter, exchange, unescape(symbol), _MODES[mode])
                try:
                    place.topic(adapter)
                except TopicError as error:
                    raise SubjectError(f"{subject!r}: {error}") from None
                return place
        raise SubjectError(f"no subject under {head}: {subject!r}")
