"""Single orders on a quiet market: what fills, at which price, and what is refused."""

import pytest
from paper import Bench, assert_balanced, depth, ltp, quote

from marketdata.sandbox.errors import NotFound, Rejection
from marketdata.sandbox.model import Change
from marketdata.sandbox.money import RUPEE, to_micros


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    made.tick(ltp("SBIN", 100.0))
    yield made
    assert_balanced(made.desk, made.desk._durable.store)
    made.desk.close()


def rupees(amount):
    return to_micros(str(amount))


def test_a_market_order_without_a_book_fills_at_the_last_price(bench):
    order = bench.place(quantity=10)
    assert (order.status, order.average_price) == ("complete", rupees(100))
    assert [told.status for told in bench.told] == ["open", "complete"]
    assert bench.desk.funds("asha").used == rupees(200)  # a fifth: MIS


def test_a_market_order_walks_the_book_and_its_rest_waits(bench):
    book = depth("SBIN", 100, bids=[(99.95, 50)], asks=[(100.05, 30), (100.1, 40)])
    bench.tick(book)
    order = bench.place(quantity=100)
    assert (order.status, order.filled_quantity) == ("open", 70)
    assert [(t.quantity, t.price) for t in bench.desk.trades("asha")] == [
        (30, rupees(100.05)), (40, rupees(100.1)),
    ]  # fmt: skip
    bench.tick(book)  # nobody put anything there since
    assert bench.order(order).filled_quantity == 70
    bench.tick(depth("SBIN", 100, bids=[(99.95, 50)], asks=[(100.05, 45)]))
    assert bench.order(order).status == "complete"
    assert bench.desk.orders("asha")[-1].pending_quantity == 0


def test_a_side_without_anybody_fills_nothing(bench):
    bench.tick(depth("SBIN", 100, bids=[(100, 5000)]))  # locked at its upper limit
    order = bench.place(quantity=1)
    assert (order.status, order.filled_quantity) == ("open", 0)


def test_a_marketable_limit_gets_the_better_price_and_a_resting_one_its_own(bench):
    assert bench.place(price=101, pricetype="LIMIT").average_price == rupees(100)
    resting = bench.place(price=98, pricetype="LIMIT")
    assert resting.status == "open"
    bench.tick(ltp("SBIN", 97.5))
    assert bench.order(resting).average_price == rupees(98)


def test_a_trade_through_a_resting_order_fills_it_whatever_the_book_says(bench):
    book = {"bids": [(99, 10)], "asks": [(101, 10)]}
    bench.tick(depth("SBIN", 100, **book))
    resting = bench.place(price=99.5, pricetype="LIMIT", quantity=500)
    bench.tick(depth("SBIN", 99.5, **book))  # at our price: who was before us is not known
    assert bench.order(resting).status == "open"
    bench.tick(depth("SBIN", 99.45, **book))
    assert bench.order(resting).status == "complete"


def test_an_old_last_price_beyond_a_limit_is_no_trade_through_it(bench):
    bench.tick(depth("SBIN", 99, bids=[(99.5, 10)], asks=[(101, 10)]))
    resting = bench.place(price=100, pricetype="LIMIT")
    bench.tick(depth("SBIN", 99, bids=[(99.5, 12)], asks=[(101, 10)]))
    assert bench.order(resting).status == "open"


def test_price_and_time_decide_who_is_first(bench):
    bench.tick(depth("SBIN", 100, bids=[(99, 1)], asks=[(101, 1)]))
    first = bench.place(price=99.5, pricetype="LIMIT", quantity=10)
    second = bench.place(price=99.5, pricetype="LIMIT", quantity=10)
    best = bench.place(price=99.6, pricetype="LIMIT", quantity=10)
    bench.tick(depth("SBIN", 100, bids=[(99, 1)], asks=[(99.5, 15)]))
    assert [bench.order(o).filled_quantity for o in (best, first, second)] == [10, 5, 0]


