"""How long a candle is, and when one begins. Pure; times in Unix seconds, days of India."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple

from bus.errors import StreamError
from bus.market.hours import IST

#: As OpenAlgo's `intervals` groups them.
INTERVALS: Final = {
    "seconds": ["1s", "5s", "10s", "15s", "30s", "45s"],
    "minutes": ["1m", "2m", "3m", "5m", "10m", "15m", "20m", "30m"],
    "hours": ["1h", "2h", "4h"],
    "days": ["D"],
    "weeks": ["W"],
    "months": ["M"],
}
_KNOWN: Final = frozenset(text for texts in INTERVALS.values() for text in texts)
_UNITS: Final = {"s": 1, "m": 60, "h": 3600}
_LENGTH: Final = re.compile(r"(\d+)([smh])")
DAY_S: Final = 86_400
#: From when on a day's candles are counted: the session begins. Others count from midnight.
_BEGINS: Final = {
    **dict.fromkeys(("NSE", "BSE", "NFO", "BFO", "NSE_INDEX", "BSE_INDEX"), time(9, 15)),
    **dict.fromkeys(("CDS", "BCD", "MCX", "NCO", "NCDEX", "CDS_INDEX", "MCX_INDEX"), time(9, 0)),
}


class IntervalError(StreamError):
    """No candles of that length are made."""


class Span(NamedTuple):
    """A candle's `timestamp`, and from when until when ticks are its own.

    Days, weeks and months have midnight UTC of their first day, as OpenAlgo's clients read them;
    all others the moment at which they begin, counted from the beginning of the session.
    """

    timestamp: int
    from_s: int
    until_s: int


class Interval(NamedTuple):
    """`length_s` of a candle within a day; 0 for days, weeks and months."""

    text: str
    length_s: int

    @classmethod
    def of(cls, text: str) -> Interval:
        """Raises IntervalError: says which there are."""
        if text not in _KNOWN:
            raise IntervalError(f"no interval {text[:16]!r}; there are {', '.join(sorted(_KNOWN))}")
        found = _LENGTH.fullmatch(text)
        return cls(text, int(found[1]) * _UNITS[found[2]] if found is not None else 0)

    def span(self, at_s: float, exchange: str) -> Span:
        """The candle that a moment lies in, as far as it lies in that day."""
        day_s = day_began(at_s)
        if not self.length_s:
            day = datetime.fromtimestamp(at_s, IST).date()
            return Span(self._period(day), day_s, day_s + DAY_S)
        start = _BEGINS.get(exchange, time())
        first_s = day_s + start.hour * 3600 + start.minute * 60
        begin_s = first_s + int((at_s - first_s) // self.length_s) * self.length_s
        end_s = min(begin_s + self.length_s, day_s + DAY_S)
        begin_s = max(begin_s, day_s)
        return Span(begin_s, begin_s, end_s)

    def _period(self, day: date) -> int:
        if self.text == "W":
            day -= timedelta(days=day.weekday())
        elif self.text == "M":
            day = day.replace(day=1)
        return int(datetime.combine(day, time(), UTC).timestamp())


def day_began(at_s: float) -> int:
    """Midnight in India before a moment."""
    offset_s = 19_800  # India's, all the year
    return int((at_s + offset_s) // DAY_S) * DAY_S - offset_s
