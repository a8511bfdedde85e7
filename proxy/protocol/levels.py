"""How many levels of a book a client means, and the bus symbol that stands for it. Pure.

A book of five levels a side is the plain symbol; a deeper one has a suffix, on the bus as in
the symbols of those clients that ask for it that way: `TCS:20`, `RELIANCE:50`.
"""

from __future__ import annotations

import re
from typing import Final

#: What brokers sell. Who asks for a number between gets the next larger.
LEVELS: Final = (5, 20, 30, 50, 200)
USUAL: Final = LEVELS[0]

_SUFFIX: Final = re.compile(r"(.+):(5|20|30|50|200)", re.DOTALL)


def level_for(depth: int) -> int:
    """The level that serves so many rows a side; the deepest when none does."""
    return next((level for level in LEVELS if level >= depth), LEVELS[-1])


def split(symbol: str) -> tuple[str, int | None]:
    """A symbol without its suffix, and the level that the suffix names."""
    found = _SUFFIX.fullmatch(symbol)
    return (found[1], int(found[2])) if found else (symbol, None)


def bus_symbol(symbol: str, level: int) -> str:
    """How the bus names a symbol (without suffix) at a level."""
    return symbol if level == USUAL else suffixed(symbol, level)


def suffixed(symbol: str, level: int) -> str:
    """How clients may write a level into a symbol."""
    return f"{symbol}:{level}"
