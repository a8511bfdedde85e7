"""An index recorded once a second: `2022-10-03 09:00:01,17094.35`, India's time, NIFTY 50.

The recording holds a last value and nothing else: open, high and low run along with what
was played, the previous close is unknown and stays 0.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from simulators.errors import DataError
from simulators.markets.market import Event, Instrument, Snapshot
from simulators.markets.masters import index_instrument
from simulators.markets.textfile import india_ms, lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class IndexRecording:
    """NIFTY on NSE_INDEX as a file of `time,value` rows recorded it."""

    starts_on_demand: bool = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self.instruments: Sequence[Instrument] = [index_instrument("NSE_INDEX", "NIFTY 50")]

    def events(self) -> Iterator[Event]:
        """Every row; one that goes back in time follows at once.

        Raises:
            DataError: a row is not of the format.
        """
        first_ms = at_ms = 0
        open_ = high = low = 0.0
        for number, line in enumerate(lines(self._path), 1):
            now_ms, value = self._row(line, number)
            if number == 1:
                first_ms, open_, high, low = now_ms, value, value, value
            high, low = max(high, value), min(low, value)
            at_ms = max(at_ms, now_ms - first_ms)
            snapshot = Snapshot(
                number=0,
                ltp=value,
                open=open_,
                high=high,
                low=low,
                last_trade_ms=now_ms,
                exchange_ms=now_ms,
            )
            yield Event(at_ms / 1000, snapshot)

    def _row(self, line: bytes, number: int) -> tuple[int, float]:
        try:
            time, text = line.decode().split(",")
            now_ms, value = india_ms(time), float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            text = f"a row is `YYYY-MM-DD HH:MM:SS,value`, was {line[:60]!r}"
            raise DataError(self._path, text, line=number)
        return now_ms, value
