"""What an option's price says: implied volatility and greeks by Black's model of 1976. Pure.

The underlying's price is taken for the forward, as OpenAlgo does it: where the two differ, the
caller gives the forward (`syntheticfuture` knows it). Time is in years of 365 days, the interest
rate a part of one per year, compounded continuously.
"""

from __future__ import annotations

from math import erfc, exp, log, pi, sqrt
from typing import Final, NamedTuple

from bus.errors import StreamError
from marketdata.chain import Right

#: No market trades a volatility outside of these, as parts of one per year.
_LEAST_VOLATILITY: Final = 1e-4
_MOST_VOLATILITY: Final = 20.0
#: Halvings of the interval between them: the answer is exact to 1e-14.
_HALVINGS: Final = 50
_DAYS_PER_YEAR: Final = 365.0


class GreeksError(StreamError):
    """No volatility explains such a price."""


class Option(NamedTuple):
    """An option in its market; all but `rate` above 0, prices in rupees."""

    right: Right
    forward: float
    strike: float
    years: float
    rate: float

    @property
    def discount(self) -> float:
        return exp(-self.rate * self.years)

    @property
    def intrinsic(self) -> float:
        """What it is worth when nothing moves any more."""
        gain = self.forward - self.strike
        return self.discount * max(0.0, gain if self.right == "CE" else -gain)

    @property
    def most(self) -> float:
        """What it can be worth at the most."""
        return self.discount * (self.forward if self.right == "CE" else self.strike)


class Greeks(NamedTuple):
    """`delta` and `gamma` per rupee of the underlying, `theta` per day, `vega` and `rho` per
    percentage point of volatility and interest rate."""

    delta: float
    gamma: float
    theta: float
    vega: float
    rho: float


def price(option: Option, volatility: float) -> float:
    """What an option is worth."""
    d1, d2 = _ds(option, volatility)
    forward, strike = option.forward, option.strike
    if option.right == "CE":
        return option.discount * (forward * _below(d1) - strike * _below(d2))
    return option.discount * (strike * _below(-d2) - forward * _below(-d1))


def implied_volatility(option: Option, paid: float) -> float:
    """The volatility at which an option is worth what is paid; 0.0 where the price holds nothing
    for time.

    Raises:
        GreeksError: the price is more than the option can ever be worth.
    """
    if paid >= option.most:
        raise GreeksError(f"{paid:g} is more than the option can be worth ({option.most:g})")
    if paid <= price(option, _LEAST_VOLATILITY):
        return 0.0
    low, high = _LEAST_VOLATILITY, _MOST_VOLATILITY
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if price(option, middle) < paid:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def greeks(option: Option, volatility: float) -> Greeks:
    """At volatility 0.0 those of an option that is exercised for sure, or never."""
    if volatility <= 0:
        return _settled(option)
    d1, _ = _ds(option, volatility)
    discount, forward = option.discount, option.forward
    density = exp(-d1 * d1 / 2) / sqrt(2 * pi)
    root = sqrt(option.years)
    worth = price(option, volatility)
    delta = discount * (_below(d1) if option.right == "CE" else -_below(-d1))
    return Greeks(
        delta=delta,
        gamma=discount * density / (forward * volatility * root),
        theta=(option.rate * worth - discount * forward * density * volatility / (2 * root))
        / _DAYS_PER_YEAR,
        vega=discount * forward * density * root / 100,
        rho=-option.years * worth / 100,
    )


def _settled(option: Option) -> Greeks:
    worth = option.intrinsic
    sign = 1.0 if option.right == "CE" else -1.0
    return Greeks(
        delta=sign * option.discount if worth > 0 else 0.0,
        gamma=0.0,
        theta=option.rate * worth / _DAYS_PER_YEAR,
        vega=0.0,
        rho=-option.years * worth / 100,
    )


def _ds(option: Option, volatility: float) -> tuple[float, float]:
    spread = volatility * sqrt(option.years)
    d1 = log(option.forward / option.strike) / spread + spread / 2
    return d1, d1 - spread


def _below(x: float) -> float:
    """The standard normal distribution; exact in the tails, too."""
    return erfc(-x / sqrt(2)) / 2
