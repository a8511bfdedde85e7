"""The account's made-up orders: each is open first, then complete. Pure.

Orders are the same for every broker; `simulators.brokers.order_words` says them as each does.
"""

from __future__ import annotations

from itertools import count, cycle
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from simulators.markets.market import Instrument

#: Updates that an order has in its life.
UPDATES: Final = 2
_FIRST_NUMBER: Final = 1_124_091_136_546


class MadeOrder(NamedTuple):
    """A limit order to buy a share for delivery, as it stands now. Prices in rupees."""

    number: int
    instrument: Instrument
    filled: int
    quantity: int = 10
    price: float = 100.5

    @property
    def is_complete(self) -> bool:
        return self.filled == self.quantity

    @property
    def average(self) -> float:
        """What was paid per unit; 0 while nothing was bought."""
        return 100.45 if self.filled else 0.0


@runtime_checkable
class TellsOrders(Protocol):
    """A session whose connection may tell of orders."""

    def order(self, order: MadeOrder) -> str | bytes | None:
        """The message that tells it; None: not on this connection."""
        ...


def orders(instruments: Iterable[Instrument]) -> Iterator[MadeOrder]:
    """Every update, without end; none where the market lists no share of NSE."""
    shares = [i for i in instruments if i.exchange == "NSE" and i.kind == "EQ"]
    for number, instrument in zip(count(_FIRST_NUMBER), cycle(shares), strict=False):
        order = MadeOrder(number, instrument, filled=0)
        yield order
        yield order._replace(filled=order.quantity)
