"""Dhan's order updates: `{"Type": "order_alert", "Data": {...}}`, for every order of the account.

The documentation spells the keys of `Data` `OrderNo`, the live channel `orderNo`; words come
as letters or in full (`B`, `BUY`). Both are taken. Sources: dhanhq.co/docs/v2/order-update,
dhanhq 2.3.0 `OrderUpdate`, OpenAlgo's mapping of words.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct

from adapters.brokers.dhan.wire import VENUES
from adapters.codec import Decoded, Notice, OrderUpdate, WireFrame, WireInt
from adapters.errors import MalformedError
from bus.market.orders import Order, OrderStatus

#: Numbers may come as text, and `float("nan")` is text as well: bounds leave it out.
_Rupees: TypeAlias = Annotated[float, Meta(ge=-1e12, le=1e12)]
_Action: TypeAlias = Literal["BUY", "SELL"]
_PriceType: TypeAlias = Literal["MARKET", "LIMIT", "SL", "SL-M"]
_Product: TypeAlias = Literal["CNC", "NRML", "MIS"]

_ACTIONS: Final[dict[str, _Action]] = {"B": "BUY", "BUY": "BUY", "S": "SELL", "SELL": "SELL"}
_PRICE_TYPES: Final[dict[str, _PriceType]] = {
    **dict.fromkeys(("LMT", "LIMIT"), "LIMIT"),
    **dict.fromkeys(("MKT", "MARKET"), "MARKET"),
    **dict.fromkeys(("SL", "STOP_LOSS"), "SL"),
    **dict.fromkeys(("SLM", "SL-M", "STOP_LOSS_MARKET"), "SL-M"),
}
#: MTF is delivery on credit; cover and bracket orders end with the day.
_PRODUCTS: Final[dict[str, _Product]] = {
    **dict.fromkeys(("C", "CNC", "F", "MTF"), "CNC"),
    **dict.fromkeys(("M", "MARGIN"), "NRML"),
    **dict.fromkeys(("I", "INTRADAY", "V", "CO", "B", "BO"), "MIS"),
}
_STATUSES: Final[dict[str, OrderStatus]] = {
    **dict.fromkeys(("TRANSIT", "PENDING", "PART_TRADED", "TRIGGERED", "CONFIRM"), "open"),
    "TRADED": "complete",
    "REJECTED": "rejected",
    "CANCELLED": "cancelled",
    "EXPIRED": "expired",
}


class _Alert(Struct, rename="camel"):
    """What is read of `Data`. Quantities in units, prices in rupees."""

    order_no: str
    status: str
    txn_type: str
    order_type: str
    product: str
    quantity: WireInt
    exchange: str = ""
    segment: str = ""
    security_id: str = ""
    symbol: str | None = None
    display_name: str | None = None
    traded_qty: WireInt | None = None
    remaining_quantity: WireInt | None = None
    price: _Rupees | None = None
    trigger_price: _Rupees | None = None
    avg_traded_price: _Rupees | None = None
    reason_description: str | None = None


class _Message(Struct, rename="pascal"):
    type: str = ""
    data: dict[str, Any] = {}


#: Text here, numbers in some messages.
_IDS: Final = ("orderNo", "securityId")
_decode = msgspec.json.Decoder(_Message).decode
_T = TypeVar("_T")


def read_order(frame: WireFrame, out: Decoded) -> None:
    """Take one message; what is no order is told to people.

    Raises:
        MalformedError: not a message, or an order in words that are not known.
    """
    try:
        message = _decode(frame)
        if message.type != "order_alert":
            text = frame if isinstance(frame, str) else frame.decode()
            out.events.append(Notice(text))
            return
        fields = {name[:1].lower() + name[1:]: value for name, value in message.data.items()}
        ids = {name: str(fields[name]) for name in _IDS if isinstance(fields.get(name), int)}
        alert = msgspec.convert(fields | ids, _Alert, strict=False)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise MalformedError(f"no order update: {error}") from None
    out.events.append(_update(alert))


def _update(alert: _Alert) -> OrderUpdate:
    exchange, segment = VENUES.get((alert.exchange, alert.segment), (alert.exchange, ""))
    status = _known(_STATUSES, alert.status, "status")
    filled = alert.traded_qty or 0
    pending = alert.remaining_quantity
    return OrderUpdate(
        order=Order(
            orderid=alert.order_no,
            symbol=alert.symbol or alert.display_name or "",
            exchange=exchange,
            action=_known(_ACTIONS, alert.txn_type, "txnType"),
            quantity=alert.quantity,
            price=alert.price or 0.0,
            trigger_price=alert.trigger_price or 0.0,
            pricetype=_known(_PRICE_TYPES, alert.order_type, "orderType"),
            product=_known(_PRODUCTS, alert.product, "product"),
            order_status=status,
            filled_quantity=filled,
            pending_quantity=max(0, alert.quantity - filled) if pending is None else pending,
            average_price=alert.avg_traded_price or 0.0,
            rejection_reason=(alert.reason_description or "") if status == "rejected" else "",
        ),
        token=f"{segment}|{alert.security_id}" if segment and alert.security_id else "",
    )


def _known(words: dict[str, _T], word: str, field: str) -> _T:
    found = words.get(word.upper())
    if found is None:
        raise MalformedError(f"an order with {field} {word[:32]!r}", "unknown_order")
    return found
