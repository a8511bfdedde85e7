"""Order events of the paper accounts, as the proxy's clients are told of them."""

from __future__ import annotations

from bus import announcing
from bus.events import PaperOrder
from bus.market.orders import Order
from marketdata.sandbox import model
from marketdata.sandbox.money import to_float


class Announcer(announcing.Announcer):
    """Made inside a running event loop."""

    def announce(self, user: str, order: Order) -> None:
        """An order of a user's paper account changed, and the change is durable."""
        self.tell(PaperOrder(user, order))


def event_of(order: model.Order) -> Order:
    """A paper order as clients are told of it."""
    return Order(
        orderid=order.id,
        symbol=order.symbol,
        exchange=order.exchange,
        action=order.action,
        quantity=order.quantity,
        price=to_float(order.price),
        trigger_price=to_float(order.trigger_price),
        pricetype=order.pricetype,
        product=order.product,
        order_status=order.status,
        filled_quantity=order.filled_quantity,
        pending_quantity=order.pending_quantity,
        average_price=to_float(order.average_price),
        rejection_reason=order.reason,
    )
