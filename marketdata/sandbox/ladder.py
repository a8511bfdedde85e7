"""What waits for a price, sorted by price and then by time: the market touches only its head."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from marketdata.sandbox.money import Micros


class Ladder:
    """Waiting for the price to fall to (or, `rising`, to rise to) each one's own.

    Buy limits wait for a falling price, the highest first; buy stops for a rising one, the lowest
    first. Adding and taking out is a binary search.
    """

    __slots__ = ("_entries", "_sign")

    def __init__(self, *, rising: bool) -> None:
        self._sign = 1 if rising else -1
        self._entries: list[tuple[int, int, str]] = []

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter([entry[2] for entry in self._entries])

    def add(self, price: Micros, order: int, name: str) -> None:
        """`order` is the place in time among those of one price."""
        insort(self._entries, (self._sign * price, order, name))

    def remove(self, price: Micros, order: int, name: str) -> None:
        """Take one out; nothing happens when it is not there."""
        entry = (self._sign * price, order, name)
        at = bisect_left(self._entries, entry)
        if at < len(self._entries) and self._entries[at] == entry:
            del self._entries[at]

    @property
    def next_price(self) -> Micros:
        """The price that is met first; of an empty ladder there is none."""
        return self._sign * self._entries[0][0]

    def is_reached(self, price: Micros) -> bool:
        """Whether the price has come to the first one's."""
        entries = self._entries
        return bool(entries) and entries[0][0] <= self._sign * price

    def reached(self, price: Micros, *, beyond: bool = False) -> list[str]:
        """Those whose price the market has come to (`beyond`: gone through), in their order."""
        limit = self._sign * price + (0 if beyond else 1)
        return [name for _, _, name in self._entries[: bisect_left(self._entries, (limit,))]]
