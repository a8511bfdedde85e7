"""Replies about trades, positions, holdings, funds and margin."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from marketdata.api.replies.common import Paper
from marketdata.sandbox.model import Action, Product


class TradeData(Struct, kw_only=True):
    tradeid: str
    orderid: str
    symbol: str
    exchange: str
    action: Action
    product: Product
    quantity: int
    average_price: float
    trade_value: float
    strategy: str
    timestamp: str


class TradeBook(Paper, kw_only=True):
    data: list[TradeData]


class PositionData(Struct, kw_only=True):
    symbol: str
    exchange: str
    product: Product
    quantity: int
    average_price: float
    ltp: float
    #: Realised today and not yet realised, together; both apart below.
    pnl: float
    realised: float
    unrealised: float


class PositionBook(Paper, kw_only=True):
    data: list[PositionData]


class NetQuantity(Paper, kw_only=True):
    quantity: str


class HoldingData(Struct, kw_only=True):
    symbol: str
    exchange: str
    product: Literal["CNC"] = "CNC"
    quantity: int
    average_price: float
    ltp: float
    pnl: float
    pnlpercent: float


class HoldingStatistics(Struct, kw_only=True):
    totalholdingvalue: float
    totalinvvalue: float
    totalprofitandloss: float
    totalpnlpercentage: float


class HoldingBook(Struct, kw_only=True):
    holdings: list[HoldingData]
    statistics: HoldingStatistics


class Holdings(Paper, kw_only=True):
    data: HoldingBook


class FundsData(Struct, kw_only=True):
    """Rupees as text with two decimals."""

    availablecash: str
    collateral: str
    m2mrealized: str
    m2munrealized: str
    utiliseddebits: str


class Funds(Paper, kw_only=True):
    data: FundsData


class MarginData(Struct, kw_only=True):
    total_margin_required: float
    span_margin: float
    exposure_margin: float


class Margin(Paper, kw_only=True):
    data: MarginData
