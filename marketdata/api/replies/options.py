"""Replies about options that are found by their distance from the price."""

from __future__ import annotations

from typing import Literal

from marketdata.api.replies.common import Paper, Success
from marketdata.api.replies.orders import Outcome
from marketdata.sandbox.model import Action


class OptionSymbol(Success, kw_only=True):
    symbol: str
    exchange: str
    lotsize: int
    tick_size: float
    freeze_qty: int
    underlying_ltp: float


class OptionOrder(Paper, kw_only=True):
    orderid: str
    symbol: str
    exchange: str
    underlying: str
    underlying_ltp: float
    offset: str
    option_type: Literal["CE", "PE"]


class LegResult(Outcome, kw_only=True):
    leg: int
    symbol: str
    exchange: str
    offset: str
    option_type: Literal["CE", "PE"]
    action: Action
    mode: Literal["analyze"] = "analyze"


class OptionOrders(Paper, kw_only=True):
    underlying: str
    underlying_ltp: float
    results: list[LegResult]
