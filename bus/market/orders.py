"""An order as clients are told about it, the same for every broker and for paper trading."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

OrderStatus: TypeAlias = Literal[
    "open", "trigger pending", "complete", "rejected", "cancelled", "expired"
]


class Order(Struct, frozen=True, kw_only=True):
    """The state of one order; the fields stand in the order in which clients get them.

    `symbol` and `exchange` are OpenAlgo's. Prices are in rupees, quantities in units. Clients
    drop repetitions by orderid, order_status and filled_quantity.
    """

    orderid: str
    symbol: str
    exchange: str
    action: Literal["BUY", "SELL"]
    quantity: int
    price: float
    trigger_price: float
    pricetype: Literal["MARKET", "LIMIT", "SL", "SL-M"]
    product: Literal["CNC", "NRML", "MIS"]
    order_status: OrderStatus
    filled_quantity: int
    pending_quantity: int
    average_price: float
    rejection_reason: str = ""
