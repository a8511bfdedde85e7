"""The books balance to the micro-rupee, whatever the order of events, and over any restart."""

import datetime as dt
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from paper import MORNING, Bench, assert_balanced, depth, ltp

from marketdata.sandbox.errors import Rejection
from marketdata.sandbox.model import Change, ExitRule, GttRequest, LegRequest, Limits, OrderRequest

SYMBOLS = (
    ("NSE", "SBIN", 1, ("CNC", "MIS")),
    ("NFO", "NIFTY30DEC25FUT", 25, ("NRML", "MIS")),
    ("NFO", "NIFTY16DEC2526000CE", 25, ("NRML", "MIS")),
    ("CRYPTO", "BTCUSD.P", 1, ("NRML",)),
)
TICK = 50_000

users = st.sampled_from(["asha", "binod"])
places = st.sampled_from(SYMBOLS)
#: Prices near 100 rupees, on the tick.
prices = st.integers(1900, 2100).map(lambda ticks: ticks * TICK)
sizes = st.integers(0, 60)
actions = st.sampled_from(["BUY", "SELL"])


class Books(RuleBasedStateMachine):
    """A small capital makes margins bite; every rule may be refused, none may unbalance."""

    @initialize(capital=st.sampled_from([3_000, 20_000, 1_000_000]))
    def begin(self, capital):
        self.folder = Path(tempfile.mkdtemp())
        self.bench = Bench(self.folder, starting_capital=capital)
        for exchange, symbol, *_ in SYMBOLS:
            self.bench.tick(ltp(symbol, 100.0, exchange))

    def teardown(self):
        if hasattr(self, "bench"):
            self.bench.desk.close()
            shutil.rmtree(self.folder)

    @rule(
        user=users, place=places, action=actions, lots=st.integers(1, 12), price=prices,
        kind=st.sampled_from(["MARKET", "LIMIT", "SL", "SL-M"]), choice=st.integers(0, 1),
        gap=st.integers(0, 20),
    )  # fmt: skip
    def place(self, user, place, action, lots, price, kind, choice, gap):
        exchange, symbol, lot, products = place
        limit = price + (gap if action == "BUY" else -gap) * TICK
        request = OrderRequest(
            exchange=exchange, symbol=symbol, action=action, quantity=lots * lot, pricetype=kind,
            product=products[choice % len(products)], price=limit, trigger_price=price,
        )  # fmt: skip
        self.try_to(self.bench.desk.place, user, request)

    @rule(user=users, which=st.integers(0, 40), lots=st.integers(1, 12), price=prices)
    def modify(self, user, which, lots, price):
        orders = self.bench.desk.orders(user)
        if orders:
            order = orders[which % len(orders)]
            lot = 25 if order.exchange == "NFO" else 1
            change = Change(quantity=lots * lot, price=price, trigger_price=price)
            self.try_to(self.bench.desk.modify, user, order.id, change)

    @rule(user=users, which=st.integers(0, 40))
    def cancel(self, user, which):
        orders = self.bench.desk.orders(user)
        if orders:
            self.try_to(self.bench.desk.cancel, user, orders[which % len(orders)].id)

    @rule(place=places, price=prices, spread=st.integers(1, 8), bids=sizes, asks=sizes)
    def book(self, place, price, spread, bids, asks):
        exchange, symbol, lot, _ = place
        at, side = price / 1e6, spread * TICK / 1e6
        self.bench.tick(
            depth(
                symbol, at, exchange=exchange,
                bids=[(at, bids * lot), (round(at - side, 2), 40 * lot)],
                asks=[(round(at + side, 2), asks * lot), (round(at + 2 * side, 2), 40 * lot)],
            )
        )  # fmt: skip

    @rule(place=places, price=prices)
    def trade(self, place, price):
        self.bench.tick(ltp(place[1], price / 1e6, place[0]))

    @rule(user=users, place=places, action=actions, lots=st.integers(1, 5), low=prices, up=prices)
    def place_gtt(self, user, place, action, lots, low, up):
        exchange, symbol, lot, products = place
        legs = [
            LegRequest(action=action, quantity=lots * lot, trigger_price=at, price=at)
            for at in sorted({low, up})
        ]
        request = GttRequest(exchange=exchange, symbol=symbol, product=products[0], legs=legs)
        self.try_to(self.bench.desk.place_gtt, user, request)

    @rule(user=users, which=st.integers(0, 10))
    def cancel_gtt(self, user, which):
        gtts = self.bench.desk.gtts(user)
        if gtts:
            self.try_to(self.bench.desk.cancel_gtt, user, gtts[which % len(gtts)].id)

    @rule(user=users, which=st.integers(0, 10), lots=st.integers(1, 5), low=prices, up=prices)
    def modify_gtt(self, user, which, lots, low, up):
        gtts = self.bench.desk.gtts(user)
        if gtts:
            gtt = gtts[which % len(gtts)]
            lot = 25 if gtt.exchange == "NFO" else 1
            legs = [
                LegRequest(action="SELL", quantity=lots * lot, trigger_price=at, price=at)
                for at in sorted({low, up})
            ]
            request = GttRequest(
                exchange=gtt.exchange, symbol=gtt.symbol, product=gtt.product, legs=legs
            )
            self.try_to(self.bench.desk.modify_gtt, user, gtt.id, request)

    @rule(user=users)
    def cancel_all(self, user):
        self.bench.desk.cancel_all(user)
        assert all(o.source == "square_off" for o in self.orders(user) if o.is_live)

    @rule(user=users, which=st.integers(0, 10), gap=st.integers(1, 60), trail=st.booleans())
    def protect(self, user, which, gap, trail):
        positions = [p for p in self.bench.desk.positions(user) if p.quantity]
        if positions:
            p = positions[which % len(positions)]
            sign = 1 if p.quantity > 0 else -1
            exit_rule = ExitRule(
                account=user, exchange=p.exchange, symbol=p.symbol, product=p.product,
                stop=p.last_price - sign * gap * TICK, trail=gap * TICK if trail else 0,
            )  # fmt: skip
            self.try_to(self.bench.desk.set_exit_rule, exit_rule)

    @rule(
        user=users, loss=st.sampled_from([0, 200_000_000, 2_000_000_000]),
        most=st.sampled_from([0, 0, 5_000_000_000]), rate=st.sampled_from([0, 0, 5]),
    )  # fmt: skip
    def limit(self, user, loss, most, rate):
        limits = Limits(
            account=user, max_loss=loss, max_position_value=most, max_orders_per_minute=rate
        )
        self.bench.desk.set_limits(limits)

    @rule(user=users)
    def close_all(self, user):
        self.bench.desk.close_position(user)

    @rule(user=users)
    def kill(self, user):
        self.bench.desk.kill_switch(user, "a test")
        assert not any(order.is_live and order.source == "client" for order in self.orders(user))
        self.bench.desk.kill_switch(user, "")

    @rule(user=users)
    def reset(self, user):
        self.bench.desk.reset(user)
        funds = self.bench.desk.funds(user)
        assert funds.cash == funds.available == funds.capital

    @rule(hours=st.sampled_from([0.001, 0.5, 6, 20, 30]))
    def time_passes(self, hours):
        self.bench.clock.go(hours * 3600)
        self.bench.desk.on_time()

    @rule(asleep=st.sampled_from([0, 1, 20 * 3600]))
    def restart(self, asleep):
        users_before = {user: self.view(user) for user in ("asha", "binod")}
        self.bench.desk.close()
        self.bench.clock.go(asleep)
        self.bench.open()
        if not asleep:
            assert {user: self.view(user) for user in users_before} == users_before

    @invariant()
    def books_balance(self):
        if hasattr(self, "bench"):
            assert_balanced(self.bench.desk, self.bench.desk._durable.store)

    def view(self, user):
        desk = self.bench.desk
        return (
            desk.funds(user), desk.orders(user), desk.trades(user), desk.positions(user),
            desk.holdings(user), desk.gtts(user), desk.limits(user), desk.exit_rules(user),
        )  # fmt: skip

    def orders(self, user):
        return self.bench.desk.orders(user)

    def try_to(self, act, *args):
        """A refusal changes no money."""
        user = args[0] if isinstance(args[0], str) else args[0].account
        before = self.bench.desk.funds(user)
        try:
            act(*args)
        except Rejection:
            assert self.bench.desk.funds(user) == before


TestBooks = Books.TestCase
TestBooks.pytestmark = [pytest.mark.timeout(300)]  # a loaded machine
TestBooks.settings = settings(max_examples=60, stateful_step_count=60)


def test_a_year_of_nothing_is_caught_up_with_at_once(tmp_path):
    bench = Bench(tmp_path)
    bench.tick(ltp("SBIN", 100.0))
    bench.place(quantity=10, product="CNC")
    bench.clock.go_to(MORNING + dt.timedelta(days=365))
    bench.reopen()
    [holding] = bench.desk.holdings("asha")
    assert (holding.quantity, holding.average_price) == (10, 100_000_000)
    assert_balanced(bench.desk, bench.desk._durable.store)
    bench.desk.close()
