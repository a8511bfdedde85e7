"""Whether an account may have an order: its limits, its shares, its margin, the time of day. Pure.

Nothing is changed here; each broken rule has its word.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from bus.market.hours import IST
from marketdata.sandbox.account import Account, Key
from marketdata.sandbox.errors import NotFound, Rejection
from marketdata.sandbox.model import OrderRequest
from marketdata.sandbox.money import Micros, to_decimal
from marketdata.sandbox.rules import value
from marketdata.sandbox.state import State, Symbol, no_price

_MINUTE_NS: Final = 60 * 10**9


class Admission:
    """The questions, on a `State`. All raise `Rejection` with the rule that is broken."""

    def __init__(self, state: State) -> None:
        self._state = state

    def admit(self, account: Account, now_ns: int) -> None:
        """Whether the account may place or change an order now."""
        limits, times = account.limits, account.order_times
        if limits.killed:
            raise Rejection("kill_switch", f"trading is switched off: {limits.killed}")
        while times and now_ns - times[0] >= _MINUTE_NS:
            times.popleft()
        if 0 < limits.max_orders_per_minute <= len(times):
            raise Rejection(
                "order_rate", f"at most {limits.max_orders_per_minute} orders per minute"
            )

    def symbol(self, exchange: str, name: str) -> Symbol:
        """The instrument, with its terms as the master has them now.

        Raises:
            NotFound: no master has it.
        """
        contract = self._state.instruments.find(exchange, name)
        if contract is None:
            raise NotFound("symbol", f"no instrument {name[:64]!r} on {exchange[:16]!r}")
        symbol = self._state.symbol(exchange, name)
        symbol.contract = contract
        return symbol

    def needed(
        self,
        account: Account,
        symbol: Symbol,
        request: OrderRequest,
        now_ns: int,
        quantity: int | None = None,
    ) -> tuple[int, Micros]:
        """How many units of an order open or enlarge a position, and the margin for them."""
        key: Key = (request.exchange, request.symbol, request.product)
        units = request.quantity if quantity is None else quantity
        price = self._price(symbol, request, now_ns)
        if request.product == "CNC" and request.action == "SELL":
            return 0, 0
        margined = max(0, units - account.reducible(key, request.action))
        rules = self._state.rules
        return margined, rules.margin(
            symbol.contract, request.product, request.action, margined, price
        )

    def check_shares(self, account: Account, request: OrderRequest, quantity: int) -> None:
        """Shares that are sold in CNC have to be there."""
        if request.product != "CNC" or request.action != "SELL":
            return
        there = account.sellable(request.exchange, request.symbol)
        if quantity > there:
            raise Rejection(
                "holdings", f"{quantity} shares are to be sold in CNC, {max(there, 0)} are there"
            )

    def check_window(self, request: OrderRequest, margined: int, now_ns: int) -> None:
        """MIS positions are not opened in the evening."""
        at = datetime.fromtimestamp(now_ns / 1e9, IST).time()
        if (
            margined
            and request.product == "MIS"
            and self._state.rules.is_mis_closed(request.exchange, at)
        ):
            raise Rejection(
                "mis_window",
                f"MIS positions on {request.exchange} can only be reduced after square-off time",
            )

    def check_size(
        self, account: Account, symbol: Symbol, request: OrderRequest, margined: int, now_ns: int
    ) -> None:
        """The position, with all that is to open it, stays within the account's limit."""
        most = account.limits.max_position_value
        if not most or not margined:
            return
        key: Key = (request.exchange, request.symbol, request.product)
        position = account.positions.get(key)
        held = position.quantity if position is not None else 0
        same_side = abs(held) if (held > 0) == (request.action == "BUY") else 0
        units = same_side + margined + account.opening.get((key, request.action), 0)
        worth = value(units, self._price(symbol, request, now_ns), symbol.contract.contract_value)
        if worth > most:
            raise Rejection(
                "max_position",
                f"the position would be worth {to_decimal(worth):f} rupees, "
                f"the account's limit is {to_decimal(most):f}",
            )

    def _price(self, symbol: Symbol, request: OrderRequest, now_ns: int) -> Micros:
        """At which margin is counted; a market order needs one that can be traded on."""
        if request.pricetype in {"LIMIT", "SL"}:
            return request.price
        if request.pricetype == "SL-M":
            return request.trigger_price
        state = self._state
        state.refresh(symbol)
        quote = symbol.quote
        if not state.is_fresh(symbol, now_ns):
            raise no_price(
                request.exchange, request.symbol, is_stale=quote.received_ns > 0 and quote.is_sane
            )
        return quote.best(buying=request.action == "BUY") or quote.ltp


def check_money(needed: Micros, available: Micros) -> None:
    """Raises Rejection: so much margin is not there."""
    if needed > available:
        raise Rejection(
            "margin",
            f"needs {to_decimal(needed):f} rupees of margin, "
            f"{to_decimal(available):f} are available",
        )
