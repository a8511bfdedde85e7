"""What the proxy answers: exact shapes and key order of the client protocol, as JSON bytes.

Errors have three keys and no `type`, on purpose: clients tell them from replies by that. The
profiles of older documents (`proxy.protocol.profile`) differ in what those documents show, no more.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Raw

from bus.events import Accepted, Rejected
from proxy.protocol.modes import Echo
from proxy.protocol.profile import Shape
from proxy.protocol.requests import Instrument, RequestId

_encode = msgspec.json.Encoder().encode
_FEATURES: Final = {"ltp": True, "quote": True, "depth": True}


class Outcome(NamedTuple):
    """How one instrument of a subscribe or unsubscribe fared; no `message` means well."""

    instrument: Instrument
    broker: str
    message: str = ""
    code: str = ""
    mode: Echo | None = None
    depth: int | None = None

    def fields(self) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "symbol": self.instrument.symbol,
            "exchange": self.instrument.exchange,
        }
        if self.message:
            entry |= {"status": "error", "message": self.message, "broker": self.broker}
            return entry | ({"code": self.code} if self.code else {})
        entry["status"] = "success"
        if self.mode is not None:
            entry |= {"mode": self.mode, "depth": self.depth}
        return entry | {"broker": self.broker}


def error(code: str, message: str) -> bytes:
    return _encode({"status": "error", "code": code, "message": message})


def authenticated(broker: str, user: str, shape: Shape = Shape.PEER) -> bytes:
    return _encode(
        {
            "type": "auth",
            "status": "authenticated" if shape is Shape.FLAT else "success",
            "message": "Authentication successful",
            "broker": broker,
            "user_id": user,
            "supported_features": _FEATURES,
        }
    )


def subscribed(
    outcomes: list[Outcome], broker: str, request_id: RequestId, shape: Shape = Shape.PEER
) -> bytes:
    """`partial` is also what clients know for "all failed"."""
    failed = any(outcome.message for outcome in outcomes)
    names = ["{}.{}".format(*outcome.instrument) for outcome in outcomes if not outcome.message]
    reply: dict[str, Any] = {
        "type": "subscription" if shape is Shape.TOPIC else "subscribe",
        "status": "partial" if failed else "success",
        "subscriptions": [outcome.fields() for outcome in outcomes],
        "message": "Subscription processing complete",
        "broker": broker,
    }
    if shape is Shape.TOPIC:
        reply["topic"] = names[0] if names else ""
    elif shape is Shape.FLAT:
        reply |= {"count": len(names), "symbols": names}
    return _with_id(reply, request_id)


def unsubscribed(outcomes: list[Outcome], broker: str, request_id: RequestId) -> bytes:
    successful = [outcome.fields() for outcome in outcomes if not outcome.message]
    failed = [outcome.fields() for outcome in outcomes if outcome.message]
    status = "success" if not failed else "partial" if successful else "error"
    return _with_id(
        {
            "type": "unsubscribe",
            "status": status,
            "message": "Unsubscription processing complete",
            "successful": successful,
            "failed": failed,
            "broker": broker,
        },
        request_id,
    )


def orders(wanted: bool, request_id: RequestId) -> bytes:
    return _with_id(
        {
            "type": "subscribe_orders" if wanted else "unsubscribe_orders",
            "status": "success",
            "message": ("Subscribed to" if wanted else "Unsubscribed from") + " order updates",
        },
        request_id,
    )


def subscription_status(
    instrument: Instrument, mode: int, broker: str, verdict: Accepted | Rejected
) -> bytes:
    """What an adapter said after the acknowledgement, for clients that asked to be told."""
    status: dict[str, Any] = {
        "type": "subscription_status",
        "symbol": instrument.symbol,
        "exchange": instrument.exchange,
        "mode": mode,
    }
    if isinstance(verdict, Rejected):
        status |= {"status": "error", "message": verdict.message, "code": verdict.code}
    else:
        status |= {"status": "success", "depth": verdict.depth}
    return _encode(status | {"broker": broker})


def broker_info(broker: str, connected: bool, user: str) -> bytes:
    return _encode(
        {
            "type": "broker_info",
            "status": "success",
            "broker": broker,
            "adapter_status": "connected" if connected else "disconnected",
            "user_id": user,
        }
    )


def supported_brokers(brokers: list[str]) -> bytes:
    return _encode(
        {
            "type": "supported_brokers",
            "status": "success",
            "brokers": brokers,
            "count": len(brokers),
        }
    )


def pong(server_ms: int, timestamp: Raw | None, ping_id: Raw | None) -> bytes:
    reply: dict[str, Any] = {"type": "pong", "status": "success", "server_timestamp": server_ms}
    if timestamp is not None:
        reply["client_timestamp"] = timestamp
    if ping_id is not None:
        reply["_pingId"] = ping_id
    return _encode(reply)


def _with_id(reply: dict[str, Any], request_id: RequestId) -> bytes:
    if request_id is not None:
        reply["request_id"] = request_id
    return _encode(reply)
