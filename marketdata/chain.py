"""Underlyings, days and strikes: which option is "two strikes out of the money". Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Final, Literal, NamedTuple, TypeAlias

from bus.errors import StreamError
from bus.market.expiry import expiry_word
from bus.market.instruments import named

Right: TypeAlias = Literal["CE", "PE"]

#: Where the options of an exchange's instruments are traded.
_OPTIONS_OF: Final = {
    "NSE": "NFO",
    "NSE_INDEX": "NFO",
    "NFO": "NFO",
    "BSE": "BFO",
    "BSE_INDEX": "BFO",
    "BFO": "BFO",
}
_DERIVATIVES: Final = frozenset(_OPTIONS_OF.values())
_OFFSET: Final = re.compile(r"(ITM|OTM)(\d+)")


class ChainError(StreamError):
    """There is no such underlying, day or strike."""


class Underlying(NamedTuple):
    """What has options: where its price is found, and where they are traded.

    `expiry` is the day that the underlying itself names, None where it names none.
    """

    exchange: str
    symbol: str
    base: str
    options: str
    expiry: date | None

    @classmethod
    def of(cls, exchange: str, symbol: str) -> Underlying:
        """Raises ChainError: nothing that has options."""
        options = _OPTIONS_OF.get(exchange)
        if options is None:
            raise ChainError(f"no options on {exchange[:16]} are known")
        kind, expiry = named(options, symbol)
        if symbol.endswith("FUT") and kind == "future" and expiry is not None:
            return cls(options, symbol, symbol[: -len("28OCT25FUT")], options, expiry)
        if exchange in _DERIVATIVES:
            raise ChainError(f"on {exchange} the underlying is a future, like NIFTY28OCT25FUT")
        return cls(exchange, symbol, symbol, options, None)


def day_of(text: str) -> date:
    """`28OCT25`. Raises ChainError: no day."""
    try:
        return datetime.strptime(text.replace("-", ""), "%d%b%y").date()  # noqa: DTZ007 - a day
    except ValueError:
        raise ChainError(f"no day like 28OCT25: {text[:16]}") from None


def strike_at(strikes: Sequence[float], price: float, offset: str, right: Right) -> float:
    """The strike next to the price (of two equally near the lower), or so many further.

    In the money is below for calls and above for puts.

    Raises:
        ChainError: the chain does not reach that far.
    """
    ladder = sorted(strikes)
    nearest = at_the_money(ladder, price)
    found = _OFFSET.fullmatch(offset)
    if found is not None:
        steps = int(found[2])
        nearest += steps if (found[1] == "OTM") == (right == "CE") else -steps
    if not 0 <= nearest < len(ladder):
        raise ChainError(f"{offset} is beyond the {len(ladder)} strikes that are listed")
    return ladder[nearest]


def at_the_money(ladder: Sequence[float], price: float) -> int:
    """The place of the strike next to the price; of two equally near the lower.

    Raises:
        ChainError: there is none.
    """
    if not ladder:
        raise ChainError("no such options are listed")
    return min(range(len(ladder)), key=lambda at: abs(ladder[at] - price))


def label(steps: int, right: Right) -> str:
    """How an option is called so many strikes above (below: negative) the money."""
    if not steps:
        return "ATM"
    return f"{'OTM' if (steps > 0) == (right == 'CE') else 'ITM'}{abs(steps)}"


class OptionName(NamedTuple):
    """What an option's symbol says."""

    base: str
    expiry: date
    strike: float
    right: Right

    @classmethod
    def of(cls, exchange: str, symbol: str) -> OptionName:
        """Raises ChainError: no option is called so."""
        kind, expiry = named(exchange, symbol)
        if kind != "option" or expiry is None:
            raise ChainError(f"{symbol[:64]} on {exchange[:16]} is no option")
        base, _, rest = symbol.partition(expiry_word(expiry))
        return cls(base, expiry, float(rest[:-2]), "CE" if rest.endswith("CE") else "PE")
