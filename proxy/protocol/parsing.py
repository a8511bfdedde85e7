"""What clients send, made into typed requests: a union of every documented spelling.

Pure and total: any text or bytes become a request or a `Refusal`, nothing else. The grammar
is the public client protocol's (docs/compatibility.md lists where it takes more).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from proxy.protocol.modes import read_mode, read_unsubscribe_mode
from proxy.protocol.naming import Named, broker, instruments
from proxy.protocol.refusal import Refusal, kind_of, wrong_parameters
from proxy.protocol.requests import (
    Authenticate,
    BrokerInfo,
    Nothing,
    Orders,
    Ping,
    Request,
    Subscribe,
    SubscribeEntry,
    SupportedBrokers,
    Unsubscribe,
    UnsubscribeAll,
    UnsubscribeEntry,
)

_DEFAULT_DEPTH: Final = 5
_MAX_DEPTH: Final = 1000
_SHOWN: Final = 100


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
    raise wrong_parameters(f"A request must be a JSON object, was {kind_of(value)}")


# --- one builder per action ---------------------------------------------------------------


def _authenticate(fields: _Fields, _: str) -> Request:
    key = fields.api_key or fields.apikey
    if key is None or key == "":
        raise Refusal("AUTHENTICATION_ERROR", "API key is required")
    if not isinstance(key, str):
        raise wrong_parameters(f"api_key must be text, was {kind_of(key)}")
    return Authenticate(key)


def _subscribe(fields: _Fields, default_exchange: str) -> Request:
    top = read_mode(fields.mode)
    entries = []
    everywhere = broker(fields.broker)
    for instrument, own, named in _instruments(fields, default_exchange):
        choice, refusal = top, None
        if own is not None:
            try:
                choice = read_mode(own)
            except Refusal as error:
                refusal = error
        entries.append(SubscribeEntry(instrument, choice, refusal, named or everywhere))
    return Subscribe(entries, _depth(fields), _given(fields.request_id))


def _unsubscribe(fields: _Fields, default_exchange: str) -> Request:
    listed = bool(fields.symbols or fields.instruments)
    if not listed and not fields.symbol:
        raise wrong_parameters("Either symbols or unsubscribe_all is required")
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
    shown = name[:_SHOWN] if isinstance(name, str) else None if name is None else kind_of(name)
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


# --- fields -------------------------------------------------------------------------------


def _instruments(fields: _Fields, default_exchange: str) -> list[Named]:
    listed = fields.symbols or fields.instruments
    return instruments(listed, fields.symbol, fields.exchange, default_exchange)


def _depth(fields: _Fields) -> int:
    """The levels asked for; whatever makes no sense means the default, as it always did."""
    value = fields.depth if fields.depth is not None else fields.depth_level
    if isinstance(value, str) and value.isascii() and value.strip().isdigit():
        value = int(value.strip()[:9])
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _DEFAULT_DEPTH
    return int(value) if 1 <= value <= _MAX_DEPTH else _DEFAULT_DEPTH


def _given(value: Raw | UnsetType) -> Raw | None:
    """A field to be echoed; null counts as absent."""
    return None if isinstance(value, UnsetType) or bytes(value) == b"null" else value
