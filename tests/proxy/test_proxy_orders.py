"""Order updates: their words, and that nobody gets another's."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest

from bus.events import OrderUpdate
from bus.market.orders import Order
from identity.authority import Identity
from identity.scopes import Roles
from proxy.orders import OrderDesk, message

ORDER = Order(
    orderid="2402210259",
    symbol="RELIANCE",
    exchange="NSE",
    action="BUY",
    quantity=10,
    price=1424.0,
    trigger_price=0.0,
    pricetype="LIMIT",
    product="MIS",
    order_status="complete",
    filled_quantity=10,
    pending_quantity=0,
    average_price=1423.85,
)


def test_message_has_the_keys_that_clients_know_in_their_order():
    update = json.loads(message("alice", "live", "upstox", ORDER))
    assert list(update) == [
        "type", "user_id", "mode", "broker", "orderid", "symbol", "exchange", "action",
        "quantity", "price", "trigger_price", "pricetype", "product", "order_status",
        "filled_quantity", "pending_quantity", "average_price", "rejection_reason",
    ]  # fmt: skip
    assert (update["type"], update["user_id"], update["mode"]) == ("order_update", "alice", "live")


@pytest.fixture
def listener(pure_proxy):
    """A logged-in session that asked for orders, by the given scopes."""
    proxy = pure_proxy(adapters=("zerodha", "dhan"))
    known = {}
    proxy.desk.authority.verify = known.get

    def make(user, *, wants=True, role="trader", adapters=None, broker=None):
        scopes = Roles().get(role)
        if adapters is not None:
            scopes = SimpleNamespace(
                adapters=frozenset(adapters),
                exchanges=None,
                modes=None,
                symbols=10,
                connections=10,
                orders=scopes.orders,
                refusal=lambda *_: "",
            )
        known[f"key-{user}"] = Identity(
            user=user, credential=f"key-{user}", name=user, scopes=scopes, broker=broker
        )
        session, inbox = proxy.session(user)
        if wants:
            proxy.say(session, action="subscribe_orders")
            inbox.take()
        return session, inbox

    make.proxy = proxy
    return make


def test_live_orders_go_to_those_who_asked_may_and_are_fed_by_the_account(listener):
    clients = {
        "asked": listener("asked"),
        "silent": listener("silent", wants=False),
        "viewer": listener("viewer", role="viewer"),
        "dhan only": listener("dhan only", adapters=["dhan"]),
        "at dhan": listener("at dhan", broker="dhan"),
        "at zerodha": listener("at zerodha", broker="zerodha"),
    }
    desk = OrderDesk(listener.proxy.desk.totals)
    for _, inbox in clients.values():
        inbox.take()
    desk.live([session for session, _ in clients.values()], "zerodha", ORDER)
    got = {name: inbox.take() for name, (_, inbox) in clients.items()}
    assert {name for name, updates in got.items() if updates} == {"asked", "at zerodha"}
    assert [update["user_id"] for update in got["asked"]] == ["asked"]
    assert got["asked"][0]["broker"] == "zerodha"
    assert listener.proxy.desk.totals.order_updates == 2


def test_analyze_orders_and_relayed_ones_go_to_their_user_alone(listener):
    alice, bob = listener("alice"), listener("bob")
    desk = OrderDesk(listener.proxy.desk.totals)
    sessions = [alice[0], bob[0]]
    desk.analyze(sessions, "alice", ORDER)
    (update,) = alice[1].take()
    assert (update["mode"], update["broker"], update["user_id"]) == ("analyze", "sandbox", "alice")
    desk.relay(sessions, "bob", b'{"type":"order_update","user_id":"bob","extra":[1]}')
    assert bob[1].take() == [{"type": "order_update", "user_id": "bob", "extra": [1]}]
    assert alice[1].take() == []


def test_adapters_order_update_reaches_subscribed_clients_until_they_unsubscribe(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
            client = await bench.client()
            ack = await client.ask({"action": "subscribe_orders", "request_id": "orders-1"})
            assert ack["request_id"] == "orders-1"
            bench.adapter.event(OrderUpdate(ORDER))
            update = await client.receive()
            assert (update["type"], update["orderid"]) == ("order_update", ORDER.orderid)
            assert bench.service.stats()["order_updates_total"] == 1
            await client.ask({"action": "unsubscribe_orders"})
            bench.adapter.event(OrderUpdate(ORDER))
            assert await client.is_quiet()

    asyncio.run(scenario())
