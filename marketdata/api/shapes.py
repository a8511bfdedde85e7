"""The requests, as OpenAlgo's clients send them.

Clients write numbers as text or as numbers; both are taken. Prices are rupees, quantities units.
Fields that nobody here needs (`disclosed_quantity`, further ones of newer clients) are let pass.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct, field

from bus.topics import MAX_SYMBOL_LENGTH
from marketdata.api.endpoint import Request
from marketdata.sandbox.model import PriceType, Product

AnyAction: TypeAlias = Literal["BUY", "SELL", "buy", "sell"]
Quantity: TypeAlias = Annotated[int, Meta(gt=0, le=10**12, examples=[10])]
Price: TypeAlias = Annotated[float, Meta(ge=0, le=1e9)]
Symbol: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=MAX_SYMBOL_LENGTH, examples=["RELIANCE"])
]
Exchange: TypeAlias = Annotated[str, Meta(min_length=1, max_length=16, examples=["NSE"])]
Id: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
Name: TypeAlias = Annotated[str, Meta(max_length=128)]

#: What one call may bring: orders of a basket, legs, pieces of a split, positions, symbols.
MAX_BASKET = 100
MAX_LEGS = 20
MAX_PIECES = 100
MAX_MARGIN = 50
MAX_SYMBOLS = 500


class Instrument(Struct, kw_only=True, frozen=True):
    symbol: Symbol
    exchange: Exchange


class OrderTerms(Struct, kw_only=True):
    """What is traded and how, without how much of it."""

    symbol: Symbol
    exchange: Exchange
    action: AnyAction
    pricetype: PriceType = "MARKET"
    product: Product = "MIS"
    price: Price = 0.0
    trigger_price: Price = 0.0


class OrderFields(OrderTerms, kw_only=True):
    """An order, without who sends it."""

    quantity: Quantity
    #: Beyond OpenAlgo: a repeated request with the same mark is answered with the first's order.
    ref: Name = ""


class PlaceOrder(OrderFields, kw_only=True):
    """An order, with who sends it."""

    apikey: str = ""
    strategy: Name = ""


class PlaceSmartOrder(OrderTerms, kw_only=True):
    apikey: str = ""
    quantity: Annotated[int, Meta(ge=0, le=10**12)]
    #: The net quantity to arrive at; short positions are negative.
    position_size: Annotated[int, Meta(ge=-(10**12), le=10**12)]
    strategy: Name = ""


class OptionChoice(Struct, kw_only=True):
    """An option by its distance from the underlying's price, in strikes."""

    offset: Annotated[
        str, Meta(pattern=r"^(ATM|(ITM|OTM)([1-9]|[1-4][0-9]|50))$", examples=["ATM", "OTM2"])
    ]
    option_type: Literal["CE", "PE"]
    #: Like 28OCT25; may be left out where the underlying, a future, names its day.
    expiry_date: Name = ""


class OptionLeg(OptionChoice, kw_only=True):
    action: AnyAction
    quantity: Quantity
    pricetype: PriceType = "MARKET"
    product: Product = "MIS"
    price: Price = 0.0
    trigger_price: Price = 0.0


class OptionSymbol(OptionChoice, kw_only=True):
    apikey: str = ""
    underlying: Symbol
    exchange: Exchange
    strategy: Name = ""


class OptionOrder(OptionLeg, kw_only=True):
    apikey: str = ""
    underlying: Symbol
    exchange: Exchange
    strategy: Name = ""


class OptionOrders(Request, kw_only=True):
    underlying: Symbol
    exchange: Exchange
    #: Of the legs that have none of their own.
    expiry_date: Name = ""
    legs: Annotated[list[OptionLeg], Meta(min_length=1, max_length=MAX_LEGS)]
    strategy: Name = ""


class BasketOrder(Request, kw_only=True):
    orders: Annotated[list[OrderFields], Meta(min_length=1, max_length=MAX_BASKET)]
    strategy: Name = ""


class SplitOrder(PlaceOrder, kw_only=True):
    splitsize: Quantity


