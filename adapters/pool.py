"""Instruments on connections, within the broker's limits. Pure.

The first connection is there from the start; another is opened only when all that are open
are full, and is given up when its last instrument leaves. New instruments go to the least
loaded connection, so that those which are open stay even.
"""

from __future__ import annotations


class Pool:
    """Seats for tokens; connections are numbered from 0."""

    def __init__(self, symbols_per_connection: int, connections: int) -> None:
        self.symbols_per_connection = symbols_per_connection
        self.connections = connections
        self._seats: dict[str, int] = {}
        self._loads: dict[int, int] = {0: 0}

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
        if self._loads[number] or number == 0:
            return None
        del self._loads[number]
        return number

    def _least_loaded(self) -> int | None:
        number = min(self._loads, key=lambda n: (self._loads[n], n))
        if self._loads[number] < self.symbols_per_connection:
            return number
        unused = (n for n in range(self.connections) if n not in self._loads)
        return next(unused, None)
