"""GTT and OCO, stops, targets, trailing stops, limits, the kill switch; each act in the audit."""

import pytest
from paper import Bench, assert_balanced, depth, ltp

from marketdata.sandbox.errors import NotFound, Rejection
from marketdata.sandbox.model import Change, ExitRule, GttRequest, LegRequest, Limits
from marketdata.sandbox.money import RUPEE, to_micros


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    made.tick(ltp("SBIN", 100.0))
    yield made
    assert_balanced(made.desk, made.desk._durable.store)
    made.desk.close()


def leg(action, trigger, quantity=10, pricetype="LIMIT"):
    at = to_micros(str(trigger))
    price = at if pricetype == "LIMIT" else 0
    return LegRequest(
        action=action, quantity=quantity, trigger_price=at, price=price, pricetype=pricetype
    )


def gtt(*legs, product="MIS"):
    return GttRequest(exchange="NSE", symbol="SBIN", product=product, legs=list(legs))


def rule(user="asha", **prices):
    told = {name: round(price * RUPEE) for name, price in prices.items()}
    return ExitRule(account=user, exchange="NSE", symbol="SBIN", product="MIS", **told)


def broken(act, *args):
    with pytest.raises(Rejection) as caught:
        act(*args)
    return caught.value.rule


@pytest.mark.parametrize(("trigger", "crossed"), [(105, 105.0), (95, 94.0)])
def test_a_gtt_fires_when_the_price_comes_from_its_side(bench, trigger, crossed):
    bench.desk.place_gtt("asha", gtt(leg("BUY", trigger, pricetype="MARKET")))
    bench.tick(ltp("SBIN", 100.0 + (trigger - 100) * 0.5))
    assert bench.desk.orders("asha") == []
    bench.tick(ltp("SBIN", crossed))
    [order] = bench.desk.orders("asha")
    [ended] = bench.desk.gtts("asha")
    assert (order.source, order.leg_id, ended.legs[0].order_id) == (
        "gtt", ended.legs[0].id, order.id,
    )  # fmt: skip
    assert (ended.status, ended.blocked, bench.position().quantity) == ("triggered", 0, 10)
    entry = bench.desk.audit("asha")[-1]
    assert (entry.actor, entry.action, entry.subject) == ("gtt", "fired", order.leg_id)
    bench.tick(ltp("SBIN", crossed), ltp("SBIN", 100.0), ltp("SBIN", crossed))
    assert len(bench.desk.orders("asha")) == 1


@pytest.mark.parametrize(("mode", "used"), [("max", 220), ("sum", 400)])
def test_one_leg_of_an_oco_cancels_the_other(tmp_path, mode, used):
    bench = Bench(tmp_path, gtt_oco_margin=mode)
    bench.tick(ltp("SBIN", 100.0))
    bench.desk.place_gtt("asha", gtt(leg("BUY", 110), leg("BUY", 90)))
    assert bench.desk.funds("asha").used == used * RUPEE
    bench.tick(ltp("SBIN", 89.0))
    bench.tick(ltp("SBIN", 111.0))
    assert [leg.status for leg in bench.desk.gtts("asha")[0].legs] == ["cancelled", "triggered"]
    assert bench.position().quantity == 10
    assert_balanced(bench.desk, bench.desk._durable.store)
    bench.desk.close()


def test_a_gtt_whose_order_is_refused_says_so(bench):
    bench.place(quantity=10, product="CNC")
    bench.desk.place_gtt("asha", gtt(leg("SELL", 110, quantity=10), product="CNC"))
    bench.place("SELL", quantity=10, product="CNC")
    bench.tick(ltp("SBIN", 111.0))
    [ended] = bench.desk.gtts("asha")
    assert (ended.status, ended.reason) == (
        "rejected",
        "10 shares are to be sold in CNC, 0 are there",
    )


@pytest.mark.parametrize(
    ("broke", "request_"),
    [
        ("gtt_legs", gtt()),
        ("gtt_legs", gtt(leg("BUY", 90), leg("BUY", 110), leg("BUY", 120))),
        ("oco_sides", gtt(leg("BUY", 90), leg("BUY", 80))),
        ("trigger_price", gtt(leg("BUY", 100))),
        ("gtt_pricetype", gtt(leg("BUY", 90, pricetype="SL"))),
        ("margin", gtt(leg("BUY", 90, quantity=10**7))),
        ("product", gtt(leg("BUY", 90), product="NRML")),
    ],
)
def test_what_is_refused_of_a_gtt(bench, broke, request_):
    assert broken(bench.desk.place_gtt, "asha", request_) == broke
    assert bench.desk.funds("asha").used == 0


