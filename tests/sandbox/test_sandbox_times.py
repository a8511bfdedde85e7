"""Square-off, expiry, T+1, the new day, resets, and catching up after downtime."""

from datetime import date, datetime, timedelta

import pytest
from paper import MORNING, Bench, assert_balanced, ltp

from bus.market.hours import IST
from marketdata.sandbox.model import GttRequest, LegRequest
from marketdata.sandbox.money import RUPEE


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    made.tick(ltp("SBIN", 100.0))
    yield made
    assert_balanced(made.desk, made.desk._durable.store)
    made.desk.close()


def at(hour, minute=0, day=0):
    return MORNING.replace(hour=hour, minute=minute) + timedelta(days=day)


def go_to(bench, moment):
    bench.clock.go_to(moment)
    bench.desk.on_time()


@pytest.mark.parametrize(
    ("exchange", "symbol", "hour", "minute"),
    [
        ("NSE", "SBIN", 15, 15),
        ("NFO", "NIFTY30DEC25FUT", 15, 15),
        ("CDS", "USDINR29DEC25FUT", 16, 45),
        ("NCDEX", "JEERA19DEC25FUT", 17, 0),
        ("MCX", "GOLD05FEB26FUT", 23, 30),
        ("NCO", "GOLD05FEB26FUT", 23, 30),
        ("CRYPTO", "BTCUSD.P", 23, 55),
    ],
)
def test_mis_is_closed_at_the_exchanges_time(tmp_path, exchange, symbol, hour, minute):
    bench = Bench(tmp_path)
    order = {"symbol": symbol, "exchange": exchange, "quantity": 25}
    bench.tick(ltp(symbol, 100.0, exchange))
    bench.place(**order)
    resting = bench.place(**order, pricetype="LIMIT", price=90)
    go_to(bench, at(hour, minute) - timedelta(seconds=1))
    assert bench.position(symbol).quantity == 25
    bench.tick(ltp(symbol, 104.0, exchange))
    go_to(bench, at(hour, minute))
    position = bench.position(symbol)
    assert position.quantity == 0
    gain = 4 * RUPEE * 25
    assert position.realised == (gain // 1000 if exchange == "CRYPTO" else gain)
    assert bench.order(resting).status == "cancelled"
    assert bench.refused(**order) == "mis_window"
    assert_balanced(bench.desk, bench.desk._durable.store)
    bench.desk.close()


def test_square_off_without_a_fresh_price_waits_for_one(bench):
    bench.place("SELL", quantity=10)
    go_to(bench, at(15, 15))  # no tick since the morning
    [exit_order] = [o for o in bench.desk.orders("asha") if o.source == "square_off"]
    assert exit_order.status == "open"
    go_to(bench, at(15, 16))
    assert len([o for o in bench.desk.orders("asha") if o.source == "square_off"]) == 1
    bench.tick(ltp("SBIN", 99.0))
    assert bench.position().quantity == 0


def test_mis_may_still_be_reduced_after_its_time(tmp_path):
    bench = Bench(tmp_path, square_off={"NSE": ""})
    bench.tick(ltp("SBIN", 100.0))
    bench.place(quantity=10)
    bench.desk.close()
    late = Bench(tmp_path, bench.clock, square_off={"NSE": "09:30"})
    late.tick(ltp("SBIN", 100.0))
    assert late.refused(quantity=1) == "mis_window"
    assert late.place("SELL", quantity=10).status == "complete"
    assert late.refused("SELL", quantity=1) == "mis_window"
    late.desk.close()


def test_shares_move_to_the_holdings_at_midnight_and_may_be_sold(bench):
    bench.place(quantity=10, product="CNC")
    assert bench.desk.funds("asha").used == 1000 * RUPEE
    go_to(bench, at(0, day=1))
    [holding] = bench.desk.holdings("asha")
    assert (holding.quantity, holding.cost) == (10, 1000 * RUPEE)
    funds = bench.desk.funds("asha")
    assert (funds.used, funds.holdings) == (0, 1000 * RUPEE)
    bench.clock.go_to(at(10, day=1))
    bench.tick(ltp("SBIN", 110.0))
    assert bench.refused("SELL", quantity=11, product="CNC") == "holdings"
    sold = bench.place("SELL", quantity=4, product="CNC")
    assert (sold.status, bench.desk.funds("asha").used) == ("complete", 0)
    assert bench.refused("SELL", quantity=7, product="CNC") == "holdings"
    go_to(bench, at(0, day=2))
    [holding] = bench.desk.holdings("asha")
    assert (holding.quantity, holding.cost) == (6, 600 * RUPEE)
    funds = bench.desk.funds("asha")
    assert (funds.realised, funds.cash) == (40 * RUPEE, funds.capital - 560 * RUPEE)


def test_a_refused_sale_of_shares_is_kept_as_rejected(bench):
    assert bench.refused("SELL", product="CNC") == "holdings"
    [order] = bench.desk.orders("asha")
    assert (order.status, order.blocked) == ("rejected", 0)
    assert [told.status for told in bench.told] == ["rejected"]


@pytest.mark.parametrize(
    ("settings", "symbol", "moment", "price"),
    [
        ({}, "NIFTY16DEC2526000CE", at(15, 40, day=1), 104),
        ({"option_settlement": "zero"}, "NIFTY16DEC2526000CE", at(15, 40, day=1), 0),
        ({"expiry_settlement": "next_day"}, "NIFTY16DEC25FUT", at(0, day=2), 104),
        ({"option_settlement": "zero"}, "NIFTY16DEC25FUT", at(15, 40, day=1), 104),
    ],
)
def test_expired_contracts_are_settled(tmp_path, settings, symbol, moment, price):
    bench = Bench(tmp_path, **settings)
    order = {"symbol": symbol, "exchange": "NFO", "quantity": 25, "product": "NRML"}
    bench.tick(ltp(symbol, 100.0, "NFO"))
    bench.place(**order)
    resting = bench.place(**order, pricetype="LIMIT", price=50)
    leg = LegRequest(action="SELL", quantity=25, trigger_price=120 * RUPEE, price=120 * RUPEE)
    request = GttRequest(exchange="NFO", symbol=symbol, product="NRML", legs=[leg])
    bench.desk.place_gtt("asha", request)
    bench.tick(ltp(symbol, 104.0, "NFO"))
    go_to(bench, moment - timedelta(minutes=1))
    assert bench.position(symbol).quantity == 25
    go_to(bench, moment)
    position = bench.position(symbol)
    assert (position.quantity, position.realised) == (0, (price - 100) * 25 * RUPEE)
    assert bench.order(resting).reason == "the contract expired"
    assert bench.desk.gtts("asha")[0].status == "expired"
    assert_balanced(bench.desk, bench.desk._durable.store)
    bench.desk.close()


def test_a_new_day_begins_at_three_and_remembers_the_last(bench):
    bench.place(quantity=10)
    bench.tick(ltp("SBIN", 103.0))
    bench.place("SELL", quantity=10)
    bench.place(quantity=5, symbol="SBIN", product="CNC")
    go_to(bench, at(23, 59))
    [day] = bench.desk.days("asha")
    assert (day.day, day.realised) == ("2025-12-15", 30 * RUPEE)
    go_to(bench, at(2, 59, day=1))
    assert bench.desk.funds("asha").realised_today == 30 * RUPEE
    go_to(bench, at(3, day=1))
    funds = bench.desk.funds("asha")
    assert (funds.realised_today, funds.realised) == (0, 30 * RUPEE)
    assert bench.desk.positions("asha") == bench.desk.orders("asha") == []
    assert bench.desk.trades("asha") == []


def test_no_day_is_remembered_on_holidays(tmp_path):
    bench = Bench(tmp_path, holidays=[date(2025, 12, 15)])
    bench.desk.funds("asha")
    for day in range(7):  # to the Sunday
        go_to(bench, at(23, 59, day=day))
    days = [result.day for result in bench.desk.days("asha")]
    assert days == ["2025-12-16", "2025-12-17", "2025-12-18", "2025-12-19"]
    bench.desk.close()


def test_funds_begin_anew_on_their_weekday(tmp_path):
    bench = Bench(tmp_path, reset_day="wednesday")
    bench.tick(ltp("SBIN", 100.0))
    bench.place(quantity=10, product="CNC")
    go_to(bench, at(0, day=1))
    assert bench.desk.holdings("asha")
    go_to(bench, at(0, 1, day=2))
    funds = bench.desk.funds("asha")
    assert (funds.cash, funds.resets, bench.desk.holdings("asha")) == (funds.capital, 1, [])
    assert_balanced(bench.desk, bench.desk._durable.store)
    bench.desk.close()


def test_what_was_missed_is_done_at_the_next_start_once(bench):
    bench.place(quantity=10, product="CNC")
    bench.place(quantity=10)
    bench.desk.close()
    bench.clock.go_to(at(10, day=3))
    bench.open()
    assert [h.quantity for h in bench.desk.holdings("asha")] == [10]
    [exit_order] = [o for o in bench.desk.orders("asha") if o.is_live]
    assert exit_order.source == "square_off"
    bench.tick(ltp("SBIN", 90.0))
    assert bench.desk.funds("asha").realised == -100 * RUPEE
    bench.reopen()
    assert not [o for o in bench.desk.orders("asha") if o.is_live]


def test_a_gtt_ends_after_its_life(tmp_path):
    bench = Bench(tmp_path, gtt_days=2)
    bench.tick(ltp("SBIN", 100.0))
    leg = LegRequest(action="BUY", quantity=1, trigger_price=90 * RUPEE, price=90 * RUPEE)
    request = GttRequest(exchange="NSE", symbol="SBIN", product="CNC", legs=[leg])
    bench.desk.place_gtt("asha", request)
    assert bench.desk.funds("asha").used == 90 * RUPEE
    go_to(bench, at(10, day=3))
    assert bench.desk.gtts("asha")[0].status == "expired"
    assert bench.desk.funds("asha").used == 0
    bench.desk.close()


def test_prices_of_positions_survive_a_restart(bench):
    bench.place(quantity=10)
    bench.tick(ltp("SBIN", 107.0))
    bench.reopen()
    assert bench.desk.funds("asha").unrealised == 70 * RUPEE
    assert datetime.fromtimestamp(bench.position().opened_ns / 1e9, IST) == MORNING


def done(bench, actor="schedule"):
    """What an actor did, as the audit has it: (action, subject, detail)."""
    entries = bench.desk.audit("asha")
    return [(e.action, e.subject, e.detail) for e in entries if e.actor == actor]


def test_the_audit_tells_of_deliveries_both_ways(bench):
    bench.place(quantity=10, product="CNC")
    go_to(bench, at(0, day=1))
    bench.clock.go_to(at(10, day=1))
    bench.tick(ltp("SBIN", 110.0))
    bench.place("SELL", quantity=4, product="CNC")
    go_to(bench, at(0, day=2))
    assert [one for one in done(bench) if one[0] == "delivered"] == [
        ("delivered", "NSE:SBIN", "10 into the holdings, at 100; 10 are held"),
        ("delivered", "NSE:SBIN", "4 out of the holdings, at 110; 6 are held"),
    ]


def test_the_audit_tells_of_each_new_day_once(bench):
    bench.place(quantity=10)
    bench.tick(ltp("SBIN", 103.0))
    bench.place("SELL", quantity=10)
    go_to(bench, at(3, day=1))
    go_to(bench, at(4, day=1))
    bench.reopen()
    assert done(bench) == [("day reset", "", "realised 30, now 0; 1 flat positions left out")]


def test_the_audit_tells_who_reset_the_account(tmp_path):
    bench = Bench(tmp_path, reset_day="tuesday", gtt_days=1)
    bench.tick(ltp("SBIN", 100.0))
    bench.desk.reset("asha")
    assert done(bench, "client") == [("account reset", "", "")]
    go_to(bench, at(0, 1, day=1))
    assert ("account reset", "", "") in done(bench)
    bench.desk.close()


def test_the_audit_tells_of_gtts_whose_life_is_over(tmp_path):
    bench = Bench(tmp_path, gtt_days=1)
    bench.tick(ltp("SBIN", 100.0))
    leg = LegRequest(action="BUY", quantity=1, trigger_price=90 * RUPEE, price=90 * RUPEE)
    request = GttRequest(exchange="NSE", symbol="SBIN", product="CNC", legs=[leg])
    placed = bench.desk.place_gtt("asha", request)
    go_to(bench, at(10, day=2))
    assert ("expired", placed, "NSE:SBIN") in done(bench)
    bench.desk.close()
