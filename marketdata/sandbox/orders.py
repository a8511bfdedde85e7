"""Placing, changing and cancelling orders: the rules, the margin, the first look at the market.

A request is refused before anything is changed. Only a sale of shares that are not there is kept
as a rejected order as well, as OpenAlgo does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from bus.market_hours import IST
from marketdata.sandbox.account import Account, Key
from marketdata.sandbox.checks import check
from marketdata.sandbox.matching import Matching, replace
from marketdata.sandbox.model import (
    Change,
    NotFound,
    Order,
    OrderRequest,
    Position,
    PriceType,
    Rejection,
    Source,
    Status,
)
from marketdata.sandbox.money import Micros, to_decimal
from marketdata.sandbox.rules import value
from marketdata.sandbox.state import State, Symbol, no_price, today

_MINUTE_NS: Final = 60 * 10**9
_STOPS: Final = frozenset({"SL", "SL-M"})


class Orders:
    """The life of orders, on a `State`."""

    def __init__(self, state: State, matching: Matching) -> None:
        self._state = state
        self._matching = matching

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
            self._admit(account, now_ns)
        symbol = self.symbol(request.exchange, request.symbol)
        check(request, symbol.contract, today(now_ns))
        if request.product == "CNC" and request.action == "SELL":
            self._check_shares(account, request, now_ns)
        margined, blocked = self.needed(account, symbol, request, now_ns)
        self._check_window(request, margined, now_ns)
        self._check_size(account, symbol, request, margined, now_ns)
        if blocked > account.available:
            raise Rejection(
                "margin",
                f"needs {to_decimal(blocked):f} rupees of margin, "
                f"{to_decimal(account.available):f} are available",
            )
        order = self._new(account, request, now_ns, source, leg_id, margined, blocked)
        if request.ref:
            state.refs[name, request.ref] = order.id
        if source == "client":
            account.order_times.append(now_ns)
        return self._meet(symbol, order, now_ns)

    def modify(self, name: str, order_id: str, change: Change, now_ns: int) -> Order:
        """Change a live order; on a broken rule it stays as it was.

        Raises:
            Rejection: the rule that is broken.
        """
        order = self._live(name, order_id, "modified")
        account = self._state.accounts[name]
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
        changed = self._state.record(changed, now_ns)
        self._state.index(changed)
        return self._meet(symbol, changed, now_ns)

    def cancel(self, name: str, order_id: str, now_ns: int) -> Order:
        """Raises Rejection: it is not live any more, or there is no such order."""
        order = self._live(name, order_id, "cancelled")
        return self._matching.end(order, "cancelled", now_ns)

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

    def exit(
        self, account: Account, position: Position, source: Source, now_ns: int
    ) -> list[Order]:
        """Close a position at market, whatever the other rules say; what the house itself has
        under way already is not sold twice."""
        state = self._state
        symbol = state.symbol(position.exchange, position.symbol)
        state.refresh(symbol)
        action = "SELL" if position.quantity > 0 else "BUY"
        left = abs(position.quantity) - sum(
            order.pending_quantity
            for order in map(state.orders.__getitem__, symbol.markets)
            if order.account == account.name
            and order.product == position.product
            and order.action == action
        )
        most = symbol.contract.freeze_quantity or left
        orders = []
        while left > 0:
            request = OrderRequest(
                exchange=position.exchange,
                symbol=position.symbol,
                action="SELL" if action == "SELL" else "BUY",
                quantity=min(left, most),
                product=position.product,
            )
            order = self._new(account, request, now_ns, source, "", 0, 0)
            orders.append(self._meet(symbol, order, now_ns))
            left -= request.quantity
        return orders

    def settle(self, account: Account, position: Position, price: Micros, now_ns: int) -> Order:
        """Close a position at a price that is decided, without the market: an expired contract."""
        symbol = self._state.symbol(position.exchange, position.symbol)
        request = OrderRequest(
            exchange=position.exchange,
            symbol=position.symbol,
            action="SELL" if position.quantity > 0 else "BUY",
            quantity=abs(position.quantity),
            product=position.product,
        )
        order = self._new(account, request, now_ns, "expiry", "", 0, 0)
        return self._matching.fill(symbol, order, order.quantity, price, now_ns)

    def margin(self, name: str, requests: Sequence[OrderRequest], now_ns: int) -> Micros:
        """What orders would block together, were they placed now in this order."""
        account = self._state.account(name)
        total = 0
        for request in requests:
            symbol = self.symbol(request.exchange, request.symbol)
            check(request, symbol.contract, today(now_ns))
            total += self.needed(account, symbol, request, now_ns)[1]
        return total

    def needed(
        self,
        account: Account,
        symbol: Symbol,
        request: OrderRequest,
        now_ns: int,
        quantity: int | None = None,
    ) -> tuple[int, Micros]:
        """How many units of an order open or enlarge a position, and the margin for them."""
        key: Key = (request.exchange, request.symbol, request.product)
        units = request.quantity if quantity is None else quantity
        price = self._price(symbol, request, now_ns)
        if request.product == "CNC" and request.action == "SELL":
            return 0, 0
        margined = max(0, units - account.reducible(key, request.action))
        rules = self._state.rules
        return margined, rules.margin(
            symbol.contract, request.product, request.action, margined, price
        )

    def symbol(self, exchange: str, name: str) -> Symbol:
        """The instrument, with its terms as the master has them now.

        Raises:
            NotFound: no master has it.
        """
        contract = self._state.instruments.find(exchange, name)
        if contract is None:
            raise NotFound("symbol", f"no instrument {name[:64]!r} on {exchange[:16]!r}")
        symbol = self._state.symbol(exchange, name)
        symbol.contract = contract
        return symbol

    def _price(self, symbol: Symbol, request: OrderRequest, now_ns: int) -> Micros:
        """At which margin is counted; a market order needs one that can be traded on."""
        if request.pricetype in {"LIMIT", "SL"}:
            return request.price
        if request.pricetype == "SL-M":
            return request.trigger_price
        state = self._state
        state.refresh(symbol)
        quote = symbol.quote
        if not state.is_fresh(symbol, now_ns):
            raise no_price(
                request.exchange, request.symbol, is_stale=quote.received_ns > 0 and quote.is_sane
            )
        return quote.best(buying=request.action == "BUY") or quote.ltp

    def _remargined(
        self, account: Account, symbol: Symbol, order: Order, request: OrderRequest, now_ns: int
    ) -> tuple[int, Micros]:
        """Units and margin of what is left of a changed order; its old margin is given back."""
        left = request.quantity - order.filled_quantity
        if request.product == "CNC" and request.action == "SELL":
            there = account.sellable(order.exchange, order.symbol)
            if left > there:
                raise _no_shares(left, there)
        margined, blocked = self.needed(account, symbol, request, now_ns, left)
        self._check_window(request, margined, now_ns)
        if blocked > max(account.available, order.blocked):
            raise Rejection(
                "margin",
                f"needs {to_decimal(blocked):f} rupees of margin, "
                f"{to_decimal(account.available):f} are available",
            )
        return margined, blocked

    def _admit(self, account: Account, now_ns: int) -> None:
        limits, times = account.limits, account.order_times
        if limits.killed:
            raise Rejection("kill_switch", f"trading is switched off: {limits.killed}")
        while times and now_ns - times[0] >= _MINUTE_NS:
            times.popleft()
        if 0 < limits.max_orders_per_minute <= len(times):
            raise Rejection(
                "order_rate", f"at most {limits.max_orders_per_minute} orders per minute"
            )

    def _check_shares(self, account: Account, request: OrderRequest, now_ns: int) -> None:
        there = account.sellable(request.exchange, request.symbol)
        if request.quantity > there:
            refusal = _no_shares(request.quantity, there)
            self._numbered(account, request, now_ns, "rejected", str(refusal))
            raise refusal

    def _check_window(self, request: OrderRequest, margined: int, now_ns: int) -> None:
        at = datetime.fromtimestamp(now_ns / 1e9, IST).time()
        if (
            margined
            and request.product == "MIS"
            and self._state.rules.is_mis_closed(request.exchange, at)
        ):
            raise Rejection(
                "mis_window",
                f"MIS positions on {request.exchange} can only be reduced after square-off time",
            )

    def _check_size(
        self, account: Account, symbol: Symbol, request: OrderRequest, margined: int, now_ns: int
    ) -> None:
        most = account.limits.max_position_value
        if not most or not margined:
            return
        key: Key = (request.exchange, request.symbol, request.product)
        position = account.positions.get(key)
        held = position.quantity if position is not None else 0
        same_side = abs(held) if (held > 0) == (request.action == "BUY") else 0
        units = same_side + margined + account.opening.get((key, request.action), 0)
        worth = value(units, self._price(symbol, request, now_ns), symbol.contract.contract_value)
        if worth > most:
            raise Rejection(
                "max_position",
                f"the position would be worth {to_decimal(worth):f} rupees, "
                f"the account's limit is {to_decimal(most):f}",
            )

    def _new(
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
        order = self._numbered(
            account,
            request,
            now_ns,
            "trigger pending" if request.pricetype in _STOPS else "open",
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

    def _numbered(
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

    def _meet(self, symbol: Symbol, order: Order, now_ns: int) -> Order:
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

    def _live(self, name: str, order_id: str, what: str) -> Order:
        order = self._state.own_order(name, order_id)
        if order is None:
            raise NotFound("order", f"no live order {order_id[:32]!r}")
        if not order.is_live:
            raise Rejection("order_state", f"the order is {order.status}: it cannot be {what}")
        return order


def _no_shares(wanted: int, there: int) -> Rejection:
    return Rejection(
        "holdings", f"{wanted} shares are to be sold in CNC, {max(there, 0)} are there"
    )


def _status_after(order: Order, pricetype: PriceType) -> Status:
    """A stop that was triggered stays triggered, unless it was none before."""
    if pricetype not in _STOPS:
        return "open"
    was_triggered = order.status == "open" and order.pricetype in _STOPS
    return "open" if was_triggered else "trigger pending"
