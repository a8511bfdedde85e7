"""Paper orders through real processes: HTTP in, fills on ticks, events out to their user only."""

import json
import os
import signal
import time

import pytest
from system import MARKET

pytestmark = [pytest.mark.process, pytest.mark.timeout(240)]

CONFIG = (
    MARKET
    + """
[sandbox]
starting_capital = 1000000
"""
)
SHARE = {"symbol": "RELIANCE", "exchange": "NSE"}
ORDER = SHARE | {"quantity": 10, "product": "CNC", "action": "BUY"}


def told(client, orderid, until, timeout_s=60):
    """The order events of a client, up to a status of an order."""
    events, deadline = [], time.monotonic() + timeout_s
    while not events or (events[-1]["orderid"], events[-1]["order_status"]) != (orderid, until):
        assert time.monotonic() < deadline, events
        message = json.loads(client.recv(timeout=timeout_s))
        if message["type"] == "order_update":
            events.append(message)
    return events


def subscribe_orders(client):
    client.send(json.dumps({"action": "subscribe_orders"}))
    while json.loads(client.recv(timeout=10))["type"] != "subscribe_orders":
        pass


def test_an_order_fills_on_live_ticks_and_only_its_user_is_told(system):
    one = system(CONFIG).up()
    ann, bob = one.key("ann"), one.key("bob")
    with one.connect(ann) as hers, one.connect(bob) as his:
        subscribe_orders(hers)
        subscribe_orders(his)
        status, reply = one.ask("/api/v1/placeorder", ann, **ORDER)
        assert (status, reply["status"], reply["mode"]) == (200, "success", "analyze"), reply
        events = told(hers, reply["orderid"], "complete")
        assert {(e["mode"], e["broker"], e["symbol"]) for e in events} == {
            ("analyze", "sandbox", "RELIANCE")
        }
        _, mine = one.ask("/api/v1/placeorder", bob, **ORDER | {"quantity": 1})
        assert {e["orderid"] for e in told(his, mine["orderid"], "complete")} == {mine["orderid"]}

    # The position follows the ticks although no client subscribes the symbol.
    def mark():
        [position] = one.ask("/api/v1/positionbook", ann)[1]["data"]
        assert position["quantity"] == 10
        return position["ltp"]

    first = mark()
    one.wait_for(lambda: mark() != first)
    # Its owner's money is the same after the process was killed.
    before = one.ask("/api/v1/tradebook", ann)[1]["data"]
    pid = one.process("marketdata")["pid"]
    os.kill(pid, signal.SIGKILL)
    one.wait_for(lambda: one.process("marketdata")["pid"] not in {None, pid} and one.settled(), 60)
    assert one.ask("/api/v1/tradebook", ann)[1]["data"] == before
    one.wait_for(lambda: mark() != first)
    one.wait_for(lambda: one.process("marketdata")["stats"]["sandbox"] == "open")


def test_a_bad_order_is_refused_with_its_rule_and_leaves_no_trace(system):
    one = system(CONFIG).up()
    key = one.key()
    funds = one.ask("/api/v1/funds", key)
    assert funds[1]["data"]["availablecash"] == "1000000.00"
    for change, rule in [
        ({"product": "NRML"}, "product"),
        ({"quantity": 10**6}, "margin"),
        ({"pricetype": "LIMIT"}, "price"),
        ({"pricetype": "LIMIT", "price": 100.012}, "tick_size"),
        ({"symbol": "NOSUCH"}, "symbol"),
    ]:
        status, reply = one.ask("/api/v1/placeorder", key, **ORDER | change)
        assert status in {400, 404}, (change, reply)
        assert (reply["status"], reply["rule"]) == ("error", rule), (change, reply)
    assert one.ask("/api/v1/funds", key) == funds
    # Changed settings take effect with a reload, which touches this process only.
    text = one.config.read_text().replace("1000000", "2000000")
    one.config.write_text(text)
    assert "sandbox.starting_capital" in one.run("reload").stdout
    one.wait_for(lambda: one.ask("/api/v1/funds", one.key("new"))[1].get("data") is not None)
    _, reply = one.ask("/api/v1/funds", one.key("newer"))
    assert reply["data"]["availablecash"] == "2000000.00"
