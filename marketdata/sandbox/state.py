"""All that the engine knows, with its indices; what decides is in its neighbours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from math import inf
from typing import Protocol, TypeAlias

import msgspec

from bus.market.hours import IST
from bus.market.instruments import Contract, named
from marketdata.sandbox.account import Account
from marketdata.sandbox.changes import Changes
from marketdata.sandbox.errors import Rejection
from marketdata.sandbox.ladder import Ladder
from marketdata.sandbox.model import (
    Actor,
    AuditEntry,
    ExitRule,
    Gtt,
    Order,
    Position,
    Product,
    Trade,
)
from marketdata.sandbox.quote import Data, Quote, seen_of
from marketdata.sandbox.rules import Rules

#: The last tick of an instrument that others watch, and when it was received (Unix ns).
LastValue: TypeAlias = Callable[[str, str], tuple[Data, int] | None]
Owner: TypeAlias = tuple[str, Product]


class Instruments(Protocol):
    """Where contracts are looked up (`bus.market.instruments.Contracts`)."""

    def find(self, exchange: str, symbol: str) -> Contract | None: ...


class Symbol:
    """One instrument: its market, and all that waits for or depends on its price."""

    __slots__ = (
        "buy_stops",
        "buys",
        "calm_above",
        "calm_below",
        "contract",
        "gtts_above",
        "gtts_below",
        "markets",
        "positions",
        "quote",
        "rules",
        "sell_stops",
        "sells",
    )

    def __init__(self, contract: Contract, *, uses_book: bool) -> None:
        self.contract = contract
        self.quote = Quote(uses_book=uses_book)
        self.buys = Ladder(rising=False)
        self.sells = Ladder(rising=True)
        self.buy_stops = Ladder(rising=True)
        self.sell_stops = Ladder(rising=False)
        self.gtts_above = Ladder(rising=True)
        self.gtts_below = Ladder(rising=False)
        #: Orders that take any price, in the order in which they came.
        self.markets: dict[str, None] = {}
        #: The open positions.
        self.positions: dict[Owner, tuple[Account, Position]] = {}
        self.rules: dict[Owner, ExitRule] = {}
        #: Nothing waits for a price between these, in Micros, both excluded.
        self.calm_above: float = -inf
        self.calm_below: float = inf

    def rebound(self) -> None:
        """Something waits for a price, or does no more: say anew between which none is met."""
        falling, rising = (
            (self.buys, self.sell_stops, self.gtts_below),
            (self.sells, self.buy_stops, self.gtts_above),
        )
        self.calm_above = max((one.next_price for one in falling if len(one)), default=-inf)
        self.calm_below = min((one.next_price for one in rising if len(one)), default=inf)

    @property
    def is_calm(self) -> bool:
        """Whether the market is where it can move nothing but the value of positions."""
        if self.markets or self.rules:
            return False
        return self.quote.is_between(self.calm_above, self.calm_below)

    def live_orders(self) -> list[str]:
        """The ids of all that wait here."""
        ladders = (self.buys, self.sells, self.buy_stops, self.sell_stops)
        return [*self.markets, *(order_id for ladder in ladders for order_id in ladder)]

    @property
    def is_idle(self) -> bool:
        """Whether nobody needs its ticks."""
        return not (
            self.positions
            or self.markets
            or len(self.buys)
            or len(self.sells)
            or len(self.buy_stops)
            or len(self.sell_stops)
            or len(self.gtts_above)
            or len(self.gtts_below)
        )


@dataclass
class Counters:
    """Numbers that are given out once, across restarts."""

    orders: int = 0
    trades: int = 0
    gtts: int = 0
    events: int = 0
    audit: int = 0


@dataclass
class State:
    """Plain data with the few operations that keep its indices true."""

    rules: Rules
    instruments: Instruments
    last_value: LastValue = lambda _exchange, _symbol: None
    accounts: dict[str, Account] = field(default_factory=dict)
    symbols: dict[tuple[str, str], Symbol] = field(default_factory=dict)
    #: Live orders, and those that ended since the last day reset.
    orders: dict[str, Order] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    gtts: dict[str, Gtt] = field(default_factory=dict)
    #: Orders by account and the client's own mark.
    refs: dict[tuple[str, str], str] = field(default_factory=dict)
    #: When each job was last due and done, Unix s.
    jobs: dict[str, int] = field(default_factory=dict)
    counters: Counters = field(default_factory=Counters)
    changes: Changes = field(default_factory=Changes)

    def account(self, name: str) -> Account:
        """The account of that name; opened when there is none."""
        found = self.accounts.get(name)
        if found is None:
            found = Account(name, self.rules.capital)
            self.accounts[name] = found
            self.changes.accounts[name] = found
        return found

    def symbol(self, exchange: str, symbol: str) -> Symbol:
        """The instrument; of one that no master has any more, what its name says."""
        key = (exchange, symbol)
        found = self.symbols.get(key)
        if found is None:
            contract = self.instruments.find(exchange, symbol)
            if contract is None:
                contract = Contract(exchange, symbol, *named(exchange, symbol))
            found = Symbol(contract, uses_book=self.rules.fills == "book")
            self.symbols[key] = found
        return found

    def refresh(self, symbol: Symbol) -> None:
        """Take the last tick from elsewhere when it is newer than the last one seen here."""
        told = self.last_value(symbol.contract.exchange, symbol.contract.symbol)
        if told is not None and told[1] > symbol.quote.received_ns:
            tick, received_ns = told
            symbol.quote.update(seen_of(tick), received_ns)

    def is_fresh(self, symbol: Symbol, now_ns: int) -> bool:
        """Whether the last price can be traded on."""
        quote = symbol.quote
        return quote.is_sane and now_ns - quote.received_ns <= self.rules.max_price_age_ns

    def index(self, order: Order) -> None:
        """Let a live order wait where the market will find it."""
        symbol = self.symbol(order.exchange, order.symbol)
        ladder, price = _place(symbol, order)
        if ladder is None:
            symbol.markets[order.id] = None
        else:
            ladder.add(price, int(order.id), order.id)
            symbol.rebound()

    def unindex(self, order: Order) -> None:
        symbol = self.symbol(order.exchange, order.symbol)
        ladder, price = _place(symbol, order)
        if ladder is None:
            symbol.markets.pop(order.id, None)
        else:
            ladder.remove(price, int(order.id), order.id)
            symbol.rebound()

    def record(self, order: Order, now_ns: int) -> Order:
        """A new state of an order: it gets its number, and is told of once it is durable."""
        self.counters.events += 1
        order = msgspec.structs.replace(order, event=self.counters.events, changed_ns=now_ns)
        self.orders[order.id] = order
        self.changes.orders[order.id] = order
        self.changes.told.append(order)
        return order

    def watch(self, account: Account, position: Position, *, is_turned: bool = False) -> None:
        """A position was opened, changed or closed: ticks reach the open ones only.

        Exit rules end with their position, and with its turning from long to short.
        """
        symbol = self.symbol(position.exchange, position.symbol)
        owner = (account.name, position.product)
        if position.quantity:
            symbol.positions[owner] = (account, position)
        else:
            symbol.positions.pop(owner, None)
        if position.quantity and not is_turned:
            return
        if symbol.rules.pop(owner, None) is not None:
            key = (account.name, position.exchange, position.symbol, position.product)
            self.changes.exit_rules[key] = None

    def audit(
        self,
        account: str,
        actor: Actor,
        action: str,
        subject: str = "",
        detail: str = "",
        *,
        now_ns: int,
    ) -> None:
        """Write down who did what."""
        self.counters.audit += 1
        self.changes.audit.append(
            AuditEntry(
                number=self.counters.audit,
                at_ns=now_ns,
                account=account,
                actor=actor,
                action=action,
                subject=subject,
                detail=detail,
            )
        )

    def own_order(self, account: str, order_id: str) -> Order | None:
        """An order in memory, of this account."""
        order = self.orders.get(order_id)
        return order if order is not None and order.account == account else None


def today(now_ns: int) -> date:
    """The day in India."""
    return datetime.fromtimestamp(now_ns / 1e9, IST).date()


def no_price(exchange: str, symbol: str, *, is_stale: bool) -> Rejection:
    """What to answer where a price is needed."""
    if is_stale:
        return Rejection("stale_price", f"the last price of {exchange}:{symbol} is too old")
    return Rejection("no_price", f"no price of {exchange}:{symbol} is known yet")


def _place(symbol: Symbol, order: Order) -> tuple[Ladder | None, int]:
    buys = order.action == "BUY"
    if order.status == "trigger pending":
        return (symbol.buy_stops if buys else symbol.sell_stops), order.trigger_price
    if order.pricetype in {"LIMIT", "SL"}:
        return (symbol.buys if buys else symbol.sells), order.price
    return None, 0
