"""OpenAlgo's calls on the exchanges: days and hours, as `[market]` and the usual ones have them."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from http import HTTPStatus

from bus.clock import Clock
from bus.market.hours import HOURS, IST, Calendar, Hours
from identity.authority import Identity
from marketdata.api.endpoint import ApiError, Endpoint, openalgo
from marketdata.api.replies import exchanges as replies
from marketdata.api.requests import exchanges as shapes

#: Those that trade, of those whose hours are known.
_TRADED = {
    exchange: hours
    for exchange, hours in HOURS.items()
    if not hours.is_overnight and not exchange.endswith("_INDEX")
}


class Exchanges:
    """The handlers; `endpoints` are their rows."""

    def __init__(self, calendar: Calendar, clock: Clock) -> None:
        self._calendar = calendar
        self._clock = clock

    def endpoints(self) -> list[Endpoint]:
        row = partial(openalgo, right="prices")
        return [
            row(
                "market/timings",
                "When exchanges trade on a day",
                shapes.Timings,
                replies.Timings,
                self.timings,
            ),
            row(
                "market/holidays",
                "The holidays of a year that [market] names",
                shapes.Holidays,
                replies.Holidays,
                self.holidays,
            ),
        ]

    async def timings(self, _who: Identity, asked: shapes.Timings) -> replies.Timings:
        try:
            day = date.fromisoformat(asked.date) if asked.date else self._today()
        except ValueError:
            raise ApiError(HTTPStatus.BAD_REQUEST, f"no day: {asked.date}") from None
        if not self._calendar.is_working_day(day):
            return replies.Timings(data=[])
        return replies.Timings(
            data=[_timing(exchange, day, hours) for exchange, hours in _TRADED.items()]
        )

    async def holidays(self, _who: Identity, asked: shapes.Holidays) -> replies.Holidays:
        year = asked.year or self._today().year
        return replies.Holidays(
            year=year,
            data=[
                replies.HolidayData(date=day.isoformat(), closed_exchanges=list(_TRADED))
                for day in self._calendar.holidays
                if day.year == year
            ],
        )

    def _today(self) -> date:
        return datetime.fromtimestamp(self._clock.unix_ns() / 1e9, IST).date()


def _timing(exchange: str, day: date, hours: Hours) -> replies.TimingData:
    return replies.TimingData(
        exchange=exchange,
        start_time=_ms(datetime.combine(day, hours.opens, IST)),
        end_time=_ms(datetime.combine(day, hours.closes, IST)),
    )


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
