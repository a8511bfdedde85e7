"""An engine whose changes are durable before anybody is told of them.

What cannot be written did not happen: the engine is then read again from what is stored.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from bus.clock import Clock
from bus.market.hours import last_time
from marketdata.sandbox.changes import Changes
from marketdata.sandbox.engine import Engine
from marketdata.sandbox.errors import DeskEndedError, Rejection, StoreError
from marketdata.sandbox.model import Order
from marketdata.sandbox.rules import Rules
from marketdata.sandbox.state import Instruments, LastValue, State
from marketdata.sandbox.store import Store

logger = logging.getLogger(__name__)
R = TypeVar("R")

#: Told of every new state of an order, once it is durable. After a crash the last ones may be
#: told again: clients drop repetitions by id, status and filled quantity.
Outlet = Callable[[Order], None]


class Durable:
    """For one thread. `engine` is another one after each failure: never keep it."""

    def __init__(
        self,
        store: Store,
        instruments: Instruments,
        clock: Clock,
        rules: Rules,
        outlet: Outlet,
        last_value: LastValue,
    ) -> None:
        """Raises StoreError: what is stored cannot be read."""
        self.store = store
        self._instruments = instruments
        self._clock = clock
        self._rules = rules
        self._outlet = outlet
        self._last_value = last_value
        self._depth = 0
        self._failure: BaseException | None = None
        self._announced = 0
        self.engine = self._restored()
        self._catch_up()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """One transaction for all that is done inside; others are told after it."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            self._commit()

    def close(self) -> None:
        """Commit what is left and give the file back."""
        self.engine.timetable.save_prices()
        self._commit()
        self.store.write(Changes(), self.engine.state.counters, self._announced)
        self.store.close()

    def abandon(self) -> None:
        """Give the file back as it is: what is in memory is not to be believed."""
        self.store.close()

    def do(self, act: Callable[[int], R], account: str = "", subject: str = "") -> R:
        """Run a change and make it durable. A refused request leaves a line in the audit."""
        now_ns = self._clock.unix_ns()
        try:
            result = act(now_ns)
        except Rejection as refusal:
            detail = f"{refusal.rule}: {refusal}"
            self.engine.state.audit(account, "client", "refused", subject, detail, now_ns=now_ns)
            self._commit()
            raise
        except Exception as error:
            # A defect halfway through a change: memory is not to be believed any more.
            self._failure = error
            self._commit()
            raise
        self._commit()
        return result

    def _commit(self) -> None:
        if self._depth:
            return
        if self._failure is not None:
            failure, self._failure = self._failure, None
            self._go_back()
            raise StoreError(f"a defect ({failure!r}); nothing was changed") from failure
        state = self.engine.state
        changes, state.changes = state.changes, Changes()
        if not changes:
            return
        try:
            self.store.write(changes, state.counters, self._announced)
        except StoreError:
            logger.exception("the sandbox goes back to what is stored")
            self._go_back()
            raise
        self._tell(changes.told)

    def _go_back(self) -> None:
        """What is in memory is not to be believed: take what is stored.

        Raises:
            DeskEndedError: it cannot be read; nothing may be built on what there is here.
        """
        try:
            self.engine = self._restored()
        except Exception as error:
            raise DeskEndedError(f"what is stored cannot be read: {error}") from error

    def _tell(self, orders: Sequence[Order]) -> None:
        for order in orders:
            self._outlet(order)
            self._announced = max(self._announced, order.event)

    def _restored(self) -> Engine:
        now_s = self._clock.unix_ns() / 1e9
        state = State(self._rules, self._instruments, self._last_value)
        since_ns = int(last_time(self._rules.day_reset, now_s)) * 10**9
        self._announced = self.store.read(state, since_ns)
        engine = Engine(state)
        engine.restore()
        return engine

    def _catch_up(self) -> None:
        """After a start: tell what a crash kept from being told, and do what was missed."""
        state = self.engine.state
        untold = [order for order in state.orders.values() if order.event > self._announced]
        self._tell(sorted(untold, key=lambda order: order.event))
        self.do(self.engine.timetable.begin)
        self.do(self.engine.timetable.on_time)
