"""Angel One's order updates."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.brokers.angel.broker import BROKER
from adapters.codec import Account
from adapters.errors import CodecError, Verdict
from bus.market.orders import Order

ANY = st.text() | st.floats() | st.integers()
ORDER = {
    "variety": "NORMAL",
    "ordertype": "LIMIT",
    "producttype": "DELIVERY",
    "price": 551,
    "triggerprice": 0,
    "quantity": "10",
    "tradingsymbol": "SBIN-EQ",
    "transactiontype": "BUY",
    "exchange": "NSE",
    "symboltoken": "3045",
    "averageprice": 0,
    "filledshares": "4",
    "unfilledshares": "6",
    "orderid": "111111111111111",
    "text": "Adapter is Logged Off",
    "orderstatus": "rejected",
}


def decode(frame):
    return BROKER.codec(Account(credentials={}), "orders").decode(frame)


def message(code="AB01", **fields):
    return json.dumps(
        {
            "user-id": "A1",
            "status-code": "200",
            "order-status": code,
            "error-message": "",
            "orderData": ORDER | fields,
        }
    )


def order(text):
    [update] = decode(text).events
    return update


def test_an_order_as_documented():
    update = order(message("AB03"))
    assert update.token == "1|3045"
    assert update.order == Order(
        orderid="111111111111111",
        symbol="SBIN",
        exchange="NSE",
        action="BUY",
        quantity=10,
        price=551.0,
        trigger_price=0.0,
        pricetype="LIMIT",
        product="CNC",
        order_status="rejected",
        filled_quantity=4,
        pending_quantity=6,
        average_price=0.0,
        rejection_reason="Adapter is Logged Off",
    )


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AB01", "open"), ("AB02", "cancelled"), ("AB03", "rejected"), ("AB04", "open"),
        ("AB05", "complete"), ("AB06", "open"), ("AB07", "cancelled"), ("AB08", "open"),
        ("AB09", "open"), ("AB10", "trigger pending"), ("AB11", "open"),
    ],
)  # fmt: skip
def test_every_status(code, status):
    told = order(message(code)).order
    assert told.order_status == status
    assert bool(told.rejection_reason) is (status == "rejected")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"producttype": "INTRADAY"}, {"product": "MIS"}),
        ({"producttype": "MARGIN"}, {"product": "CNC"}),
        ({"producttype": "BO"}, {"product": "MIS"}),
        ({"producttype": "CARRYFORWARD"}, {"product": "NRML"}),
        ({"ordertype": "STOPLOSS_LIMIT", "triggerprice": "549.5"},
         {"pricetype": "SL", "trigger_price": 549.5}),
        ({"ordertype": "STOPLOSS_MARKET"}, {"pricetype": "SL-M"}),
        ({"ordertype": "MARKET", "price": 0.0}, {"pricetype": "MARKET", "price": 0.0}),
        ({"transactiontype": "SELL"}, {"action": "SELL"}),
        ({"filledshares": "", "unfilledshares": ""},
         {"filled_quantity": 0, "pending_quantity": 10}),
        ({"averageprice": "550.95"}, {"average_price": 550.95}),
        ({"tradingsymbol": "NIFTY25NOV2525900CE", "exchange": "NFO"},
         {"symbol": "NIFTY25NOV2525900CE", "exchange": "NFO"}),
    ],
)  # fmt: skip
def test_fields_of_an_order(fields, told):
    found = order(message(**fields)).order
    assert {name: getattr(found, name) for name in told} == told


def test_the_first_message_is_no_order():
    decoded = decode(message("AB00", orderid="", transactiontype=""))
    assert (decoded.events, decoded.error) == ([], None)


def test_an_order_of_an_unknown_exchange_has_no_token():
    assert order(message(exchange="NCO")).token == ""
    assert order(message(symboltoken="")).token == ""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (message("AB99"), "unknown_order"),
        (message(transactiontype="HOLD"), "unknown_order"),
        (message(ordertype=""), "unknown_order"),
        (message(producttype="LOAN"), "unknown_order"),
        (message(quantity="ten"), "malformed"),
        (message(price="nan"), "malformed"),
        (message(averageprice="inf"), "malformed"),
        (message(quantity=1e300), "malformed"),
        (message(orderid=5), "malformed"),
        ("[]", "malformed"),
        (b"\xff", "malformed"),
    ],
)
def test_an_order_that_cannot_be_told_is_an_error(text, kind):
    decoded = decode(text)
    assert (decoded.events, decoded.error.kind) == ([], kind)


@pytest.mark.parametrize(("code", "verdict"), [("401", Verdict.NEEDS_TOKEN), (500, Verdict.GO_ON)])
def test_a_refusal_on_the_order_socket(code, verdict):
    error = decode(json.dumps({"status-code": code, "error-message": "No."})).error
    assert (error.kind, str(error), error.verdict) == (str(code), "No.", verdict)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(ORDER, ANY)))
def test_any_order_gives_an_update_or_a_typed_error(fields):
    decoded = decode(message(**fields))
    if decoded.error is not None:
        assert isinstance(decoded.error, CodecError)
    else:
        [update] = decoded.events
        assert all(
            math.isfinite(v) and abs(v) <= 2**53
            for v in (update.order.price, update.order.quantity, update.order.pending_quantity)
        )
