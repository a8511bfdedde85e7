"""Upstox's order updates."""

import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.brokers.upstox.broker import Upstox
from adapters.codec import Account, OrderUpdate
from adapters.errors import CodecError
from bus.secret import Secret


def stream():
    return Upstox(Account(credentials={"access_token": Secret("token-67890")}), "orders")


ORDER = {
    "update_type": "order",
    "user_id": "AB1234",
    "exchange": "NSE",
    "instrument_token": "NSE_EQ|INE062A01020",
    "instrument_key": "NSE_EQ|INE062A01020",
    "trading_symbol": "SBIN-EQ",
    "product": "D",
    "order_type": "SL",
    "average_price": 0,
    "price": 970.5,
    "trigger_price": 970,
    "quantity": 10,
    "disclosed_quantity": 0,
    "pending_quantity": 10,
    "filled_quantity": 0,
    "transaction_type": "SELL",
    "status": "trigger pending",
    "status_message": None,
    "order_id": "231019025057849",
}


def told(**changed):
    decoded = stream().decode(json.dumps(ORDER | changed))
    if decoded.error is not None:
        return decoded.error
    [update] = decoded.events
    return update


def test_an_order_is_told_in_openalgo_words():
    update = told()
    assert isinstance(update, OrderUpdate)
    assert update.token == "NSE_EQ|INE062A01020"
    assert msgspec.to_builtins(update.order) == {
        "orderid": "231019025057849",
        "symbol": "SBIN-EQ",
        "exchange": "NSE",
        "action": "SELL",
        "quantity": 10,
        "price": 970.5,
        "trigger_price": 970.0,
        "pricetype": "SL",
        "product": "CNC",
        "order_status": "trigger pending",
        "filled_quantity": 0,
        "pending_quantity": 10,
        "average_price": 0.0,
        "rejection_reason": "",
    }


@pytest.mark.parametrize(
    ("status", "means"),
    [
        ("complete", "complete"),
        ("rejected", "rejected"),
        ("cancelled", "cancelled"),
        ("cancelled after market order", "cancelled"),
        ("open", "open"),
        ("put order req received", "open"),
        ("modify pending", "open"),
        ("after market order req received", "open"),
    ],
)
def test_statuses(status, means):
    assert told(status=status).order.order_status == means


def test_products_depend_on_what_is_traded():
    option = {"instrument_key": "NSE_FO|51414", "exchange": "NSE"}
    assert told(**option).order.product == "NRML"
    assert told(**option).order.exchange == "NFO"
    assert told(product="I", **option).order.product == "MIS"
    assert told(instrument_key="", instrument_token="").order.exchange == "NSE"


def test_a_rejection_has_its_reason():
    rejected = told(status="rejected", status_message="RMS: margin").order
    assert rejected.rejection_reason == "RMS: margin"
    assert told(status="open", status_message="fine").order.rejection_reason == ""


def test_orders_in_unknown_words_are_typed_errors():
    for changed in ({"status": "dreaming"}, {"product": "Z"}):
        assert told(**changed).kind == "unknown_order"
    for changed in ({"transaction_type": "HOLD"}, {"quantity": 2**60}, {"price": "1"}):
        assert told(**changed).kind == "malformed"


def test_other_updates_are_passed_over():
    decoded = stream().decode('{"update_type":"position","quantity":"x"}')
    assert (decoded.events, decoded.error) == ([], None)


@given(st.one_of(st.text(), st.binary(), st.dictionaries(st.sampled_from(list(ORDER)), st.text())))
@example("[" * 5000)
def test_anything_on_the_order_stream_is_an_event_or_a_typed_error(value):
    sent = json.dumps(ORDER | value) if isinstance(value, dict) else value
    decoded = stream().decode(sent)
    assert decoded.error is None or isinstance(decoded.error, CodecError)
