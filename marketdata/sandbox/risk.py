"""What protects an account: exits at a price, limits, and the switch that ends it all. Pure.

A position is closed as it is when the price is met, not as it was when the rule was set, and the
rule stays until the position is gone. A price that fills nothing (old, or outside its own day's
range) protects nothing either: it triggers no exit.
"""

from __future__ import annotations

from typing import Final

from marketdata.sandbox.account import Account
from marketdata.sandbox.closing import Closing
from marketdata.sandbox.errors import NotFound, Rejection
from marketdata.sandbox.gtts import Gtts
from marketdata.sandbox.matching import replace
from marketdata.sandbox.model import ExitRule, Limits, Order, Position, Source
from marketdata.sandbox.money import Micros, to_decimal
from marketdata.sandbox.orders import Orders
from marketdata.sandbox.state import Owner, State, Symbol

#: Between two attempts to close a position, and two writings of a stop that trails.
RETRY_NS: Final = 3 * 10**9
SAVE_NS: Final = 1_500_000_000
#: How a switch that the day's loss threw begins to say why.
MAX_LOSS: Final = "max_loss"


class Risk:
    """Exit rules, limits and the kill switch, on a `State`."""

    def __init__(self, state: State, orders: Orders, closing: Closing, gtts: Gtts) -> None:
        self._state = state
        self._orders = orders
        self._closing = closing
        self._gtts = gtts
        self._saved_ns: dict[tuple[str, str, Owner], int] = {}

    def set_rule(self, rule: ExitRule, now_ns: int) -> None:
        """Raises Rejection: no open position, or prices that would close it at once."""
        symbol = self._state.symbol(rule.exchange, rule.symbol)
        owner = (rule.account, rule.product)
        held = symbol.positions.get(owner)
        if held is None:
            raise NotFound("position", f"no open {rule.product} position in {rule.symbol}")
        is_empty = not (rule.stop or rule.target or rule.trail)
        if min(rule.stop, rule.target, rule.trail, rule.trail_from) < 0:
            raise Rejection("exit_rule", "stop, target and trailing stop are prices above 0")
        position = held[1]
        ltp = position.last_price
        rule = replace(rule, best=ltp, tried_ns=0)
        if not is_empty and _is_hit(rule, position, ltp):
            raise Rejection(
                "exit_rule", f"at the last price {to_decimal(ltp):f} it would close at once"
            )
        key = (rule.account, rule.exchange, rule.symbol, rule.product)
        if is_empty:
            symbol.rules.pop(owner, None)
            self._state.changes.exit_rules[key] = None
        else:
            symbol.rules[owner] = rule
            self._state.changes.exit_rules[key] = rule
        self._state.audit(
            rule.account,
            "client",
            "exit rule removed" if is_empty else "exit rule set",
            f"{rule.exchange}:{rule.symbol}",
            _told(rule),
            now_ns=now_ns,
        )

    def set_limits(self, limits: Limits, now_ns: int) -> None:
        """Raises Rejection: a limit below 0."""
        if min(limits.max_loss, limits.max_position_value, limits.max_orders_per_minute) < 0:
            raise Rejection("limits", "a limit is 0 (none) or more")
        account = self._state.account(limits.account)
        account.limits = replace(limits, killed=account.limits.killed)
        self._state.changes.accounts[account.name] = account
        self._state.audit(
            account.name,
            "client",
            "limits set",
            detail=f"max_loss {to_decimal(limits.max_loss):f}, max_position_value "
            f"{to_decimal(limits.max_position_value):f}, max_orders_per_minute "
            f"{limits.max_orders_per_minute}",
            now_ns=now_ns,
        )
        self.check_loss(account, now_ns)

    def on_price(self, symbol: Symbol, now_ns: int) -> None:
        """The last price moved: trail the stops, close what is hit."""
        ltp = symbol.quote.ltp
        for owner, rule in list(symbol.rules.items()):
            account, position = symbol.positions[owner]
            trailed = _trailed(rule, position, ltp)
            if trailed is not rule:
                symbol.rules[owner] = trailed
                self._save(symbol, owner, trailed, now_ns)
            if _is_hit(trailed, position, ltp) and now_ns - trailed.tried_ns >= RETRY_NS:
                symbol.rules[owner] = replace(trailed, tried_ns=now_ns)
                self._state.audit(
                    account.name,
                    "risk",
                    "exit",
                    f"{position.exchange}:{position.symbol}",
                    f"last price {to_decimal(ltp):f}; {_told(trailed)}",
                    now_ns=now_ns,
                )
                self._closing.exit(account, position, "risk", now_ns)

    def check_loss(self, account: Account, now_ns: int) -> None:
        """Throw the switch when the day's loss has come to the account's limit."""
        most = account.limits.max_loss
        if most and not account.limits.killed and account.day_result <= -most:
            lost = to_decimal(-account.day_result)
            self.kill(
                account,
                f"{MAX_LOSS}: {lost:f} rupees lost today, the limit is {to_decimal(most):f}",
                "risk",
                now_ns,
            )

    def kill(self, account: Account, reason: str, source: Source, now_ns: int) -> list[Order]:
        """Cancel and close everything, and accept nothing more; without a reason, accept again."""
        account.limits = replace(account.limits, killed=reason)
        self._state.changes.accounts[account.name] = account
        self._state.audit(
            account.name,
            source,
            "kill switch on" if reason else "kill switch off",
            detail=reason,
            now_ns=now_ns,
        )
        if not reason:
            return []
        self._gtts.cancel_all(account.name)
        self._orders.cancel_where(account.name, now_ns, reason="kill switch")
        orders = []
        for position in list(account.positions.values()):
            if position.quantity:
                orders += self._closing.exit(account, position, "kill_switch", now_ns)
        return orders

    def begin_day(self, account: Account, now_ns: int) -> None:
        """Yesterday's loss is no reason any more."""
        if account.limits.killed.startswith(MAX_LOSS):
            self.kill(account, "", "risk", now_ns)

    def _save(self, symbol: Symbol, owner: Owner, rule: ExitRule, now_ns: int) -> None:
        """A stop that trails moves with every tick; a crash may cost it a second and a half."""
        place = (symbol.contract.exchange, symbol.contract.symbol, owner)
        if now_ns - self._saved_ns.get(place, 0) >= SAVE_NS:
            self._saved_ns[place] = now_ns
            key = (rule.account, rule.exchange, rule.symbol, rule.product)
            self._state.changes.exit_rules[key] = rule


def _trailed(rule: ExitRule, position: Position, ltp: Micros) -> ExitRule:
    """The rule with its stop as far as the best price has pulled it."""
    if not rule.trail:
        return rule
    if position.quantity > 0:
        best = max(rule.best, ltp)
        is_ahead = best - position.average_price >= rule.trail_from
        stop = max(rule.stop, best - rule.trail) if is_ahead else rule.stop
    else:
        best = min(rule.best, ltp)
        is_ahead = position.average_price - best >= rule.trail_from
        stop = min(rule.stop or best + rule.trail, best + rule.trail) if is_ahead else rule.stop
    if (best, stop) == (rule.best, rule.stop):
        return rule
    return replace(rule, best=best, stop=stop)


def _is_hit(rule: ExitRule, position: Position, ltp: Micros) -> bool:
    if position.quantity > 0:
        return bool((rule.stop and ltp <= rule.stop) or (rule.target and ltp >= rule.target))
    return bool((rule.stop and ltp >= rule.stop) or (rule.target and ltp <= rule.target))


def _told(rule: ExitRule) -> str:
    prices = {"stop": rule.stop, "target": rule.target, "trail": rule.trail}
    return ", ".join(f"{name} {to_decimal(price):f}" for name, price in prices.items() if price)
