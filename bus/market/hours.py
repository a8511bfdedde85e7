"""When the exchanges trade, so that silence can be told from a fault. Pure, times in Unix s.

The hours are on the generous side: they begin with the pre-opening session and end with the
last one after the close. Nobody may conclude from them that no tick can come (there are
special sessions on holidays and Sundays), only that none has to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Final, NamedTuple

#: India has one time zone, and no summer time.
IST: Final = timezone(timedelta(hours=5, minutes=30), "IST")


class Hours(NamedTuple):
    """From `opens` up to `closes` on a working day, IST; `closes` may be past midnight."""

    opens: time
    closes: time

    @property
    def is_overnight(self) -> bool:
        return self.closes <= self.opens


_SHARES: Final = Hours(time(9, 0), time(16, 0))
_CURRENCIES: Final = Hours(time(9, 0), time(17, 0))
#: 23:30, and 23:55 while the United States have winter time.
_COMMODITIES: Final = Hours(time(9, 0), time(23, 55))
#: GIFT Nifty, the longest-traded of the indices abroad that brokers list.
_ABROAD: Final = Hours(time(6, 30), time(2, 45))

#: An exchange that is not here never closes (crypto), so nothing is known of its silence.
HOURS: Final = {
    "NSE": _SHARES,
    "BSE": _SHARES,
    "NFO": _SHARES,
    "BFO": _SHARES,
    "NSE_INDEX": _SHARES,
    "BSE_INDEX": _SHARES,
    "CDS": _CURRENCIES,
    "BCD": _CURRENCIES,
    "CDS_INDEX": _CURRENCIES,
    "MCX": _COMMODITIES,
    "MCX_INDEX": _COMMODITIES,
    "NCO": _COMMODITIES,
    "NCDEX": _COMMODITIES,
    "GLOBAL_INDEX": _ABROAD,
}


class Calendar:
    """Weekdays that are no holidays are working days, of all exchanges alike."""

    def __init__(self, holidays: Collection[date] = ()) -> None:
        self._holidays = frozenset(holidays)

    @property
    def holidays(self) -> list[date]:
        """In order, without Saturdays and Sundays."""
        return sorted(day for day in self._holidays if day.weekday() < 5)

    def is_working_day(self, day: date) -> bool:
        return day.weekday() < 5 and day not in self._holidays

    def is_open(self, exchange: str, unix_s: float) -> bool:
        """Whether an exchange trades at a moment."""
        hours = HOURS.get(exchange)
        if hours is None:
            return True
        now = datetime.fromtimestamp(unix_s, IST)
        if not hours.is_overnight:
            return self.is_working_day(now.date()) and hours.opens <= now.time() < hours.closes
        if now.time() >= hours.opens:
            return self.is_working_day(now.date())
        return now.time() < hours.closes and self.is_working_day(now.date() - timedelta(days=1))

    def is_any_open(self, exchanges: Iterable[str], unix_s: float) -> bool:
        """Whether any of them trades at a moment."""
        return any(self.is_open(exchange, unix_s) for exchange in exchanges)


def last_time(at: time, unix_s: float) -> float:
    """The latest moment, not after `unix_s`, at which clocks in India showed a time of day."""
    now = datetime.fromtimestamp(unix_s, IST)
    moment = datetime.combine(now.date(), at, IST)
    if moment > now:
        moment -= timedelta(days=1)
    return moment.astimezone(UTC).timestamp()


def next_time(at: time, unix_s: float) -> float:
    """The earliest moment after `unix_s` at which clocks in India show a time of day."""
    return last_time(at, unix_s) + timedelta(days=1).total_seconds()
