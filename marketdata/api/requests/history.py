"""The request for candles."""

from __future__ import annotations

from marketdata.api.requests.common import Name
from marketdata.api.requests.prices import OneSymbol


class History(OneSymbol, kw_only=True):
    interval: Name
    start_date: Name
    end_date: Name
    source: Name = "api"
