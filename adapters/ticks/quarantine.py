"""Which values of a broker are held back: the rules, in one place. Pure.

A tick whose price cannot be is held back whole. A damaged book, or another damaged field, is
taken out of the tick, whose price is still news. Each reason is counted, and `status` shows
the counts. A comparison with NaN is false, so every rule is written such that false is bad.

What is sound but more than clients can read (`bus.market.ticks`) is capped in the book.

An open, high, low, close or average of zero is no damage: brokers send it for "none yet". It
is left out, and not counted.
"""

from __future__ import annotations

import enum
from typing import Final

from adapters.codec import Book, Row, Tick
from bus.market.ticks import MAX_INT32


class Reason(enum.StrEnum):
    """The rules by name; `status` shows `quarantined_<reason>`."""

    #: The last price is zero; brokers send it for instruments that never traded.
    ZERO_PRICE = enum.auto()
    #: The last price is negative, or no number.
    BAD_PRICE = enum.auto()
    #: The last price is beyond what any instrument of the exchange can cost.
    ABSURD_PRICE = enum.auto()
    #: The last price is outside the day's circuit limits, which came in the same tick.
    BEYOND_CIRCUIT = enum.auto()
    #: The best bid is not below the best ask. The book is held back.
    CROSSED_BOOK = enum.auto()
    #: A level's price is negative, absurd or no number. The book is held back.
    BAD_BOOK = enum.auto()
    #: Another price, or a quantity, is negative, absurd or no number. The field is held back.
    BAD_FIELD = enum.auto()


#: Rupees that no instrument of an exchange costs. The dearest share so far cost 3.3 lakh, the
#: dearest contract 3 lakh; a bit flipped in the upper quarter of a price is far above.
_HIGHEST: Final = {
    "CDS": 10_000.0,  # the yen is quoted per hundred: no pair is above some hundred
    "BCD": 10_000.0,
    "CRYPTO": 1_000_000_000.0,
}
_HIGHEST_ELSEWHERE: Final = 10_000_000.0
#: Units: a day's volume of the busiest share has ten digits. An int, as quantities mostly
#: are: it compares twice as fast.
_MOST: Final = 10**15
#: Prices are decimals in binary floats.
_NOISE: Final = 1e-6

#: Prices where zero stands for "none yet", and quantities, where zero is a number.
_PRICES: Final = ("open", "high", "low", "close", "average_price")
QUANTITIES: Final = ("ltq", "volume", "total_buy_quantity", "total_sell_quantity", "oi")


def highest_price(exchange: str) -> float:
    """The bound for prices of an exchange, in rupees."""
    return _HIGHEST.get(exchange, _HIGHEST_ELSEWHERE)


def inspect(tick: Tick, highest: float) -> Reason | None:
    """Take what is damaged out of a tick; the worst reason, or None: all is well.

    After `ZERO_PRICE` to `BEYOND_CIRCUIT` nothing of the tick may be used.
    """
    ltp = tick.ltp
    if ltp is not None and not 0.0 < ltp <= highest:
        return _bad_price(ltp)
    if tick.upper_circuit is not None and _is_beyond_circuit(tick):
        return Reason.BEYOND_CIRCUIT
    reason = None if _is_plain(tick, highest) else _mend(tick, highest)
    book = tick.depth
    if book is not None and (damage := _inspect_book(book, highest)) is not None:
        tick.depth = None
        return damage
    return reason


def _is_plain(tick: Tick, highest: float) -> bool:
    """Whether nothing beside the last price and the book needs a closer look: the usual case."""
    return (
        ((price := tick.open) is None or 0.0 < price <= highest)
        and ((price := tick.high) is None or 0.0 < price <= highest)
        and ((price := tick.low) is None or 0.0 < price <= highest)
        and ((price := tick.close) is None or 0.0 < price <= highest)
        and ((price := tick.average_price) is None or 0.0 < price <= highest)
        and ((count := tick.ltq) is None or 0 <= count <= _MOST)
        and ((count := tick.volume) is None or 0 <= count <= _MOST)
        and ((count := tick.total_buy_quantity) is None or 0 <= count <= _MOST)
        and ((count := tick.total_sell_quantity) is None or 0 <= count <= _MOST)
        and ((count := tick.oi) is None or 0 <= count <= _MOST)
    )


def _mend(tick: Tick, highest: float) -> Reason | None:
    """Take out every field that is not sound."""
    reason = None
    for name in _PRICES:
        value = getattr(tick, name)
        if value is not None and not 0.0 < value <= highest:
            setattr(tick, name, None)
            if value != 0.0:
                reason = Reason.BAD_FIELD
    for name in QUANTITIES:
        value = getattr(tick, name)
        if value is not None and not 0 <= value <= _MOST:
            setattr(tick, name, None)
            reason = Reason.BAD_FIELD
    return reason


def _bad_price(ltp: float) -> Reason:
    if ltp == 0.0:
        return Reason.ZERO_PRICE
    return Reason.ABSURD_PRICE if ltp > 0.0 else Reason.BAD_PRICE


def _is_beyond_circuit(tick: Tick) -> bool:
    ltp, lower, upper = tick.ltp, tick.lower_circuit, tick.upper_circuit
    if ltp is None or lower is None or upper is None or not 0.0 < lower < upper:
        return False
    return not lower - _NOISE <= ltp <= upper + _NOISE


def _inspect_book(book: Book, highest: float) -> Reason | None:
    """An empty level has price 0; a side whose best is empty crosses nothing."""
    buy, sell, most = book.buy, book.sell, MAX_INT32
    for price, quantity, orders in buy:
        if not (0.0 <= price <= highest and 0 <= quantity <= most and 0 <= orders <= most):
            return _mend_book(book, highest)
    for price, quantity, orders in sell:
        if not (0.0 <= price <= highest and 0 <= quantity <= most and 0 <= orders <= most):
            return _mend_book(book, highest)
    if buy and sell and buy[0][0] >= sell[0][0] > 0.0:
        return Reason.CROSSED_BOOK
    return None


def _mend_book(book: Book, highest: float) -> Reason | None:
    """Something is unusual: damage, or only more than clients can read, which is capped."""
    for price, quantity, _ in book.buy + book.sell:
        if not (0.0 <= price <= highest and 0 <= quantity <= _MOST):
            return Reason.BAD_BOOK
    book.buy, book.sell = _capped(book.buy), _capped(book.sell)
    return _inspect_book(book, highest)


def _capped(rows: list[Row]) -> list[Row]:
    most = MAX_INT32
    return [(price, min(count, most), max(0, min(orders, most))) for price, count, orders in rows]


#: Reasons after which nothing of a tick may be used.
WHOLE_TICK: Final = frozenset(
    {Reason.ZERO_PRICE, Reason.BAD_PRICE, Reason.ABSURD_PRICE, Reason.BEYOND_CIRCUIT}
)