def test_a_gtt_can_be_changed_and_cancelled(bench):
    gtt_id = bench.desk.place_gtt("asha", gtt(leg("BUY", 90)))
    bench.desk.modify_gtt("asha", gtt_id, gtt(leg("BUY", 80, quantity=20)))
    assert bench.desk.funds("asha").used == 320 * RUPEE
    bench.reopen()
    bench.tick(ltp("SBIN", 89.0))
    assert bench.desk.orders("asha") == []
    with pytest.raises(NotFound):
        bench.desk.cancel_gtt("binod", gtt_id)
    bench.desk.cancel_gtt("asha", gtt_id)
    assert bench.desk.funds("asha").used == 0
    assert broken(bench.desk.cancel_gtt, "asha", gtt_id) == "gtt_state"


@pytest.mark.parametrize(
    ("action", "prices", "quiet", "hit"),
    [
        ("BUY", {"stop": 98}, 98.05, 97.0),
        ("BUY", {"target": 103}, 102.95, 103.0),
        ("SELL", {"stop": 102}, 101.95, 103.0),
        ("SELL", {"target": 97}, 97.05, 97.0),
    ],
)
def test_stop_and_target_close_the_position_as_it_is_then(bench, action, prices, quiet, hit):
    bench.place(action, quantity=10)
    bench.desk.set_exit_rule(rule(**prices))
    bench.place(action, quantity=5)
    bench.tick(ltp("SBIN", quiet))
    assert abs(bench.position().quantity) == 15
    bench.tick(ltp("SBIN", hit))
    assert bench.position().quantity == 0
    assert bench.desk.exit_rules("asha") == []
    entry = bench.desk.audit("asha")[-1]
    assert (entry.actor, entry.action, entry.subject) == ("risk", "exit", "NSE:SBIN")


@pytest.mark.parametrize("sign", [1, -1])
def test_a_trailing_stop_follows_the_best_price(bench, sign):
    bench.place("BUY" if sign > 0 else "SELL", quantity=10)
    bench.desk.set_exit_rule(rule(trail=2, trail_from=1))
    for step in (0.5, -1.5, 3, 1.5, 6):
        bench.tick(ltp("SBIN", 100.0 + sign * step))
    assert bench.position().quantity == sign * 10
    [trailed] = bench.desk.exit_rules("asha")
    assert trailed.stop == (100 + sign * 4) * RUPEE
    bench.tick(ltp("SBIN", 100.0 + sign * 4))
    assert bench.position().quantity == 0


def test_an_exit_that_finds_nobody_is_tried_again_but_never_sold_twice(bench):
    bench.place(quantity=100)
    bench.desk.set_exit_rule(rule(stop=98))
    bench.tick(depth("SBIN", 97.0, bids=[(97, 30)], asks=[(98, 30)]))
    assert bench.position().quantity == 70
    for _ in range(4):
        bench.clock.go(2)
        bench.tick(depth("SBIN", 97.0, bids=[(97, 30)], asks=[(98, 30)]))
    exits = [o for o in bench.desk.orders("asha") if o.source == "risk"]
    assert [(o.quantity, o.filled_quantity) for o in exits] == [(100, 30)]
    bench.tick(depth("SBIN", 97.0, bids=[(97, 90)], asks=[(98, 30)]))
    assert bench.position().quantity == 0


def test_exits_are_split_by_freeze_quantity(bench):
    name = "NIFTY30DEC25FUT"
    bench.tick(ltp(name, 100.0, "NFO"))
    for _ in range(3):
        bench.place(quantity=1800, symbol=name, exchange="NFO")
    bench.desk.close_position("asha")
    orders = bench.desk.orders("asha")[3:]
    assert [order.quantity for order in orders] == [1800, 1800, 1800]


def test_rules_that_cannot_be(bench):
    with pytest.raises(NotFound):
        bench.desk.set_exit_rule(rule(stop=98))
    bench.place(quantity=1)
    assert broken(bench.desk.set_exit_rule, rule(stop=100)) == "exit_rule"
    assert broken(bench.desk.set_exit_rule, rule(target=99)) == "exit_rule"
    bench.desk.set_exit_rule(rule(stop=90))
    bench.desk.set_exit_rule(rule())
    assert bench.desk.exit_rules("asha") == []


def test_a_turned_position_is_not_its_old_rules_business(bench):
    bench.place(quantity=10)
    bench.desk.set_exit_rule(rule(stop=98))
    bench.place("SELL", quantity=20)
    assert bench.desk.exit_rules("asha") == []


