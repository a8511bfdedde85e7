"""A market whose ticks are numbered: what a client missed, got twice or out of order shows.

Made-up equities take turns, evenly spaced. The n-th tick of each trades at n rupees with a volume
of n, so that the number can be read in every mode.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from simulators.markets.market import DEPTH_LEVELS, Event, Instrument, Level, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FIRST_TOKEN: Final = 50_001
_TICK: Final = 0.05
_QUANTITY: Final = 10


class NumberedMarket:
    """Counts for ever.

    Args:
        rate: ticks a second over all instruments, at speed 1.
        start_ms: when the session begins, Unix ms.
        symbols: how many instruments.
    """

    starts_on_demand: bool = False

    def __init__(self, *, rate: float, start_ms: int, symbols: int) -> None:
        self._rate = rate
        self._start_ms = start_ms
        self.instruments: Sequence[Instrument] = [
            Instrument(
                exchange="NSE",
                symbol=f"COUNT{n:02}",
                exchange_token=_FIRST_TOKEN + n,
                name=f"COUNT {n:02}",
                tick_size=_TICK,
            )
            for n in range(symbols)
        ]

    def events(self) -> Iterator[Event]:
        """1 of each instrument, then 2 of each, and so on."""
        symbols = len(self.instruments)
        for n in itertools.count():
            at = n / self._rate
            now_ms = self._start_ms + int(at * 1000)
            yield Event(at, _snapshot(n % symbols, n // symbols + 1, now_ms))


def _snapshot(number: int, count: int, now_ms: int) -> Snapshot:
    price = float(count)
    steps = range(1, DEPTH_LEVELS + 1)
    return Snapshot(
        number=number,
        ltp=price,
        last_quantity=1,
        average_price=price,
        volume=count,
        open=1.0,
        high=price,
        low=1.0,
        close=1.0,
        last_trade_ms=now_ms,
        exchange_ms=now_ms,
        bids=tuple(Level(round(price - _TICK * n, 2), _QUANTITY, 1) for n in steps),
        asks=tuple(Level(round(price + _TICK * n, 2), _QUANTITY, 1) for n in steps),
    )
