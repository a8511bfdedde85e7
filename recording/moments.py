"""Moments as people write them, and as recordings have them: Unix ns. India's time where none
is given."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, timezone
from typing import Final

INDIA: Final = timezone(timedelta(hours=5, minutes=30), "IST")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DURATION: Final = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")
_TIME: Final = re.compile(r"\d{2}:\d{2}(:\d{2}(\.\d+)?)?")
_MICROSECOND: Final = timedelta(microseconds=1)


def unix_ns(moment: datetime) -> int:
    """Exact to the microsecond, which floats are not."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=INDIA)
    return (aware - _EPOCH) // _MICROSECOND * 1000


def in_india(at_ns: int) -> datetime:
    """The moment in India's time, cut to the microsecond."""
    return (_EPOCH + timedelta(microseconds=at_ns // 1000)).astimezone(INDIA)


def seconds_of(text: str) -> float:
    """`90`, `90s`, `10m`, `1h30m` in seconds. Raises ValueError."""
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None or not any(found.groups()):
        raise ValueError(f"{text!r} is no duration like 90s, 10m or 1h30m")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def moment_of(text: str, now_ns: int) -> int:
    """`2026-11-20T10:30`, `10:30:00` of the day of `now_ns`, or `+5m` and `-30s` from it.

    Raises:
        ValueError: says what is expected.
    """
    text = text.strip()
    if text[:1] in {"+", "-"}:
        return now_ns + int(float(text[0] + "1") * seconds_of(text[1:]) * 1e9)
    try:
        if _TIME.fullmatch(text):
            day = in_india(now_ns).date()
            return unix_ns(datetime.combine(day, time.fromisoformat(text)))
        return unix_ns(datetime.fromisoformat(text))
    except ValueError:
        raise ValueError(
            f"{text!r} is no moment: write 10:30:00, 2026-11-20T10:30, +5m or -30s"
        ) from None
