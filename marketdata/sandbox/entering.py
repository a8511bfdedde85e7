"""How an order comes into the books: its number, its margin, its place, its first look. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from marketdata.sandbox.account import Account
from marketdata.sandbox.matching import Matching
from marketdata.sandbox.model import Order, OrderRequest, Source, Status
from marketdata.sandbox.money import Micros
from marketdata.sandbox.state import State, Symbol, today

STOPS: Final = frozenset({"SL", "SL-M"})


class Entering:
    """Acts on a `State`; whether an order may come in was decided before."""

    def __init__(self, state: State, matching: Matching) -> None:
        self._state = state
        self._matching = matching

    def new(
        self,
        account: Account,
        request: OrderRequest,
        now_ns: int,
        source: Source,
        leg_id: str,
        margined: int,
        blocked: Micros,
    ) -> Order:
        """A live order, with its margin blocked and in its place in the index."""
        order = self.numbered(
            account,
            request,
            now_ns,
            "trigger pending" if request.pricetype in STOPS else "open",
            source=source,
            leg_id=leg_id,
            margined=margined,
            blocked=blocked,
        )
        account.used += blocked
        account.reserve(order, 1)
        self._state.changes.accounts[account.name] = account
        self._state.index(order)
        return order

    def numbered(
        self,
        account: Account,
        request: OrderRequest,
        now_ns: int,
        status: Status,
        reason: str = "",
        *,
        source: Source = "client",
        leg_id: str = "",
        margined: int = 0,
        blocked: Micros = 0,
    ) -> Order:
        counters = self._state.counters
        counters.orders += 1
        order = Order(
            id=f"{today(now_ns):%y%m%d}{counters.orders % 10**8:08d}",
            account=account.name,
            status=status,
            placed_ns=now_ns,
            changed_ns=now_ns,
            event=0,
            source=source,
            margined=margined,
            blocked=blocked,
            reason=reason,
            leg_id=leg_id,
            **msgspec.structs.asdict(request),
        )
        return self._state.record(order, now_ns)

    def meet(self, symbol: Symbol, order: Order, now_ns: int) -> Order:
        """The first look at the market of a new or changed order."""
        state = self._state
        state.refresh(symbol)
        if not state.is_fresh(symbol, now_ns):
            return order
        if order.status == "open":
            return self._matching.execute(symbol, order, now_ns)
        ltp, trigger = symbol.quote.ltp, order.trigger_price
        if (ltp >= trigger) if order.action == "BUY" else (ltp <= trigger):
            self._matching.trigger(symbol, order, now_ns)
        return state.orders[order.id]
