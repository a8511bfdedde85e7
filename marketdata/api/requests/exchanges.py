"""Requests on the exchanges' days and hours."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from marketdata.api.endpoint import Request


class Timings(Request, kw_only=True):
    #: YYYY-MM-DD; today when empty.
    date: Annotated[str, Meta(pattern=r"^(\d{4}-\d{2}-\d{2})?$")] = ""


class Holidays(Request, kw_only=True):
    #: This one when left out.
    year: Annotated[int, Meta(ge=2000, le=2100)] | None = None
