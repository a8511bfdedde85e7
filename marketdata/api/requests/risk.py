"""Requests on our own paths about risk. Rupees."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from marketdata.api.endpoint import Request
from marketdata.api.requests.common import Exchange, Name, Price, Symbol
from marketdata.sandbox.model import Product


class Of(Request, kw_only=True):
    """Of the key's own account; administrators may name another user's."""

    user: Name = ""


class SetLimits(Of, kw_only=True):
    """0 leaves a limit out; rupees."""

    max_loss: Price = 0.0
    max_position_value: Annotated[float, Meta(ge=0, le=1e12)] = 0.0
    max_orders_per_minute: Annotated[int, Meta(ge=0, le=100_000)] = 0


class SetExitRule(Of, kw_only=True):
    """Stop, target and trailing stop of one position, in rupees; all 0 removes the rule."""

    symbol: Symbol
    exchange: Exchange
    product: Product
    stop: Price = 0.0
    target: Price = 0.0
    trail: Price = 0.0
    trail_from: Price = 1.0


class KillSwitch(Of, kw_only=True):
    """An empty reason switches trading on again."""

    reason: Name


class Audit(Of, kw_only=True):
    last: Annotated[int, Meta(ge=1, le=1000)] = 100
