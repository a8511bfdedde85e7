"""What tests of the sandbox share: a clock that stands still, instruments, ticks, invariants."""

from __future__ import annotations

from datetime import datetime

from bus.market.hours import IST
from bus.market.instruments import Contract, named
from bus.market.ticks import DepthData, Level, LtpData, QuoteData
from bus.settings import SandboxSettings
from marketdata.sandbox.desk import Desk
from marketdata.sandbox.errors import Rejection
from marketdata.sandbox.model import OrderRequest
from marketdata.sandbox.money import RUPEE
from marketdata.sandbox.rules import Rules
from marketdata.sandbox.store import Store

#: A Monday morning.
MORNING = datetime(2025, 12, 15, 10, 0, tzinfo=IST)


class StillClock:
    """Moves when told."""

    def __init__(self, at: datetime = MORNING) -> None:
        self.now_ns = int(at.timestamp()) * 10**9

    def unix_ns(self) -> int:
        return self.now_ns

    def monotonic(self) -> float:
        return self.now_ns / 1e9

    def go(self, seconds: float) -> None:
        self.now_ns += int(seconds * 1e9)

    def go_to(self, at: datetime) -> None:
        self.now_ns = int(at.timestamp()) * 10**9


class Listed:
    """Every symbol is there, with a lot of 25 on NFO and a tick of 5 paise, but `NOSUCH`."""

    def __init__(self, **terms: Contract) -> None:
        self.terms = terms

    def find(self, exchange: str, symbol: str) -> Contract | None:
        if symbol in self.terms:
            return self.terms[symbol]
        if symbol == "NOSUCH":
            return None
        kind, expiry = named(exchange, symbol)
        lot = 25 if exchange == "NFO" else 1
        value = 1000 if exchange == "CRYPTO" else RUPEE
        freeze = 1800 if exchange == "NFO" else 0
        return Contract(exchange, symbol, kind, expiry, lot, 50_000, freeze, value)


def ltp(symbol: str, price: float, exchange: str = "NSE", **more: object) -> LtpData:
    return LtpData(symbol=symbol, exchange=exchange, ltp=price, timestamp=0, **more)


def quote(symbol: str, price: float, exchange: str = "NSE", **more: object) -> QuoteData:
    return QuoteData(symbol=symbol, exchange=exchange, ltp=price, timestamp=0, **more)


def depth(symbol, price, bids=(), asks=(), exchange="NSE", **more) -> DepthData:
    """Sides as (price, quantity) pairs."""
    buy, sell = ([Level(p, q) for p, q in side] for side in (bids, asks))
    return DepthData(
        symbol=symbol, exchange=exchange, ltp=price, timestamp=0, bids=buy, asks=sell,
        depth={"buy": buy, "sell": sell}, **more,
    )  # fmt: skip


class Bench:
    """A desk on a file of its own, with what surrounds it in a test's hands."""

    def __init__(self, folder, clock=None, instruments=None, holidays=(), **settings) -> None:
        self.path = folder / "sandbox.db"
        self.clock = clock or StillClock()
        self.instruments = instruments or Listed()
        self.rules = Rules.of(SandboxSettings(**settings), holidays)
        self.told = []
        self.ticks = {}
        self.open()

    def open(self) -> None:
        self.desk = Desk(
            Store(self.path), self.instruments, self.clock, self.rules, outlet=self.told.append,
            last_value=lambda exchange, symbol: self.ticks.get((exchange, symbol)),
        )  # fmt: skip

    def reopen(self) -> None:
        self.desk.close()
        self.open()

    def tick(self, *ticks) -> None:
        self.ticks = self.ticks | {(t.exchange, t.symbol): (t, self.clock.now_ns) for t in ticks}
        self.desk.on_ticks([(tick, self.clock.now_ns) for tick in ticks])

    def place(self, action="BUY", quantity=1, symbol="SBIN", exchange="NSE", user="asha", **more):
        """The order as it stands after it was placed; prices in rupees."""
        prices = {k: round(more.pop(k) * RUPEE) for k in ("price", "trigger_price") if k in more}
        request = OrderRequest(
            exchange=exchange, symbol=symbol, action=action, quantity=quantity, **prices, **more
        )
        return self.desk.order(user, self.desk.place(user, request))

    def refused(self, *args, **more) -> str:
        """The rule that an order breaks; it must leave no trace in the funds."""
        user = more.get("user", "asha")
        before = self.desk.funds(user)
        try:
            self.place(*args, **more)
        except Rejection as refusal:
            assert self.desk.funds(user) == before
            return refusal.rule
        raise AssertionError("the order was taken")

    def order(self, order, user="asha"):
        return self.desk.order(user, order.id)

    def position(self, symbol="SBIN", user="asha"):
        [found] = [p for p in self.desk.positions(user) if p.symbol == symbol]
        return found


def assert_balanced(desk: Desk, store: Store) -> None:
    """The books' identities (`marketdata/sandbox/account.py`), each from its own sources."""
    state = desk._durable.engine.state
    for name, account in state.accounts.items():
        funds = desk.funds(name)
        positions, holdings = account.positions.values(), account.holdings.values()
        assert sum(h.cost for h in holdings) == funds.holdings
        assert funds.capital + funds.realised == funds.cash + funds.holdings
        orders = [order for order in desk.orders(name) if order.is_live]
        gtts = [gtt for gtt in desk.gtts(name) if gtt.status == "active"]
        blocked = [*positions, *orders, *gtts]
        assert funds.used == sum(one.blocked for one in blocked)
        assert all(one.blocked >= 0 for one in blocked)
        assert funds.available == funds.cash - funds.used
        trades = [t for t in store.trades_of(name) if t.epoch == account.resets]
        flow = sum(t.value if t.action == "SELL" else -t.value for t in trades)
        assert funds.realised == flow + sum(p.cost for p in positions) + funds.holdings
        net = {}
        for t in trades:
            key = (t.exchange, t.symbol)
            net[key] = net.get(key, 0) + (t.quantity if t.action == "BUY" else -t.quantity)
        for one in [*positions, *holdings]:
            net[one.exchange, one.symbol] = net.get((one.exchange, one.symbol), 0) - one.quantity
        assert not any(net.values())
        for position in positions:
            if not position.quantity:
                assert position.cost == position.blocked == position.unrealised == 0
        assert funds.unrealised == sum(p.unrealised for p in positions)
        for holding in holdings:
            assert holding.quantity > 0
        for order in desk.orders(name):
            fills = [t for t in trades if t.order_id == order.id]
            if order.fills and fills:
                assert sum(t.quantity for t in fills) == order.filled_quantity <= order.quantity
                assert [t.fill for t in fills] == list(range(1, order.fills + 1))
            assert (order.status == "complete") == (order.filled_quantity == order.quantity)
            assert order.is_live or not order.blocked
