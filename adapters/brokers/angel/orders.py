"""Angel One's order updates: a JSON message per change, on a WebSocket of their own.

Source: SmartAPI's documentation of "Websocket Order Status". Numbers come as numbers and as
text, and an empty text is a zero.
"""

from __future__ import annotations

import math
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct, field

from adapters.brokers.angel.master import equity_symbol
from adapters.brokers.angel.packets import EXCHANGE_TYPES
from adapters.codec import OrderUpdate
from adapters.errors import BrokerError, MalformedError, Verdict
from bus.market.orders import Order, OrderStatus

_Number: TypeAlias = str | float | None
#: Whole numbers above it are none in a double, and no quantity either.
_MAX_NUMBER: Final = 2.0**53

#: What the server says once, when a connection is accepted.
_ACCEPTED: Final = "AB00"
_STATUS: Final[dict[str, OrderStatus]] = {
    "AB01": "open",
    "AB02": "cancelled",
    "AB03": "rejected",
    "AB04": "open",  # modified
    "AB05": "complete",
    "AB06": "open",  # after market order received
    "AB07": "cancelled",  # after market order
    "AB08": "open",  # after market order modified
    "AB09": "open",  # open pending
    "AB10": "trigger pending",
    "AB11": "open",  # modify pending
}
_ACTIONS: Final[dict[str, Literal["BUY", "SELL"]]] = {"BUY": "BUY", "SELL": "SELL"}
_PRICE_TYPES: Final[dict[str, Literal["MARKET", "LIMIT", "SL", "SL-M"]]] = {
    "MARKET": "MARKET",
    "LIMIT": "LIMIT",
    "STOPLOSS_LIMIT": "SL",
    "STOPLOSS_MARKET": "SL-M",
}
_PRODUCTS: Final[dict[str, Literal["CNC", "NRML", "MIS"]]] = {
    "DELIVERY": "CNC",
    "CARRYFORWARD": "NRML",
    "INTRADAY": "MIS",
    # Delivery on credit, and bracket orders, which end with the day. OpenAlgo places neither,
    # but the broker's own app does.
    "MARGIN": "CNC",
    "BO": "MIS",
}
#: `status-code` of a refusal that only new credentials help.
_NEEDS_TOKEN: Final = frozenset({"401", "403"})


class _Data(Struct):
    """`orderData`; what is not used is left out."""

    orderid: str = ""
    tradingsymbol: str = ""
    symboltoken: str = ""
    exchange: str = ""
    transactiontype: str = ""
    ordertype: str = ""
    producttype: str = ""
    price: _Number = None
    triggerprice: _Number = None
    quantity: _Number = None
    filledshares: _Number = None
    unfilledshares: _Number = None
    averageprice: _Number = None
    text: str = ""


class _Message(Struct, rename="kebab"):
    order_status: str = ""
    status_code: str | int = "200"
    error_message: str = ""
    order_data: _Data = field(name="orderData", default_factory=_Data)


_decode = msgspec.json.Decoder(_Message).decode


def read_order(text: str | bytes) -> OrderUpdate | None:
    """What a message tells; None: the connection was accepted.

    Raises:
        BrokerError: the message is a refusal.
        MalformedError: it is none of the broker's, or of an order that cannot be told.
    """
    try:
        message = _decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise MalformedError(f"a message that is no order update: {error}") from None
    code = str(message.status_code)
    if code != "200":
        verdict = Verdict.NEEDS_TOKEN if code in _NEEDS_TOKEN else Verdict.GO_ON
        raise BrokerError(code, message.error_message or f"status code {code}", verdict)
    if message.order_status == _ACCEPTED:
        return None
    try:
        order = _order(message.order_status, message.order_data)
    except KeyError as error:
        raise MalformedError(f"an order with {error} in it", "unknown_order") from None
    except ValueError as error:
        raise MalformedError(f"an order with a number that is none: {error}") from None
    return OrderUpdate(order=order, token=_token(message.order_data))


def _order(code: str, data: _Data) -> Order:
    """Raises KeyError: a word that has no meaning here; ValueError: a number that is none."""
    status = _STATUS[code]
    quantity, filled = _whole(data.quantity), _whole(data.filledshares)
    left = data.unfilledshares
    return Order(
        orderid=data.orderid,
        symbol=equity_symbol(data.tradingsymbol),
        exchange=data.exchange,
        action=_ACTIONS[data.transactiontype],
        quantity=quantity,
        price=_price(data.price),
        trigger_price=_price(data.triggerprice),
        pricetype=_PRICE_TYPES[data.ordertype],
        product=_PRODUCTS[data.producttype],
        order_status=status,
        filled_quantity=filled,
        pending_quantity=max(quantity - filled, 0) if left in {None, ""} else _whole(left),
        average_price=_price(data.averageprice),
        rejection_reason=data.text if status == "rejected" else "",
    )


def _token(data: _Data) -> str:
    """The master's token of the order's instrument, or nothing."""
    kind = EXCHANGE_TYPES.get(data.exchange)
    return f"{kind}|{data.symboltoken}" if kind and data.symboltoken else ""


def _price(value: _Number) -> float:
    number = float(value or 0)
    if not (math.isfinite(number) and abs(number) <= _MAX_NUMBER):
        raise ValueError(f"{value!r}")
    return number


def _whole(value: _Number) -> int:
    return int(_price(value))
