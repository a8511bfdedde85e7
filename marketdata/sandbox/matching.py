"""Orders meet the market: triggers, fills, and what a fill does to order and account. Pure.

    MARKET        at the ask (bid), level by level as far as quantities are shown; the rest waits
    LIMIT         marketable when placed: like MARKET, no worse than its price; resting: at its
                  price, when the other side comes to it or a trade goes through it
    SL, SL-M      wait until a trade comes to the trigger, then LIMIT and MARKET

Where the feed has no book, the last price takes the place of bid and ask, without quantity.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

import msgspec

from bus.market.hours import IST
from marketdata.sandbox.account import Fill
from marketdata.sandbox.ladder import Ladder
from marketdata.sandbox.model import Order, Trade
from marketdata.sandbox.money import Micros
from marketdata.sandbox.state import State, Symbol

replace: Final = msgspec.structs.replace


class Matching:
    """Acts on a `State`; `now_ns` is the time of the event that is at work."""

    def __init__(self, state: State) -> None:
        self._state = state

    def on_price(self, symbol: Symbol, now_ns: int) -> None:
        """The instrument's market moved: trigger and fill what it has come to."""
        ltp = symbol.quote.ltp
        for stops in (symbol.buy_stops, symbol.sell_stops):
            if stops.is_reached(ltp):
                for order_id in stops.reached(ltp):
                    self.trigger(symbol, self._state.orders[order_id], now_ns)
        if len(symbol.buys):
            self._cross(symbol, symbol.buys, now_ns, buying=True)
        if len(symbol.sells):
            self._cross(symbol, symbol.sells, now_ns, buying=False)
        for order_id in list(symbol.markets):
            self.execute(symbol, self._state.orders[order_id], now_ns)

    def trigger(self, symbol: Symbol, order: Order, now_ns: int) -> None:
        """A stop's price was met: it is an open order now, and perhaps filled at once."""
        self._state.unindex(order)
        order = self._state.record(replace(order, status="open"), now_ns)
        self._state.index(order)
        self.execute(symbol, order, now_ns)

    def execute(self, symbol: Symbol, order: Order, now_ns: int, *, resting: bool = False) -> Order:
        """Fill what the market has for an open order, and give back how it stands then."""
        buying = order.action == "BUY"
        limit = order.price if order.pricetype in {"LIMIT", "SL"} else 0
        for offer in symbol.quote.offers(buying=buying):
            if limit and (offer.price > limit if buying else offer.price < limit):
                break
            quantity = order.pending_quantity
            if offer.quantity is not None:
                quantity = min(quantity, offer.quantity)
            order = self.fill(
                symbol, order, quantity, limit if resting and limit else offer.price, now_ns
            )
            if order.status == "rejected":
                break
            symbol.quote.take(offer.price, quantity, buying=buying)
            if not order.is_live:
                break
        return order

    def fill(
        self, symbol: Symbol, order: Order, quantity: int, price: Micros, now_ns: int
    ) -> Order:
        """Fill some of a live order at a price; without money for it, it is rejected."""
        state = self._state
        account = state.accounts[order.account]
        fill = account.plan(order, symbol.contract, state.rules, quantity, price)
        if fill is None:
            return self.end(order, "rejected", now_ns, "no margin for the position it would open")
        account.reserve(order, -1)
        position = account.apply(order, symbol.contract, fill, now_ns)
        if symbol.quote.is_sane:
            account.mark(position, symbol.quote.ltp)
        state.watch(account, position, is_turned=bool(fill.closing and fill.opening))
        state.changes.position(position)
        state.changes.accounts[account.name] = account
        filled = replace(
            order,
            filled_quantity=order.filled_quantity + quantity,
            filled_value=order.filled_value + quantity * price,
            fills=order.fills + 1,
            margined=order.margined - fill.margined,
            blocked=order.blocked - fill.share,
            status="complete" if quantity == order.pending_quantity else "open",
        )
        if not filled.is_live:
            state.unindex(order)
        account.reserve(filled, 1)
        self._trade(filled, fill, now_ns, account.resets)
        return state.record(filled, now_ns)

    def end(
        self,
        order: Order,
        status: Literal["cancelled", "rejected"],
        now_ns: int,
        reason: str = "",
    ) -> Order:
        """Cancel or reject a live order; its margin goes back."""
        state = self._state
        account = state.accounts[order.account]
        state.unindex(order)
        account.reserve(order, -1)
        account.used -= order.blocked
        state.changes.accounts[account.name] = account
        ended = replace(order, status=status, blocked=0, margined=0, reason=reason)
        return state.record(ended, now_ns)

    def _cross(self, symbol: Symbol, ladder: Ladder, now_ns: int, *, buying: bool) -> None:
        quote, orders = symbol.quote, self._state.orders
        best = quote.best(buying=buying)
        if best is not None and ladder.is_reached(best):
            for order_id in ladder.reached(best):
                if self.execute(symbol, orders[order_id], now_ns, resting=True).is_live:
                    break  # nothing is left for those behind it
        # A trade at a worse price than a resting order's went through it, whoever made it.
        if quote.is_traded and quote.has_book and ladder.is_reached(quote.ltp):
            for order_id in ladder.reached(quote.ltp, beyond=True):
                order = orders[order_id]
                self.fill(symbol, order, order.pending_quantity, order.price, now_ns)

    def _trade(self, order: Order, fill: Fill, now_ns: int, epoch: int) -> None:
        state = self._state
        state.counters.trades += 1
        at = datetime.fromtimestamp(now_ns / 1e9, IST)
        trade = Trade(
            id=f"TRADE-{at:%Y%m%d-%H%M%S}-{state.counters.trades % 2**32:08x}",
            order_id=order.id,
            fill=order.fills,
            account=order.account,
            exchange=order.exchange,
            symbol=order.symbol,
            action=order.action,
            product=order.product,
            quantity=fill.quantity,
            price=fill.price,
            value=fill.value,
            strategy=order.strategy,
            at_ns=now_ns,
            epoch=epoch,
        )
        state.trades.append(trade)
        state.changes.trades.append(trade)
