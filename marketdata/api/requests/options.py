"""Requests on options: by distance from the price, chains, greeks."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from marketdata.api.endpoint import Request
from marketdata.api.requests.common import (
    MAX_LEGS,
    AnyAction,
    Exchange,
    Name,
    Price,
    Quantity,
    Symbol,
)
from marketdata.sandbox.model import PriceType, Product


class OptionChoice(Struct, kw_only=True):
    """An option by its distance from the underlying's price, in strikes."""

    offset: Annotated[
        str, Meta(pattern=r"^(ATM|(ITM|OTM)([1-9]|[1-4][0-9]|50))$", examples=["ATM", "OTM2"])
    ]
    option_type: Literal["CE", "PE"]
    #: Like 28OCT25; may be left out where the underlying, a future, names its day.
    expiry_date: Name = ""


class OptionLeg(OptionChoice, kw_only=True):
    action: AnyAction
    quantity: Quantity
    pricetype: PriceType = "MARKET"
    product: Product = "MIS"
    price: Price = 0.0
    trigger_price: Price = 0.0


class OptionSymbol(OptionChoice, kw_only=True):
    apikey: str = ""
    underlying: Symbol
    exchange: Exchange
    strategy: Name = ""


class OptionOrder(OptionLeg, kw_only=True):
    apikey: str = ""
    underlying: Symbol
    exchange: Exchange
    strategy: Name = ""


class OfUnderlying(Request, kw_only=True):
    """Options of one underlying and one day."""

    underlying: Symbol
    exchange: Exchange
    #: Like 28OCT25; may be left out where the underlying, a future, names its day.
    expiry_date: Name = ""


class OptionOrders(OfUnderlying, kw_only=True):
    """The day counts for legs that name none of their own."""

    legs: Annotated[list[OptionLeg], Meta(min_length=1, max_length=MAX_LEGS)]
    strategy: Name = ""


class OptionChain(OfUnderlying, kw_only=True):
    #: So many strikes above and below the price; all when left out.
    strike_count: Annotated[int, Meta(ge=1, le=100)] | None = None


class OptionGreeks(Request, kw_only=True):
    """An option, and in place of what is found by itself: rate, price and time of expiry."""

    symbol: Symbol
    exchange: Exchange
    #: Percent per year.
    interest_rate: Annotated[float, Meta(ge=0, le=100)] = 0.0
    forward_price: Annotated[float, Meta(gt=0, le=1e9)] | None = None
    underlying_symbol: Name = ""
    underlying_exchange: Name = ""
    #: HH:MM on the last day, in India; the exchange's usual time when empty.
    expiry_time: Annotated[str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9])?$")] = ""
