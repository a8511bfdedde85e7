"""Replies about instruments, and those that only tell how things are."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from marketdata.api.replies.common import Success


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
