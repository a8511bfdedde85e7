"""Requests for prices."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from marketdata.api.endpoint import Request
from marketdata.api.requests.common import MAX_SYMBOLS, Exchange, Instrument, Symbol


class OneSymbol(Request, kw_only=True):
    symbol: Symbol
    exchange: Exchange


class MultiQuotes(Request, kw_only=True):
    symbols: Annotated[list[Instrument], Meta(min_length=1, max_length=MAX_SYMBOLS)]
