"""Replies about the exchanges' days and hours."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from marketdata.api.replies.common import Success


class TimingData(Struct, kw_only=True):
    """Unix ms."""

    exchange: str
    start_time: int
    end_time: int


class Timings(Success, kw_only=True):
    data: list[TimingData]


class HolidayData(Struct, kw_only=True):
    """A day on which nothing is traded; `date` as YYYY-MM-DD. Why is not known here, nor are
    special sessions."""

    date: str
    description: str = "Holiday"
    holiday_type: Literal["TRADING_HOLIDAY"] = "TRADING_HOLIDAY"
    closed_exchanges: list[str]
    open_exchanges: list[TimingData] = field(default_factory=list)


class Holidays(Success, kw_only=True):
    year: int
    timezone: Literal["Asia/Kolkata"] = "Asia/Kolkata"
    data: list[HolidayData]
