"""Several proxy workers, the tap, and `status --clients`, as real processes."""

import contextlib
import json
import os
import signal

import pytest
import zmq
from system import MARKET
from websockets.protocol import State

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]

CONFIG = (
    MARKET
    + """
[tap]
enabled = true
port = 0
"""
)
SUBSCRIBE = json.dumps({"action": "subscribe", "symbols": ["RELIANCE", "SBIN"], "mode": 1})


def push(client):
    while (message := json.loads(client.recv(timeout=10)))["type"] != "market_data":
        pass
    return message


def test_workers_share_port_and_clients_and_one_may_die(system):
    one = system(CONFIG)
    one.config.write_text(one.config.read_text().replace("[proxy]\n", "[proxy]\nworkers = 2\n"))
    one.up()
    first, second = one.process("proxy"), one.process("proxy-2")
    assert first["endpoint"] == second["endpoint"]
    key = one.key()
    with contextlib.ExitStack() as stack:
        # The kernel spreads connections by their port; a dozen land on both in all likelihood.
        clients = [stack.enter_context(one.connect(key)) for _ in range(12)]
        for client in clients:
            client.send(SUBSCRIBE)
            assert push(client)["data"]["ltp"] > 0
        by_proxy = look_at_clients(one)
        os.kill(second["pid"], signal.SIGKILL)
        one.wait_for(lambda: one.process("proxy-2")["generation"] > second["generation"])
        one.wait_for(one.settled)
        assert one.process("proxy-2")["endpoint"] == first["endpoint"]
        assert one.process("proxy")["pid"] == first["pid"]
        alive = [client for client in clients if client.protocol.state is State.OPEN]
        assert len(alive) == by_proxy["proxy"]
        assert push(alive[0])["data"]["ltp"] > 0


def look_at_clients(one):
    """How many each proxy has, after a look at what `status --clients` says of them."""
    told = json.loads(one.run("status", "--clients", "--json").stdout)
    by_proxy = {proxy["name"]: proxy["clients"] for proxy in told["proxies"]}
    assert set(by_proxy) == {row["proxy"] for row in told["clients"]} == {"proxy", "proxy-2"}
    assert sum(by_proxy.values()) == len(told["clients"]) == 12
    row = told["clients"][0]
    assert (row["key"], row["user"], row["subscriptions"]) == ("test", "test", 2)
    assert row["address"].startswith("127.0.0.1:")
    assert (row["conflated"], row["dropped"], row["conflating"]) == (0, 0, False)
    table = one.run("status", "--clients").stdout
    assert "CONFLATED" in table
    assert "proxy-2" in table
    return by_proxy


def test_tap_publishes_what_clients_want_in_two_parts(system):
    one = system(CONFIG).up()
    with one.connect() as client, zmq.Context() as context, context.socket(zmq.SUB) as reader:
        reader.connect(one.process("tap")["endpoint"])
        reader.subscribe(b"NSE_SBIN_LTP")
        client.send(SUBSCRIBE)
        assert reader.poll(10_000)
        topic, payload = reader.recv_multipart()
        assert topic == b"NSE_SBIN_LTP"
        assert json.loads(payload)["symbol"] == "SBIN"
