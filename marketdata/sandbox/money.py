"""Money is whole micro-rupees, in `int`: exact, and as fast as it gets. Decimal at the edge.

A micro-rupee holds every tick size in use (0.0025 for currencies, 0.000001 for small coins), and
64 signed bits hold nine million million rupees of them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypeAlias

#: An amount or a price in millionths of a rupee.
Micros: TypeAlias = int

RUPEE: Final = 1_000_000
#: What 64 bits hold, with room to add up: a million million rupees.
MAX_MICROS: Final = 10**18


def to_micros(rupees: float | Decimal | str) -> Micros:
    """Rupees as a feed or a client writes them; rounded to the nearest micro-rupee.

    Raises:
        ValueError: no finite number, or more than `MAX_MICROS`.
    """
    try:
        amount = rupees * RUPEE if isinstance(rupees, float) else Decimal(rupees) * RUPEE
        micros = round(amount)
    except (ArithmeticError, ValueError):
        raise ValueError(f"not an amount of money: {rupees!r}"[:80]) from None
    if abs(micros) > MAX_MICROS:
        raise ValueError(f"too large an amount of money: {rupees!r}"[:80])
    return micros


def to_decimal(micros: Micros) -> Decimal:
    """Rupees, exact."""
    return Decimal(micros) / RUPEE


def to_float(micros: Micros) -> float:
    """Rupees as JSON has them: the float nearest to the exact amount."""
    return micros / RUPEE


def divide(amount: int, by: int) -> int:
    """An amount divided by a positive number, rounded half to even."""
    quotient, rest = divmod(amount, by)
    twice = 2 * rest
    return quotient + (twice > by or (twice == by and quotient & 1))
