"""The seeded synthetic market: fifty instruments that trade around the clock.

Equities walk at random around their previous close, indices are the mean of their
constituents, futures and options are priced from their index. The same seed, rate and
start give the same events, to the last bit.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
import random
from typing import TYPE_CHECKING, Final

from simulators.markets.market import IST, Event
from simulators.markets.orderbook import Trading
from simulators.markets.universe import Listing, listings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from simulators.markets.market import Instrument

#: Of the ticks of what trades, those that change the book only.
BOOK_ONLY_SHARE: Final = 0.35
#: One step of a walk: at three trades a second this is some 1.5 % a day.
_STEP: Final = 1e-4
#: How strongly a walk is drawn back to the previous close, so that it can run for weeks.
_PULL: Final = 2e-5
_OPENING_GAP: Final = 0.003
_CARRY: Final = 1.004
_VOLATILITY: Final = 0.12
_YEAR_MS: Final = 365 * 86_400_000
#: An option never gets closer to its expiry than this: the market may outlive it.
_MIN_LIFE_YEARS: Final = 1 / (365 * 24)
_EXPIRY_TIME: Final = dt.time(15, 30, tzinfo=IST)


class SyntheticMarket:
    """A market that is made up as it goes, for ever.

    Args:
        seed: of everything random.
        rate: ticks a second over all instruments, at speed 1.
        start_ms: when the session begins, Unix ms; its day in India decides the expiries.
    """

    starts_on_demand: bool = False

    def __init__(self, *, seed: int, rate: float, start_ms: int) -> None:
        self._seed = seed
        self._rate = rate
        self._start_ms = start_ms
        self._listings = listings(dt.datetime.fromtimestamp(start_ms / 1000, IST).date())
        self.instruments: Sequence[Instrument] = [entry.instrument for entry in self._listings]

    def events(self) -> Iterator[Event]:
        """Every instrument's opening, then ticks without end."""
        rng = random.Random(self._seed)
        floor = _Floor(self._listings, rng, self._start_ms)
        for trading in floor.tradings:
            yield Event(0.0, trading.snapshot(self._start_ms))
        at = 0.0
        weights = list(itertools.accumulate(entry.activity for entry in self._listings))
        numbers = range(len(self._listings))
        while True:
            at += rng.expovariate(self._rate)
            now_ms = self._start_ms + int(at * 1000)
            number = rng.choices(numbers, cum_weights=weights)[0]
            trading = floor.tradings[number]
            if not trading.is_index and rng.random() < BOOK_ONLY_SHARE:
                trading.change_book()
            else:
                trading.trade(floor.fair(number, now_ms), now_ms)
            yield Event(at, trading.snapshot(now_ms))


class _Floor:
    """All instruments at once: what each is worth now, given the others."""

    def __init__(self, entries: list[Listing], rng: random.Random, start_ms: int) -> None:
        self._rng = rng
        self._fair = [entry.price for entry in entries]
        self._close = list(self._fair)
        by_symbol = {entry.instrument.symbol: n for n, entry in enumerate(entries)}
        self._parents = [[by_symbol[symbol] for symbol in entry.parents] for entry in entries]
        self._pricers = [_pricer(entry.instrument) for entry in entries]
        self.tradings: list[Trading] = []
        for number, entry in enumerate(entries):  # parents stand before their children
            pricer, parents = self._pricers[number], self._parents[number]
            if pricer is not None and parents:
                self._close[number] = pricer(self._close[parents[0]], start_ms)
            if parents:
                opening = self.fair(number, start_ms)
            else:
                opening = self._close[number] * (1 + rng.gauss(0, _OPENING_GAP))
            self._fair[number] = opening
            close, instrument = self._close[number], entry.instrument
            self.tradings.append(Trading(number, instrument, close, opening, start_ms, rng))

    def fair(self, number: int, now_ms: int) -> float:
        """What an instrument is worth at its next trade."""
        parents, pricer, close = self._parents[number], self._pricers[number], self._close[number]
        if not parents:
            before = self._fair[number]
            step = _STEP * self._rng.gauss(0, 1) + _PULL * math.log(close / before)
            fair = before * (1 + step)
        elif pricer is not None:
            fair = pricer(self._fair[parents[0]], now_ms)
        else:
            fair = close * sum(self._fair[p] / self._close[p] for p in parents) / len(parents)
        self._fair[number] = fair
        return fair


def _pricer(instrument: Instrument) -> Callable[[float, int], float] | None:
    """What a contract is worth, given its underlying and the time; None for what is no contract."""
    if instrument.expiry is None:
        return None
    if instrument.kind == "FUT":
        return lambda underlying, _now_ms: underlying * _CARRY
    end = dt.datetime.combine(instrument.expiry, _EXPIRY_TIME)
    end_ms = int(end.timestamp() * 1000)
    sign = 1 if instrument.kind == "CE" else -1

    def option(underlying: float, now_ms: int) -> float:
        years = max((end_ms - now_ms) / _YEAR_MS, _MIN_LIFE_YEARS)
        return black_scholes(underlying, instrument.strike, years, sign)

    return option


def black_scholes(underlying: float, strike: float, years: float, sign: int) -> float:
    """The value of a European option without interest; sign 1 is a call, -1 a put."""
    deviation = _VOLATILITY * math.sqrt(years)
    d1 = math.log(underlying / strike) / deviation + deviation / 2
    near, far = _normal(sign * d1), _normal(sign * (d1 - deviation))
    return sign * (underlying * near - strike * far)


def _normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))
