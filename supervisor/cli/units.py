"""Figures as people read them, spelled as the console spells them."""

from __future__ import annotations

from typing import Final

NONE: Final = "-"


def count(value: float | None) -> str:
    return NONE if value is None else f"{value:,.0f}"


def rate(value: float | None) -> str:
    """Per second; one decimal where it matters."""
    if value is None:
        return NONE
    return f"{value:.1f}" if 0 < value < 100 else f"{value:,.0f}"


def latency(us: float | None) -> str:
    """Microseconds, in the unit that needs the fewest digits."""
    if us is None:
        return NONE
    if us < 1000:
        return f"{us:.0f} µs"
    if us < 1e6:
        ms = us / 1000
        return f"{ms:.{2 if ms < 10 else 1 if ms < 100 else 0}f} ms"
    return f"{us / 1e6:.1f} s"


def megabytes(octets: float | None) -> str:
    return NONE if octets is None else f"{octets / 1e6:.0f} MB"


def percent(value: float | None) -> str:
    """Percent of one core."""
    return NONE if value is None else f"{value:.{1 if value < 9.95 else 0}f} %"


def duration(seconds: float | None) -> str:
    """Two units at most."""
    if seconds is None:
        return NONE
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} m" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def age(seconds: float | None) -> str:
    """Seconds ago."""
    if seconds is None:
        return NONE
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)
