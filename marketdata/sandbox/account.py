"""One account's books: cash, margin, positions, holdings. Pure, exact, and always balanced.

    capital + realised   = cash + cost of the holdings
    used                 = blocked by positions + by live orders + by active GTTs
    realised             = what sales brought - what purchases cost
                           + cost of positions and holdings, over all trades since the last reset

A rounded quotient is taken away from what it is a part of, so that nothing is lost or made.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple, TypeAlias

from bus.market.instruments import Contract
from marketdata.sandbox.model import Funds, Holding, Limits, Order, Position, Product
from marketdata.sandbox.money import RUPEE, Micros, divide
from marketdata.sandbox.rules import Rules, value

#: (exchange, symbol, product)
Key: TypeAlias = tuple[str, str, Product]


class Fill(NamedTuple):
    """What a fill does to the books, decided before anything is changed."""

    quantity: int
    price: Micros
    closing: int
    opening: int
    #: Margined units of the order that are used up, and their margin.
    margined: int
    share: Micros
    #: Margin that the position gives back, and gets.
    released: Micros
    blocked: Micros
    #: Cost that leaves the position, and what is earned by that.
    removed: Micros
    realised: Micros
    #: What the fill is worth.
    value: Micros


class Account:
    """Changes through its methods only. `unrealised` follows the positions' prices."""

    def __init__(self, name: str, capital: Micros, cash: Micros | None = None) -> None:
        self.name = name
        self.capital = capital
        self.cash = capital if cash is None else cash
        self.used: Micros = 0
        self.realised: Micros = 0
        self.realised_today: Micros = 0
        self.unrealised: Micros = 0
        #: `unrealised` at the last day reset: what of it is not of today.
        self.carried: Micros = 0
        self.holdings_cost: Micros = 0
        self.resets = 0
        self.limits = Limits(account=name)
        self.positions: dict[Key, Position] = {}
        self.holdings: dict[tuple[str, str], Holding] = {}
        #: Units of live orders, by position and side, that are to reduce it.
        self.reducing: dict[tuple[Key, str], int] = {}
        #: And those that are to open or enlarge one.
        self.opening: dict[tuple[Key, str], int] = {}
        #: When clients' orders of the last minute came, Unix ns.
        self.order_times: deque[int] = deque()

    @property
    def available(self) -> Micros:
        return self.cash - self.used

    @property
    def day_result(self) -> Micros:
        """Profit or loss since the last day reset, open positions at their prices."""
        return self.realised_today + self.unrealised - self.carried

    def funds(self) -> Funds:
        return Funds(
            account=self.name,
            capital=self.capital,
            cash=self.cash,
            used=self.used,
            available=self.available,
            holdings=self.holdings_cost,
            realised=self.realised,
            realised_today=self.realised_today,
            unrealised=self.unrealised,
            resets=self.resets,
        )

    def reducible(self, key: Key, action: str) -> int:
        """How many units an order may still reduce a position by, without any margin."""
        position = self.positions.get(key)
        if position is None or (position.quantity > 0) == (action == "BUY"):
            return 0
        return max(0, abs(position.quantity) - self.reducing.get((key, action), 0))

    def sellable(self, exchange: str, symbol: str) -> int:
        """Shares in CNC that no live order sells: bought today less sold today, and held."""
        key: Key = (exchange, symbol, "CNC")
        position, held = self.positions.get(key), self.holdings.get((exchange, symbol))
        there = (position.quantity if position else 0) + (held.quantity if held else 0)
        return there - self.reducing.get((key, "SELL"), 0)

    def reserve(self, order: Order, sign: int) -> None:
        """A live order's reducing units are (`sign` 1) or are no more (-1) spoken for.

        All that a CNC order sells is spoken for: selling shares that are held needs no margin.
        """
        place = ((order.exchange, order.symbol, order.product), order.action)
        _add(self.reducing, place, sign * (order.pending_quantity - order.margined))
        _add(self.opening, place, sign * order.margined)

    def plan(
        self, order: Order, contract: Contract, rules: Rules, quantity: int, price: Micros
    ) -> Fill | None:
        """What filling so much of an order would do; None: its account cannot pay for it.

        That happens only to an order that was to reduce a position which is gone: it would open
        one for which no margin was blocked.
        """
        position = self.positions.get((order.exchange, order.symbol, order.product))
        held = position.quantity if position is not None else 0
        closing = min(quantity, abs(held)) if held * order.sign < 0 else 0
        opening = quantity - closing
        margined = max(0, quantity - (order.pending_quantity - order.margined))
        share = part(order.blocked, margined, order.margined)
        removed = released = realised = 0
        worth = 0
        if position is not None and closing:
            removed = part(position.cost, closing, abs(held))
            released = part(position.blocked, closing, abs(held))
            worth = value(closing, price, position.multiplier)
            realised = (worth if held > 0 else -worth) - removed
        blocked = needed = rules.margin(contract, order.product, order.action, opening, price)
        missing = needed - share
        if missing > 0:
            free = max(0, self.available + released + realised)
            if opening > margined and missing > free:
                return None
            blocked = share + min(missing, free)  # slippage is blocked as far as money goes
        worth += value(opening, price, contract.contract_value)
        return Fill(
            quantity, price, closing, opening, margined, share,
            released, blocked, removed, realised, worth,
        )  # fmt: skip

    def apply(self, order: Order, contract: Contract, fill: Fill, now_ns: int) -> Position:
        """Book a fill that was planned; the order's own amounts are its owner's business."""
        key: Key = (order.exchange, order.symbol, order.product)
        position = self.positions.get(key)
        if position is None:
            position = Position(
                account=self.name,
                exchange=order.exchange,
                symbol=order.symbol,
                product=order.product,
                opened_ns=now_ns,
                multiplier=contract.contract_value,
            )
            self.positions[key] = position
        elif not position.quantity:
            position.opened_ns = now_ns
        self.unrealised -= position.unrealised
        opened = fill.value
        if fill.closing:
            opened -= value(fill.closing, fill.price, position.multiplier)
        position.quantity += order.sign * fill.quantity
        position.cost += order.sign * opened - fill.removed
        position.blocked += fill.blocked - fill.released
        position.realised += fill.realised
        position.realised_today += fill.realised
        if order.action == "BUY":
            position.bought_quantity += fill.quantity
            position.bought_value += fill.value
        else:
            position.sold_quantity += fill.quantity
            position.sold_value += fill.value
        self.used += fill.blocked - fill.share - fill.released
        self._earn(fill.realised)
        mark(position, fill.price)
        self.unrealised += position.unrealised
        return position

    def mark(self, position: Position, price: Micros) -> None:
        """A position's instrument has a new price."""
        before = position.unrealised
        position.last_price = price
        if position.multiplier == RUPEE:
            position.unrealised = price * position.quantity - position.cost
        else:
            mark(position, price)
        self.unrealised += position.unrealised - before

    def deliver(self, position: Position) -> Holding:
        """T+1: shares in a CNC position move to the holdings, sold ones leave them."""
        place = (position.exchange, position.symbol)
        holding = self.holdings.get(place)
        if holding is None:
            holding = Holding(
                account=self.name,
                exchange=position.exchange,
                symbol=position.symbol,
                quantity=0,
                cost=0,
            )
            self.holdings[place] = holding
        holding.last_price = position.last_price or holding.last_price
        moved, earned = position.cost, 0
        if position.quantity < 0:
            moved = -part(holding.cost, -position.quantity, holding.quantity)
            earned = moved - position.cost
        holding.quantity += position.quantity
        holding.cost += moved
        self.holdings_cost += moved
        self.cash -= moved
        self.used -= position.blocked
        self._earn(earned)
        self.carried += earned - position.unrealised  # a move of shares is no result of the day
        position.realised += earned
        position.realised_today += earned
        self.unrealised -= position.unrealised
        position.quantity = position.cost = position.blocked = position.unrealised = 0
        if not holding.quantity:
            del self.holdings[place]
        return holding

    def begin_day(self) -> list[Position]:
        """Today's figures are 0 again; gives back the flat positions, which are gone."""
        self.realised_today = 0
        self.carried = self.unrealised
        for position in self.positions.values():
            position.realised_today = 0
            position.bought_quantity = position.bought_value = 0
            position.sold_quantity = position.sold_value = 0
        flat = [position for position in self.positions.values() if not position.quantity]
        for position in flat:
            del self.positions[position.exchange, position.symbol, position.product]
        return flat

    def begin_anew(self, capital: Micros) -> None:
        """Everything back to the starting capital; orders and GTTs are gone before."""
        self.positions.clear()
        self.holdings.clear()
        self.reducing.clear()
        self.opening.clear()
        self.capital = self.cash = capital
        self.used = self.realised = self.realised_today = 0
        self.unrealised = self.carried = self.holdings_cost = 0
        self.resets += 1

    def _earn(self, amount: Micros) -> None:
        self.cash += amount
        self.realised += amount
        self.realised_today += amount


def _add(counts: dict[tuple[Key, str], int], place: tuple[Key, str], units: int) -> None:
    if units:
        left = counts.get(place, 0) + units
        if left:
            counts[place] = left
        else:
            del counts[place]


def mark(position: Position, price: Micros) -> None:
    """Set a position's price and what it has gained or lost by it."""
    position.last_price = price
    position.unrealised = value(position.quantity, price, position.multiplier) - position.cost


def part(amount: Micros, units: int, of_units: int) -> Micros:
    """The part of an amount that some of its units have; the last ones get all that is left."""
    if units == of_units:
        return amount
    return divide(amount * units, of_units)
