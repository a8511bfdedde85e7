"""Dhan's order updates, in both spellings."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.brokers.dhan import broker as dhan
from adapters.codec import Account, Notice, OrderUpdate
from adapters.errors import CodecError, MalformedError
from bus.market.orders import Order
from bus.secret import Secret
from bus.topics import Mode

#: As the documentation has it, less what is not read.
DOCUMENTED = {
    "Exchange": "NSE",
    "Segment": "E",
    "Source": "N",
    "SecurityId": "14366",
    "OrderNo": "1124091136546",
    "Product": "C",
    "TxnType": "B",
    "OrderType": "LMT",
    "RemainingQuantity": 1,
    "Quantity": 1,
    "TradedQty": 0,
    "Price": 13,
    "TriggerPrice": 0,
    "AvgTradedPrice": 0,
    "ReasonDescription": "CONFIRMED",
    "Symbol": "IDEA",
    "Status": "Cancelled",
    "DisplayName": "Vodafone Idea",
}
LIVE = {
    "exchange": "NSE",
    "segment": "D",
    "securityId": 52432,
    "orderNo": 1124091136547,
    "product": "M",
    "txnType": "S",
    "orderType": "SLM",
    "quantity": "75",
    "tradedQty": 25.0,
    "price": 0,
    "triggerPrice": "25900.5",
    "avgTradedPrice": 25899.05,
    "status": "PART_TRADED",
    "symbol": None,
    "displayName": "NIFTY NOV FUT",
    "reasonDescription": None,
}


def connection():
    credentials = {"client_id": Secret("1000000001"), "access_token": Secret("token")}
    return dhan.codec(Account(credentials=credentials), "orders")


def decode(data, kind="order_alert"):
    return connection().decode(json.dumps({"Type": kind, "Data": data}))


def test_the_documented_order():
    assert decode(DOCUMENTED).events == [
        OrderUpdate(
            order=Order(
                orderid="1124091136546",
                symbol="IDEA",
                exchange="NSE",
                action="BUY",
                quantity=1,
                price=13.0,
                trigger_price=0.0,
                pricetype="LIMIT",
                product="CNC",
                order_status="cancelled",
                filled_quantity=0,
                pending_quantity=1,
                average_price=0.0,
            ),
            token="NSE_EQ|14366",
        )
    ]


def test_an_order_as_it_comes_live():
    [update] = decode(LIVE).events
    assert update == OrderUpdate(
        order=Order(
            orderid="1124091136547",
            symbol="NIFTY NOV FUT",
            exchange="NFO",
            action="SELL",
            quantity=75,
            price=0.0,
            trigger_price=25900.5,
            pricetype="SL-M",
            product="NRML",
            order_status="open",
            filled_quantity=25,
            pending_quantity=50,
            average_price=25899.05,
        ),
        token="NSE_FNO|52432",
    )


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("TRANSIT", "open"),
        ("Pending", "open"),
        ("TRIGGERED", "open"),
        ("Traded", "complete"),
        ("REJECTED", "rejected"),
        ("CANCELLED", "cancelled"),
        ("EXPIRED", "expired"),
    ],
)
def test_statuses(word, status):
    [update] = decode(LIVE | {"status": word, "reasonDescription": "RMS: no margin"}).events
    assert update.order.order_status == status
    assert update.order.rejection_reason == ("RMS: no margin" if status == "rejected" else "")


@pytest.mark.parametrize(
    ("field", "word", "name", "value"),
    [
        ("product", "I", "product", "MIS"),
        ("product", "F", "product", "CNC"),
        ("product", "INTRADAY", "product", "MIS"),
        ("orderType", "MKT", "pricetype", "MARKET"),
        ("orderType", "SL", "pricetype", "SL"),
        ("txnType", "BUY", "action", "BUY"),
    ],
)
def test_words(field, word, name, value):
    [update] = decode(LIVE | {field: word}).events
    assert getattr(update.order, name) == value


def test_a_segment_that_is_not_known_leaves_the_brokers_own_words():
    [update] = decode(LIVE | {"exchange": "NCDEX", "segment": "M"}).events
    assert (update.order.exchange, update.token) == ("NCDEX", "")


@pytest.mark.parametrize(
    "change",
    [
        {"status": "DREAMING"},
        {"product": "Z"},
        {"txnType": "X"},
        {"orderType": ""},
        {"price": "nan"},
        {"price": "inf"},
        {"quantity": "many"},
        {"quantity": 2**60},
        {"status": None},
    ],
)
def test_an_order_in_other_words_is_malformed(change):
    decoded = decode(LIVE | change)
    assert decoded.events == []
    assert isinstance(decoded.error, MalformedError)


def test_other_messages_are_told_to_people():
    text = '{"Type":"notice","Data":{}}'
    assert connection().decode(text).events == [Notice(text)]
    assert connection().decode(b"{}").events == [Notice("{}")]


@given(st.text() | st.binary() | st.recursive(st.none() | st.text() | st.floats(), st.lists))
@example('{"Type":"order_alert"}')
@example("[" * 5000)
@example("\ud800")
@example(b"\xff")
@example('{"Type":"order_alert","Data":{"quantity":1' + "0" * 400 + "}}")
def test_anything_gives_an_event_or_a_typed_error(value):
    frame = value if isinstance(value, str | bytes) else json.dumps({"Type": value})
    decoded = connection().decode(frame)
    assert decoded.ticks == []
    assert decoded.error is None or isinstance(decoded.error, CodecError)


def test_the_login_stands_in_a_message():
    [frame] = connection().login()
    assert json.loads(frame) == {
        "LoginReq": {"MsgCode": 42, "ClientId": "1000000001", "Token": "token"},
        "UserType": "SELF",
    }
    assert connection().subscribe(["NSE_EQ|1"], Mode.LTP) == []
    assert connection().unsubscribe(["NSE_EQ|1"], Mode.LTP) == []
