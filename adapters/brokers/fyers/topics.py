"""What Fyers' price socket has told of each topic: values by position, merged.

Source of the positions: fyers-apiv3 3.2.0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Final

from adapters.codec import Book, Tick
from bus.topics import Mode

#: The value that says "not sent", in a change "as before".
ABSENT: Final = -(2**31)
_QUOTE, _DEPTH = Mode.QUOTE, Mode.DEPTH


class Topic(ABC):
    """What has been told of one topic. `divisor` is what a rupee is worth in its integers."""

    positions: int
    has_price = True

    def __init__(self, key: str, divisor: int, values: tuple[int, ...]) -> None:
        self.key = key
        self.divisor = divisor
        #: By position; None: never sent. Any, since every use knows which are there.
        self.values: list[Any] = [None] * self.positions
        self.merge(values)

    def merge(self, values: tuple[int, ...]) -> bool:
        """Take what was sent; False: nothing of it is new."""
        known, none, is_new = self.values, ABSENT, False
        for at, value in enumerate(values[: self.positions]):
            if value != none and value != known[at]:
                known[at] = value
                is_new = True
        return is_new

    @abstractmethod
    def tick(self) -> Tick:
        """All that is known."""

    def price(self, value: int | None) -> float | None:
        # The quotient of two integers is the float nearest to it: nothing is left to round.
        return None if value is None else value / self.divisor


class Scrip(Topic):
    positions = 21

    def tick(self) -> Tick:
        (
            ltp, volume, traded, fed, _, _, _, _, ltq, bought, sold, average, oi, low, high,
            _, _, lower, upper, opened, close,
        ) = self.values  # fmt: skip
        d = self.divisor
        # Positional in the order of `Tick`, and no calls: this runs for nearly every record.
        return Tick(
            self.key,
            _QUOTE,
            None if ltp is None else ltp / d,
            ltq,
            None if average is None else average / d,
            volume,
            bought,
            sold,
            None if opened is None else opened / d,
            None if high is None else high / d,
            None if low is None else low / d,
            None if close is None else close / d,
            traded * 1000 if traded and traded > 0 else None,
            oi,
            None,
            None,
            fed * 1000 if fed and fed > 0 else None,
            None,
            upper / d if upper else None,  # a limit of 0 is none
            lower / d if lower else None,
        )


class Index(Topic):
    positions = 6

    def tick(self) -> Tick:
        ltp, close, fed, high, low, opened = self.values
        price = self.price
        return Tick(
            self.key,
            _QUOTE,
            price(ltp),
            open=price(opened),
            high=price(high),
            low=price(low),
            close=price(close),
            exchange_timestamp=fed * 1000 if fed and fed > 0 else None,
        )


class FiveLevels(Topic):
    """By position: five bids, five asks, their sizes, their orders; an empty level is all 0."""

    positions = 30
    has_price = False

    def tick(self) -> Tick:
        values = self.values
        has_orders = True
        if None in values:  # a size not sent is 0, as the price is
            has_orders = None not in values[20:]
            values = [value or 0 for value in values]
        d = self.divisor
        (
            b0, b1, b2, b3, b4, a0, a1, a2, a3, a4,
            p0, p1, p2, p3, p4, q0, q1, q2, q3, q4,
            m0, m1, m2, m3, m4, n0, n1, n2, n3, n4,
        ) = values  # fmt: skip
        buy = [
            (b0 / d, p0, m0),
            (b1 / d, p1, m1),
            (b2 / d, p2, m2),
            (b3 / d, p3, m3),
            (b4 / d, p4, m4),
        ]
        sell = [
            (a0 / d, q0, n0),
            (a1 / d, q1, n1),
            (a2 / d, q2, n2),
            (a3 / d, q3, n3),
            (a4 / d, q4, n4),
        ]
        return Tick(self.key, _DEPTH, depth=Book(buy, sell, has_orders))


#: By the first characters of a topic's name.
KINDS: Final[dict[str, type[Topic]]] = {"sf|": Scrip, "if|": Index, "dp|": FiveLevels}
