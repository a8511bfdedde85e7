"""The things of the sandbox: what goes in, what is kept, what comes out.

Amounts and prices are `Micros`, times are Unix ns, quantities are units (never lots). What is
frozen never changes: a new state is a new object. `Position` changes with every tick, the desk
hands out copies.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from marketdata.sandbox.money import RUPEE, Micros, divide

Action: TypeAlias = Literal["BUY", "SELL"]
PriceType: TypeAlias = Literal["MARKET", "LIMIT", "SL", "SL-M"]
Product: TypeAlias = Literal["CNC", "NRML", "MIS"]
Status: TypeAlias = Literal["open", "trigger pending", "complete", "cancelled", "rejected"]
#: Who placed an order: a client, or one of the sandbox's own rules.
Source: TypeAlias = Literal["client", "gtt", "risk", "square_off", "expiry", "kill_switch"]
#: Who did something to an account: whoever places orders, and the hours of the day.
Actor: TypeAlias = Literal[Source, "schedule"]
GttStatus: TypeAlias = Literal["active", "triggered", "cancelled", "expired", "rejected"]
LegStatus: TypeAlias = Literal["pending", "triggered", "cancelled"]
Direction: TypeAlias = Literal["above", "below"]


class OrderRequest(Struct, frozen=True, kw_only=True, gc=False):
    """What a client asks for. `ref` is the client's own mark: a second request of the account
    with the same one is answered with the first one's order."""

    exchange: str
    symbol: str
    action: Action
    quantity: int
    pricetype: PriceType = "MARKET"
    product: Product = "MIS"
    price: Micros = 0
    trigger_price: Micros = 0
    strategy: str = ""
    ref: str = ""


class Change(Struct, frozen=True, kw_only=True, gc=False):
    """What `modify` changes; None leaves it as it is."""

    quantity: int | None = None
    price: Micros | None = None
    trigger_price: Micros | None = None
    pricetype: PriceType | None = None


class Order(Struct, frozen=True, kw_only=True, gc=False):
    """An order. While some of it is filled and some is not, it stays `open`.

    `filled_value` is the sum of price x quantity over its fills. `blocked` is the margin that it
    holds, for `margined` units; the rest of its quantity reduces a position. `event` numbers all
    changes of all orders.
    """

    id: str
    account: str
    exchange: str
    symbol: str
    action: Action
    quantity: int
    pricetype: PriceType
    product: Product
    price: Micros
    trigger_price: Micros
    strategy: str
    status: Status
    placed_ns: int
    changed_ns: int
    event: int
    source: Source = "client"
    filled_quantity: int = 0
    filled_value: int = 0
    fills: int = 0
    blocked: Micros = 0
    margined: int = 0
    reason: str = ""
    leg_id: str = ""
    ref: str = ""

    @property
    def is_live(self) -> bool:
        return self.status in {"open", "trigger pending"}

    @property
    def pending_quantity(self) -> int:
        return self.quantity - self.filled_quantity

    @property
    def average_price(self) -> Micros:
        return divide(self.filled_value, self.filled_quantity) if self.filled_quantity else 0

    @property
    def sign(self) -> int:
        return 1 if self.action == "BUY" else -1


class Trade(Struct, frozen=True, kw_only=True, gc=False):
    """One fill; `fill` counts those of its order from 1. `value` is what it cost or brought,
    `epoch` how often the account was reset before."""

    id: str
    order_id: str
    fill: int
    account: str
    exchange: str
    symbol: str
    action: Action
    product: Product
    quantity: int
    price: Micros
    value: Micros
    strategy: str
    at_ns: int
    epoch: int


