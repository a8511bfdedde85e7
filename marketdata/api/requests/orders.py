"""Requests that place, change and cancel orders."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from marketdata.api.endpoint import Request
from marketdata.api.requests.common import (
    MAX_BASKET,
    Account,
    AnyAction,
    Exchange,
    Id,
    Name,
    Price,
    Quantity,
    Symbol,
)
from marketdata.sandbox.model import PriceType, Product


class OrderTerms(Struct, kw_only=True):
    """What is traded and how, without how much of it."""

    symbol: Symbol
    exchange: Exchange
    action: AnyAction
    pricetype: PriceType = "MARKET"
    product: Product = "MIS"
    price: Price = 0.0
    trigger_price: Price = 0.0


class OrderFields(OrderTerms, kw_only=True):
    """An order, without who sends it."""

    quantity: Quantity
    #: Beyond OpenAlgo: a repeated request with the same mark is answered with the first's order.
    ref: Name = ""


class PlaceOrder(OrderFields, kw_only=True):
    """An order, with who sends it."""

    apikey: str = ""
    strategy: Name = ""


class PlaceSmartOrder(OrderTerms, kw_only=True):
    apikey: str = ""
    quantity: Annotated[int, Meta(ge=0, le=10**12)]
    #: The net quantity to arrive at; short positions are negative.
    position_size: Annotated[int, Meta(ge=-(10**12), le=10**12)]
    strategy: Name = ""


class BasketOrder(Request, kw_only=True):
    orders: Annotated[list[OrderFields], Meta(min_length=1, max_length=MAX_BASKET)]
    strategy: Name = ""


class SplitOrder(PlaceOrder, kw_only=True):
    splitsize: Quantity


class ModifyOrder(Request, kw_only=True):
    orderid: Id
    quantity: Quantity
    price: Price
    trigger_price: Price = 0.0
    pricetype: PriceType | None = None
    #: These cannot change; they are compared with the order's when given.
    symbol: Name = ""
    exchange: Name = ""
    action: AnyAction | None = None
    product: Product | None = None
    strategy: Name = ""


class OneOrder(Request, kw_only=True):
    orderid: Id
    strategy: Name = ""


class ClosePosition(Account, kw_only=True):
    """All positions, or one of them."""

    symbol: Name = ""
    exchange: Name = ""
    product: Product | None = None
