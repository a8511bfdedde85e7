"""What a publisher's consumers want. Pure: sources and switchboards need no sockets for it."""

from __future__ import annotations

from typing import NamedTuple


class Demand(NamedTuple):
    """Somebody wants a topic (`wanted`), or nobody does any more. `topic` ends in NUL."""

    topic: bytes
    wanted: bool
