"""The bytes around a tick: everything of a push but the tick itself, built once. Pure.

    {"type":"market_data","symbol":S,"exchange":E,"mode":N,"data":<payload>,"broker":B,"topic":"S.E"}

`symbol` and `exchange` come before `data`, since one client takes the first textual match.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from proxy.subscriptions import Subscription
from proxy.wire import text_header

if TYPE_CHECKING:
    from proxy.lanes import Lane

_encode = msgspec.json.Encoder().encode


class Envelope:
    """One topic in one spelling, and the lanes that carry it.

    `topic` is without its NUL, as frames have it; `token` is the random number that stands
    for this envelope in a lane's digest.
    """

    __slots__ = (
        "_around",
        "_body",
        "_canonical_body",
        "_head",
        "_tail",
        "lanes",
        "spelled",
        "token",
        "topic",
    )

    def __init__(self, topic: bytes, broker: str, subscription: Subscription, token: int) -> None:
        self.topic = topic
        self.spelled = subscription.spelled
        self.token = token
        self.lanes: dict[Lane, None] = {}
        symbol, exchange = subscription.spelled
        names = {"symbol": symbol, "exchange": exchange}
        head = {"type": "market_data", **names, "mode": int(subscription.mode)}
        tail = {"broker": broker, "topic": f"{symbol}.{exchange}"}
        self._head = _encode(head)[:-1] + b',"data":'
        self._tail = b"," + _encode(tail)[1:]
        self._around = len(self._head) + len(self._tail)
        # A payload begins with the canonical names; a client that spells them in its own way
        # must find its own spelling there too, or it drops the push.
        canonical = {"symbol": subscription.symbol, "exchange": subscription.exchange}
        self._canonical_body = b"" if subscription.as_canonical else _encode(canonical)[:-1]
        self._body = _encode(names)[:-1]

    def wrap(self, payload: bytes) -> bytes:
        """The WebSocket frame that carries a tick's payload to the client."""
        if self._canonical_body and payload.startswith(self._canonical_body):
            payload = self._body + payload[len(self._canonical_body) :]
        header = text_header(len(payload) + self._around)
        return b"".join((header, self._head, payload, self._tail))
