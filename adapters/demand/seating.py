"""Instruments on streams and connections, and the way of their ticks back. Pure.

    a line (one name in demand) --> the streams that it needs --> a seat on a connection of each

Several lines may share a broker's token: `TCS` and `TCS:20`, or two names of one share. A
token has one seat per stream, in the highest mode that any line wants there, and its ticks go
to every line that sits there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from adapters.broker import Broker
from adapters.codec import Key
from adapters.demand.names import Name
from adapters.demand.pool import Pool
from adapters.ticks.normalize import Fanout, Outlet, PriceSide, Route
from bus.topics import Mode


class Connection(Protocol):
    """A session, as far as seats are concerned."""

    def want(self, token: str, mode: Mode | None) -> None: ...
    def asked(self, token: str) -> Mode | None: ...


class Connections(Protocol):
    """Who opens and closes them."""

    def connection(self, stream: str, number: int) -> Connection:
        """That connection, opened if it is not there yet."""
        ...

    def release(self, stream: str, number: int) -> None:
        """Nobody needs that connection any more."""
        ...


@dataclass
class Line:
    """One name in demand: its instrument, and the streams where it sits, with the mode there."""

    name: Name
    token: str
    levels: int
    outlet: Outlet
    seats: dict[str, Mode] = field(default_factory=dict)
    #: Topics still to be answered.
    waiting: dict[Mode, str] = field(default_factory=dict)


class Seating:
    """Who sits where; the connections are told at once.

    `routes` finds the way of a tick: per stream, by its key.
    """

    def __init__(self, broker: Broker, pools: Mapping[str, Pool], connections: Connections) -> None:
        self.routes: dict[str, dict[Key, Route]] = {name: {} for name in pools}
        self._broker = broker
        self._pools = pools
        self._connections = connections
        self._book_only = frozenset(s.name for s in broker.streams if s.book_only)
        #: Per stream and token: what each line wants there.
        self._wishes: dict[tuple[str, str], dict[Name, Mode]] = {}
        #: Per stream and key: where the ticks go for each line.
        self._users: dict[tuple[str, Key], dict[Name, Route]] = {}

    def needs(self, line: Line, mode: Mode) -> dict[str, Mode] | None:
        """The streams for a line in a mode, and the mode there; None: the broker has no such."""
        exchange = line.name[0]
        stream = self._broker.route(line.token, exchange, mode, line.levels)
        if stream is None:
            return None
        needs = {stream.name: mode}
        if stream.book_only:
            prices = self._broker.route(line.token, exchange, Mode.QUOTE)
            if prices is not None:
                needs[prices.name] = Mode.QUOTE
        return needs

    def depth(self, line: Line) -> int:
        """How many levels a side a line's books have at most."""
        stream = self._broker.route(line.token, line.name[0], Mode.DEPTH, line.levels)
        return line.levels if stream is None else min(line.levels, stream.depth_levels)

    def seat(self, line: Line, needs: Mapping[str, Mode]) -> str | None:
        """Put a line where it is to sit, and nowhere else; the stream that is full, or None.

        When a stream is full, everything is as it was before.
        """
        placed: list[Pool] = []
        for stream in needs:
            pool = self._pools[stream]
            is_new = pool.seat(line.token) is None
            if pool.place(line.token) is None:
                for other in placed:
                    other.remove(line.token)
                return stream
            if is_new:
                placed.append(pool)
        for stream in [stream for stream in line.seats if stream not in needs]:
            self._leave(line, stream)
        for stream, mode in needs.items():
            self._connect(line, stream, self._intake(line, stream, needs))
            line.seats[stream] = mode
            self._wishes.setdefault((stream, line.token), {})[line.name] = mode
            self._tell(stream, line.token)
        return None

    def drop(self, line: Line) -> None:
        """Nobody wants a line any more."""
        for stream in list(line.seats):
            self._leave(line, stream)

    def is_asked(self, line: Line, mode: Mode) -> bool:
        """Whether the broker was asked for all that a line needs in a mode."""
        for stream, wanted in line.seats.items():
            number = self._pools[stream].seat(line.token)
            if number is None:
                return False
            asked = self._connections.connection(stream, number).asked(line.token)
            if asked is None or asked < min(mode, wanted):
                return False
        return True

    # --- one seat ------------------------------------------------------------------------

    def _leave(self, line: Line, stream: str) -> None:
        del line.seats[stream]
        self._disconnect(line, stream)
        wishes = self._wishes[stream, line.token]
        del wishes[line.name]
        if wishes:
            self._tell(stream, line.token)
            return
        del self._wishes[stream, line.token]
        number = self._pools[stream].seat(line.token)
        if number is not None:
            self._connections.connection(stream, number).want(line.token, None)
        empty = self._pools[stream].remove(line.token)
        if empty is not None:
            self._connections.release(stream, empty)

    def _tell(self, stream: str, token: str) -> None:
        """The connection carries the highest mode that anybody wants."""
        number = self._pools[stream].seat(token)
        if number is not None:
            mode = max(self._wishes[stream, token].values())
            self._connections.connection(stream, number).want(token, mode)

    # --- the way of ticks ----------------------------------------------------------------

    def _intake(self, line: Line, stream: str, needs: Mapping[str, Mode]) -> Route:
        """The outlet itself; with a book from elsewhere, only the prices of this stream."""
        if not any(other in self._book_only for other in needs):
            return line.outlet
        line.outlet.merge()
        return line.outlet if stream in self._book_only else PriceSide(line.outlet)

    def _connect(self, line: Line, stream: str, route: Route) -> None:
        for key in self._broker.keys(line.token):
            self._users.setdefault((stream, key), {})[line.name] = route
            self._reroute(stream, key)

    def _disconnect(self, line: Line, stream: str) -> None:
        for key in self._broker.keys(line.token):
            self._users[stream, key].pop(line.name, None)
            self._reroute(stream, key)

    def _reroute(self, stream: str, key: Key) -> None:
        users = self._users[stream, key]
        if not users:
            del self._users[stream, key]
            del self.routes[stream][key]
        elif len(users) == 1:
            [self.routes[stream][key]] = users.values()
        else:
            self.routes[stream][key] = Fanout(list(users.values()))
