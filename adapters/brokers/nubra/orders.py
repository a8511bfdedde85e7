"""Nubra's order updates in OpenAlgo's words. Source: the schema of nubra-sdk 0.5.4.

Prices in paise. An order that waits for a trigger holds it as a condition of its entry.
"""

from __future__ import annotations

from typing import Final, Literal

from adapters.brokers.nubra.token import STOCK, instrument_token
from adapters.codec import OrderUpdate
from adapters.errors import MalformedError
from adapters.wire import nubra_pb2 as wire
from bus.market.orders import Order, OrderStatus

_STATUSES: Final[dict[int, OrderStatus]] = {
    wire.Order.OPEN: "open",
    wire.Order.EXECUTED: "complete",
    wire.Order.REJECTED: "rejected",
    wire.Order.ARMED: "trigger pending",
    wire.Order.CANCELLED: "cancelled",
    wire.Order.EXPIRED: "expired",
}
_ACTIONS: Final[dict[int, Literal["BUY", "SELL"]]] = {
    wire.Order.BUY: "BUY",
    wire.Order.SELL: "SELL",
}
#: OpenAlgo's exchanges of contracts, which Nubra calls by the exchange they are listed on.
_CONTRACTS: Final = {"NSE": "NFO", "BSE": "BFO"}


def openalgo_exchange(exchange: str, kind: str) -> str:
    """`NSE` and `OPT` -> `NFO`; `MCX` stays."""
    return exchange if kind == STOCK else _CONTRACTS.get(exchange, exchange)


def order_update(update: wire.OrderUpdate) -> OrderUpdate:
    """An order as clients are told about it.

    Raises:
        MalformedError: no order in it, or one of an unknown status or side.
    """
    order = update.order
    status, action = _STATUSES.get(order.status), _ACTIONS.get(order.side)
    if not order.id or status is None or action is None:
        raise MalformedError(
            f"an order of status {order.status} and side {order.side}", "unknown_order"
        )
    about = order.reference
    exchange = openalgo_exchange(about.exchange, about.kind)
    trigger = next((c.threshold for c in order.entry.conditions if c.threshold), 0)
    told = Order(
        orderid=str(order.id),
        symbol=about.name,
        exchange=exchange,
        action=action,
        quantity=order.quantity,
        price=order.price / 100,
        trigger_price=trigger / 100,
        pricetype=_price_type(order.price_type, is_triggered=bool(trigger)),
        product=_product(order.delivery, about.kind),
        order_status=status,
        filled_quantity=order.filled_quantity,
        pending_quantity=max(order.quantity - order.filled_quantity, 0),
        # The price of the order's last fill where it has no average of its own yet.
        average_price=(order.filled_price or order.fill.price) / 100,
        rejection_reason=order.rejection if status == "rejected" else "",
    )
    ref_id = about.ref_id or order.ref_id
    return OrderUpdate(
        order=told, token=instrument_token(about.kind, ref_id, about.exchange, about.name)
    )


def _price_type(price_type: int, *, is_triggered: bool) -> Literal["MARKET", "LIMIT", "SL", "SL-M"]:
    if price_type == wire.Order.MARKET:
        return "SL-M" if is_triggered else "MARKET"
    return "SL" if is_triggered else "LIMIT"


def _product(delivery: int, kind: str) -> Literal["CNC", "NRML", "MIS"]:
    """Nubra carries shares and contracts under one word, OpenAlgo under two."""
    if delivery == wire.Order.INTRADAY:
        return "MIS"
    return "CNC" if kind == STOCK else "NRML"