@pytest.mark.parametrize(
    ("action", "trigger", "price", "away", "at"),
    [("BUY", 102, 103, 101.95, 102.5), ("SELL", 98, 97, 98.05, 97.5)],
)
def test_stops_wait_for_their_trigger_and_fill_at_the_market(
    bench, action, trigger, price, away, at
):
    stop = bench.place(action, trigger_price=trigger, pricetype="SL-M")
    stop_limit = bench.place(action, trigger_price=trigger, price=price, pricetype="SL")
    assert stop.status == stop_limit.status == "trigger pending"
    bench.tick(ltp("SBIN", away))
    assert bench.order(stop).status == "trigger pending"
    bench.tick(ltp("SBIN", at))
    assert bench.order(stop).average_price == bench.order(stop_limit).average_price == rupees(at)


def test_a_stop_limit_that_is_jumped_over_waits_at_its_limit(bench):
    stop = bench.place("BUY", trigger_price=102, price=103, pricetype="SL")
    bench.tick(ltp("SBIN", 104))
    assert bench.order(stop).status == "open"
    bench.tick(ltp("SBIN", 102.9))
    assert bench.order(stop).average_price == rupees(103)


def test_a_trigger_that_is_met_already_fires_at_once(bench):
    assert bench.place("BUY", trigger_price=99, pricetype="SL-M").status == "complete"


def test_ltp_fills_as_openalgo_does(tmp_path):
    bench = Bench(tmp_path, fills="ltp")
    bench.tick(depth("SBIN", 100, bids=[(99, 1)], asks=[(101, 1)]))
    assert bench.place(quantity=1000).average_price == rupees(100)
    bench.desk.close()


@pytest.mark.parametrize(
    ("rule", "more"),
    [
        ("symbol", {"symbol": "NOSUCH"}),
        ("not_tradable", {"symbol": "NIFTY", "exchange": "NSE_INDEX"}),
        ("product", {"product": "NRML"}),
        ("product", {"symbol": "NIFTY30DEC25FUT", "exchange": "NFO", "product": "CNC"}),
        ("expired", {"symbol": "NIFTY27NOV25FUT", "exchange": "NFO", "quantity": 25}),
        ("quantity", {"quantity": 0}),
        ("quantity", {"quantity": -1}),
        ("lot_size", {"symbol": "NIFTY30DEC25FUT", "exchange": "NFO", "quantity": 30}),
        ("freeze_quantity", {"symbol": "NIFTY30DEC25FUT", "exchange": "NFO", "quantity": 1825}),
        ("price", {"pricetype": "LIMIT"}),
        ("trigger_price", {"pricetype": "SL-M"}),
        ("tick_size", {"pricetype": "LIMIT", "price": 99.99}),
        ("tick_size", {"pricetype": "SL-M", "trigger_price": 101.02}),
        ("stop_limit", {"pricetype": "SL", "trigger_price": 102, "price": 101}),
        ("value", {"pricetype": "LIMIT", "price": 1e7, "quantity": 10**9}),
        ("margin", {"pricetype": "LIMIT", "price": 100, "quantity": 10**6}),
        ("no_price", {"symbol": "TCS"}),
        ("holdings", {"action": "SELL", "product": "CNC"}),
    ],
)
def test_what_is_refused_and_by_which_rule(bench, rule, more):
    assert bench.refused(**more) == rule
    entry = bench.desk.audit("asha")[-1]
    assert (entry.action, entry.detail.partition(":")[0]) == ("refused", rule)


def test_an_old_price_fills_no_market_order_and_a_limit_rests(bench):
    bench.clock.go(61)
    assert bench.refused() == "stale_price"
    assert bench.place(pricetype="LIMIT", price=105).status == "open"


