"""Placing, changing and cancelling orders: the rules and the margin. Pure.

A request is refused before anything is changed. Only a sale of shares that are not there is kept
as a rejected order as well, as OpenAlgo does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from marketdata.sandbox.account import Account
from marketdata.sandbox.admission import Admission, check_money
from marketdata.sandbox.checks import check
from marketdata.sandbox.entering import STOPS, Entering
from marketdata.sandbox.errors import NotFound, Rejection
from marketdata.sandbox.matching import Matching, replace
from marketdata.sandbox.model import (
    Change,
    Order,
    OrderRequest,
    PriceType,
    Source,
    Status,
)
from marketdata.sandbox.money import Micros
from marketdata.sandbox.state import State, Symbol, today

#: Who closes what has to be closed: a client who cancelled that would keep the position.
_HOUSE: Final = frozenset({"square_off", "expiry", "kill_switch"})


class Orders:
    """The life of orders, on a `State`."""

    def __init__(self, state: State, matching: Matching, entering: Entering) -> None:
        self.admission = Admission(state)
        self._state = state
        self._matching = matching
        self._entering = entering

    def place(
        self,
        name: str,
        request: OrderRequest,
        now_ns: int,
        *,
        source: Source = "client",
        leg_id: str = "",
    ) -> Order:
        """A new order, which may be complete already.

        Raises:
            Rejection: the rule that is broken.
        """
        state = self._state
        account = state.account(name)
        known = state.refs.get((name, request.ref)) if request.ref else None
        if known is not None:
            return state.orders[known]
        if source == "client":
            self.admission.admit(account, now_ns)
        symbol = self.admission.symbol(request.exchange, request.symbol)
        check(request, symbol.contract, today(now_ns))
        try:
            self.admission.check_shares(account, request, request.quantity)
        except Rejection as refusal:
            self._entering.numbered(account, request, now_ns, "rejected", str(refusal))
            raise
        margined, blocked = self.admission.needed(account, symbol, request, now_ns)
        self.admission.check_window(request, margined, now_ns)
        self.admission.check_size(account, symbol, request, margined, now_ns)
        check_money(blocked, account.available)
        order = self._entering.new(account, request, now_ns, source, leg_id, margined, blocked)
        if request.ref:
            state.refs[name, request.ref] = order.id
        if source == "client":
            account.order_times.append(now_ns)
        return self._entering.meet(symbol, order, now_ns)

    def modify(self, name: str, order_id: str, change: Change, now_ns: int) -> Order:
        """Change a live order; on a broken rule it stays as it was.

        Raises:
            Rejection: the rule that is broken.
        """
        order = self._live(name, order_id, "modified")
        account = self._state.accounts[name]
        self.admission.admit(account, now_ns)
        symbol = self._state.symbol(order.exchange, order.symbol)
        pricetype = order.pricetype if change.pricetype is None else change.pricetype
        request = OrderRequest(
            exchange=order.exchange,
            symbol=order.symbol,
            action=order.action,
            quantity=order.quantity if change.quantity is None else change.quantity,
            pricetype=pricetype,
            product=order.product,
            price=order.price if change.price is None else change.price,
            trigger_price=(
                order.trigger_price if change.trigger_price is None else change.trigger_price
            ),
        )
        check(request, symbol.contract, today(now_ns))
        if request.quantity <= order.filled_quantity:
            raise Rejection("quantity", f"{order.filled_quantity} are filled already")
        account.reserve(order, -1)
        account.used -= order.blocked
        try:
            margined, blocked = self._remargined(account, symbol, order, request, now_ns)
        except Rejection:
            account.used += order.blocked
            account.reserve(order, 1)
            raise
        self._state.unindex(order)
        account.used += blocked
        changed = replace(
            order,
            quantity=request.quantity,
            pricetype=pricetype,
            price=request.price,
            trigger_price=request.trigger_price,
            status=_status_after(order, pricetype),
            margined=margined,
            blocked=blocked,
        )
        account.reserve(changed, 1)
        self._state.changes.accounts[name] = account
        account.order_times.append(now_ns)
        changed = self._state.record(changed, now_ns)
        self._state.index(changed)
        return self._entering.meet(symbol, changed, now_ns)

    def cancel(self, name: str, order_id: str, now_ns: int) -> Order:
        """Raises Rejection: it is not live any more, or there is no such order."""
        order = self._live(name, order_id, "cancelled")
        return self._matching.end(order, "cancelled", now_ns)

    def cancel_own(self, name: str, now_ns: int) -> list[Order]:
        """Cancel all of an account's live orders that the house did not place."""
        live = [o for o in self._state.orders.values() if o.account == name and o.is_live]
        own = [order for order in live if order.source not in _HOUSE]
        return [self._matching.end(order, "cancelled", now_ns) for order in own]

    def cancel_where(
        self, name: str, now_ns: int, *, exchange: str = "", product: str = "", reason: str = ""
    ) -> list[Order]:
        """Cancel an account's live orders, of an exchange and a product where these are given."""
        chosen = [
            order
            for order in self._state.orders.values()
            if order.account == name
            and order.is_live
            and exchange in {"", order.exchange}
            and product in {"", order.product}
        ]
        return [self._matching.end(order, "cancelled", now_ns, reason) for order in chosen]

    def margin(self, name: str, requests: Sequence[OrderRequest], now_ns: int) -> Micros:
        """What orders would block together, were they placed now in this order."""
        account = self._state.account(name)
        total = 0
        for request in requests:
            symbol = self.admission.symbol(request.exchange, request.symbol)
            check(request, symbol.contract, today(now_ns))
            total += self.admission.needed(account, symbol, request, now_ns)[1]
        return total

    def _remargined(
        self, account: Account, symbol: Symbol, order: Order, request: OrderRequest, now_ns: int
    ) -> tuple[int, Micros]:
        """Units and margin of what is left of a changed order; its old margin is given back."""
        left = request.quantity - order.filled_quantity
        self.admission.check_shares(account, request, left)
        margined, blocked = self.admission.needed(account, symbol, request, now_ns, left)
        self.admission.check_window(request, margined, now_ns)
        self.admission.check_size(account, symbol, request, margined, now_ns)
        check_money(blocked, max(account.available, order.blocked))
        return margined, blocked

    def _live(self, name: str, order_id: str, what: str) -> Order:
        order = self._state.own_order(name, order_id)
        if order is None:
            raise NotFound("order", f"no live order {order_id[:32]!r}")
        if not order.is_live:
            raise Rejection("order_state", f"the order is {order.status}: it cannot be {what}")
        if order.source in _HOUSE:
            raise Rejection("house_order", f"an order of the house ({order.source}) is not {what}")
        return order


def _status_after(order: Order, pricetype: PriceType) -> Status:
    """A stop that was triggered stays triggered, unless it was none before."""
    if pricetype not in STOPS:
        return "open"
    was_triggered = order.status == "open" and order.pricetype in STOPS
    return "open" if was_triggered else "trigger pending"
