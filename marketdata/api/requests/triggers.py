"""Requests on good-till-triggered orders."""

from __future__ import annotations

from typing import Literal

from marketdata.api.endpoint import Request
from marketdata.api.requests.common import AnyAction, Exchange, Id, Name, Price, Quantity, Symbol
from marketdata.sandbox.model import Product


class GttFields(Request, kw_only=True):
    """SINGLE has one trigger: `triggerprice_sl` below the price or `triggerprice_tg` above it. OCO
    has both, with a limit price each."""

    symbol: Symbol
    exchange: Exchange
    action: AnyAction
    quantity: Quantity
    trigger_type: Literal["SINGLE", "OCO", "single", "oco"] = "SINGLE"
    product: Product = "CNC"
    pricetype: Literal["LIMIT", "MARKET"] = "LIMIT"
    price: Price = 0.0
    triggerprice_sl: Price | Literal[""] | None = 0.0
    triggerprice_tg: Price | Literal[""] | None = 0.0
    stoploss: Price | Literal[""] | None = None
    target: Price | Literal[""] | None = None
    strategy: Name = ""


class ModifyGtt(GttFields, kw_only=True):
    trigger_id: Id


class OneGtt(Request, kw_only=True):
    trigger_id: Id
    strategy: Name = ""


class GttBook(Request, kw_only=True):
    status: Literal["active", "all"] = "active"
