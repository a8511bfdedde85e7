"""Closing positions, whatever the rules of placing say: exits at market, settlement. Pure."""

from __future__ import annotations

from marketdata.sandbox.account import Account
from marketdata.sandbox.entering import Entering
from marketdata.sandbox.matching import Matching
from marketdata.sandbox.model import Order, OrderRequest, Position, Source
from marketdata.sandbox.money import Micros
from marketdata.sandbox.state import State


class Closing:
    """Acts on a `State`."""

    def __init__(self, state: State, matching: Matching, entering: Entering) -> None:
        self._state = state
        self._matching = matching
        self._entering = entering

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
            order = self._entering.new(account, request, now_ns, source, "", 0, 0)
            orders.append(self._entering.meet(symbol, order, now_ns))
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
        order = self._entering.new(account, request, now_ns, "expiry", "", 0, 0)
        return self._matching.fill(symbol, order, order.quantity, price, now_ns)