def test_the_days_loss_throws_the_switch_until_the_next_day(bench):
    bench.desk.set_limits(Limits(account="asha", max_loss=50 * RUPEE))
    bench.place(quantity=10)
    bench.place(quantity=10, pricetype="LIMIT", price=80)
    bench.tick(ltp("SBIN", 95.05))
    assert bench.position().quantity == 10
    bench.tick(ltp("SBIN", 95.0))
    assert bench.position().quantity == 0
    assert [o.status for o in bench.desk.orders("asha")] == ["complete", "cancelled", "complete"]
    assert bench.refused() == "kill_switch"
    bench.reopen()
    assert bench.desk.limits("asha").killed.startswith("max_loss: 50 rupees lost")
    bench.clock.go(18 * 3600)
    bench.desk.on_time()
    bench.tick(ltp("SBIN", 95.0))
    assert bench.place(product="CNC").status == "complete"


def test_limits_on_orders_and_positions(bench):
    limits = Limits(account="asha", max_orders_per_minute=3, max_position_value=1000 * RUPEE)
    bench.desk.set_limits(limits)
    bench.place(quantity=5)
    bench.place(quantity=3, pricetype="LIMIT", price=90)
    assert bench.refused(quantity=3) == "max_position"
    bench.place("SELL", quantity=5)
    assert bench.refused("SELL", quantity=1) == "order_rate"
    bench.clock.go(60)
    bench.tick(ltp("SBIN", 100.0))
    assert bench.place("SELL", quantity=1).status == "complete"
    assert broken(bench.desk.set_limits, Limits(account="asha", max_loss=-1)) == "limits"


def test_a_change_of_an_order_is_held_to_the_same_limits(bench):
    limits = Limits(account="asha", max_orders_per_minute=3, max_position_value=1000 * RUPEE)
    bench.desk.set_limits(limits)
    order = bench.place(quantity=5, pricetype="LIMIT", price=90)
    modify = bench.desk.modify
    assert broken(modify, "asha", order.id, Change(quantity=12)) == "max_position"
    assert bench.desk.funds("asha").used == 90 * RUPEE
    modify("asha", order.id, Change(quantity=11))
    modify("asha", order.id, Change(quantity=10))
    assert broken(modify, "asha", order.id, Change(quantity=9)) == "order_rate"
    bench.desk.set_limits(Limits(account="asha"))
    assert modify("asha", order.id, Change(quantity=100)).quantity == 100


def test_what_the_house_closes_its_client_cannot_keep_open(bench):
    bench.place(quantity=10)
    bench.tick(depth("SBIN", 100, asks=[(100, 10)]))  # no buyer
    [exit_id] = bench.desk.kill_switch("asha", "enough")
    assert broken(bench.desk.cancel, "asha", exit_id) == "house_order"
    assert bench.desk.cancel_all("asha") == []
    bench.desk.kill_switch("asha", "")
    change = Change(pricetype="LIMIT", price=500 * RUPEE)
    assert broken(bench.desk.modify, "asha", exit_id, change) == "house_order"
    bench.tick(depth("SBIN", 100, bids=[(99, 10)], asks=[(100, 10)]))
    assert bench.position().quantity == 0


def test_the_kill_switch_ends_everything_and_is_audited(bench):
    bench.place(quantity=10)
    bench.place(quantity=10, pricetype="LIMIT", price=90)
    bench.desk.place_gtt("asha", gtt(leg("BUY", 80)))
    assert len(bench.desk.kill_switch("asha", "enough")) == 1
    funds = bench.desk.funds("asha")
    assert (funds.used, bench.position().quantity) == (0, 0)
    assert bench.refused() == "kill_switch"
    assert broken(bench.desk.place_gtt, "asha", gtt(leg("BUY", 80))) == "kill_switch"
    bench.desk.kill_switch("asha", "")
    assert bench.place().status == "complete"
    actions = [entry.action for entry in bench.desk.audit("asha")]
    assert actions == ["kill switch on", "refused", "refused", "kill switch off"]


def test_old_and_odd_prices_trigger_nothing(bench):
    bench.place(quantity=10)
    bench.desk.set_exit_rule(rule(stop=98))
    received_ns = bench.clock.now_ns
    bench.clock.go(61)
    bench.desk.on_ticks([(ltp("SBIN", 90.0), received_ns)])
    assert bench.position().quantity == 10
    assert bench.desk.stats()["old_ticks_total"] == 1
