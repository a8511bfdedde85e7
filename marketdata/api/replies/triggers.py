"""Replies about good-till-triggered orders."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from marketdata.api.replies.common import Paper
from marketdata.sandbox.model import Action, GttStatus, LegStatus, PriceType, Product


class TriggerId(Paper, kw_only=True):
    trigger_id: str


class GttLeg(Struct, kw_only=True):
    action: Action
    quantity: int
    price: float
    pricetype: PriceType
    product: Product
    status: LegStatus
    orderid: str


class GttData(Struct, kw_only=True):
    trigger_id: str
    trigger_type: Literal["single", "two-leg"]
    status: GttStatus
    symbol: str
    exchange: str
    trigger_prices: list[float]
    last_price: float
    legs: list[GttLeg]
    created_at: str
    updated_at: str
    expires_at: str


class GttBook(Paper, kw_only=True):
    data: list[GttData]
