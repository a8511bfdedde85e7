"""Replies about options: found by their distance from the price, chains, greeks."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

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


class ChainOption(Struct, kw_only=True):
    """One option of a chain; its prices are 0, and `error` says why, where there are none."""

    symbol: str
    label: str
    ltp: float = 0.0
    bid: float = 0.0
    ask: float = 0.0
    open: float = 0.0
    high: float = 0.0
    low: float = 0.0
    prev_close: float = 0.0
    volume: int = 0
    oi: int = 0
    lotsize: int
    tick_size: float
    error: str | UnsetType = UNSET


class ChainStrike(Struct, kw_only=True):
    strike: float
    ce: ChainOption | None
    pe: ChainOption | None


class OptionChain(Success, kw_only=True):
    underlying: str
    underlying_ltp: float
    expiry_date: str
    atm_strike: float
    chain: list[ChainStrike]


class SyntheticFuture(Success, kw_only=True):
    underlying: str
    underlying_ltp: float
    expiry: str
    atm_strike: float
    synthetic_future_price: float


class GreeksData(Struct, kw_only=True):
    """Per rupee of the underlying (delta, gamma), per day (theta), and per percentage point of
    volatility (vega) and interest rate (rho)."""

    delta: float
    gamma: float
    theta: float
    vega: float
    rho: float


class OptionGreeks(Success, kw_only=True):
    """Rates and volatility in percent per year; `spot_price` is the forward that was used. `note`
    says where the price holds nothing for time, so that there is no volatility to find."""

    symbol: str
    exchange: str
    underlying: str
    strike: float
    option_type: Literal["CE", "PE"]
    expiry_date: str
    days_to_expiry: float
    spot_price: float
    option_price: float
    interest_rate: float
    implied_volatility: float
    greeks: GreeksData
    note: str | UnsetType = UNSET
