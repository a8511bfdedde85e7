"""The sandbox's facade: what the service, its API and its risk screens call.

A desk is for one thread. Every method that changes something returns when the change is durable,
or raises and has changed nothing. `account` is the name of the user whose API key it is; an
unknown one is opened with the starting capital.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bus.ticks import DepthData, LtpData, QuoteData
from marketdata.sandbox.model import (
    AuditEntry,
    Change,
    ExitRule,
    Funds,
    Gtt,
    GttRequest,
    Holding,
    Limits,
    Order,
    OrderRequest,
    Position,
    Product,
    Trade,
)
from marketdata.sandbox.money import Micros


class Desk(Protocol):
    """All raise `Rejection` with the rule that was broken, `NotFound`, or `StoreError`."""

    def place(self, account: str, request: OrderRequest) -> str:
        """The id of the new order, which may be complete already."""
        ...

    def modify(self, account: str, order_id: str, change: Change) -> Order:
        """Only while it is open or trigger pending."""
        ...

    def cancel(self, account: str, order_id: str) -> Order:
        """Only while it is open or trigger pending; gives its margin back."""
        ...

    def cancel_all(self, account: str) -> list[str]:
        """The ids of those that were cancelled."""
        ...

    def close_position(
        self, account: str, exchange: str = "", symbol: str = "", product: Product | None = None
    ) -> list[str]:
        """Exit at market, all positions when nothing is named; the ids of the orders."""
        ...

    def order(self, account: str, order_id: str) -> Order: ...
    def orders(self, account: str) -> list[Order]:
        """Today's and the live ones, oldest first."""
        ...

    def trades(self, account: str) -> list[Trade]:
        """Today's, oldest first."""
        ...

    def positions(self, account: str) -> list[Position]:
        """Open ones, and those closed today."""
        ...

    def holdings(self, account: str) -> list[Holding]: ...
    def funds(self, account: str) -> Funds: ...
    def margin(self, account: str, requests: Sequence[OrderRequest]) -> Micros:
        """What these orders together would block now."""
        ...

    def place_gtt(self, account: str, request: GttRequest) -> str: ...
    def modify_gtt(self, account: str, gtt_id: str, request: GttRequest) -> Gtt: ...
    def cancel_gtt(self, account: str, gtt_id: str) -> Gtt: ...
    def gtts(self, account: str) -> list[Gtt]: ...

    def limits(self, account: str) -> Limits: ...
    def set_limits(self, limits: Limits) -> None:
        """`killed` is left as it is: that is the kill switch's."""
        ...

    def exit_rules(self, account: str) -> list[ExitRule]: ...
    def set_exit_rule(self, rule: ExitRule) -> None:
        """Needs an open position; one without stop, target and trail removes the rule."""
        ...

    def kill_switch(self, account: str, reason: str) -> list[str]:
        """Cancel and close everything, accept nothing more; the ids of the exit orders.
        An empty reason switches trading on again."""
        ...

    def audit(self, account: str, last: int = 100) -> list[AuditEntry]: ...
    def reset(self, account: str) -> None:
        """Everything back to the starting capital."""
        ...

    def on_ticks(self, ticks: Sequence[tuple[LtpData | QuoteData | DepthData, int]]) -> None:
        """A batch of ticks with their times of receipt (Unix ns), committed once."""
        ...

    def on_time(self) -> None:
        """What is due by now; to be called once a second."""
        ...

    def wanted(self) -> frozenset[tuple[str, str]]:
        """The instruments, as (exchange, symbol), whose ticks the desk needs."""
        ...
