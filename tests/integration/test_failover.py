"""Feed failover on real processes: two brokers that play one market, and one client."""

import contextlib
import itertools
import json
import os
import signal
import threading
import time

import pytest
from truth import control
from websockets.exceptions import ConnectionClosed

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

KITE = 'credentials = { api_key = "k", access_token = "t" }'


def market(name, extra=""):
    return f"""
[simulators.{name}sim]
broker = "zerodha"
market = "numbered"
rate = 500

[adapters.{name}]
broker = "zerodha"
url = "simulator:{name}sim"
instruments = "simulator:{name}sim"
{KITE}
{extra}
"""


TWO = market("kite") + market("smart")
ROUTING = """
[routing]
default = ["kite", "smart"]
return_after_s = 2.0
warm = true
"""


class Client(threading.Thread):
    """Keeps who fed each tick of one symbol, and its number."""

    def __init__(self, one, key, symbol="COUNT07", **more):
        super().__init__(daemon=True)
        self.got = []
        self.ack = None
        self._context = one.connect(key)
        self._client = self._context.__enter__()
        request = {"action": "subscribe", "symbol": symbol, "exchange": "NSE", "mode": 2}
        self._client.send(json.dumps(request | more))
        self._done = threading.Event()
        self.start()

    def run(self):
        with contextlib.suppress(ConnectionClosed):
            while not self._done.is_set():
                with contextlib.suppress(TimeoutError):
                    message = json.loads(self._client.recv(timeout=0.2))
                    if message["type"] == "market_data":
                        data = message["data"]
                        self.got.append((message["broker"], data["volume"], time.monotonic()))
                    else:
                        self.ack = message

    def stop(self):
        self._done.set()
        self.join(5)
        self._context.__exit__(None, None, None)

    def assert_in_order(self):
        """No step back, nothing twice; but for the greeting, which Kite repeats."""
        numbers = [number for _, number, _ in self.got][5:]
        assert numbers == sorted(set(numbers))


def proxy_stats(one):
    return one.process("proxy")["stats"]


def test_an_adapter_that_is_killed_and_held_down_is_stood_in_for_and_gets_its_symbol_back(system):
    one = system(TWO + ROUTING).up()
    key = one.key()
    client = Client(one, key)
    one.wait_for(lambda: len(client.got) > 20)
    control(one, "refuse=on", "kitesim")
    os.kill(one.process("kite")["pid"], signal.SIGKILL)  # and cannot log in again
    one.wait_for(lambda: proxy_stats(one)["failovers_total"] == 1)
    assert "smart (down)" in proxy_stats(one)["failed_over_symbols"]
    seen = len(client.got)
    one.wait_for(lambda: len(client.got) > seen + 20)
    control(one, "refuse=off", "kitesim")
    one.run("restart", "kite", "--hard")
    one.wait_for(lambda: proxy_stats(one)["failbacks_total"] == 1)
    seen = len(client.got)
    one.wait_for(lambda: len(client.got) > seen + 10)
    client.stop()
    client.assert_in_order()
    print(f"longest gap {max(b[2] - a[2] for a, b in itertools.pairwise(client.got)):.3f} s")
    one.wait_for(lambda: proxy_stats(one)["failed_over"] == 0)
    assert "failed_over" in one.run("status", "--json").stdout


def test_a_symbol_unknown_to_the_first_and_a_key_with_a_route_of_its_own(system):
    first = market("kite").replace('market = "numbered"\n', "")
    one = system(first + market("smart") + ROUTING).up()
    client = Client(one, one.key())
    one.wait_for(lambda: len(client.got) > 5)
    assert client.ack["subscriptions"][0]["status"] == "success"
    told = "NSE:COUNT07 QUOTE smart (refused)"
    one.wait_for(lambda: proxy_stats(one)["failed_over_symbols"] == told)
    own = json.loads(one.run("keys", "create", "own", "--route", "smart", "--json").stdout)
    pinned = Client(one, own["api_key"])
    one.wait_for(lambda: len(pinned.got) > 5)
    assert proxy_stats(one)["routed"] == 1, "its route has one adapter only"
    done = one.run("keys", "create", "bad", "--route", "nobody", check=False)
    assert done.returncode == 1
    assert "there is no adapter 'nobody'" in done.stderr
    client.stop()
    pinned.stop()


def test_clients_that_move_to_another_proxy_process_stay_with_who_feeds_them(system):
    one = system(TWO + ROUTING).up()
    client = Client(one, one.key())
    one.wait_for(lambda: len(client.got) > 20)
    control(one, "refuse=on", "kitesim")
    os.kill(one.process("kite")["pid"], signal.SIGKILL)
    one.wait_for(lambda: proxy_stats(one)["failovers_total"] == 1)
    one.run("restart", "proxy")
    one.wait_for(lambda: proxy_stats(one)["clients"] == proxy_stats(one)["failed_over"] == 1)
    seen = len(client.got)
    one.wait_for(lambda: len(client.got) > seen + 20)
    client.stop()
    client.assert_in_order()
