"""OpenAlgo's own bus: "what you know of this user may be stale", and "this order changed".

OpenAlgo's web process publishes two-part messages, topic and JSON; its proxy binds a SUB
socket for them, and so do we when we run in its place. The first after a start can be lost,
and nobody signs them: from word of a user follows a look at the truth, and word of an order is
passed on to that user as it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Final

import msgspec
import zmq
from msgspec import Struct

from bus import sockets

INVALIDATE: Final = b"CACHE_INVALIDATE"
ORDERS: Final = b"_orders"
#: An order update has some hundred bytes.
_MAX_UPDATE_BYTES: Final = 1 << 16


class _Invalidation(Struct):
    action: str
    user_id: str
    cache_type: str = "ALL"


class _OrderUpdate(Struct, tag="order_update", tag_field="type"):
    user_id: str


_decode = msgspec.json.Decoder(_Invalidation).decode
_decode_update = msgspec.json.Decoder(_OrderUpdate).decode


def invalidation(user: str) -> list[bytes]:
    """The message that says so of a user."""
    topic = f"{INVALIDATE.decode()}_ALL_{user}".encode()
    return [topic, msgspec.json.encode(_Invalidation("invalidate", user))]


def invalidated_user(parts: Sequence[bytes]) -> str | None:
    """The user that a message is about; None when it is no such message.

    The name is the payload's: in the topic it cannot be told from the words around it.
    """
    if len(parts) != 2 or not parts[0].startswith(INVALIDATE):
        return None
    try:
        return _decode(parts[1]).user_id
    except msgspec.DecodeError:
        return None


def updated_order(parts: Sequence[bytes]) -> tuple[str, bytes] | None:
    """The user whose order changed, and the JSON that says how; None when it is no such message.

    Topics are `BROKER_user_orders` and `ANALYZE_user_orders`; the name is the payload's here too.
    """
    if len(parts) != 2 or not parts[0].endswith(ORDERS) or len(parts[1]) > _MAX_UPDATE_BYTES:
        return None
    try:
        return _decode_update(parts[1]).user_id, parts[1]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def announce(endpoint: str, user: str, patience_s: float = 0.3) -> bool:
    """Tell whoever listens on the classic bus; returns whether somebody does. Blocks.

    A publisher that sends before its subscriber is there sends to nobody, so this waits for
    the subscription to arrive, but not for long: whom it concerns looks by itself, too.
    """
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        with contextlib.closing(sockets.announcer(context)) as socket:
            socket.connect(endpoint)
            if not socket.poll(int(patience_s * 1000)):
                return False
            socket.send_multipart(invalidation(user))
            return True
    except zmq.ZMQError:
        return False
    finally:
        context.term()
