"""Replies about single orders, and the order book."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from bus.market.orders import Order
from marketdata.api.replies.common import Paper


class OrderId(Paper, kw_only=True):
    orderid: str


class SmartOrder(Paper, kw_only=True):
    """Without an order when the position is as wanted already."""

    orderid: str | UnsetType = UNSET
    message: str | UnsetType = UNSET


class Outcome(Struct, kw_only=True):
    """Of one of several orders: its id, or why there is none."""

    status: Literal["success", "error"]
    orderid: str | UnsetType = UNSET
    message: str | UnsetType = UNSET


class BasketResult(Outcome, kw_only=True):
    symbol: str


class Basket(Paper, kw_only=True):
    results: list[BasketResult]


class SplitResult(Outcome, kw_only=True):
    order_num: int
    quantity: int


class Split(Paper, kw_only=True):
    split_size: int
    total_quantity: int
    results: list[SplitResult]


class FailedCancellation(Struct, kw_only=True):
    orderid: str
    reason: str


class Cancelled(Paper, kw_only=True):
    message: str
    canceled_orders: list[str]
    failed_cancellations: list[FailedCancellation]


class Closed(Paper, kw_only=True):
    message: str
    closed_positions: int
    orderids: list[str]


class OrderData(Order, frozen=True, kw_only=True):
    """An order as its events tell of it, and when and by whom it was placed (India)."""

    strategy: str
    timestamp: str


class OneOrder(Paper, kw_only=True):
    data: OrderData


class OrderStatistics(Struct, kw_only=True):
    total_buy_orders: int
    total_sell_orders: int
    total_completed_orders: int
    total_open_orders: int
    total_rejected_orders: int


class OrderBookData(Struct, kw_only=True):
    orders: list[OrderData]
    statistics: OrderStatistics


class OrderBook(Paper, kw_only=True):
    data: OrderBookData
