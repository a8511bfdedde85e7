"""The welcome: the first frame from a publisher, which says who it is and proves it.

A publisher's port is the kernel's choice; when the publisher dies, a stranger can be given
the same port while subscribers still dial it. Only a process that holds the run's secret can
sign the welcome, so frames of a stranger are never believed.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

import msgspec
from msgspec import Struct

from bus import frames
from bus.secret import Secret
from bus.topics import WELCOME_TOPIC

SCHEMA_VERSION: Final = 1


class Welcome(Struct, frozen=True):
    """Who publishes: adapter, generation, schema of the payloads, and the proof."""

    adapter: str
    generation: int
    schema: int
    seal: str


_decode = msgspec.json.Decoder(Welcome).decode


def make(secret: Secret, adapter: str, generation: int) -> bytes:
    """The welcome frame of a publisher."""
    seal = _seal(secret, adapter, generation, SCHEMA_VERSION)
    body = msgspec.json.encode(Welcome(adapter, generation, SCHEMA_VERSION, seal))
    return frames.encode(WELCOME_TOPIC, frames.Kind.EVENT, 0, generation, 0, 0, body)


def is_genuine(payload: bytes, secret: Secret, adapter: str, generation: int) -> bool:
    """Whether a welcome's payload is what this very publisher would have sent."""
    try:
        welcome = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    expected = _seal(secret, adapter, generation, SCHEMA_VERSION)
    return hmac.compare_digest(welcome.seal.encode(), expected.encode())


def _seal(secret: Secret, adapter: str, generation: int, schema: int) -> str:
    text = f"welcome|{adapter}|{generation}|{schema}"
    return hmac.new(secret.reveal().encode(), text.encode(), hashlib.sha256).hexdigest()
