"""The sandbox's core, put together: commands, ticks and the time in, changes out. Pure.

Nothing here knows of files, sockets, threads or clocks. Two engines that are told the same in the
same order end in the same state, with the same ids.
"""

from __future__ import annotations

from marketdata.sandbox.closing import Closing
from marketdata.sandbox.entering import Entering
from marketdata.sandbox.gtts import Gtts
from marketdata.sandbox.matching import Matching
from marketdata.sandbox.orders import Orders
from marketdata.sandbox.quote import Data, seen_of
from marketdata.sandbox.risk import Risk
from marketdata.sandbox.state import State, Symbol
from marketdata.sandbox.timetable import Timetable


class Engine:
    """One per desk; its parts act on one `State`, whose `changes` its owner takes away."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.matching = Matching(state)
        entering = Entering(state, self.matching)
        self.orders = Orders(state, self.matching, entering)
        self.closing = Closing(state, self.matching, entering)
        self.gtts = Gtts(state, self.orders)
        self.risk = Risk(state, self.orders, self.closing, self.gtts)
        self.timetable = Timetable(
            state, self.matching, self.orders, self.closing, self.gtts, self.risk
        )
        #: Ticks that moved nothing: outside their own day's range, and too old.
        self.odd_ticks_total = 0
        self.old_ticks_total = 0

    def on_tick(self, tick: Data, received_ns: int, now_ns: int) -> None:
        """The next tick of an instrument; of others than those it needs, nothing happens."""
        symbol = self.state.symbols.get((tick.exchange, tick.symbol))
        if symbol is None:
            return
        quote = symbol.quote
        quote.update(seen_of(tick), received_ns)
        if not quote.is_sane:
            self.odd_ticks_total += 1
            return
        if symbol.positions:
            self._mark(symbol, now_ns)
        if symbol.is_calm:
            return
        if now_ns - received_ns > self.state.rules.max_price_age_ns:
            self.old_ticks_total += 1
            return
        self.matching.on_price(symbol, now_ns)
        if len(symbol.gtts_above) or len(symbol.gtts_below):
            self.gtts.on_price(symbol, now_ns)
        if symbol.rules:
            self.risk.on_price(symbol, now_ns)

    def _mark(self, symbol: Symbol, now_ns: int) -> None:
        """Give the positions their new price; a loss that is too much ends the trading."""
        is_limited = False
        ltp = symbol.quote.ltp
        for account, position in symbol.positions.values():
            if position.last_price != ltp:
                account.mark(position, ltp)
                is_limited = is_limited or account.limits.max_loss > 0
        if is_limited:
            for account, _ in list(symbol.positions.values()):
                self.risk.check_loss(account, now_ns)

    def restore(self) -> None:
        """Build the indices of a state that was read from the store."""
        state = self.state
        for account in state.accounts.values():
            account.used = account.holdings_cost = account.unrealised = 0
            for position in account.positions.values():
                account.used += position.blocked
                account.unrealised += position.unrealised
                state.watch(account, position)
            for holding in account.holdings.values():
                account.holdings_cost += holding.cost
                state.symbol(holding.exchange, holding.symbol)  # whose ticks give it its value
        for order in state.orders.values():
            if order.ref:
                state.refs[order.account, order.ref] = order.id
            if order.is_live:
                account = state.accounts[order.account]
                account.used += order.blocked
                account.reserve(order, 1)
                state.index(order)
        for gtt in state.gtts.values():
            if gtt.status == "active":
                state.accounts[gtt.account].used += gtt.blocked
                self.gtts.index(gtt)

    def wanted(self) -> frozenset[tuple[str, str]]:
        """The instruments whose ticks are needed; holdings too, for their value."""
        held = {place for account in self.state.accounts.values() for place in account.holdings}
        return frozenset(
            held | {key for key, symbol in self.state.symbols.items() if not symbol.is_idle}
        )
