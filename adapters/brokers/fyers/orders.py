"""Fyers' socket for orders: JSON, asked for by one message, pinged by text.

Source: fyers-apiv3 3.2.0, which renames the keys for its users; OpenAlgo reads the new names, at
the top or in `d` or `data`. Both are understood. A trigger that is pending looks like any
pending order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from adapters.brokers.fyers.account import SEGMENTS, authorization, token_of
from adapters.codec import Codec, Decoded, Handshake, OrderUpdate, WireFrame, WireInt
from adapters.errors import BrokerError, MalformedError, Verdict
from bus.market.orders import Order, OrderStatus
from bus.topics import Mode

ORIGIN: Final = "wss://socket.fyers.in"
PATH: Final = "/trade/v3"
SUBSCRIBE: Final = '{"T":"SUB_ORD","SLIST":["orders"],"SUB_T":1}'

#: A price that is one; without bounds, "nan" in a text would pass.
_Price = Annotated[float, Meta(ge=-1e12, le=1e12)]
#: What the SDK calls the fields for its users.
_RENAMED: Final = {
    "fyToken": "fy_token",
    "filledQty": "qty_filled",
    "remainingQuantity": "qty_remaining",
    "limitPrice": "price_limit",
    "stopPrice": "price_stop",
    "tradedPrice": "price_traded",
    "type": "ord_type",
    "side": "tran_side",
    "status": "org_ord_status",
    "productType": "product_type",
    "message": "oms_msg",
}
_STATUSES: Final[dict[int, OrderStatus]] = {
    1: "cancelled",
    2: "complete",
    4: "open",
    5: "rejected",
    6: "open",
    7: "expired",
}
_TYPES: Final[dict[int, Any]] = {1: "LIMIT", 2: "MARKET", 3: "SL-M", 4: "SL"}
_SIDES: Final[dict[int, Any]] = {1: "BUY", -1: "SELL"}
#: Orders with a cover or a bracket end with the day; those on margin funding are deliveries.
_PRODUCTS: Final[dict[str, Any]] = {
    "CNC": "CNC",
    "MTF": "CNC",
    "MARGIN": "NRML",
    "INTRADAY": "MIS",
    "CO": "MIS",
    "BO": "MIS",
}
#: Fyers' codes for a token that has ended, or is none.
_TOKEN_CODES: Final = {-8, -15, -16, -17, -99}


class _Message(Struct):
    """What the server sends; an order is in one of three places, or is the message."""

    s: str = ""
    code: WireInt = 0
    message: str | None = None
    orders: dict[str, Any] | None = None
    d: dict[str, Any] | None = None
    data: dict[str, Any] | None = None


class _Order(Struct):
    """An order in the socket's own names; quantities in units, prices in rupees."""

    id: str
    symbol: str
    org_ord_status: WireInt
    tran_side: WireInt
    ord_type: WireInt
    product_type: str
    qty: WireInt
    qty_filled: WireInt = 0
    qty_remaining: WireInt = 0
    price_limit: _Price = 0.0
    price_stop: _Price = 0.0
    price_traded: _Price = 0.0
    fy_token: str = ""
    oms_msg: str = ""


_decode = msgspec.json.Decoder(_Message).decode
_decode_fields = msgspec.json.Decoder(dict[str, Any]).decode


class Orders(Codec):
    """The connection that tells of orders; it carries no instrument."""

    def handshake(self) -> Handshake:
        url = (self.account.url.rstrip("/") or ORIGIN) + PATH
        return Handshake(url=url, headers={"Authorization": authorization(self.account)})

    def login(self) -> Sequence[WireFrame]:
        return [SUBSCRIBE]

    def subscribe(self, tokens: Sequence[str], mode: Mode) -> list[WireFrame]:
        return []

    def unsubscribe(self, tokens: Sequence[str], mode: Mode) -> list[WireFrame]:
        return []

    def read(self, frame: WireFrame, out: Decoded) -> None:
        """Positions, trades and alerts, which were not asked for, are passed over."""
        if frame == "pong":
            return
        try:
            message = _decode(frame)
            fields = message.orders or message.d or message.data
            if fields is None and message.s != "error":
                fields = _order_at_the_top(frame)
            order = None if fields is None else _order(fields)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise MalformedError(f"no message of the order socket: {error}") from None
        if order is not None:
            out.events.append(order)
        elif message.s == "error":
            is_about_token = message.code in _TOKEN_CODES
            verdict = Verdict.NEEDS_TOKEN if is_about_token else Verdict.GO_ON
            raise BrokerError(str(message.code), message.message or "refused", verdict)


def _order_at_the_top(frame: WireFrame) -> dict[str, Any] | None:
    fields = _decode_fields(frame)
    return fields if "id" in fields and "symbol" in fields else None


def _order(fields: dict[str, Any]) -> OrderUpdate:
    """Raises msgspec.ValidationError: something is missing, or is not what it should be."""
    named = {_RENAMED.get(n, n): value for n, value in fields.items() if value is not None}
    order = msgspec.convert(named, _Order, strict=False)
    try:
        status = _STATUSES[order.org_ord_status]
        action, kind = _SIDES[order.tran_side], _TYPES[order.ord_type]
        product = _PRODUCTS[order.product_type]
    except KeyError as error:
        raise MalformedError(f"order {order.id}: no meaning of {error} is known") from None
    _, exchange = SEGMENTS.get(order.fy_token[:4], ("", order.symbol.partition(":")[0]))
    return OrderUpdate(
        order=Order(
            orderid=order.id,
            symbol=order.symbol.partition(":")[2].removesuffix("-EQ"),
            exchange=exchange,
            action=action,
            quantity=order.qty,
            price=order.price_limit,
            trigger_price=order.price_stop,
            pricetype=kind,
            product=product,
            order_status=status,
            filled_quantity=order.qty_filled,
            pending_quantity=order.qty_remaining,
            average_price=order.price_traded,
            rejection_reason=order.oms_msg if status == "rejected" else "",
        ),
        token=token_of(order.fy_token, order.symbol),
    )
