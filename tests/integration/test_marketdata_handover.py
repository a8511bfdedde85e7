"""`restart marketdata` under load: no request fails, no order and no event is lost or doubled.

`OPENALGO_STREAM_TEST_RESTARTS=10` is the full form; docs/reliability.md has its figures.
"""

import http.client
import json
import os
import re
import signal
import socket
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

import psutil
import pytest
from system import MARKET
from websockets.exceptions import ConnectionClosed

pytestmark = [
    pytest.mark.process,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not hasattr(socket, "SCM_RIGHTS"), reason="sockets cannot be passed here"),
]

RESTARTS = int(os.environ.get("OPENALGO_STREAM_TEST_RESTARTS", "2"))
CONFIG = (
    MARKET
    + """
[limits]
messages_per_s = 1000
message_burst = 1000
"""
)
SHARE = {"symbol": "RELIANCE", "exchange": "NSE"}
BUY = SHARE | {"quantity": 1, "product": "CNC", "action": "BUY"}


class Client(threading.Thread):
    """Asks the same again and again, on one connection that it never means to close, or on a new
    one each time."""

    def __init__(self, one, key, path, *, keeps=True, **body):
        super().__init__(daemon=True)
        self.address = urlsplit(one.process("marketdata")["endpoint"]).netloc
        self.body = json.dumps({"apikey": key} | body)
        self.path, self.keeps = path, keeps
        self.replies, self.connections, self.longest_s = [], 0, 0.0
        self.error = None
        self.ends = threading.Event()
        self.start()

    def run(self):
        connection = None
        try:
            while not self.ends.wait(0.03):
                if connection is None or connection.sock is None or not self.keeps:
                    connection = http.client.HTTPConnection(self.address, timeout=30)
                    self.connections += 1
                began = time.monotonic()
                connection.request(
                    "POST", self.path, self.body, {"Content-Type": "application/json"}
                )
                reply = connection.getresponse()
                self.replies.append((reply.status, json.loads(reply.read())))
                self.longest_s = max(self.longest_s, time.monotonic() - began)
                if not self.keeps:
                    connection.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.error = error
        finally:
            if connection is not None:
                connection.close()

    def end(self):
        self.ends.set()
        self.join(60)
        assert self.error is None, repr(self.error)
        assert all(status == 200 for status, _ in self.replies), [
            reply for status, reply in self.replies if status != 200
        ]
        return [reply for _, reply in self.replies]


def collect(client, events):
    """All order events of a WebSocket client, until it is closed."""
    while True:
        try:
            text = client.recv()
        except ConnectionClosed:
            return
        message = json.loads(text)
        if message["type"] == "order_update":
            events.append(message)


