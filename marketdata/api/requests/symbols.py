"""Requests on instruments, and on the service itself."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from marketdata.api.endpoint import Request
from marketdata.api.requests.common import Exchange, Name, Symbol


class Search(Request, kw_only=True):
    query: Annotated[str, Meta(min_length=1, max_length=64)]
    exchange: Name = ""


class Expiry(Request, kw_only=True):
    symbol: Symbol
    exchange: Exchange
    instrumenttype: Literal["futures", "options"]


class AnalyzerToggle(Request, kw_only=True):
    mode: bool


class Instruments(Request, kw_only=True):
    exchange: Exchange
