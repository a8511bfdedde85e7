"""Requests on the account: books, one position, margin."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from marketdata.api.endpoint import Request
from marketdata.api.requests.common import MAX_MARGIN, Exchange, Name, Symbol
from marketdata.api.requests.orders import OrderFields
from marketdata.sandbox.model import Product


class OpenPosition(Request, kw_only=True):
    symbol: Symbol
    exchange: Exchange
    product: Product
    strategy: Name = ""


class Margin(Request, kw_only=True):
    positions: Annotated[list[OrderFields], Meta(min_length=1, max_length=MAX_MARGIN)]
