"""The market that a simulator's settings ask for: recorded, numbered, or made up."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Final

from simulators.markets.market import IST
from simulators.markets.numbered import NumberedMarket
from simulators.markets.recorded import load
from simulators.markets.synthetic import SyntheticMarket
from simulators.settings import session_date

if TYPE_CHECKING:
    from bus.settings import SimulatorSettings
    from simulators.markets.market import Market

OPENING_TIME: Final = dt.time(9, 15, tzinfo=IST)


def open_market(settings: SimulatorSettings, now_ms: int) -> Market:
    """A recording may take seconds to read; one that is made up begins now, or as its day opens.

    Raises:
        DataError: the recording or its master cannot be read.
    """
    if settings.data:
        return load(Path(settings.data), Path(settings.master) if settings.master else None)
    day = session_date(settings)
    start_ms = now_ms
    if day is not None:
        start_ms = int(dt.datetime.combine(day, OPENING_TIME).timestamp() * 1000)
    if settings.market == "numbered":
        return NumberedMarket(rate=settings.rate, start_ms=start_ms, symbols=settings.symbols)
    return SyntheticMarket(seed=settings.seed, rate=settings.rate, start_ms=start_ms)
