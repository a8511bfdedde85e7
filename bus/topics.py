"""The topic grammar: `BROKER_EXCHANGE_SYMBOL_MODE`.

BROKER    the adapter's name in upper case, `_` written as `-`: letters, digits and `-`
EXCHANGE  one word of a closed vocabulary; some of its words hold `_` (`NSE_INDEX`)
SYMBOL    printable, no NUL; may hold `_`, `-`, `&`, `.`, `:`
MODE      `LTP`, `QUOTE` or `DEPTH`

`Topic.text` and `Topic.parse` are inverse for every valid topic. The one ambiguity of the
grammar, exchange `NSE` with a symbol that begins with `INDEX_`, is closed by not allowing
such a symbol.

On the wire a topic ends in NUL, so that a subscription to it can never match a longer one.
A subscription that ends in NUL is *demand*; any shorter prefix is a *tap*. Topics that
begin with `@` are the publisher's own events, not instruments.

Consumers on the shared-memory lane (`bus.lane`) tell the publisher by two more kinds of
subscription, to which no frame ever matches: `~` and a topic is demand for what arrives on the
lane, `!` and a name is a bell to ring.
"""

from __future__ import annotations

import enum
import re
from typing import Final, NamedTuple

from bus.errors import TopicError

NUL: Final = b"\x00"
EVENT_MARK: Final = "@"
LANE_MARK: Final = b"~"
BELL_MARK: Final = b"!"

#: OpenAlgo's exchange codes. A new one is added here and nowhere else.
EXCHANGES: Final = (
    "NSE",
    "BSE",
    "NFO",
    "BFO",
    "CDS",
    "BCD",
    "MCX",
    "NCDEX",
    "NCO",
    "CRYPTO",
    "NSE_INDEX",
    "BSE_INDEX",
    "MCX_INDEX",
    "CDS_INDEX",
    "GLOBAL_INDEX",
)
_EXCHANGE_SET: Final = frozenset(EXCHANGES)
#: Exchanges whose code, followed by `_`, begins another code (`NSE` and `NSE_INDEX`).
_SHADOWED: Final = {
    short: tuple(e.removeprefix(f"{short}_") + "_" for e in EXCHANGES if e.startswith(f"{short}_"))
    for short in EXCHANGES
}
#: Longest first, so that `NSE_INDEX` is tried before `NSE`.
_BY_LENGTH: Final = tuple(sorted(EXCHANGES, key=len, reverse=True))

_BROKER: Final = re.compile(r"[A-Z0-9][A-Z0-9-]*")
_ADAPTER_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x20\x7f]")
MAX_SYMBOL_LENGTH: Final = 64


class Mode(enum.IntEnum):
    """What a subscriber wants to know; the numbers are the client protocol's."""

    LTP = 1
    QUOTE = 2
    DEPTH = 3


_MODES: Final = {mode.name: mode for mode in Mode}


class Topic(NamedTuple):
    """One instrument in one mode as one adapter feeds it."""

    broker: str
    exchange: str
    symbol: str
    mode: Mode

    @property
    def text(self) -> str:
        return f"{self.broker}_{self.exchange}_{self.symbol}_{self.mode.name}"

    @property
    def wire(self) -> bytes:
        """The topic as it begins a frame and as demand asks for it: NUL at its end."""
        return self.text.encode() + NUL

    @classmethod
    def make(cls, adapter: str, exchange: str, symbol: str, mode: Mode) -> Topic:
        """The topic of an instrument at an adapter.

        Raises:
            TopicError: exchange or symbol are not allowed by the grammar.
        """
        check_instrument(exchange, symbol)
        return cls(broker_word(adapter), exchange, symbol, mode)

    @classmethod
    def parse(cls, text: str) -> Topic:
        """The inverse of `text`.

        Raises:
            TopicError: not a topic of this grammar.
        """
        broker, _, rest = text.partition("_")
        body, _, mode_word = rest.rpartition("_")
        mode = _MODES.get(mode_word)
        if mode is None or not _BROKER.fullmatch(broker):
            raise TopicError(f"not BROKER_EXCHANGE_SYMBOL_MODE: {text!r}")
        for exchange in _BY_LENGTH:
            if body.startswith(f"{exchange}_") and len(body) > len(exchange) + 1:
                symbol = body[len(exchange) + 1 :]
                check_instrument(exchange, symbol)
                return cls(broker, exchange, symbol, mode)
        raise TopicError(f"no known exchange in topic {text!r}")


def check_instrument(exchange: str, symbol: str) -> None:
    """Refuse an exchange or symbol that cannot stand in a topic.

    Raises:
        TopicError: says which rule is broken.
    """
    if exchange not in _EXCHANGE_SET:
        raise TopicError(f"unknown exchange {exchange[:32]!r}; known: {', '.join(EXCHANGES)}")
    if not symbol or len(symbol) > MAX_SYMBOL_LENGTH:
        raise TopicError(f"a symbol has 1 to {MAX_SYMBOL_LENGTH} characters, was {len(symbol)}")
    if _UNPRINTABLE.search(symbol) or not symbol.isprintable():
        raise TopicError(f"a symbol holds no spaces or control characters: {symbol!r}")
    if symbol.startswith(_SHADOWED[exchange]):
        raise TopicError(f"symbol {symbol!r} on {exchange} would read as another exchange")


def is_adapter_name(name: str) -> bool:
    """Whether a name can be an adapter's: lower case letters, digits, `_` and `-`, at most 32."""
    return _ADAPTER_NAME.fullmatch(name) is not None


def broker_word(adapter: str) -> str:
    """The BROKER word of an adapter: `dhan_sandbox` -> `DHAN-SANDBOX`."""
    return adapter.upper().replace("_", "-")


def event_topic(adapter: str) -> bytes:
    """The topic, on the wire, of the events that an adapter publishes about itself."""
    return f"{EVENT_MARK}{adapter}".encode() + NUL


def lane_topic(topic: bytes) -> bytes:
    """What a consumer on the lane subscribes to for a topic (ending in NUL)."""
    return LANE_MARK + topic


def bell_topic(bell: str) -> bytes:
    """What a consumer that sleeps beside the lane subscribes to."""
    return BELL_MARK + bell.encode() + NUL


#: The topic, on the wire, of a publisher's welcome.
WELCOME_TOPIC: Final = f"{EVENT_MARK}welcome".encode() + NUL