def test_a_price_outside_its_own_day_fills_nothing(bench):
    resting = bench.place(pricetype="LIMIT", price=90)
    bench.tick(quote("SBIN", 25.0, low=95.0, high=105.0))
    assert bench.order(resting).status == "open"
    assert bench.desk.stats()["odd_ticks_total"] == 1


def test_cancel_and_modify_only_while_live(bench):
    order = bench.place(pricetype="LIMIT", price=90, quantity=10)
    assert bench.desk.funds("asha").used == rupees(180)
    order = bench.desk.modify("asha", order.id, Change(quantity=20, price=rupees(95)))
    assert bench.desk.funds("asha").used == rupees(380)
    with pytest.raises(Rejection) as caught:
        bench.desk.modify("asha", order.id, Change(quantity=10**6))
    assert caught.value.rule == "margin"
    assert bench.desk.funds("asha").used == rupees(380)
    assert bench.desk.cancel("asha", order.id).status == "cancelled"
    assert bench.desk.funds("asha").used == 0
    for act in (bench.desk.cancel, lambda *a: bench.desk.modify(*a, Change(quantity=1))):
        with pytest.raises(Rejection) as caught:
            act("asha", order.id)
        assert caught.value.rule == "order_state"
    with pytest.raises(NotFound):
        bench.desk.cancel("binod", order.id)


def test_modified_to_market_it_fills(bench):
    order = bench.place(pricetype="LIMIT", price=90)
    assert bench.desk.modify("asha", order.id, Change(pricetype="MARKET")).status == "complete"


def test_a_clients_own_mark_makes_a_repeated_request_harmless(bench):
    first = bench.place(ref="a1", pricetype="LIMIT", price=90)
    assert bench.place(ref="a1", pricetype="LIMIT", price=90).id == first.id
    assert bench.place(ref="a1", user="binod").id != first.id
    bench.reopen()
    assert bench.place(ref="a1").id == first.id


def test_reducing_needs_no_margin_and_turning_only_for_the_excess(bench):
    bench.place(quantity=10)
    bench.place("SELL", quantity=10, pricetype="LIMIT", price=110)
    assert bench.desk.funds("asha").used == rupees(200)
    over = bench.place("SELL", quantity=15, pricetype="LIMIT", price=120)
    assert over.blocked == rupees(360)  # the first one closes the position: this opens 15


def test_an_order_whose_position_is_gone_needs_money_for_what_it_opens(tmp_path):
    bench = Bench(tmp_path, starting_capital=300)
    bench.tick(ltp("SBIN", 100.0))
    bench.place(quantity=10)
    exit_order = bench.place("SELL", quantity=10, pricetype="LIMIT", price=200)
    bench.desk.close_position("asha")
    bench.tick(ltp("SBIN", 200.0))
    found = bench.order(exit_order)
    assert (found.status, found.reason) == ("rejected", "no margin for the position it would open")
    assert_balanced(bench.desk, bench.desk._durable.store)
    bench.desk.close()


def test_crypto_is_worth_its_contract_value(bench):
    bench.tick(ltp("BTCUSD.P", 90000.0, "CRYPTO"))
    bench.place(quantity=3, symbol="BTCUSD.P", exchange="CRYPTO", product="NRML")
    assert bench.desk.funds("asha").used == rupees(27)
    bench.tick(ltp("BTCUSD.P", 90010.05, "CRYPTO"))
    assert bench.position("BTCUSD.P").unrealised == rupees("0.030150")
    assert bench.position("BTCUSD.P").average_price == 90_000 * RUPEE


def test_option_margins_are_the_premium(bench):
    name, exchange = "NIFTY30DEC2526000CE", "NFO"
    bench.tick(ltp(name, 120.0, exchange))
    bench.place(quantity=25, symbol=name, exchange=exchange, product="NRML")
    bench.place("SELL", quantity=50, symbol=name, exchange=exchange, product="NRML")
    position = bench.position(name)
    assert (position.quantity, position.blocked) == (-25, rupees(3000))
