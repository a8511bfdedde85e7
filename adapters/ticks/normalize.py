"""From a broker's tick to the payloads that clients get, one per demanded mode.

The rules are those of `bus.market.ticks`. An `Outlet` is one instrument's way out; it knows which
modes are demanded and what was said last, since a change of the book is no trade. An
instrument may be in demand under several names (`TCS`, `TCS:20`): each has an outlet, and a
`Fanout` stands where one would, so that the usual tick pays nothing for that.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Final, Protocol, TypeAlias

from adapters.codec import FRACTIONAL, Book, Tick
from adapters.ticks.payloads import BookPayload, ltp_payload, quote_payload
from adapters.ticks.quarantine import QUANTITIES, WHOLE_TICK, Reason, highest_price, inspect
from bus.frames import OWN_CLOCK
from bus.topics import Mode

#: As `Publisher.publish`: topic, payload, received_ns, flags.
Publish: TypeAlias = Callable[[bytes, bytes, int, int], None]

_LTP, _QUOTE, _DEPTH = Mode.LTP, Mode.QUOTE, Mode.DEPTH
#: What a tick takes over from earlier ones of its instrument where a broker sends parts.
#: Not the exchange's time, which belongs to the tick that brought it.
_REMEMBERED: Final = tuple(
    name for name in Tick.__struct_fields__ if name not in {"key", "mode", "exchange_timestamp"}
)
_EMPTY: Final = Book([], [])


class Route(Protocol):
    """Where a tick goes."""

    @property
    def highest(self) -> float:
        """The bound for its prices, in rupees."""
        ...

    def emit(self, tick: Tick, received_ns: int, publish: Publish) -> Reason | None:
        """Publish what is sound of a tick, which is used up; why something was held back."""
        ...

    def publish(self, tick: Tick, received_ns: int, publish: Publish) -> None:
        """Publish a tick that was inspected already."""
        ...


class Outlet:
    """One instrument, under one name, on its way to the bus."""

    __slots__ = (
        "_book",
        "_depth_topic",
        "_has_fractions",
        "_is_index",
        "_latest_ms",
        "_ltp_topic",
        "_memory",
        "_partial",
        "_quote_topic",
        "_trade",
        "exchange",
        "highest",
        "symbol",
    )

    def __init__(self, exchange: str, symbol: str, *, partial: bool, levels: int = 5) -> None:
        self.exchange = exchange
        self.symbol = symbol
        self.highest = highest_price(exchange)
        self._partial = partial
        self._book = BookPayload(levels)
        self._has_fractions = exchange in FRACTIONAL
        self._is_index = exchange.endswith("_INDEX")
        self._ltp_topic: bytes | None = None
        self._quote_topic: bytes | None = None
        self._depth_topic: bytes | None = None
        self._trade: tuple[float | None, ...] = ()
        self._memory: Tick | None = None
        self._latest_ms = 0

    def set_topic(self, mode: Mode, topic: bytes | None) -> None:
        """Publish a mode in a topic (ending in NUL); None: no longer."""
        if mode is _LTP:
            self._ltp_topic = topic
        elif mode is _QUOTE:
            self._quote_topic = topic
        else:
            self._depth_topic = topic
        self.forget()

    def forget(self) -> None:
        """What was said before is void: the feed was interrupted, or asked for in another way."""
        self._memory = None
        self._latest_ms = 0
        self._trade = ()

    def merge(self) -> None:
        """From now on its ticks are parts, which are put together."""
        self._partial = True

    def emit(self, tick: Tick, received_ns: int, publish: Publish) -> Reason | None:
        reason = inspect(tick, self.highest)
        if reason is None or reason not in WHOLE_TICK:
            self.publish(tick, received_ns, publish)
        return reason

    def publish(self, tick: Tick, received_ns: int, publish: Publish) -> None:
        if self._partial:
            self._complete(tick)
        ltp = tick.ltp
        if ltp is None:
            return
        if self._has_fractions:
            _cut_fractions(tick)
        stamp, flags = tick.exchange_timestamp, 0
        if stamp is None:
            stamp, flags = received_ns // 1_000_000, OWN_CLOCK
        mode = tick.mode
        if self._ltp_topic is not None and (self._is_trade(tick) or mode is _LTP):
            payload = ltp_payload(self.symbol, self.exchange, tick, ltp, stamp)
            publish(self._ltp_topic, payload, received_ns, flags)
        if mode is _LTP and not self._partial:
            return
        quote_topic, depth_topic = self._quote_topic, self._depth_topic
        book = tick.depth or (_EMPTY if self._is_index else None)
        if quote_topic is None and (depth_topic is None or book is None):
            return
        quote = quote_payload(self.symbol, self.exchange, tick, ltp, stamp)
        if quote_topic is not None:
            publish(quote_topic, quote, received_ns, flags)
        if depth_topic is not None and book is not None:
            publish(depth_topic, self._book.with_quote(quote, book), received_ns, flags)

    def _is_trade(self, tick: Tick) -> bool:
        """Whether a trade happened since the last tick, and not only the book changed."""
        trade = (tick.ltp, tick.last_trade_time, tick.ltq, tick.volume)
        changed = trade != self._trade
        self._trade = trade
        return changed

    def _complete(self, tick: Tick) -> None:
        """Put a part together with what came before it.

        Parts come over channels of their own and may pass one another: one that is older
        than what is known only fills gaps, so that no price steps back in time.
        """
        stamp, memory = tick.exchange_timestamp, self._memory
        is_late = stamp is not None and stamp < self._latest_ms
        if is_late:
            tick.exchange_timestamp = self._latest_ms
        elif stamp is not None:
            self._latest_ms = stamp
        if memory is not None:
            for name in _REMEMBERED:
                known = getattr(memory, name)
                if getattr(tick, name) is None or (is_late and known is not None):
                    setattr(tick, name, known)
        self._memory = tick


def _cut_fractions(tick: Tick) -> None:
    """Clients read quantities as whole numbers."""
    for name in QUANTITIES:
        quantity = getattr(tick, name)
        if quantity is not None:
            setattr(tick, name, int(quantity))


class PriceSide:
    """An outlet's intake from a stream that is there for prices: its books come from another."""

    __slots__ = ("_outlet", "highest")

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self.highest = outlet.highest

    def emit(self, tick: Tick, received_ns: int, publish: Publish) -> Reason | None:
        tick.depth = None
        return self._outlet.emit(tick, received_ns, publish)

    def publish(self, tick: Tick, received_ns: int, publish: Publish) -> None:
        tick.depth = None
        self._outlet.publish(tick, received_ns, publish)


class Fanout:
    """Several routes for one broker's instrument; the tick is inspected once."""

    __slots__ = ("_routes", "highest")

    def __init__(self, routes: list[Route]) -> None:
        self._routes = routes
        self.highest = max(route.highest for route in routes)

    def emit(self, tick: Tick, received_ns: int, publish: Publish) -> Reason | None:
        reason = inspect(tick, self.highest)
        if reason is None or reason not in WHOLE_TICK:
            self.publish(tick, received_ns, publish)
        return reason

    def publish(self, tick: Tick, received_ns: int, publish: Publish) -> None:
        for route in self._routes:
            route.publish(copy(tick), received_ns, publish)  # each may complete its own
