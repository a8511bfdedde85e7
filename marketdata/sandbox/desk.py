"""The sandbox's facade: what the service, its API and its risk screens call.

A desk is for one thread (`runner` gives it one). Every method that changes something returns when
the change is durable, or raises and has changed nothing; inside `batch` that holds for the batch
as a whole. `account` is the name of the user whose API key it is; an unknown one is opened with
the starting capital. All raise `Rejection` with the rule that was broken, `NotFound`, or
`StoreError`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from copy import copy
from typing import TypeVar

from bus.clock import Clock
from marketdata.sandbox.account import Account
from marketdata.sandbox.changes import DayResult
from marketdata.sandbox.durable import Durable, Outlet
from marketdata.sandbox.engine import Engine
from marketdata.sandbox.errors import NotFound
from marketdata.sandbox.model import (
    AuditEntry,
    Change,
    ExitRule,
    Funds,
    Gtt,
    GttRequest,
    Holding,
    Limits,
    Order,
    OrderRequest,
    Position,
    Product,
    Trade,
)
from marketdata.sandbox.money import Micros
from marketdata.sandbox.quote import Data
from marketdata.sandbox.rules import Rules
from marketdata.sandbox.state import Instruments, LastValue
from marketdata.sandbox.store import Store

R = TypeVar("R")


class Desk:
    """Paper trading for any number of accounts.

    `last_value` is asked for the last tick of an instrument that an order names and whose ticks
    were not passed to `on_ticks` yet.
    """

    def __init__(
        self,
        store: Store,
        instruments: Instruments,
        clock: Clock,
        rules: Rules,
        *,
        outlet: Outlet = lambda _order: None,
        last_value: LastValue = lambda _exchange, _symbol: None,
    ) -> None:
        """Raises StoreError: what is stored cannot be read."""
        self._durable = Durable(store, instruments, clock, rules, outlet, last_value)

    # --- orders --------------------------------------------------------------------------------

    def place(self, account: str, request: OrderRequest) -> str:
        """The id of the new order, which may be complete already."""
        if request.ref and (account, request.ref) not in self._engine.state.refs:
            earlier = self._durable.store.order_of(account, request.ref)
            if earlier is not None:
                return earlier.id

        def act(now_ns: int) -> str:
            self._engine.risk.check_loss(self._engine.state.account(account), now_ns)
            return self._engine.orders.place(account, request, now_ns).id

        return self._do(act, account, f"{request.exchange}:{request.symbol}"[:96])

    def modify(self, account: str, order_id: str, change: Change) -> Order:
        """Only while it is open or trigger pending."""
        orders = self._engine.orders
        return self._do(lambda now: orders.modify(account, order_id, change, now), account)

    def cancel(self, account: str, order_id: str) -> Order:
        """Only while it is open or trigger pending; gives its margin back."""
        return self._do(lambda now: self._engine.orders.cancel(account, order_id, now), account)

    def cancel_all(self, account: str) -> list[str]:
        """The ids of those that were cancelled."""
        orders = self._do(lambda now: self._engine.orders.cancel_own(account, now), account)
        return [order.id for order in orders]

    def close_position(
        self, account: str, exchange: str = "", symbol: str = "", product: Product | None = None
    ) -> list[str]:
        """Exit at market, all positions when nothing is named; the ids of the orders."""

        def act(now_ns: int) -> list[str]:
            owner = self._engine.state.account(account)
            chosen = [
                position
                for position in owner.positions.values()
                if position.quantity
                and exchange in {"", position.exchange}
                and symbol in {"", position.symbol}
                and product in {None, position.product}
            ]
            orders = [self._engine.closing.exit(owner, p, "client", now_ns) for p in chosen]
            return [order.id for split in orders for order in split]

        return self._do(act, account)

    def order(self, account: str, order_id: str) -> Order:
        """An order of any day."""
        found = self._engine.state.own_order(account, order_id)
        found = found or self._durable.store.order(account, order_id)
        if found is None:
            raise NotFound("order", f"no order {order_id[:32]!r}")
        return found

    def orders(self, account: str) -> list[Order]:
        """Today's and the live ones, oldest first."""
        return [order for order in self._engine.state.orders.values() if order.account == account]

    def trades(self, account: str) -> list[Trade]:
        """Today's, oldest first."""
        return [trade for trade in self._engine.state.trades if trade.account == account]

    # --- books ---------------------------------------------------------------------------------

    def positions(self, account: str) -> list[Position]:
        """Open ones, and those closed today; at their last prices."""
        positions = sorted(self._account(account).positions.items())
        return [copy(position) for _, position in positions]

    def holdings(self, account: str) -> list[Holding]:
        """At their last prices."""
        state, told = self._engine.state, []
        for _, holding in sorted(self._account(account).holdings.items()):
            symbol = state.symbol(holding.exchange, holding.symbol)
            state.refresh(symbol)
            if symbol.quote.is_sane:
                holding.last_price = symbol.quote.ltp
            told.append(copy(holding))
        return told

    def funds(self, account: str) -> Funds:
        return self._account(account).funds()

    def days(self, account: str) -> list[DayResult]:
        """What the account's days ended with, oldest first."""
        return self._durable.store.days(account)

    def margin(self, account: str, requests: Sequence[OrderRequest]) -> Micros:
        """What these orders together would block now."""
        return self._do(lambda now: self._engine.orders.margin(account, requests, now), account)

    def reset(self, account: str) -> None:
        """Everything back to the starting capital."""
        owner = self._engine.state.account(account)
        self._do(lambda now: self._engine.timetable.reset(owner, now), account)

    # --- GTT -----------------------------------------------------------------------------------

    def place_gtt(self, account: str, request: GttRequest) -> str:
        """The id of the new GTT."""
        subject = f"{request.exchange}:{request.symbol}"[:96]
        return self._do(
            lambda now: self._engine.gtts.place(account, request, now).id, account, subject
        )

    def modify_gtt(self, account: str, gtt_id: str, request: GttRequest) -> Gtt:
        """Other legs for one that is active."""
        gtts = self._engine.gtts
        return self._do(lambda now: gtts.modify(account, gtt_id, request, now), account)

    def cancel_gtt(self, account: str, gtt_id: str) -> Gtt:
        """Gives its margin back."""
        return self._do(lambda _now: self._engine.gtts.cancel(account, gtt_id), account)

    def gtts(self, account: str) -> list[Gtt]:
        """All of them, oldest first."""
        return [gtt for gtt in self._engine.state.gtts.values() if gtt.account == account]

    # --- risk ----------------------------------------------------------------------------------

    def limits(self, account: str) -> Limits:
        return self._account(account).limits

    def set_limits(self, limits: Limits) -> None:
        """`killed` is left as it is: that is the kill switch's."""
        self._do(lambda now: self._engine.risk.set_limits(limits, now), limits.account)

    def exit_rules(self, account: str) -> list[ExitRule]:
        """Stops, targets and trailing stops of open positions."""
        symbols = sorted(self._engine.state.symbols.items())
        rules = [rule for _, symbol in symbols for _, rule in sorted(symbol.rules.items())]
        return [rule for rule in rules if rule.account == account]

    def set_exit_rule(self, rule: ExitRule) -> None:
        """Needs an open position; one without stop, target and trail removes the rule."""
        self._do(lambda now: self._engine.risk.set_rule(rule, now), rule.account)

    def kill_switch(self, account: str, reason: str) -> list[str]:
        """Cancel and close everything, accept nothing more; the ids of the exit orders.
        An empty reason switches trading on again."""
        owner, risk = self._engine.state.account(account), self._engine.risk
        orders = self._do(lambda now: risk.kill(owner, reason, "client", now), account)
        return [order.id for order in orders]

    def has_account(self, account: str) -> bool:
        """Whether that user ever traded here, or looked."""
        return account in self._engine.state.accounts

    def note(self, account: str, action: str, detail: str) -> None:
        """A line in the audit about what somebody else does to the account."""
        audit = self._engine.state.audit
        self._do(lambda now: audit(account, "client", action, detail=detail, now_ns=now), account)

    def audit(self, account: str, last: int = 100) -> list[AuditEntry]:
        """Who did what, the newest entries, oldest first."""
        return self._durable.store.audit(account, last)

    # --- the market and the time ---------------------------------------------------------------

    def on_ticks(self, ticks: Sequence[tuple[Data, int]]) -> None:
        """A batch of ticks with their times of receipt (Unix ns), committed once."""

        def act(now_ns: int) -> None:
            on_tick = self._engine.on_tick
            for tick, received_ns in ticks:
                on_tick(tick, received_ns, now_ns)

        self._do(act)

    def on_time(self) -> None:
        """What is due by now; to be called once a second."""
        self._do(self._engine.timetable.on_time)

    def wanted(self) -> frozenset[tuple[str, str]]:
        """The instruments, as (exchange, symbol), whose ticks the desk needs."""
        return self._engine.wanted()

    def stats(self) -> dict[str, int]:
        """Counters for `status`."""
        state = self._engine.state
        return {
            "accounts": len(state.accounts),
            "live_orders": sum(order.is_live for order in state.orders.values()),
            "open_positions": sum(len(symbol.positions) for symbol in state.symbols.values()),
            "orders_total": state.counters.orders,
            "trades_total": state.counters.trades,
            "odd_ticks_total": self._engine.odd_ticks_total,
            "old_ticks_total": self._engine.old_ticks_total,
        }

    @property
    def _engine(self) -> Engine:
        return self._durable.engine

    def _do(self, act: Callable[[int], R], account: str = "", subject: str = "") -> R:
        return self._durable.do(act, account, subject)

    # --- durability ----------------------------------------------------------------------------

    def batch(self) -> AbstractContextManager[None]:
        """One transaction for all that is done inside; others are told after it."""
        return self._durable.batch()

    def close(self) -> None:
        """Commit what is left and give the file back."""
        self._durable.close()

    def abandon(self) -> None:
        """Give the file back as it is: what is in memory is not to be believed."""
        self._durable.abandon()

    def _account(self, name: str) -> Account:
        return self._engine.state.account(name)
