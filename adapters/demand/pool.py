"""Instruments on connections, within the broker's limits. Pure.

The first connection of the first stream is there from the start; another is opened only when
all that are open are full, and is given up when its last instrument leaves. New instruments
go to the least loaded connection, so that those which are open stay even.
"""

from __future__ import annotations


class Budget:
    """How many more connections an account may open, over all its streams."""

    def __init__(self, connections: int | None) -> None:
        """None: the broker counts each stream for itself."""
        self._left = connections

    def take(self) -> bool:
        """Whether one more may be opened; if so, it counts."""
        if self._left is None:
            return True
        if self._left <= 0:
            return False
        self._left -= 1
        return True

    def give_back(self) -> None:
        """One was given up."""
        if self._left is not None:
            self._left += 1


class Pool:
    """Seats for tokens of one stream; connections are numbered from 0."""

    def __init__(
        self,
        symbols_per_connection: int,
        connections: int,
        *,
        budget: Budget | None = None,
        keeps_first: bool = True,
    ) -> None:
        """With `keeps_first` connection 0 is open from the start, and stays when it is empty."""
        self.symbols_per_connection = symbols_per_connection
        self.connections = connections
        self._budget = budget or Budget(None)
        self._keeps_first = keeps_first and self._budget.take()
        self._seats: dict[str, int] = {}
        self._loads: dict[int, int] = {0: 0} if self._keeps_first else {}

    def __len__(self) -> int:
        """How many instruments have a seat."""
        return len(self._seats)

    @property
    def capacity(self) -> int:
        return self.symbols_per_connection * self.connections

    @property
    def loads(self) -> dict[int, int]:
        """Instruments per open connection."""
        return dict(self._loads)

    def seat(self, token: str) -> int | None:
        """The connection that carries a token."""
        return self._seats.get(token)

    def place(self, token: str) -> int | None:
        """The connection for a token, perhaps a new one; None: everything is full."""
        if token in self._seats:
            return self._seats[token]
        number = self._least_loaded()
        if number is None:
            return None
        self._seats[token] = number
        self._loads[number] = self._loads.get(number, 0) + 1
        return number

    def remove(self, token: str) -> int | None:
        """Give a token's seat up; the number of the connection that nobody needs any more."""
        number = self._seats.pop(token, None)
        if number is None:
            return None
        self._loads[number] -= 1
        if self._loads[number] or (number == 0 and self._keeps_first):
            return None
        del self._loads[number]
        self._budget.give_back()
        return number

    def _least_loaded(self) -> int | None:
        number = min(self._loads, key=lambda n: (self._loads[n], n), default=None)
        if number is not None and self._loads[number] < self.symbols_per_connection:
            return number
        unused = (n for n in range(self.connections) if n not in self._loads)
        number = next(unused, None)
        return number if number is not None and self._budget.take() else None
