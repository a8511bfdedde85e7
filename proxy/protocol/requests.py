"""What clients send, made into typed requests: a union of every documented spelling.

Pure and total: any text or bytes become a request or a `Refusal`, nothing else. The grammar
is the public client protocol's (docs/compatibility.md lists where it takes more).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from bus.topics import EXCHANGES, Mode
from proxy.protocol.modes import ModeChoice, read_mode, read_unsubscribe_mode
from proxy.protocol.refusal import Refusal

#: A bulk subscribe of every symbol of a broker connection is about 3,000 entries.
MAX_ENTRIES: Final = 10_000
#: Longer than any symbol, with room for spaces around it.
MAX_WORD_LENGTH: Final = 128
DEFAULT_DEPTH: Final = 5
_MAX_DEPTH: Final = 1000
_SHOWN: Final = 100
_EXCHANGE_SET: Final = frozenset(EXCHANGES)

#: JSON of any type, given back as it came.
RequestId: TypeAlias = Raw | None


class Instrument(NamedTuple):
    """A symbol and its exchange, spelled as the client spells them."""

    symbol: str
    exchange: str


class SubscribeEntry(NamedTuple):
    """One instrument wanted; `refusal` when its own mode is none."""

    instrument: Instrument
    choice: ModeChoice
    refusal: Refusal | None = None
    #: The adapter or broker that is to feed it; empty: whoever does.
    broker: str = ""


class UnsubscribeEntry(NamedTuple):
    """One instrument no longer wanted, in `mode`, or None: in every mode held."""

    instrument: Instrument
    mode: Mode | None
    refusal: Refusal | None = None


class Authenticate(NamedTuple):
    credential: str


class Subscribe(NamedTuple):
    entries: list[SubscribeEntry]
    depth: int
    request_id: RequestId


class Unsubscribe(NamedTuple):
    entries: list[UnsubscribeEntry]
    request_id: RequestId


class UnsubscribeAll(NamedTuple):
    request_id: RequestId


class Orders(NamedTuple):
    """Whether order updates are wanted."""

    wanted: bool
    request_id: RequestId


class BrokerInfo(NamedTuple):
    pass


class SupportedBrokers(NamedTuple):
    pass


class Ping(NamedTuple):
    timestamp: Raw | None
    ping_id: Raw | None


class Nothing(NamedTuple):
    """Keep-alive text that wants no answer."""


Request: TypeAlias = (
    Authenticate
    | Subscribe
    | Unsubscribe
    | UnsubscribeAll
    | Orders
    | BrokerInfo
    | SupportedBrokers
    | Ping
    | Nothing
)


class _Fields(Struct):
    """Every field that some request has; types are checked where a field is used."""

    action: Any = None
    type: Any = None
    api_key: Any = None
    apikey: Any = None
    symbols: Any = None
    instruments: Any = None
    symbol: Any = None
    exchange: Any = None
    broker: Any = None
    mode: Any = None
    depth: Any = None
    depth_level: Any = None
    request_id: Raw | UnsetType = UNSET
    timestamp: Raw | UnsetType = UNSET
    ping_id: Raw | UnsetType = msgspec.field(default=UNSET, name="_pingId")


_decode_fields = msgspec.json.Decoder(_Fields).decode
_decode_any = msgspec.json.Decoder().decode


def parse(message: str | bytes, default_exchange: str) -> Request:
    """What a client's message asks for.

    Raises:
        Refusal: with the code and text to answer.
    """
    if _is_bare_keepalive(message):
        return Nothing()
    fields = _decode(message)
    name = fields.action or fields.type
    build, needs_auth = _ACTIONS.get(name, _UNKNOWN) if isinstance(name, str) else _UNKNOWN
    try:
        return build(fields, default_exchange)
    except Refusal as refusal:
        refusal.needs_auth = needs_auth
        raise


def _is_bare_keepalive(message: str | bytes) -> bool:
    if len(message) > 16:
        return False
    bare = message.strip()
    return bare in {"ping", "pong"} if isinstance(bare, str) else bare in {b"ping", b"pong"}


def _decode(message: str | bytes) -> _Fields:
    try:
        # Binary frames may hold JSON too; what is echoed from them must be valid text.
        return _decode_fields(message if isinstance(message, str) else message.decode())
    except msgspec.ValidationError:
        pass  # JSON, but no object; or hardly JSON: a second look tells
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Refusal("INVALID_JSON", "Invalid JSON message") from None
    try:
        value = _decode_any(message)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise Refusal("INVALID_JSON", "Invalid JSON message") from None
    raise _wrong(f"A request must be a JSON object, was {_kind(value)}")


# --- one builder per action ---------------------------------------------------------------


def _authenticate(fields: _Fields, _: str) -> Request:
    key = fields.api_key or fields.apikey
    if key is None or key == "":
        raise Refusal("AUTHENTICATION_ERROR", "API key is required")
    if not isinstance(key, str):
        raise _wrong(f"api_key must be text, was {_kind(key)}")
    return Authenticate(key)


def _subscribe(fields: _Fields, default_exchange: str) -> Request:
    top = read_mode(fields.mode)
    entries = []
    everywhere = _broker(fields.broker)
    for instrument, own, broker in _instruments(fields, default_exchange):
        choice, refusal = top, None
        if own is not None:
            try:
                choice = read_mode(own)
            except Refusal as error:
                refusal = error
        entries.append(SubscribeEntry(instrument, choice, refusal, broker or everywhere))
    return Subscribe(entries, _depth(fields), _given(fields.request_id))


def _unsubscribe(fields: _Fields, default_exchange: str) -> Request:
    listed = bool(fields.symbols or fields.instruments)
    if not listed and not fields.symbol:
        raise _wrong("Either symbols or unsubscribe_all is required")
    entries = []
    for instrument, own, _ in _instruments(fields, default_exchange):
        mode, refusal = None, None
        try:
            mode = read_unsubscribe_mode(fields.mode if own is None else own)
        except Refusal as error:
            if not listed:
                raise
            refusal = error
        entries.append(UnsubscribeEntry(instrument, mode, refusal))
    return Unsubscribe(entries, _given(fields.request_id))


def _unsubscribe_all(fields: _Fields, _: str) -> Request:
    return UnsubscribeAll(_given(fields.request_id))


def _subscribe_orders(fields: _Fields, _: str) -> Request:
    return Orders(wanted=True, request_id=_given(fields.request_id))


def _unsubscribe_orders(fields: _Fields, _: str) -> Request:
    return Orders(wanted=False, request_id=_given(fields.request_id))


def _broker_info(_fields: _Fields, _: str) -> Request:
    return BrokerInfo()


def _supported_brokers(_fields: _Fields, _: str) -> Request:
    return SupportedBrokers()


def _ping(fields: _Fields, _: str) -> Request:
    return Ping(_given(fields.timestamp), _given(fields.ping_id))


def _pong(_fields: _Fields, _: str) -> Request:
    return Nothing()


def _unknown(fields: _Fields, _: str) -> Request:
    name = fields.action or fields.type or None
    shown = name[:_SHOWN] if isinstance(name, str) else None if name is None else _kind(name)
    raise Refusal("INVALID_ACTION", f"Invalid action: {shown}")


_Builder: TypeAlias = Callable[[_Fields, str], Request]
#: Each action's builder, and whether it needs authentication.
_ACTIONS: Final[dict[str, tuple[_Builder, bool]]] = {
    "authenticate": (_authenticate, False),
    "auth": (_authenticate, False),
    "subscribe": (_subscribe, True),
    "unsubscribe": (_unsubscribe, True),
    "unsubscribe_all": (_unsubscribe_all, True),
    "subscribe_orders": (_subscribe_orders, True),
    "unsubscribe_orders": (_unsubscribe_orders, True),
    "get_broker_info": (_broker_info, True),
    "get_supported_brokers": (_supported_brokers, False),
    "ping": (_ping, False),
    "pong": (_pong, False),
}
_UNKNOWN: Final[tuple[_Builder, bool]] = (_unknown, False)


# --- instruments --------------------------------------------------------------------------


def _instruments(fields: _Fields, default_exchange: str) -> list[_Named]:
    """The instruments named."""
    listed = fields.symbols or fields.instruments
    if not listed:
        single = _entry({"symbol": fields.symbol, "exchange": fields.exchange}, default_exchange)
        if single is None:
            raise _wrong("At least one symbol must be specified")
        return [single]
    if not isinstance(listed, list):
        raise _wrong(f"symbols must be a list, was {_kind(listed)}")
    if len(listed) > MAX_ENTRIES:
        raise _wrong(f"at most {MAX_ENTRIES} symbols per message, was {len(listed)}")
    found = (_entry(item, default_exchange) for item in listed)
    return [entry for entry in found if entry is not None]


class _Named(NamedTuple):
    """An instrument of a message, its own mode field or None, and the broker that it names."""

    instrument: Instrument
    mode: Any = None
    broker: str = ""


def _entry(item: Any, default_exchange: str) -> _Named | None:
    """One instrument; None for an object that names no symbol, which is passed over."""
    match item:
        case str():
            if not item:
                return None
            _check_length(item)
            return _Named(_from_text(item, default_exchange))
        case dict():
            symbol, exchange = item.get("symbol"), item.get("exchange")
            if symbol is None or symbol == "":
                return None
            if not isinstance(symbol, str):
                raise _wrong(f"symbol must be text, was {_kind(symbol)}")
            if exchange is not None and not isinstance(exchange, str):
                raise _wrong(f"exchange must be text, was {_kind(exchange)}")
            _check_length(symbol)
            _check_length(exchange or "")
            instrument = (
                Instrument(symbol, exchange) if exchange else _from_text(symbol, default_exchange)
            )
            return _Named(instrument, item.get("mode"), _broker(item.get("broker")))
        case _:
            raise _wrong(f"each of symbols must be an object or text, was {_kind(item)}")


def _from_text(text: str, default_exchange: str) -> Instrument:
    """`NSE:SBIN`, `SBIN.NSE` or `SBIN`; a colon or dot may also be the symbol's own."""
    before, colon, after = text.partition(":")
    if colon and after and before.strip().upper() in _EXCHANGE_SET:
        return Instrument(after, before)
    before, dot, after = text.rpartition(".")
    if dot and before and after.strip().upper() in _EXCHANGE_SET:
        return Instrument(before, after)
    return Instrument(text, default_exchange)


def _broker(value: Any) -> str:
    """The adapter or broker that a client asks for; what is no text was never looked at."""
    if not isinstance(value, str):
        return ""
    _check_length(value)
    return value.strip()


def _check_length(word: str) -> None:
    if len(word) > MAX_WORD_LENGTH:
        raise _wrong(f"a symbol or exchange of {len(word)} characters is too long")


def _depth(fields: _Fields) -> int:
    """The levels asked for; whatever makes no sense means the default, as it always did."""
    value = fields.depth if fields.depth is not None else fields.depth_level
    if isinstance(value, str) and value.isascii() and value.strip().isdigit():
        value = int(value.strip()[:9])
    if isinstance(value, bool) or not isinstance(value, int | float):
        return DEFAULT_DEPTH
    return int(value) if 1 <= value <= _MAX_DEPTH else DEFAULT_DEPTH


def _given(value: Raw | UnsetType) -> Raw | None:
    """A field to be echoed; null counts as absent."""
    return None if isinstance(value, UnsetType) or bytes(value) == b"null" else value


def _wrong(message: str) -> Refusal:
    return Refusal("INVALID_PARAMETERS", message)


def _kind(value: Any) -> str:
    """A JSON value's type in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"