class ModifyOrder(Request, kw_only=True):
    orderid: Id
    quantity: Quantity
    price: Price
    trigger_price: Price = 0.0
    pricetype: PriceType | None = None
    #: These cannot change; they are compared with the order's when given.
    symbol: Name = ""
    exchange: Name = ""
    action: AnyAction | None = None
    product: Product | None = None
    strategy: Name = ""


class OneOrder(Request, kw_only=True):
    orderid: Id
    strategy: Name = ""


class Account(Request, kw_only=True):
    """A call on the whole account."""

    strategy: Name = ""


class ClosePosition(Account, kw_only=True):
    """All positions, or one of them."""

    symbol: Name = ""
    exchange: Name = ""
    product: Product | None = None


class OpenPosition(Request, kw_only=True):
    symbol: Symbol
    exchange: Exchange
    product: Product
    strategy: Name = ""


class Margin(Request, kw_only=True):
    positions: Annotated[list[OrderFields], Meta(min_length=1, max_length=MAX_MARGIN)]


class OneSymbol(Request, kw_only=True):
    symbol: Symbol
    exchange: Exchange


class MultiQuotes(Request, kw_only=True):
    symbols: Annotated[list[Instrument], Meta(min_length=1, max_length=MAX_SYMBOLS)]


class Search(Request, kw_only=True):
    query: Annotated[str, Meta(min_length=1, max_length=64)]
    exchange: Name = ""


class Expiry(Request, kw_only=True):
    symbol: Symbol
    exchange: Exchange
    instrumenttype: Literal["futures", "options"]


class History(OneSymbol, kw_only=True):
    interval: Name
    start_date: Name
    end_date: Name
    source: Name = "api"


class AnalyzerToggle(Request, kw_only=True):
    mode: bool


class Timings(Request, kw_only=True):
    #: YYYY-MM-DD; today when empty.
    date: Annotated[str, Meta(pattern=r"^(\d{4}-\d{2}-\d{2})?$")] = ""


class GttFields(Request, kw_only=True):
    """SINGLE has one trigger: `triggerprice_sl` below the price or `triggerprice_tg` above it. OCO
    has both, with a limit price each."""

    symbol: Symbol
    exchange: Exchange
    action: AnyAction
    quantity: Quantity
    trigger_type: Literal["SINGLE", "OCO", "single", "oco"] = "SINGLE"
    product: Product = "CNC"
    pricetype: Literal["LIMIT", "MARKET"] = "LIMIT"
    price: Price = 0.0
    triggerprice_sl: Price | Literal[""] | None = 0.0
    triggerprice_tg: Price | Literal[""] | None = 0.0
    stoploss: Price | Literal[""] | None = None
    target: Price | Literal[""] | None = None
    strategy: Name = ""


class ModifyGtt(GttFields, kw_only=True):
    trigger_id: Id


class OneGtt(Request, kw_only=True):
    trigger_id: Id
    strategy: Name = ""


class GttBook(Request, kw_only=True):
    status: Literal["active", "all"] = "active"


# --- our own paths ----------------------------------------------------------------------------


class Of(Request, kw_only=True):
    """Of the key's own account; administrators may name another user's."""

    user: Name = ""


class SetLimits(Of, kw_only=True):
    """0 leaves a limit out; rupees."""

    max_loss: Price = 0.0
    max_position_value: Annotated[float, Meta(ge=0, le=1e12)] = 0.0
    max_orders_per_minute: Annotated[int, Meta(ge=0, le=100_000)] = 0


class SetExitRule(Of, kw_only=True):
    """Stop, target and trailing stop of one position, in rupees; all 0 removes the rule."""

    symbol: Symbol
    exchange: Exchange
    product: Product
    stop: Price = 0.0
    target: Price = 0.0
    trail: Price = 0.0
    trail_from: Price = 1.0


class KillSwitch(Of, kw_only=True):
    """An empty reason switches trading on again."""

    reason: Name


class Audit(Of, kw_only=True):
    last: Annotated[int, Meta(ge=1, le=1000)] = 100


class Freshness(Request, kw_only=True):
    """Of these instruments; of all that are known when there are none."""

    symbols: Annotated[list[Instrument], Meta(max_length=MAX_SYMBOLS)] = field(default_factory=list)
