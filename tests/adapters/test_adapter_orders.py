"""Order updates: Kite's words, OpenAlgo's names, and each only once."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.brokers.zerodha.broker import Zerodha
from adapters.codec import Account, Notice, OrderUpdate
from adapters.errors import CodecError
from adapters.ticks.orders import OrderDesk
from bus.market.orders import Order

DATA = {
    "order_id": "251118000000001", "exchange_order_id": "1100000000017948",
    "tradingsymbol": "NIFTY25NOVFUT", "instrument_token": 13568258, "exchange": "NFO",
    "transaction_type": "BUY", "order_type": "SL", "product": "NRML", "status": "UPDATE",
    "status_message": None, "price": 25900.5, "trigger_price": 25890, "average_price": 0,
    "quantity": 75, "filled_quantity": 25, "pending_quantity": 50,
    "order_timestamp": "2025-11-18 09:15:03",
}  # fmt: skip


def decode(**changes):
    text = json.dumps({"type": "order", "id": "", "data": {**DATA, **changes}})
    return Zerodha(Account(credentials={}), "feed").decode(text)


def order(**changes):
    [event] = decode(**changes).events
    return event.order


def test_an_update_of_kite():
    [event] = decode().events
    assert event == OrderUpdate(
        token="13568258",
        order=Order(
            orderid="251118000000001", symbol="NIFTY25NOVFUT", exchange="NFO", action="BUY",
            quantity=75, price=25900.5, trigger_price=25890.0, pricetype="SL", product="NRML",
            order_status="open", filled_quantity=25, pending_quantity=50, average_price=0.0,
            rejection_reason="",
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kite", "ours"),
    [
        ("COMPLETE", "complete"), ("REJECTED", "rejected"), ("CANCELLED", "cancelled"),
        ("TRIGGER PENDING", "trigger pending"), ("OPEN", "open"), ("UPDATE", "open"),
        ("VALIDATION PENDING", "open"), ("AMO REQ RECEIVED", "open"),
    ],
)  # fmt: skip
def test_statuses(kite, ours):
    assert order(status=kite).order_status == ours


def test_the_pending_quantity_by_whatever_name():
    assert order(pending_quantity=None, unfilled_quantity=40).pending_quantity == 40
    assert order(pending_quantity=None).pending_quantity == 50
    assert order(status="REJECTED", status_message="no funds").rejection_reason == "no funds"


@pytest.mark.parametrize(
    "changes", [{"product": "ODD"}, {"transaction_type": "HOLD"}, {"price": -1}, {"quantity": "x"}]
)
def test_an_order_that_cannot_be_told_is_malformed(changes):
    assert decode(**changes).error.kind == "malformed"


def test_an_order_without_an_instrument_is_a_notice():
    assert decode(tradingsymbol="").events == [Notice("order 251118000000001 is UPDATE")]


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_any_value_gives_an_update_or_a_typed_error(value):
    for name in DATA:
        decoded = decode(**{name: value})
        assert decoded.error is None or isinstance(decoded.error, CodecError)
        msgspec.json.encode(decoded.events)


NAMES = {"257": [("BSE", "SBIN"), ("NSE", "SBIN-EQ")]}


def update(status="open", filled=0, token="257", exchange="NSE"):
    base = order(status="OPEN")
    changed = msgspec.structs.replace(
        base, order_status=status, filled_quantity=filled, symbol="RAW", exchange=exchange
    )
    return OrderUpdate(order=changed, token=token)


def test_openalgo_names_replace_the_brokers():
    desk = OrderDesk(lambda token: NAMES.get(token, []))
    told = [
        desk.take(update(filled=1)),
        desk.take(update(filled=2, exchange="MOON")),
        desk.take(update(filled=3, token="9")),
        desk.take(update(filled=4, token="")),
    ]
    assert [(o.exchange, o.symbol) for o in told] == [
        ("NSE", "SBIN-EQ"), ("BSE", "SBIN"), ("NSE", "RAW"), ("NSE", "RAW"),
    ]  # fmt: skip


def test_each_change_is_told_once_whoever_brings_it():
    desk = OrderDesk(lambda _: [])
    brought = [update(), update(), update("open", 5), update("complete", 75), update("open", 5)]
    assert [desk.take(u) is not None for u in brought] == [True, False, True, True, False]
