"""The stamps of a frame's header in the headers of a NATS message, and back. Pure.

    Nats-Msg-Id: <subject without prefix>/<generation>/<sequence>/<received_ns>
    Md-Flags: <flags>           left out when 0

The payload is the tick's JSON as it is, so that a consumer in any language can read it. The id
is what NATS tells a message's second copy by; `received_ns` makes it differ from that of the
same generation and sequence of another day.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from bridge.errors import SubjectError
from bus.frames import Frame

MSG_ID: Final = "Nats-Msg-Id"
FLAGS: Final = "Md-Flags"
EXPECTED_LAST: Final = "Nats-Expected-Last-Sequence"


class Stamps(NamedTuple):
    """What the bus says of a frame beside topic, kind and payload."""

    generation: int
    sequence: int
    received_ns: int
    flags: int = 0


def message_id(where: str, frame: Frame) -> str:
    """`where` is the frame's subject without the prefix."""
    return f"{where}/{frame.generation}/{frame.sequence}/{frame.received_ns}"


def read(headers: Mapping[str, str] | None) -> Stamps:
    """The stamps of a message.

    Raises:
        SubjectError: it has none.
    """
    try:
        given = headers or {}
        _, generation, sequence, received_ns = given[MSG_ID].rsplit("/", 3)
        return Stamps(int(generation), int(sequence), int(received_ns), int(given.get(FLAGS, "0")))
    except (KeyError, ValueError):
        raise SubjectError("a message without our stamps") from None
