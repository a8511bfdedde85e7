"""The request on our own path about how fresh prices are."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from marketdata.api.endpoint import Request
from marketdata.api.requests.common import MAX_SYMBOLS, Instrument


class Freshness(Request, kw_only=True):
    """Of these instruments; of all that are known when there are none."""

    symbols: Annotated[list[Instrument], Meta(max_length=MAX_SYMBOLS)] = field(default_factory=list)
