"""Days of expiry as OpenAlgo's symbols spell them, whatever the locale."""

from __future__ import annotations

from datetime import date
from typing import Final

MONTHS: Final = (
    *("JAN", "FEB", "MAR", "APR", "MAY", "JUN"),
    *("JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
)


def month_word(day: date) -> str:
    """`2025-01-30` -> `JAN`."""
    return MONTHS[day.month - 1]


def expiry_word(day: date) -> str:
    """`2025-01-30` -> `30JAN25`."""
    return f"{day.day:02d}{month_word(day)}{day.year % 100:02d}"


def expiry_day(day: str, month: str, year: str) -> date:
    """`30`, `JAN`, `25` -> 2025-01-30. Raises ValueError: there is no such day."""
    return date(2000 + int(year), MONTHS.index(month) + 1, int(day))
