"""How one client wants to be spoken to: chosen by the query string of its address. Pure.

    ?profile=peer               OpenAlgo's own shapes (the default)
    ?profile=topic|flat|typed   the shapes of the older documents (`proxy.protocol.shapes`)
    ?format=msgpack             every message is a binary frame that holds MessagePack
    ?subscription_status=1      tell me when an adapter changes its mind after the ack

Anything else in the query, and any word that is none of these, changes nothing: clients have
always been free to put there what they like.
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

import msgspec

from proxy.protocol.refusal import Refusal
from proxy.protocol.wire import binary_frame, text_frame

_MAX_FIELDS: Final = 32
_MAX_QUERY_LENGTH: Final = 2048
_YES: Final = frozenset({"1", "true", "yes"})


class Shape(enum.Enum):
    """The layout of pushes and acknowledgements."""

    PEER = "peer"
    TOPIC = "topic"
    FLAT = "flat"
    TYPED = "typed"


class Look(NamedTuple):
    """What decides the bytes of a push: clients of one look can share them."""

    shape: Shape = Shape.PEER
    binary: bool = False

    def frame(self, message: bytes) -> bytes:
        """The WebSocket frame of a message given as JSON."""
        if not self.binary:
            return text_frame(message)
        return binary_frame(msgspec.msgpack.encode(msgspec.json.decode(message)))


class Profile(NamedTuple):
    """One connection's choices."""

    look: Look = Look()
    #: Whether late answers of adapters are told (`subscription_status`).
    tells_status: bool = False

    @classmethod
    def of(cls, path: str) -> Self:
        """The choices in a request's path and query; total."""
        try:
            query = urlsplit(path[:_MAX_QUERY_LENGTH]).query
            fields = parse_qs(query, max_num_fields=_MAX_FIELDS)
        except ValueError:
            return cls()
        shape = _word(fields, "profile")
        return cls(
            Look(
                Shape(shape) if shape in _SHAPES else Shape.PEER,
                binary=_word(fields, "format") == "msgpack",
            ),
            tells_status=_word(fields, "subscription_status") in _YES,
        )

    @property
    def name(self) -> str:
        """As `status --clients` shows it."""
        return self.look.shape.value + ("+msgpack" if self.look.binary else "")

    def text(self, message: str | bytes) -> str | bytes:
        """A client's message as JSON: binary frames of a MessagePack client are MessagePack.

        Raises:
            Refusal: INVALID_JSON, the code that clients know for what cannot be read.
        """
        if not self.look.binary or isinstance(message, str):
            return message
        try:
            return msgspec.json.encode(msgspec.msgpack.decode(message))
        except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError):
            raise Refusal("INVALID_JSON", "Invalid MessagePack message") from None


PEER: Final = Profile()
_SHAPES: Final = frozenset(shape.value for shape in Shape)


def _word(fields: dict[str, list[str]], name: str) -> str:
    values = fields.get(name)
    return values[-1].strip().lower() if values else ""
