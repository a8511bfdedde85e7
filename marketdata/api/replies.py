"""The replies, as OpenAlgo's clients read them. `mode` says that it is the paper account."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from marketdata.freshness import State
from marketdata.sandbox.model import (
    Action,
    GttStatus,
    LegStatus,
    PriceType,
    Product,
    Source,
    Status,
)


class Success(Struct, kw_only=True):
    status: Literal["success"] = "success"


class Paper(Success, kw_only=True):
    mode: Literal["analyze"] = "analyze"


class Failure(Struct, kw_only=True):
    """Every error; `rule` is the sandbox's rule that was broken."""

    status: Literal["error"] = "error"
    message: str
    rule: str | UnsetType = UNSET
    mode: Literal["analyze"] | UnsetType = UNSET


# --- orders -----------------------------------------------------------------------------------


class OrderId(Paper, kw_only=True):
    orderid: str


class SmartOrder(Paper, kw_only=True):
    """Without an order when the position is as wanted already."""

    orderid: str | UnsetType = UNSET
    message: str | UnsetType = UNSET


class BasketResult(Struct, kw_only=True):
    symbol: str
    status: Literal["success", "error"]
    orderid: str | UnsetType = UNSET
    message: str | UnsetType = UNSET


class Basket(Paper, kw_only=True):
    results: list[BasketResult]


class SplitResult(Struct, kw_only=True):
    order_num: int
    quantity: int
    status: Literal["success", "error"]
    orderid: str | UnsetType = UNSET
    message: str | UnsetType = UNSET


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


class OrderData(Struct, kw_only=True):
    orderid: str
    symbol: str
    exchange: str
    action: Action
    quantity: int
    price: float
    trigger_price: float
    pricetype: PriceType
    product: Product
    order_status: Status
    average_price: float
    filled_quantity: int
    pending_quantity: int
    rejection_reason: str
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


# --- books ------------------------------------------------------------------------------------


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


# --- GTT --------------------------------------------------------------------------------------


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


# --- prices -----------------------------------------------------------------------------------


class QuoteData(Struct, kw_only=True):
    """0 where the feed has no such figure. `timestamp` is the last tick's receipt in Unix ms."""

    open: float
    high: float
    low: float
    ltp: float
    ask: float
    bid: float
    prev_close: float
    volume: int
    oi: int
    timestamp: int


class Quote(Success, kw_only=True):
    data: QuoteData


class MultiQuote(Struct, kw_only=True):
    """`data`, or `error` where there is no price."""

    symbol: str
    exchange: str
    data: QuoteData | UnsetType = UNSET
    error: str | UnsetType = UNSET


class MultiQuotes(Success, kw_only=True):
    results: list[MultiQuote]


class DepthLevel(Struct, kw_only=True):
    price: float
    quantity: int
    orders: int


class DepthData(Struct, kw_only=True):
    open: float
    high: float
    low: float
    ltp: float
    ltq: int
    prev_close: float
    volume: int
    oi: int
    totalbuyqty: int
    totalsellqty: int
    asks: list[DepthLevel]
    bids: list[DepthLevel]
    timestamp: int


class Depth(Success, kw_only=True):
    data: DepthData


# --- instruments and the rest -----------------------------------------------------------------


class SymbolData(Struct, kw_only=True):
    symbol: str
    brsymbol: str
    name: str
    exchange: str
    brexchange: str
    token: str
    expiry: str
    strike: float
    lotsize: int
    instrumenttype: str
    tick_size: float
    freeze_qty: int


class OneSymbol(Success, kw_only=True):
    data: SymbolData


class Symbols(Success, kw_only=True):
    message: str
    data: list[SymbolData]


class Expiries(Success, kw_only=True):
    message: str
    data: list[str]


class Intervals(Success, kw_only=True):
    data: dict[str, list[str]]


class PingData(Struct, kw_only=True):
    message: Literal["pong"] = "pong"
    broker: str


class Ping(Success, kw_only=True):
    data: PingData


class AnalyzerData(Struct, kw_only=True):
    analyze_mode: Literal[True] = True
    mode: Literal["analyze"] = "analyze"
    total_logs: int
    message: str | UnsetType = UNSET


class Analyzer(Success, kw_only=True):
    data: AnalyzerData


class TimingData(Struct, kw_only=True):
    """Unix ms."""

    exchange: str
    start_time: int
    end_time: int


class Timings(Success, kw_only=True):
    data: list[TimingData]


# --- our own paths ----------------------------------------------------------------------------


class GateData(Struct, kw_only=True):
    """`safe` says whether trades may be managed on this price now, `reason` why not."""

    symbol: str
    exchange: str
    adapter: str
    state: State
    age_s: float | None
    safe: bool
    reason: str
    ltp: float | None


class Gates(Success, kw_only=True):
    data: list[GateData]


class FeedData(Struct, kw_only=True):
    adapter: str
    broker: str
    state: State
    age_s: float | None
    reason: str


class StatusData(Struct, kw_only=True):
    feeds: list[FeedData]
    instruments: int
    topics: int
    ticks_total: int
    held_back: dict[str, int]
    wanted: int
    leases: int
    waiting: int
    conflated_total: int
    lost_total: int
    sandbox: str


class ServiceStatus(Success, kw_only=True):
    data: StatusData


class LimitsData(Struct, kw_only=True):
    max_loss: float
    max_position_value: float
    max_orders_per_minute: int
    #: Why nothing but exits is accepted; empty while trading is on.
    killed: str


class Limits(Paper, kw_only=True):
    data: LimitsData


class ExitRuleData(Struct, kw_only=True):
    symbol: str
    exchange: str
    product: Product
    stop: float
    target: float
    trail: float
    trail_from: float
    best: float


class ExitRules(Paper, kw_only=True):
    data: list[ExitRuleData]


class Killed(Paper, kw_only=True):
    orderids: list[str]


class AuditData(Struct, kw_only=True):
    number: int
    at: str
    actor: Source
    action: str
    subject: str
    detail: str


class Audit(Paper, kw_only=True):
    data: list[AuditData]
