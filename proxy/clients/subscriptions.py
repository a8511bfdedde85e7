"""What one client holds, and what an unsubscribe of it means. Pure.

Instruments are looked up in upper case, trimmed; the client's own spelling is kept, because
clients match pushes against their own strings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, NamedTuple, Self, TypeVar

from bus.topics import Mode, check_instrument
from proxy.protocol import levels
from proxy.protocol.requests import Instrument

T = TypeVar("T")


class Subscription(NamedTuple):
    """An instrument in one mode, and how the client spells it.

    `symbol` is in canonical spelling and keeps a suffix (`RELIANCE:50`) that the client wrote,
    since for the client that is another symbol; `level` is how deep a book is wanted.
    """

    exchange: str
    symbol: str
    mode: Mode
    spelled: Instrument
    level: int = levels.USUAL
    #: The adapter or broker that the client asks for, in its own spelling; empty: whoever feeds.
    broker: str = ""

    @classmethod
    def of(
        cls, spelled: Instrument, mode: Mode, depth: int = levels.USUAL, broker: str = ""
    ) -> Self:
        """Of what a client asks for; a suffix of the symbol says more than `depth`.

        Raises:
            TopicError: no such exchange, or a symbol that cannot be one.
        """
        exchange, symbol = canonical(spelled)
        _, suffix = levels.split(symbol)
        level = (suffix or levels.level_for(depth)) if mode is Mode.DEPTH else levels.USUAL
        one = cls(exchange, symbol, mode, spelled, level, broker)
        check_instrument(exchange, one.bus_symbol)
        return one

    @property
    def plain(self) -> str:
        """The instrument's symbol without any suffix."""
        return levels.split(self.symbol)[0]

    @property
    def bus_symbol(self) -> str:
        """How the bus names it."""
        return levels.bus_symbol(self.plain, self.level)

    @property
    def as_canonical(self) -> bool:
        """Whether the client spells it as the bus does."""
        return self.spelled == (self.bus_symbol, self.exchange) and self.symbol == self.plain


def canonical(spelled: Instrument) -> tuple[str, str]:
    """Exchange and symbol as the bus spells them."""
    return spelled.exchange.strip().upper(), spelled.symbol.strip().upper()


class Holdings(Generic[T]):
    """One client's subscriptions, in the order in which they were made, each with a `T`."""

    def __init__(self) -> None:
        self._held: dict[Subscription, T] = {}
        self._by_instrument: dict[tuple[str, str], list[Subscription]] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Subscription]:
        return iter(self._held)

    def __contains__(self, subscription: Subscription) -> bool:
        return subscription in self._held

    def values(self) -> Iterable[T]:
        return self._held.values()

    def items(self) -> Iterable[tuple[Subscription, T]]:
        return self._held.items()

    def get(self, subscription: Subscription) -> T | None:
        return self._held.get(subscription)

    def alike(self, subscription: Subscription) -> Subscription | None:
        """The one that is held and equal but, it may be, for its level."""
        for one in self._by_instrument.get((subscription.exchange, subscription.symbol), ()):
            if (one.mode, one.spelled, one.broker) == (
                subscription.mode,
                subscription.spelled,
                subscription.broker,
            ):
                return one
        return None

    def fed_by(self, exchange: str, bus_symbol: str, mode: Mode) -> list[Subscription]:
        """Those held that this bus symbol feeds in this mode."""
        plain, _ = levels.split(bus_symbol)
        spelled = [plain, *(levels.suffixed(plain, level) for level in levels.LEVELS)]
        return [
            one
            for symbol in spelled
            for one in self._by_instrument.get((exchange, symbol), ())
            if one.mode == mode and one.bus_symbol == bus_symbol
        ]

    def add(self, subscription: Subscription, value: T) -> None:
        if subscription not in self._held:
            key = subscription.exchange, subscription.symbol
            self._by_instrument.setdefault(key, []).append(subscription)
        self._held[subscription] = value

    def remove(self, subscription: Subscription) -> T:
        key = subscription.exchange, subscription.symbol
        same = self._by_instrument[key]
        same.remove(subscription)
        if not same:
            del self._by_instrument[key]
        return self._held.pop(subscription)

    def meant_by(self, spelled: Instrument, mode: Mode | None) -> list[Subscription]:
        """What an unsubscribe names: that spelling if it is held, else the instrument.

        Without a mode it means every mode held. (Clients that hold only Quote, the default,
        lose Quote; those that hold others and name no mode want to be rid of the symbol, and
        on the peer leak its feed until they disconnect.)
        """
        held = self._by_instrument.get(canonical(spelled), [])
        exactly = [one for one in held if one.spelled == spelled]
        return [one for one in exactly or held if mode is None or one.mode == mode]
