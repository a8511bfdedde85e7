"""From a tick's payload to the message that a client gets, in each profile's shape. Pure.

peer   {"type":"market_data","symbol":S,"exchange":E,"mode":N,"data":{...},"broker":B,"topic":"S.E"}
topic  {"type":"market_data","topic":"S.E","data":{...}}                      timestamp in ISO
flat   peer, and every field of `data` at the top, too                        timestamp there in ISO
typed  {"type":"ltp"|"quote"|"depth","data":{...}}

`symbol` and `exchange` come before `data`, since one client takes the first textual match. A
payload is not decoded: it begins with its two names (`bus.market.ticks`), which are respelled as
the client spells them, and is spliced in as it is. MessagePack is made from the finished JSON,
once for all clients of that look.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, TypeAlias

import msgspec

from proxy.clients.subscriptions import Subscription
from proxy.protocol.profile import Look, Shape
from proxy.protocol.wire import text_header

#: Makes the WebSocket frame that carries a payload.
Wrap: TypeAlias = Callable[[bytes], bytes]

_encode = msgspec.json.Encoder().encode
#: The names that a payload begins with. A quote inside JSON text is always escaped.
_NAMES: Final = re.compile(rb'\{"symbol":"(?:[^"\\]|\\.)*","exchange":"(?:[^"\\]|\\.)*"')
_TIMESTAMP: Final = re.compile(rb',"timestamp":(\d{1,15})(?=[,}])')


def wrapper(look: Look, broker: str, subscription: Subscription) -> Wrap:
    """What turns a payload of this subscription into frames for clients of this look."""
    match look.shape:
        case Shape.PEER:
            around = _peer(broker, subscription)
        case Shape.TOPIC:
            around = _topic(subscription)
        case Shape.FLAT:
            return _framed(look, _flat(broker, subscription))
        case Shape.TYPED:
            around = _typed(subscription)
    respell = None if subscription.as_canonical else _respeller(subscription)
    if look == Look() and respell is None:
        return _plain(*around)  # nearly every client's, and the shortest way
    return _framed(look, _around(*around, respell, iso=look.shape is Shape.TOPIC))


# --- what stands around a payload -------------------------------------------------------------


def _peer(broker: str, subscription: Subscription) -> tuple[bytes, bytes]:
    symbol, exchange = subscription.spelled
    names = {"symbol": symbol, "exchange": exchange}
    head = {"type": "market_data", **names, "mode": int(subscription.mode)}
    tail = {"broker": broker, "topic": f"{symbol}.{exchange}"}
    return _encode(head)[:-1] + b',"data":', b"," + _encode(tail)[1:]


def _topic(subscription: Subscription) -> tuple[bytes, bytes]:
    head = {"type": "market_data", "topic": "{}.{}".format(*subscription.spelled)}
    return _encode(head)[:-1] + b',"data":', b"}"


def _typed(subscription: Subscription) -> tuple[bytes, bytes]:
    return _encode({"type": subscription.mode.name.lower()})[:-1] + b',"data":', b"}"


# --- ways to put them together ----------------------------------------------------------------


def _plain(head: bytes, tail: bytes) -> Wrap:
    size = len(head) + len(tail)

    def wrap(payload: bytes) -> bytes:
        return b"".join((text_header(len(payload) + size), head, payload, tail))

    return wrap


def _around(head: bytes, tail: bytes, respell: Wrap | None, *, iso: bool) -> Wrap:
    def message(payload: bytes) -> bytes:
        if respell is not None:
            payload = respell(payload)
        if iso:
            payload = _with_iso_time(payload)
        return head + payload + tail

    return message


def _flat(broker: str, subscription: Subscription) -> Wrap:
    head, tail = _peer(broker, subscription)
    respell = _respeller(subscription)

    def message(payload: bytes) -> bytes:
        payload = respell(payload)
        names = _NAMES.match(payload)
        fields = payload[names.end() :] if names else b"}"
        return head + payload + tail[:-1] + _with_iso_time(fields)

    return message


def _framed(look: Look, message: Wrap) -> Wrap:
    def wrap(payload: bytes) -> bytes:
        return look.frame(message(payload))

    return wrap


# --- inside a payload -------------------------------------------------------------------------


def _respeller(subscription: Subscription) -> Wrap:
    """A client that spells a name in its own way must find that in the data too, or it drops
    the push."""
    symbol, exchange = subscription.spelled
    names = _encode({"symbol": symbol, "exchange": exchange})[:-1]

    def respell(payload: bytes) -> bytes:
        found = _NAMES.match(payload)
        return names + payload[found.end() :] if found else payload

    return respell


def _with_iso_time(fields: bytes) -> bytes:
    return _TIMESTAMP.sub(lambda found: b',"timestamp":"%b"' % _iso(int(found[1])), fields, count=1)


@lru_cache(maxsize=1024)
def _iso(unix_ms: int) -> bytes:
    """`2025-04-16T10:30:45.123Z`, as the older documents show it."""
    moment = datetime.fromtimestamp(unix_ms // 1000, UTC)
    return b"%b.%03dZ" % (moment.strftime("%Y-%m-%dT%H:%M:%S").encode(), unix_ms % 1000)
