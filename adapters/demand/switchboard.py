"""From demand to connections, and from every demand to its answer.

    topic --> instrument, mode, levels --> a line, and its highest mode --> seats (`seating`)

A demand is answered with `Accepted` when the broker was asked for it on connections that are
up, and with `Rejected` when it cannot be; until one of them is true the answer waits. No I/O
in here: connections and answers are the owner's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from adapters.broker import DEFAULT_LEVELS, Broker
from adapters.codec import Key
from adapters.demand.names import Demand, Name
from adapters.demand.pool import Pool
from adapters.demand.seating import Connections, Line, Seating
from adapters.instruments.book import InstrumentBook
from adapters.ticks.normalize import Outlet, Route
from bus.errors import TopicError
from bus.events import Accepted, Rejected
from bus.topics import Mode, Topic, broker_word
from bus.wants import Demand as TopicDemand

SYMBOL_NOT_FOUND: Final = "SYMBOL_NOT_FOUND"
LIMIT_EXCEEDED: Final = "LIMIT_EXCEEDED"
MODE_NOT_SUPPORTED: Final = "MODE_NOT_SUPPORTED"
#: `TCS:20` is TCS with 20 levels a side.
_DEPTH_SUFFIX: Final = re.compile(r"(.+):([1-9][0-9]{0,2})")


class Switchboard:
    """Everything wanted from one broker account. `routes` finds the way of a tick."""

    def __init__(
        self,
        adapter: str,
        broker: Broker,
        pools: Mapping[str, Pool],
        *,
        connections: Connections,
        answer: Callable[[Accepted | Rejected], None],
    ) -> None:
        self.rejected_total = 0
        self._adapter = adapter
        self._broker = broker
        self._pools = pools
        self._answer = answer
        self._book: InstrumentBook | None = None
        self._demand = Demand()
        self._seating = Seating(broker, pools, connections)
        self._lines: dict[Name, Line] = {}
        self._by_token: dict[str, dict[Name, Line]] = {}
        #: Topics that came before the instruments were known, or that no instrument has.
        self._unmet: dict[bytes, None] = {}

    @property
    def routes(self) -> Mapping[str, Mapping[Key, Route]]:
        """Per stream and key of a tick: where it goes."""
        return self._seating.routes

    @property
    def symbols(self) -> int:
        """How many instruments are in demand and have a seat."""
        return len(self._by_token)

    @property
    def is_loaded(self) -> bool:
        """Whether the instruments are known."""
        return self._book is not None

    @property
    def waiting(self) -> int:
        """How many topics in demand have no answer yet."""
        early = 0 if self.is_loaded else len(self._unmet)
        return early + sum(len(line.waiting) for line in self._lines.values())

    @property
    def is_waiting(self) -> bool:
        """Whether any demand has no answer yet."""
        return bool(self.waiting)

    def load(self, book: InstrumentBook) -> None:
        """The instruments are known, or known anew: demand that waited for them is met.

        A line whose token changed moves; one whose name is gone goes on as it is.
        """
        self._book = book
        for line in list(self._lines.values()):
            token = self._instrument(*line.name, book)[0]
            if token is not None and token != line.token:
                self._move(line, token)
        unmet, self._unmet = self._unmet, {}
        self.demanded(TopicDemand(topic, wanted=True) for topic in unmet)

    def demanded(self, batch: Iterable[TopicDemand]) -> None:
        """Topics that somebody wants, or that nobody does any more."""
        for wire, wanted in batch:
            if not wanted:
                self._unmet.pop(wire, None)
                self._withdraw(wire)
            elif self._book is None:
                self._unmet[wire] = None
            else:
                self._want(wire, self._book)

    def asked(self, tokens: Iterable[str]) -> None:
        """The broker was asked: whoever waits for that is answered."""
        for line in self._lines_of(tokens):
            if line.waiting:
                self._answer_covered(line)

    def lost(self, tokens: Iterable[str]) -> None:
        """A connection ended: what its instruments last said is void."""
        for line in self._lines_of(tokens):
            line.outlet.forget()

    def exchanges(self, tokens: Iterable[str]) -> set[str]:
        """The exchanges of instruments in demand."""
        return {line.name[0] for line in self._lines_of(tokens)}

    # --- one topic -----------------------------------------------------------------------

    def _want(self, wire: bytes, book: InstrumentBook) -> None:
        text = wire[:-1].decode(errors="replace")
        try:
            topic = Topic.parse(text)
        except TopicError as error:
            self._reject(text, SYMBOL_NOT_FOUND, str(error))
            return
        token, levels = self._instrument(topic.exchange, topic.symbol, book)
        if token is None or topic.broker != broker_word(self._adapter):
            self._unmet[wire] = None  # a master of another day may have it
            message = f"{self._broker.title} has no {topic.symbol} on {topic.exchange}"
            self._reject(text, SYMBOL_NOT_FOUND, message)
        else:
            self._accept(topic, wire, self._line(topic, token, levels))

    def _instrument(
        self, exchange: str, symbol: str, book: InstrumentBook
    ) -> tuple[str | None, int]:
        """The token, None if there is no such instrument, and the levels asked for."""
        token = book.find(exchange, symbol)
        if token is None and (suffixed := _DEPTH_SUFFIX.fullmatch(symbol)):
            return book.find(exchange, suffixed[1]), int(suffixed[2])
        return token, DEFAULT_LEVELS

    def _line(self, topic: Topic, token: str, levels: int) -> Line:
        name = topic.exchange, topic.symbol
        if name in self._lines:
            return self._lines[name]
        outlet = Outlet(*name, partial=self._broker.partial_ticks, levels=levels)
        return Line(name, token, levels, outlet)

    def _accept(self, topic: Topic, wire: bytes, line: Line) -> None:
        is_repeated = self._demand.holds(line.name, topic.mode)
        change = self._demand.add(line.name, topic.mode)
        if change.action in {"ask", "raise"} and not self._seat(line, topic):
            self._demand.remove(line.name, topic.mode)
            return
        if not is_repeated:
            line.outlet.set_topic(topic.mode, wire)
        line.waiting[topic.mode] = topic.text
        self._answer_covered(line)

    def _seat(self, line: Line, topic: Topic) -> bool:
        """Put a line on connections for a mode; otherwise the topic is rejected."""
        needs = self._seating.needs(line, topic.mode)
        if needs is None:
            message = f"{self._broker.title} has no mode {topic.mode.name} on {topic.exchange}"
            self._reject(topic.text, MODE_NOT_SUPPORTED, message)
            return False
        full = self._seating.seat(line, needs)
        if full is not None:
            pool = self._pools[full]
            message = (
                f"all {pool.capacity} places at {self._broker.title} are taken "
                f"({pool.connections} connections of {pool.symbols_per_connection} symbols)"
            )
            self._reject(topic.text, LIMIT_EXCEEDED, message)
            return False
        self._lines[line.name] = line
        self._by_token.setdefault(line.token, {})[line.name] = line
        return True

    def _withdraw(self, wire: bytes) -> None:
        try:
            topic = Topic.parse(wire[:-1].decode(errors="replace"))
        except TopicError:
            return  # was rejected when it came
        line = self._lines.get((topic.exchange, topic.symbol))
        if line is None or not self._demand.holds(line.name, topic.mode):
            return
        change = self._demand.remove(line.name, topic.mode)
        line.waiting.pop(topic.mode, None)
        line.outlet.set_topic(topic.mode, None)
        if change.after is None:
            self._drop(line)
        elif change.action == "lower":
            needs = self._seating.needs(line, change.after)
            if needs is None or self._seating.seat(line, needs) is not None:
                return  # no room where the lower mode is: it goes on with more than it needs

    # --- one line ------------------------------------------------------------------------

    def _lines_of(self, tokens: Iterable[str]) -> list[Line]:
        return [line for token in tokens for line in self._by_token.get(token, {}).values()]

    def _drop(self, line: Line) -> None:
        self._seating.drop(line)
        del self._lines[line.name], self._by_token[line.token][line.name]
        if not self._by_token[line.token]:
            del self._by_token[line.token]

    def _move(self, line: Line, token: str) -> None:
        """The broker calls an instrument by another token now."""
        mode = self._demand.highest(line.name)
        self._drop(line)
        line.token = token
        line.outlet.forget()
        needs = None if mode is None else self._seating.needs(line, mode)
        if needs is not None and self._seating.seat(line, needs) is None:
            self._lines[line.name] = line
            self._by_token.setdefault(token, {})[line.name] = line
            return
        for held in [mode for mode in Mode if self._demand.holds(line.name, mode)]:
            self._demand.remove(line.name, held)
            topic = Topic(broker_word(self._adapter), *line.name, held).text
            self._reject(topic, LIMIT_EXCEEDED, f"no place at {self._broker.title} any more")

    # --- answers -------------------------------------------------------------------------

    def _answer_covered(self, line: Line) -> None:
        """Accept the waiting topics whose mode the broker was asked for, or a higher one."""
        for mode in [mode for mode in line.waiting if self._seating.is_asked(line, mode)]:
            depth = self._seating.depth(line) if mode is Mode.DEPTH else DEFAULT_LEVELS
            self._answer(Accepted(line.waiting.pop(mode), depth))

    def _reject(self, topic: str, code: str, message: str) -> None:
        self.rejected_total += 1
        self._answer(Rejected(topic, code, message))
