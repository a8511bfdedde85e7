"""A made-up order in each broker's words. Sources: the brokers' sheets, as for their adapters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from simulators.brokers.angel.master import trading_symbol as angel_symbol
from simulators.brokers.angel.packets import token as angel_token
from simulators.brokers.dhan.master import SEGMENTS, security_id
from simulators.brokers.dhan.master import trading_symbol as dhan_symbol
from simulators.brokers.fyers.names import fytoken, ticker
from simulators.brokers.nubra.packets import data_field, frame, number_field, paise
from simulators.brokers.upstox.master import instrument_key
from simulators.brokers.upstox.master import trading_symbol as upstox_symbol
from simulators.brokers.zerodha.packets import instrument_token

if TYPE_CHECKING:
    from simulators.brokers.nubra.packets import Feed
    from simulators.orders import MadeOrder


def zerodha(order: MadeOrder) -> str:
    """A postback, which every connection gets."""
    about = order.instrument
    data = {
        "order_id": str(order.number),
        "exchange_order_id": str(order.number),
        "tradingsymbol": about.symbol,
        "instrument_token": instrument_token(about.exchange, about.exchange_token),
        "exchange": about.exchange,
        "transaction_type": "BUY",
        "order_type": "LIMIT",
        "product": "CNC",
        "status": "COMPLETE" if order.is_complete else "OPEN",
        "status_message": None,
        "price": order.price,
        "trigger_price": 0,
        "average_price": order.average,
        "quantity": order.quantity,
        "filled_quantity": order.filled,
        "pending_quantity": order.quantity - order.filled,
    }
    return _json({"type": "order", "id": "", "data": data})


def angel(order: MadeOrder, user: str) -> str:
    """Quantities are text, prices are numbers."""
    data = {
        "orderid": str(order.number),
        "tradingsymbol": angel_symbol(order.instrument),
        "symboltoken": angel_token(order.instrument),
        "exchange": order.instrument.exchange,
        "transactiontype": "BUY",
        "ordertype": "LIMIT",
        "producttype": "DELIVERY",
        "price": order.price,
        "triggerprice": 0.0,
        "quantity": str(order.quantity),
        "filledshares": str(order.filled),
        "unfilledshares": str(order.quantity - order.filled),
        "averageprice": order.average,
        "text": "",
        "status": "complete" if order.is_complete else "open",
    }
    return _json(
        {
            "user-id": user,
            "status-code": "200",
            "order-status": "AB05" if order.is_complete else "AB01",
            "error-message": "",
            "orderData": data,
        }
    )


def dhan(order: MadeOrder) -> str:
    """Waiting with capital letters as documented, traded without as told live."""
    segment = SEGMENTS[order.instrument.exchange]
    data: dict[str, Any] = {
        "exchange": segment.venue,
        "segment": segment.letter,
        "source": "P",
        "securityId": str(security_id(order.instrument)),
        "orderNo": str(order.number),
        "symbol": dhan_symbol(order.instrument),
        "product": "C",
        "txnType": "B",
        "orderType": "LMT",
        "quantity": order.quantity,
        "tradedQty": order.filled,
        "remainingQuantity": order.quantity - order.filled,
        "price": order.price,
        "triggerPrice": 0,
        "avgTradedPrice": order.average,
        "status": "TRADED" if order.is_complete else "PENDING",
        "reasonDescription": "CONFIRMED",
    }
    if not order.is_complete:
        data = {name[:1].upper() + name[1:]: value for name, value in data.items()}
    return _json({"Type": "order_alert", "Data": data})


def upstox(order: MadeOrder) -> str:
    """An update of the portfolio stream."""
    return _json(
        {
            "update_type": "order",
            "user_id": "SIM001",
            "order_id": str(order.number),
            "exchange": order.instrument.exchange,
            "instrument_key": instrument_key(order.instrument),
            "trading_symbol": upstox_symbol(order.instrument),
            "product": "D",
            "order_type": "LIMIT",
            "transaction_type": "BUY",
            "quantity": order.quantity,
            "filled_quantity": order.filled,
            "pending_quantity": order.quantity - order.filled,
            "price": order.price,
            "trigger_price": 0,
            "average_price": order.average,
            "status": "complete" if order.is_complete else "open",
            "status_message": "",
        }
    )


def fyers(order: MadeOrder) -> str:
    """In the socket's own names, which the SDK changes for its users."""
    fields = {
        "id": str(order.number),
        "symbol": ticker(order.instrument),
        "fy_token": fytoken(order.instrument),
        "org_ord_status": 2 if order.is_complete else 6,
        "tran_side": 1,
        "ord_type": 1,
        "product_type": "CNC",
        "qty": order.quantity,
        "qty_filled": order.filled,
        "qty_remaining": order.quantity - order.filled,
        "price_limit": order.price,
        "price_stop": 0,
        "price_traded": order.average,
        "oms_msg": "",
    }
    return _json({"s": "ok", "orders": fields})


def nubra(order: MadeOrder, feed: Feed) -> bytes:
    """A protobuf message like the feed's; a field that is 0 is not written."""
    about = (
        number_field(1, feed.ref_id)
        + data_field(5, feed.name.encode())
        + data_field(10, feed.exchange.encode())
        + data_field(11, b"STOCK")
    )
    body = (
        number_field(1, order.number)
        + number_field(2, 2 if order.is_complete else 1)
        + number_field(7, 1)
        + number_field(8, 1)
        + number_field(13, order.quantity)
        + number_field(14, order.filled)
        + number_field(17, paise(order.price))
        + number_field(18, paise(order.average))
        + data_field(25, about)
        + number_field(26, feed.ref_id)
        + number_field(29, 1)
    )
    return frame("NubraToClientIntentUpdate", data_field(1, body))


def _json(message: dict[str, Any]) -> str:
    return msgspec.json.encode(message).decode()
