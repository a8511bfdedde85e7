"""Books deeper than any source here has, for brokers that sell them: the levels go on.

A snapshot has five levels a side. What lies behind them is made up, the same for the same
side: prices go on by the smallest step between the known levels, quantities and orders repeat
theirs. Nothing is made up on a side with fewer than two levels, which shows no step, or on one
with an empty level in it, which has no more.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from simulators.markets.market import DEPTH_LEVELS, Level

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Prices have no more, in rupees.
_DECIMALS: Final = 4


def deepened(side: Sequence[Level], levels: int) -> list[Level]:
    """So many levels, best first; fewer where the price would end, or nothing can be made up."""
    out = list(side[:levels])
    if len(out) < 2 or any(level.price <= 0 for level in out):
        return out
    gaps = [round(after.price - before.price, _DECIMALS) for before, after in pairwise(out)]
    step = min(gaps, key=abs)
    known, last = len(out), out[-1].price
    while step and len(out) < levels:
        price = round(last + step * (len(out) - known + 1), _DECIMALS)
        if price <= 0:
            break
        model = out[len(out) % known]
        out.append(Level(price, model.quantity, model.orders))
    return out


def deep_side(side: Sequence[Level], levels: int) -> Sequence[Level]:
    """So many levels at most; made up only where more are asked for than a snapshot has."""
    return deepened(side, levels) if levels > DEPTH_LEVELS else side[:levels]
