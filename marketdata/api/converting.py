"""Between the words of the API and those of the desk."""

from __future__ import annotations

from datetime import datetime

import msgspec

from bus.market.hours import IST
from marketdata.announcing import event_of
from marketdata.api.replies.orders import OrderData
from marketdata.api.requests import orders as shapes
from marketdata.sandbox.model import Action, Order, OrderRequest
from marketdata.sandbox.money import to_micros


def order_request(
    terms: shapes.OrderTerms,
    strategy: str,
    ref: str,
    quantity: int,
    action: Action | None = None,
) -> OrderRequest:
    """An order as the desk takes it; `action` in place of the one that was asked for."""
    return OrderRequest(
        exchange=terms.exchange,
        symbol=terms.symbol,
        action=action or ("BUY" if terms.action.upper() == "BUY" else "SELL"),
        quantity=quantity,
        pricetype=terms.pricetype,
        product=terms.product,
        price=to_micros(terms.price),
        trigger_price=to_micros(terms.trigger_price),
        strategy=strategy,
        ref=ref,
    )


def order_data(order: Order) -> OrderData:
    return OrderData(
        **msgspec.structs.asdict(event_of(order)),
        strategy=order.strategy,
        timestamp=clock_text(order.placed_ns),
    )


def clock_text(unix_ns: int) -> str:
    """`08-Apr-2025 13:58:03` in India."""
    return datetime.fromtimestamp(unix_ns / 1e9, IST).strftime("%d-%b-%Y %H:%M:%S")
