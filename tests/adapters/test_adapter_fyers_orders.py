"""Fyers' order updates: raw and renamed keys, and words that nobody knows."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.brokers.fyers.orders import Orders
from adapters.codec import Account, OrderUpdate
from adapters.errors import BrokerError, CodecError, MalformedError, Verdict
from bus.market.orders import Order
from bus.secret import Secret

RAW = {
    "id": "25111800000001",
    "fy_token": "10100000003045",
    "symbol": "NSE:SBIN-EQ",
    "exchange": 10,
    "segment": 10,
    "qty": 10,
    "qty_filled": 4,
    "qty_remaining": 6,
    "price_limit": 972.85,
    "price_stop": 0,
    "price_traded": 972.8,
    "ord_type": 1,
    "tran_side": 1,
    "org_ord_status": 6,
    "product_type": "INTRADAY",
    "oms_msg": "ok",
    "ordertag": None,
}
RENAMED = {
    "id": "25111800000001",
    "fyToken": "10100000003045",
    "symbol": "NSE:SBIN-EQ",
    "qty": 10,
    "filledQty": 4,
    "remainingQuantity": 6,
    "limitPrice": 972.85,
    "stopPrice": 0,
    "tradedPrice": 972.8,
    "type": 1,
    "side": 1,
    "status": 6,
    "productType": "INTRADAY",
    "message": "ok",
}
WANTED = Order(
    orderid="25111800000001",
    symbol="SBIN",
    exchange="NSE",
    action="BUY",
    quantity=10,
    price=972.85,
    trigger_price=0.0,
    pricetype="LIMIT",
    product="MIS",
    order_status="open",
    filled_quantity=4,
    pending_quantity=6,
    average_price=972.8,
)


def codec():
    return Orders(Account(credentials={"access_token": Secret("APP:token")}), "orders")


def decode(message):
    return codec().decode(message if isinstance(message, str) else json.dumps(message))


def order(**changes):
    decoded = decode({"s": "ok", "orders": {**RAW, **changes}})
    if decoded.error is not None:
        raise decoded.error
    [update] = decoded.events
    return update.order


@pytest.mark.parametrize(
    "message",
    [
        {"s": "ok", "orders": RAW},
        {"s": "ok", "orders": {n: str(v) for n, v in RAW.items() if v is not None}},
        {"s": "ok", "d": RENAMED},
        {"s": "ok", "data": RENAMED},
        {"s": "ok", **RENAMED},
    ],
)  # fmt: skip
def test_an_order_wherever_it_stands(message):
    assert decode(message).events == [OrderUpdate(order=WANTED, token="nse_cm|3045|NSE:SBIN-EQ")]


@pytest.mark.parametrize(
    ("raw", "status"),
    [(1, "cancelled"), (2, "complete"), (4, "open"), (5, "rejected"), (6, "open"), (7, "expired")],
)
def test_statuses(raw, status):
    told = order(org_ord_status=raw, oms_msg="no funds")
    assert told.order_status == status
    assert told.rejection_reason == ("no funds" if status == "rejected" else "")


def test_words():
    kinds = [order(ord_type=n).pricetype for n in (1, 2, 3, 4)]
    assert kinds == ["LIMIT", "MARKET", "SL-M", "SL"]
    assert order(tran_side=-1).action == "SELL"
    words = ("CNC", "MARGIN", "INTRADAY", "CO", "BO", "MTF")
    products = [order(product_type=word).product for word in words]
    assert products == ["CNC", "NRML", "MIS", "MIS", "MIS", "CNC"]


def test_an_order_without_a_number_of_its_instrument():
    [update] = decode({"orders": {**RAW, "fy_token": None}}).events
    assert (update.token, update.order.exchange, update.order.symbol) == ("", "NSE", "SBIN")
    future = order(fy_token="112025111953001", symbol="MCX:CRUDEOIL25NOVFUT")
    assert (future.exchange, future.symbol) == ("MCX", "CRUDEOIL25NOVFUT")


@pytest.mark.parametrize(
    "changes",
    [
        {"org_ord_status": 3}, {"tran_side": 0}, {"ord_type": 9}, {"product_type": "X"},
        {"price_limit": "nan"}, {"price_limit": "inf"}, {"qty": 2**60}, {"qty": None}, {"id": 5},
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_malformed(changes):
    with pytest.raises(MalformedError):
        order(**changes)


@pytest.mark.parametrize(
    "text",
    [
        "pong",
        '{"code":1605,"message":"Successfully subscribed","s":"ok"}',
        '{"s":"ok","positions":{"id":"1","symbol":"NSE:SBIN-EQ"}}',
        '{"s":"ok","trades":{}}',
    ],
)
def test_what_is_no_order(text):
    decoded = decode(text)
    assert (decoded.events, decoded.error) == ([], None)


@pytest.mark.parametrize(("code", "verdict"), [(-16, Verdict.NEEDS_TOKEN), (-50, Verdict.GO_ON)])
def test_errors_of_the_server(code, verdict):
    error = decode({"s": "error", "code": code, "message": "no"}).error
    assert isinstance(error, BrokerError)
    assert (error.kind, str(error), error.verdict) == (str(code), "no", verdict)


def test_requests():
    [request] = codec().login()
    assert json.loads(request) == {"T": "SUB_ORD", "SLIST": ["orders"], "SUB_T": 1}
    assert codec().ping() == "ping"
    assert codec().handshake().headers == {"Authorization": "APP:token"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*RAW, *RENAMED]), inner),
    max_leaves=20,
)


@given(st.sampled_from([*RAW, *RENAMED, "orders", "s", "d"]), JSON)
def test_any_message_gives_an_order_or_a_typed_error(name, value):
    for message in ({**RENAMED, name: value}, {"orders": {**RAW, name: value}}, value):
        decoded = decode(json.dumps(message))
        assert decoded.error is None or isinstance(decoded.error, CodecError)
        for update in decoded.events:
            assert abs(update.order.price) <= 1e12


@given(st.text() | st.binary())
def test_anything_gives_nothing_or_a_typed_error(value):
    decoded = codec().decode(value)
    assert decoded.error is None or isinstance(decoded.error, CodecError)
