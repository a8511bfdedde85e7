"""Kite's order updates: the text frames of type `order`, which every connection gets.

Source: the postbacks of Kite Connect v3. The pending quantity has two names in the wild.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from adapters.codec import Notice, OrderUpdate
from adapters.errors import MalformedError
from bus.market.orders import Order, OrderStatus

_Price = Annotated[float, Meta(ge=0, le=1e12)]
_Quantity = Annotated[int, Meta(ge=0, le=2**53)]

_STATUS: Final[dict[str, OrderStatus]] = {
    "COMPLETE": "complete",
    "REJECTED": "rejected",
    "CANCELLED": "cancelled",
    "CANCELLED AMO": "cancelled",
    "TRIGGER PENDING": "trigger pending",
}
#: Every other word is a step of an order that is on its way, and new ones are added.
_ON_ITS_WAY: Final[OrderStatus] = "open"
#: A margin product of one exchange, and carried overnight like NRML.
_PRODUCTS: Final[dict[str, Literal["CNC", "NRML", "MIS"]]] = {
    "CNC": "CNC",
    "NRML": "NRML",
    "MIS": "MIS",
    "MTF": "NRML",
    "CO": "MIS",
    "BO": "MIS",
}


class _Data(Struct):
    order_id: str
    status: str
    tradingsymbol: str = ""
    exchange: str = ""
    transaction_type: Literal["BUY", "SELL"] | None = None
    order_type: Literal["MARKET", "LIMIT", "SL", "SL-M"] | None = None
    product: str = ""
    instrument_token: int = 0
    status_message: str | None = None
    price: _Price = 0.0
    trigger_price: _Price = 0.0
    average_price: _Price = 0.0
    quantity: _Quantity = 0
    filled_quantity: _Quantity = 0
    pending_quantity: _Quantity | None = None
    unfilled_quantity: _Quantity | None = None


_decode = msgspec.json.Decoder(_Data).decode


def read_order(data: msgspec.Raw) -> OrderUpdate | Notice:
    """The update in the `data` of a message; a notice, if it does not say what order that is.

    Raises:
        MalformedError: it is no order.
    """
    try:
        told = _decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise MalformedError(f"an order that is none: {error}") from None
    if told.transaction_type is None or told.order_type is None or not told.tradingsymbol:
        return Notice(f"order {told.order_id} is {told.status}")
    product = _PRODUCTS.get(told.product)
    if product is None:
        raise MalformedError(f"an order of the unknown product {told.product[:32]!r}")
    order = Order(
        orderid=told.order_id,
        symbol=told.tradingsymbol,
        exchange=told.exchange,
        action=told.transaction_type,
        quantity=told.quantity,
        price=told.price,
        trigger_price=told.trigger_price,
        pricetype=told.order_type,
        product=product,
        order_status=_STATUS.get(told.status, _ON_ITS_WAY),
        filled_quantity=told.filled_quantity,
        pending_quantity=_pending(told),
        average_price=told.average_price,
        rejection_reason=told.status_message or "",
    )
    return OrderUpdate(order=order, token=str(told.instrument_token or ""))


def _pending(told: _Data) -> int:
    for quantity in (told.pending_quantity, told.unfilled_quantity):
        if quantity is not None:
            return quantity
    return max(0, told.quantity - told.filled_quantity)
