"""Replies about freshness, feeds and the service itself."""

from __future__ import annotations

from msgspec import Struct

from marketdata.api.replies.common import Success
from marketdata.freshness import State


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
