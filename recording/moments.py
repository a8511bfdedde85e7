"""Moments as people write them, and as recordings have them: Unix ns. India's time where none
is given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

INDIA: Final = timezone(timedelta(hours=5, minutes=30), "IST")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def unix_ns(moment: datetime) -> int:
    """Exact to the microsecond, which floats are not."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=INDIA)
    return (aware - _EPOCH) // _MICROSECOND * 1000


def in_india(at_ns: int) -> datetime:
    """The moment in India's time, cut to the microsecond."""
    return (_EPOCH + timedelta(microseconds=at_ns // 1000)).astimezone(INDIA)