class Position(Struct, kw_only=True):
    """Net quantity (short: negative) of an instrument in a product.

    `cost` is what the open quantity cost (short: minus what it brought), so that the average price
    is a quotient and never a rounded sum. `realised` adds up over the position's whole life,
    `*_today` and the bought and sold figures since the last day reset.
    """

    account: str
    exchange: str
    symbol: str
    product: Product
    opened_ns: int
    quantity: int = 0
    cost: Micros = 0
    blocked: Micros = 0
    realised: Micros = 0
    realised_today: Micros = 0
    last_price: Micros = 0
    unrealised: Micros = 0
    bought_quantity: int = 0
    bought_value: Micros = 0
    sold_quantity: int = 0
    sold_value: Micros = 0
    #: Units of the underlying per unit of quantity, in millionths: 1 except for crypto.
    multiplier: int = RUPEE

    @property
    def average_price(self) -> Micros:
        """0 when flat."""
        if not self.quantity:
            return 0
        return divide(abs(self.cost) * RUPEE, abs(self.quantity) * self.multiplier)


class Holding(Struct, kw_only=True):
    """Shares in the depository; `cost` is what they cost, paid in full."""

    account: str
    exchange: str
    symbol: str
    quantity: int
    cost: Micros
    last_price: Micros = 0

    @property
    def average_price(self) -> Micros:
        return divide(self.cost, self.quantity) if self.quantity else 0

    @property
    def unrealised(self) -> Micros:
        """0 before a price is known."""
        return self.last_price * self.quantity - self.cost if self.last_price else 0


class Funds(Struct, frozen=True, kw_only=True, gc=False):
    """An account's money: capital + realised = cash + holdings, available = cash - used."""

    account: str
    capital: Micros
    cash: Micros
    used: Micros
    available: Micros
    holdings: Micros
    realised: Micros
    realised_today: Micros
    unrealised: Micros
    resets: int


class LegRequest(Struct, frozen=True, kw_only=True, gc=False):
    """One leg of a GTT: the order that is placed when the price gets to `trigger_price`."""

    action: Action
    quantity: int
    trigger_price: Micros
    pricetype: PriceType = "LIMIT"
    price: Micros = 0


class GttRequest(Struct, frozen=True, kw_only=True):
    """One leg, or two of which one cancels the other (OCO)."""

    exchange: str
    symbol: str
    product: Product
    legs: list[LegRequest]
    strategy: str = ""


class Leg(Struct, frozen=True, kw_only=True, gc=False):
    """A leg as it is kept; `direction` is where the price comes from to meet the trigger."""

    id: str
    gtt_id: str
    action: Action
    quantity: int
    trigger_price: Micros
    pricetype: PriceType
    price: Micros
    direction: Direction
    status: LegStatus = "pending"
    order_id: str = ""


class Gtt(Struct, frozen=True, kw_only=True):
    """A good-till-triggered order."""

    id: str
    account: str
    exchange: str
    symbol: str
    product: Product
    strategy: str
    status: GttStatus
    placed_ns: int
    expires_ns: int
    blocked: Micros
    legs: tuple[Leg, ...]
    reason: str = ""


class ExitRule(Struct, frozen=True, kw_only=True, gc=False):
    """Stop, target and trailing stop of one position; 0 leaves one out.

    `trail` is how far behind the best price the stop follows, once the profit is `trail_from` per
    unit. `best` is the best price since the rule was set, `stop` moves with it.
    """

    account: str
    exchange: str
    symbol: str
    product: Product
    stop: Micros = 0
    target: Micros = 0
    trail: Micros = 0
    trail_from: Micros = RUPEE
    best: Micros = 0
    tried_ns: int = 0


class Limits(Struct, frozen=True, kw_only=True, gc=False):
    """An account's limits; 0 leaves one out. `killed` says why nothing but exits is accepted."""

    account: str
    max_loss: Micros = 0
    max_position_value: Micros = 0
    max_orders_per_minute: int = 0
    killed: str = ""


class AuditEntry(Struct, frozen=True, kw_only=True, gc=False):
    """Who did what; `subject` is the order, GTT or instrument it was done to."""

    number: int
    at_ns: int
    account: str
    actor: Actor
    action: str
    subject: str = ""
    detail: str = ""
