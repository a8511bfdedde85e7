"""From a codec's order updates to what clients are told: named, and each only once. Pure.

A broker tells every open connection of an account, and repeats itself after reconnecting.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

from msgspec.structs import replace

from adapters.codec import OrderUpdate
from adapters.demand.names import Name
from bus.market.orders import Order

#: Updates remembered: more than an account has in a day.
_REMEMBERED: Final = 20_000


class OrderDesk:
    """The order updates of one account. `names` gives OpenAlgo's names of a token."""

    def __init__(self, names: Callable[[str], Iterable[Name]]) -> None:
        self._names = names
        self._told: OrderedDict[tuple[str, str, int], None] = OrderedDict()

    def take(self, update: OrderUpdate) -> Order | None:
        """The order as clients are told it; None: they were told already."""
        order = update.order
        key = order.orderid, order.order_status, order.filled_quantity
        if key in self._told:
            return None
        self._told[key] = None
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        return self._named(order, update.token) if update.token else order

    def _named(self, order: Order, token: str) -> Order:
        """With OpenAlgo's name; of several, the one on the exchange that the broker names."""
        names = list(self._names(token))
        if not names:
            return order
        same = [name for name in names if name[0] == order.exchange]
        exchange, symbol = (same or names)[0]
        return replace(order, exchange=exchange, symbol=symbol)
