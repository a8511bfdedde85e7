"""From demand to connections, and from every demand to its answer.

    topic --> instrument, mode --> highest mode --> a seat on a connection --> want(token, mode)

A demand is answered with `Accepted` when the broker was asked for it on a connection that is
up, and with `Rejected` when it cannot be; until one of them is true the answer waits. No I/O
in here: connections and answers are the owner's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from adapters.broker import Broker
from adapters.codec import Key
from adapters.demand import Demand, Name
from adapters.instruments import InstrumentBook
from adapters.normalize import Outlet
from adapters.pool import Pool
from bus.errors import TopicError
from bus.events import Accepted, Rejected
from bus.publisher import Demand as TopicDemand
from bus.topics import Mode, Topic, broker_word

SYMBOL_NOT_FOUND: Final = "SYMBOL_NOT_FOUND"
LIMIT_EXCEEDED: Final = "LIMIT_EXCEEDED"
MODE_NOT_SUPPORTED: Final = "MODE_NOT_SUPPORTED"


class Connection(Protocol):
    """A session, as far as the switchboard is concerned."""

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
class _Line:
    """One instrument in demand: where it sits, and the topics still to be answered."""

    outlet: Outlet
    token: str
    stream: str = ""
    number: int = 0
    waiting: dict[Mode, str] = field(default_factory=dict)


class Switchboard:
    """Everything wanted from one broker account. `by_key` finds the outlet of a tick."""

    def __init__(
        self,
        adapter: str,
        broker: Broker,
        pools: Mapping[str, Pool],
        *,
        connections: Connections,
        answer: Callable[[Accepted | Rejected], None],
    ) -> None:
        self.by_key: dict[Key, Outlet] = {}
        self.rejected_total = 0
        self._adapter = adapter
        self._broker = broker
        self._modes = frozenset(mode for stream in broker.streams for mode in stream.modes)
        self._pools = pools
        self._connections = connections
        self._answer = answer
        self._book: InstrumentBook | None = None
        self._demand = Demand()
        self._lines: dict[Name, _Line] = {}
        self._by_token: dict[str, _Line] = {}
        #: Topics that came before the instruments were known.
        self._early: dict[bytes, None] = {}

    @property
    def symbols(self) -> int:
        """How many instruments have a seat."""
        return len(self._lines)

    @property
    def is_loaded(self) -> bool:
        """Whether the instruments are known."""
        return self._book is not None

    @property
    def waiting(self) -> int:
        """How many topics in demand have no answer yet."""
        return len(self._early) + sum(len(line.waiting) for line in self._lines.values())

    @property
    def is_waiting(self) -> bool:
        """Whether any demand has no answer yet."""
        return bool(self._early) or any(line.waiting for line in self._lines.values())

    def load(self, book: InstrumentBook) -> None:
        """The instruments are known: demand that waited for them is met."""
        self._book = book
        early, self._early = self._early, {}
        self.demanded(TopicDemand(topic, wanted=True) for topic in early)

    def demanded(self, batch: Iterable[TopicDemand]) -> None:
        """Topics that somebody wants, or that nobody does any more."""
        for wire, wanted in batch:
            if self._book is None:
                if wanted:
                    self._early[wire] = None
                else:
                    self._early.pop(wire, None)
            elif wanted:
                self._want(wire, self._book)
            else:
                self._withdraw(wire)

    def asked(self, tokens: Iterable[str]) -> None:
        """The broker was asked: whoever waits for that is answered."""
        for token in tokens:
            line = self._by_token.get(token)
            if line is not None and line.waiting:
                self._answer_covered(line)

    def lost(self, tokens: Iterable[str]) -> None:
        """A connection ended: what its instruments last said is void."""
        for token in tokens:
            line = self._by_token.get(token)
            if line is not None:
                line.outlet.forget()

    # --- one topic -----------------------------------------------------------------------

    def _want(self, wire: bytes, book: InstrumentBook) -> None:
        text = wire[:-1].decode(errors="replace")
        try:
            topic = Topic.parse(text)
        except TopicError as error:
            self._reject(text, SYMBOL_NOT_FOUND, str(error))
            return
        token = book.find(topic.exchange, topic.symbol)
        if token is None or topic.broker != broker_word(self._adapter):
            message = f"{self._broker.title} has no {topic.symbol} on {topic.exchange}"
            self._reject(text, SYMBOL_NOT_FOUND, message)
        elif topic.mode not in self._modes:
            message = f"{self._broker.title} has no mode {topic.mode.name}"
            self._reject(text, MODE_NOT_SUPPORTED, message)
        else:
            self._accept(topic, wire, token)

    def _accept(self, topic: Topic, wire: bytes, token: str) -> None:
        name = topic.exchange, topic.symbol
        line = self._lines.get(name) or _Line(
            Outlet(*name, partial=self._broker.partial_ticks), token
        )
        namesake = self._by_token.get(token, line).outlet
        if namesake is not line.outlet:
            message = f"the same instrument is in use as {namesake.symbol} on {namesake.exchange}"
            self._reject(topic.text, SYMBOL_NOT_FOUND, message)
            return
        is_repeated = self._demand.holds(name, topic.mode)
        change = self._demand.add(name, topic.mode)
        if change.action in {"ask", "raise"} and not self._seat(line, topic.mode):
            self._demand.remove(name, topic.mode)
            pool = self._pools[self._broker.stream(token, topic.mode)]
            message = (
                f"all {pool.capacity} places at {self._broker.title} are taken "
                f"({pool.connections} connections of {pool.symbols_per_connection} symbols)"
            )
            self._reject(topic.text, LIMIT_EXCEEDED, message)
            return
        if not is_repeated:
            line.outlet.set_topic(topic.mode, wire)
        line.waiting[topic.mode] = topic.text
        self._answer_covered(line)

    def _withdraw(self, wire: bytes) -> None:
        try:
            topic = Topic.parse(wire[:-1].decode(errors="replace"))
        except TopicError:
            return  # was rejected when it came
        name = topic.exchange, topic.symbol
        line = self._lines.get(name)
        if line is None or not self._demand.holds(name, topic.mode):
            return
        change = self._demand.remove(name, topic.mode)
        line.waiting.pop(topic.mode, None)
        line.outlet.set_topic(topic.mode, None)
        if change.after is None:
            self._drop_line(name, line)
        elif change.action == "lower":
            self._seat(line, change.after)

    # --- seats ---------------------------------------------------------------------------

    def _seat(self, line: _Line, mode: Mode) -> bool:
        """Put an instrument on a connection in a mode, moving it where streams differ."""
        stream = self._broker.stream(line.token, mode)
        number = self._pools[stream].place(line.token)
        if number is None:
            return False
        if line.stream and line.stream != stream:
            self._unseat(line)
        if not line.stream:
            name = line.outlet.exchange, line.outlet.symbol
            self._lines[name] = self._by_token[line.token] = line
            self.by_key.update((key, line.outlet) for key in self._broker.keys(line.token))
        line.stream, line.number = stream, number
        self._connections.connection(stream, number).want(line.token, mode)
        return True

    def _unseat(self, line: _Line) -> None:
        self._connections.connection(line.stream, line.number).want(line.token, None)
        empty = self._pools[line.stream].remove(line.token)
        if empty is not None:
            self._connections.release(line.stream, empty)

    def _drop_line(self, name: Name, line: _Line) -> None:
        self._unseat(line)
        del self._lines[name], self._by_token[line.token]
        for key in self._broker.keys(line.token):
            self.by_key.pop(key, None)

    # --- answers -------------------------------------------------------------------------

    def _answer_covered(self, line: _Line) -> None:
        """Accept the waiting topics whose mode the broker was asked for, or a higher one."""
        asked = self._connections.connection(line.stream, line.number).asked(line.token)
        if asked is not None:
            for mode in [mode for mode in line.waiting if mode <= asked]:
                self._answer(Accepted(line.waiting.pop(mode)))

    def _reject(self, topic: str, code: str, message: str) -> None:
        self.rejected_total += 1
        self._answer(Rejected(topic, code, message))
