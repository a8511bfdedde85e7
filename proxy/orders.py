"""Order updates: who is told of which, and in what words. Pure.

    {"type":"order_update","user_id":U,"mode":"live","broker":B,"orderid":..., ...}

An order is private. A client gets it when it asked (`subscribe_orders`), when its role may
have order updates, and when it concerns its user: an adapter's orders concern the user whom
`[adapters.NAME] user` names, else those whom that adapter feeds; all others say whose they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal, TypeAlias

import msgspec

from bus.events import OrderUpdate, PaperOrder, RelayedOrder
from bus.market.orders import Order
from proxy.clients.session import Session
from proxy.totals import Totals

OrderMode: TypeAlias = Literal["live", "analyze"]

#: What clients know the paper-trading engine as.
SANDBOX: Final = "sandbox"


class OrderDesk:
    """Hands order updates to the sessions that may have them."""

    def __init__(self, totals: Totals) -> None:
        self._totals = totals

    def hear(self, sessions: Iterable[Session], adapter: str, event: object) -> None:
        """An event of the bus: an order of either kind, or nothing to us."""
        match event:
            case OrderUpdate(order):
                self.live(sessions, adapter, order)
            case PaperOrder(user, order):
                self.analyze(sessions, user, order)
            case RelayedOrder(user, update):
                self.relay(sessions, user, bytes(update))

    def live(self, sessions: Iterable[Session], adapter: str, order: Order) -> None:
        """An order of the account that an adapter is logged in to."""
        for session in sessions:
            entry = session.rights.account(adapter)
            if entry is not None and session.identity is not None and _may_have(session):
                user = session.identity.user
                self._tell(session, message(user, "live", entry.broker, order))

    def analyze(self, sessions: Iterable[Session], user: str, order: Order) -> None:
        """An order of a user's paper account."""
        self.relay(sessions, user, message(user, "analyze", SANDBOX, order))

    def relay(self, sessions: Iterable[Session], user: str, update: bytes) -> None:
        """An order update that somebody else put into words (JSON), for one user."""
        for session in sessions:
            identity = session.identity
            if identity is not None and identity.user == user and _may_have(session):
                self._tell(session, update)

    def _tell(self, session: Session, update: bytes) -> None:
        self._totals.order_updates += 1
        session.push(update)


def message(user: str, mode: OrderMode, broker: str, order: Order) -> bytes:
    """The push, its keys in the order that clients know."""
    head: dict[str, Any] = {
        "type": "order_update",
        "user_id": user,
        "mode": mode,
        "broker": broker,
    }
    return msgspec.json.encode(head | msgspec.to_builtins(order))


def _may_have(session: Session) -> bool:
    return session.wants_orders and session.rights.orders