def test_restarts_under_load_lose_no_request_no_order_and_no_event(system):
    one = system(CONFIG).up()
    key, events = one.key(), []
    one.ask("/api/v1/quotes", key, **SHARE)
    with one.connect(key) as socket_client:
        socket_client.send(json.dumps({"action": "subscribe_orders"}))
        hears = threading.Thread(target=collect, args=(socket_client, events), daemon=True)
        hears.start()
        traders = [Client(one, key, "/api/v1/placeorder", **BUY) for _ in range(2)]
        hasty = Client(one, key, "/api/v1/placeorder", keeps=False, **BUY)
        readers = [
            Client(one, key, "/api/v1/quotes", **SHARE),
            Client(one, key, "/api/v1/quotes", keeps=False, **SHARE),
            Client(one, key, "/api/v1/orderbook"),
        ]
        idle = http.client.HTTPConnection(traders[0].address, timeout=30)
        idle.connect()
        for _ in range(RESTARTS):
            before = one.process("marketdata")
            told = one.run("restart", "marketdata").stdout
            print(told)
            *_, moved = re.findall(r"connections moved: (\d+) of (\d+)", told)
            assert moved[0] == moved[1]
            assert "longest gap" in told
            after = one.process("marketdata")
            assert after["pid"] != before["pid"]
            assert after["endpoint"] == before["endpoint"]
            assert not psutil.pid_exists(before["pid"])
            assert after["stats"]["arrived"] >= 4  # two traders, a reader, the idle one, at least
        idle.request("GET", "/healthz")
        assert idle.getresponse().read() == b'{"status":"ok"}'
        idle.close()
        replies = [reply for client in (*traders, hasty) for reply in client.end()]
        for client in readers:
            assert all(reply["status"] == "success" for reply in client.end())
        assert all(client.connections == 1 for client in (*traders, readers[0], readers[2]))
        assert all(reply["status"] == "success" for reply in replies)
        placed = [reply["orderid"] for reply in replies]
        book = one.ask("/api/v1/orderbook", key)[1]["data"]["orders"]
        assert sorted(order["orderid"] for order in book) == sorted(placed)
        assert len(set(placed)) == len(placed) > 20 * RESTARTS

        def told_of():
            return Counter(e["orderid"] for e in events if e["order_status"] == "complete")

        one.wait_for(lambda: len(told_of()) == len(placed), 60)
        assert told_of() == Counter(placed)
    slowest = max(client.longest_s for client in (*traders, hasty, *readers))
    others = sum(len(client.replies) for client in readers)
    print(f"{len(placed)} orders, {others} other requests, the slowest {slowest * 1000:.0f} ms")


def test_a_next_generation_that_cannot_open_the_accounts_leaves_all_as_it_was(system):
    one = system(CONFIG).up()
    key = one.key()
    before = one.process("marketdata")
    trader = Client(one, key, "/api/v1/placeorder", **BUY)
    one.wait_for(lambda: len(trader.replies) > 3)
    # Nobody can lock the accounts any more: what has them now does not notice before it lets go.
    owner = one.folder / "state" / "sandbox.db-owner"
    owner.unlink()
    owner.mkdir()
    reply = one.run("restart", "marketdata", check=False)
    owner.rmdir()
    assert reply.returncode != 0
    assert "the old generation goes on" in reply.stdout + reply.stderr
    after = one.process("marketdata")
    assert after["pid"] == before["pid"]
    one.wait_for(lambda: one.process("marketdata")["stats"]["sandbox"] == "open", 60)
    count = len(trader.replies)
    one.wait_for(lambda: len(trader.replies) > count + 3)
    placed = [reply["orderid"] for reply in trader.end()]
    assert trader.connections == 1
    book = one.ask("/api/v1/orderbook", key)[1]["data"]["orders"]
    assert sorted(order["orderid"] for order in book) == sorted(placed)
    # What was in the way is gone.
    assert "longest gap" in one.run("restart", "marketdata").stdout


@pytest.mark.parametrize("victim", ["old", "new"])
def test_a_death_in_the_middle_of_a_move_ends_with_one_that_works(system, victim):
    one = system(CONFIG).up()
    key = one.key()
    _, reply = one.ask("/api/v1/placeorder", key, **BUY)
    before = one.process("marketdata")["pid"]
    restart = threading.Thread(
        target=lambda: one.run("restart", "marketdata", check=False), daemon=True
    )
    restart.start()

    def pids():
        mine = [p["pid"] for p in one.status()["processes"] if p["name"] == "marketdata"]
        return {pid for pid in mine if pid is not None}  # one may not be born yet

    one.wait_for(lambda: len(pids()) == 2 or before not in pids())
    found = pids()
    for pid in found if victim == "old" else found - {before}:
        if (pid == before) == (victim == "old"):
            os.kill(pid, signal.SIGKILL)
    restart.join(90)
    one.wait_for(lambda: one.settled() and len(pids()) == 1, 60)
    one.wait_for(lambda: one.process("marketdata")["stats"].get("sandbox") == "open", 60)
    book = one.ask("/api/v1/orderbook", key)[1]["data"]["orders"]
    assert [order["orderid"] for order in book] == [reply["orderid"]]
    assert one.ask("/api/v1/placeorder", key, **BUY)[0] == 200
