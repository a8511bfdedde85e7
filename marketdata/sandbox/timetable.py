"""What happens at times of day: square-off, expiry, T+1, the new day, resets. Pure.

A job remembers the moment for which it was last done. One that was missed, because nothing ran
or the machine slept, is done at the next look, once, in the order of the moments.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time
from typing import Final

from bus.market.hours import IST, last_time, next_time
from bus.market.instruments import Contract
from marketdata.sandbox.account import Account
from marketdata.sandbox.changes import DayResult
from marketdata.sandbox.closing import Closing
from marketdata.sandbox.gtts import Gtts
from marketdata.sandbox.matching import Matching
from marketdata.sandbox.model import Actor, Position
from marketdata.sandbox.money import Micros, to_decimal
from marketdata.sandbox.orders import Orders
from marketdata.sandbox.risk import Risk
from marketdata.sandbox.rules import expiry_close
from marketdata.sandbox.state import State, Symbol

_SNAPSHOT: Final = time(23, 59)
_MIDNIGHT: Final = time(0, 0)
_DAY_S: Final = 86_400
#: Between two looks for expired contracts, and two savings of prices.
_UPKEEP_S: Final = 60


class Timetable:
    """The jobs, on a `State`."""

    def __init__(
        self,
        state: State,
        matching: Matching,
        orders: Orders,
        closing: Closing,
        gtts: Gtts,
        risk: Risk,
    ) -> None:
        self._state = state
        self._matching = matching
        self._orders = orders
        self._closing = closing
        self._gtts = gtts
        self._risk = risk
        self._next_s = 0.0
        rules = state.rules
        self._jobs: dict[str, tuple[time, Callable[[int, int], None]]] = {
            f"square off {exchange}": (at, self._squarer(exchange))
            for exchange, at in rules.square_off.items()
        }
        self._jobs["T+1"] = (_MIDNIGHT, self._deliver)
        self._jobs["day reset"] = (rules.day_reset, self._begin_day)
        self._jobs["snapshot"] = (_SNAPSHOT, self._snapshot)
        if rules.reset_weekday >= 0:
            self._jobs["fund reset"] = (rules.reset_time, self._reset_all)

    def on_time(self, now_ns: int) -> None:
        """Do what is due; cheap when nothing is."""
        now_s = now_ns / 1e9
        if now_s < self._next_s:
            return
        done = self._state.jobs
        due = []
        for name, (at, job) in self._jobs.items():
            moment = self._moment(name, at, now_s)
            if done.setdefault(name, moment) < moment:
                due.append((moment, name, job))
        for moment, name, job in sorted(due, key=lambda one: one[0]):
            job(moment, now_ns)
            done[name] = self._state.changes.jobs[name] = moment
        self._expire(now_ns)
        self.save_prices()
        times = [next_time(at, now_s) for at, _ in self._jobs.values()]
        self._next_s = min(*times, now_s + _UPKEEP_S)

    def begin(self, now_ns: int) -> None:
        """A new sandbox owes nothing for the time before it was there."""
        for name, (at, _) in self._jobs.items():
            if name not in self._state.jobs:
                moment = self._moment(name, at, now_ns / 1e9)
                self._state.jobs[name] = self._state.changes.jobs[name] = moment

    def reset(self, account: Account, now_ns: int, actor: Actor = "client") -> None:
        """Everything back to the starting capital."""
        state = self._state
        self._gtts.cancel_all(account.name)
        self._orders.cancel_where(account.name, now_ns, reason="account reset")
        changes = state.changes
        for position in account.positions.values():
            position.quantity = 0
            state.watch(account, position)
            changes.positions[
                account.name, position.exchange, position.symbol, position.product
            ] = None
        for holding in account.holdings.values():
            changes.holdings[account.name, holding.exchange, holding.symbol] = None
        account.begin_anew(state.rules.capital)
        changes.accounts[account.name] = account
        state.audit(account.name, actor, "account reset", now_ns=now_ns)

    def _moment(self, name: str, at: time, now_s: float) -> int:
        """The last moment at which a job was due."""
        moment = last_time(at, now_s)
        if name == "fund reset":
            days = datetime.fromtimestamp(moment, IST).weekday() - self._state.rules.reset_weekday
            moment -= (days % 7) * _DAY_S
        return int(moment)

    def _squarer(self, exchange: str) -> Callable[[int, int], None]:
        def square_off(_moment: int, now_ns: int) -> None:
            for account in list(self._state.accounts.values()):
                self._square_off(account, exchange, now_ns)

        return square_off

    def _square_off(self, account: Account, exchange: str, now_ns: int) -> None:
        cancelled = self._orders.cancel_where(
            account.name, now_ns, exchange=exchange, product="MIS", reason="square-off"
        )
        held = [
            position
            for position in account.positions.values()
            if position.quantity and (position.exchange, position.product) == (exchange, "MIS")
        ]
        for position in held:
            self._closing.exit(account, position, "square_off", now_ns)
        if cancelled or held:
            self._state.audit(
                account.name,
                "square_off",
                "square-off",
                exchange,
                f"{len(cancelled)} orders cancelled, {len(held)} positions closed",
                now_ns=now_ns,
            )

    def _deliver(self, moment: int, now_ns: int) -> None:
        for account in self._state.accounts.values():
            for position in list(account.positions.values()):
                is_due = position.opened_ns < moment * 10**9
                if position.product == "CNC" and position.quantity and is_due:
                    self._deliver_one(account, position, now_ns)

    def _deliver_one(self, account: Account, position: Position, now_ns: int) -> None:
        quantity, cost = position.quantity, to_decimal(position.average_price)
        way = "into" if quantity > 0 else "out of"
        holding = account.deliver(position)
        self._state.watch(account, position)
        self._state.changes.position(position)
        self._state.changes.holding(holding)
        self._state.changes.accounts[account.name] = account
        self._state.audit(
            account.name,
            "schedule",
            "delivered",
            f"{position.exchange}:{position.symbol}",
            f"{abs(quantity)} {way} the holdings, at {cost:f}; {holding.quantity} are held",
            now_ns=now_ns,
        )

    def _begin_day(self, moment: int, now_ns: int) -> None:
        state = self._state
        for account in state.accounts.values():
            earned = to_decimal(account.realised_today)
            flat = account.begin_day()
            for position in flat:
                key = (account.name, position.exchange, position.symbol, position.product)
                state.changes.positions[key] = None
            for position in account.positions.values():
                state.changes.position(position)
            state.changes.accounts[account.name] = account
            state.audit(
                account.name,
                "schedule",
                "day reset",
                detail=f"realised {earned:f}, now 0; {len(flat)} flat positions left out",
                now_ns=now_ns,
            )
            self._risk.begin_day(account, now_ns)
        since_ns = moment * 10**9
        state.trades = [trade for trade in state.trades if trade.at_ns >= since_ns]
        gone = [o for o in state.orders.values() if not o.is_live and o.changed_ns < since_ns]
        for order in gone:
            del state.orders[order.id]
            state.refs.pop((order.account, order.ref), None)

    def _snapshot(self, moment: int, _now_ns: int) -> None:
        day = datetime.fromtimestamp(moment, IST).date()
        if not self._state.rules.calendar.is_working_day(day):
            return
        for account in self._state.accounts.values():
            self._state.changes.days.append(
                DayResult(
                    account.name,
                    day.isoformat(),
                    account.realised_today,
                    account.unrealised,
                    account.cash,
                    account.holdings_cost,
                )
            )

    def _reset_all(self, _moment: int, now_ns: int) -> None:
        for account in list(self._state.accounts.values()):
            self.reset(account, now_ns, "schedule")

    def _expire(self, now_ns: int) -> None:
        """End what waits for a contract that is over, settle who holds it."""
        now = datetime.fromtimestamp(now_ns / 1e9, IST)
        for symbol in list(self._state.symbols.values()):
            if _is_over(symbol.contract, now, next_day=self._state.rules.settles_next_day):
                self._close_contract(symbol, now_ns)
        self._gtts.expire(now_ns)

    def _close_contract(self, symbol: Symbol, now_ns: int) -> None:
        contract = symbol.contract
        for order_id in symbol.live_orders():
            order = self._state.orders[order_id]
            self._matching.end(order, "cancelled", now_ns, "the contract expired")
        self._gtts.close_contract(symbol, now_ns)
        for account, position in list(symbol.positions.values()):
            price = self._settlement_price(symbol, position)
            quantity = position.quantity
            self._closing.settle(account, position, price, now_ns)
            self._state.audit(
                account.name,
                "expiry",
                "settled",
                f"{contract.exchange}:{contract.symbol}",
                f"{quantity} at {to_decimal(price):f}",
                now_ns=now_ns,
            )

    def _settlement_price(self, symbol: Symbol, position: Position) -> Micros:
        if symbol.contract.kind == "option" and self._state.rules.options_expire_worthless:
            return 0
        ltp = symbol.quote.ltp if symbol.quote.is_sane else 0
        return ltp or position.last_price or position.average_price

    def save_prices(self) -> None:
        """What a crash would forget of the prices of open positions, a minute at most."""
        for symbol in self._state.symbols.values():
            for _, position in symbol.positions.values():
                self._state.changes.position(position)


def _is_over(contract: Contract, now: datetime, *, next_day: bool) -> bool:
    expiry = contract.expiry
    if expiry is None or now.date() < expiry:
        return False
    if now.date() > expiry:
        return True
    return not next_day and now.time() >= expiry_close(contract.exchange)
