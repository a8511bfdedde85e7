"""OpenAlgo's own bus, as far as sessions go: "what you know of this user may be stale".

OpenAlgo's web process publishes two-part messages, topic and JSON; its proxy binds a SUB
socket for them, and so do we when we run in its place. They are hints: the first after a
start can be lost, nobody signs them, and all that follows from one is a look at the truth.
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


class _Invalidation(Struct):
    action: str
    user_id: str
    cache_type: str = "ALL"


_decode = msgspec.json.Decoder(_Invalidation).decode


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
