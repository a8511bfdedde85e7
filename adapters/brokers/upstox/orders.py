"""Upstox's order updates: one order a frame, as flat JSON, on the portfolio stream.

Sources: documentation of the portfolio stream and of order statuses; what the words for
products mean is OpenAlgo's.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from adapters.brokers.upstox.master import EXCHANGES
from adapters.codec import Decoded, OrderUpdate, WireFrame, WireInt
from adapters.errors import MalformedError
from bus.market.orders import Order, OrderStatus

_Product: TypeAlias = Literal["CNC", "NRML", "MIS"]

#: On their way to the exchange, or there.
_OPEN: Final = (
    *("open", "open pending", "validation pending", "put order req received"),
    *("modified", "not modified", "modify pending", "modify validation pending"),
    *("after market order req received", "modify after market order req received"),
    *("cancel pending", "not cancelled"),
)
_STATUSES: Final[dict[str, OrderStatus]] = {
    **dict.fromkeys(_OPEN, "open"),
    "complete": "complete",
    "rejected": "rejected",
    "cancelled": "cancelled",
    "cancelled after market order": "cancelled",
    "trigger pending": "trigger pending",
}
#: Delivery; for contracts it is called NRML. MTF is delivery on credit, CO a cover order,
#: which ends with the day.
_PRODUCTS: Final[dict[str, _Product]] = {"D": "CNC", "MTF": "CNC", "I": "MIS", "CO": "MIS"}
_SHARES: Final = frozenset({"NSE", "BSE"})


class _Update(Struct):
    update_type: str


class _OrderUpdate(Struct):
    """What of an order is used; prices that an order does not have may be null."""

    order_id: str
    trading_symbol: str
    transaction_type: Literal["BUY", "SELL"]
    order_type: Literal["MARKET", "LIMIT", "SL", "SL-M"]
    product: str
    status: str
    quantity: WireInt
    exchange: str = ""
    instrument_key: str = ""
    instrument_token: str = ""
    filled_quantity: WireInt = 0
    pending_quantity: WireInt = 0
    price: float | None = None
    trigger_price: float | None = None
    average_price: float | None = None
    status_message: str | None = None


_decode_update = msgspec.json.Decoder(_Update).decode
_decode_order = msgspec.json.Decoder(_OrderUpdate).decode


def read_order(frame: WireFrame, out: Decoded) -> None:
    """Take one update; other kinds than orders are not asked for and passed over.

    Raises:
        MalformedError: not an update, or an order in words that are not known.
    """
    try:
        if _decode_update(frame).update_type != "order":
            return
        update = _decode_order(frame)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise MalformedError(f"no update of the portfolio: {error}") from None
    out.events.append(_told(update))


def _told(update: _OrderUpdate) -> OrderUpdate:
    status, product = _STATUSES.get(update.status), _PRODUCTS.get(update.product)
    if status is None or product is None:
        words = f"status {update.status[:40]!r}, product {update.product[:40]!r}"
        raise MalformedError(f"an order with {words}", "unknown_order")
    token = update.instrument_key or update.instrument_token
    exchange = EXCHANGES.get(token.partition("|")[0], update.exchange)
    if product == "CNC" and exchange not in _SHARES:
        product = "NRML"
    order = Order(
        orderid=update.order_id,
        symbol=update.trading_symbol,
        exchange=exchange,
        action=update.transaction_type,
        quantity=update.quantity,
        price=update.price or 0.0,
        trigger_price=update.trigger_price or 0.0,
        pricetype=update.order_type,
        product=product,
        order_status=status,
        filled_quantity=update.filled_quantity,
        pending_quantity=update.pending_quantity,
        average_price=update.average_price or 0.0,
        rejection_reason=(update.status_message or "") if status == "rejected" else "",
    )
    return OrderUpdate(order=order, token=token)
