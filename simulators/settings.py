"""What of a simulator's settings makes sense; the settings themselves are in `bus.settings`."""

from __future__ import annotations

import datetime as dt
import math
from typing import Final

from bus.settings import SimulatorSettings
from simulators.errors import SettingsError

#: A simulator has made-up credentials and a control page: it is never offered to a network.
HOST: Final = "127.0.0.1"


def check(settings: SimulatorSettings) -> None:
    """Refuse values that make no sense.

    Raises:
        SettingsError: says which setting, what it was and what it may be.
    """
    if not 0 <= settings.port <= 65_535:
        raise SettingsError(f"port is 0 to 65535, was {settings.port}")
    if not (math.isfinite(settings.speed) and settings.speed >= 0):
        raise SettingsError(f"speed is 0 (as fast as possible) or more, was {settings.speed}")
    if not (math.isfinite(settings.rate) and settings.rate > 0):
        raise SettingsError(f"rate is more than 0 ticks a second, was {settings.rate}")
    if settings.master and not settings.data:
        raise SettingsError("master names recorded instruments; it needs data")
    if settings.market != "synthetic" and settings.data:
        raise SettingsError("market says what is made up; it cannot be with data")
    session_date(settings)


def session_date(settings: SimulatorSettings) -> dt.date | None:
    """The day of the synthetic session; None for today.

    Raises:
        SettingsError: `date` is no calendar day.
    """
    if not settings.date:
        return None
    try:
        return dt.date.fromisoformat(settings.date)
    except ValueError:
        raise SettingsError(f"date is a day as YYYY-MM-DD, was {settings.date!r}") from None
