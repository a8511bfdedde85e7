"""Restarts under load: every client sees every tick exactly once, in order."""

import collections
import datetime as dt
import itertools
import json
import os
import signal
import threading
import time
import urllib.request

import pytest
from system import System
from websockets.exceptions import ConnectionClosed

from simulators.server import OPENING_TIME
from simulators.synthetic import SyntheticMarket

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

RATE = 1000
MARKET = f"""
[simulators.sim]
broker = "zerodha"
rate = {RATE}
date = "2025-12-15"
seed = 5

[adapters.zerodha]
url = "simulator:sim"
instruments = "simulator:sim"
credentials = {{ api_key = "k", access_token = "t" }}
"""


class Reader(threading.Thread):
    """A client that keeps, per symbol, what identifies each tick."""

    def __init__(self, system: System, key, instruments):
        super().__init__(daemon=True)
        self.seen = collections.defaultdict(list)
        self.closed = False
        self._context = system.connect(key)
        self._client = self._context.__enter__()
        self._client.send(json.dumps({"action": "subscribe", "mode": 3, "symbols": instruments}))
        self._done = threading.Event()
        self.start()

    def run(self):
        while not self._done.is_set():
            try:
                message = json.loads(self._client.recv(timeout=0.5))
            except TimeoutError:
                continue
            except ConnectionClosed:
                self.closed = True
                return
            if message.get("type") == "market_data":
                self.seen[message["symbol"]].append(identity(message["data"]))

    def stop(self):
        self._done.set()
        self.join(5)
        self._context.__exit__(None, None, None)


def identity(data):
    book = [(row["price"], row["quantity"]) for row in data["depth"]["buy"] + data["depth"]["sell"]]
    return data["ltp"], data.get("volume"), data["timestamp"], tuple(book)


def test_restarts_in_a_row_lose_nothing_and_repeat_nothing(system):
    one = system(MARKET).up()
    instruments = traded_instruments()
    key = one.key()
    readers = [Reader(one, key, instruments), Reader(one, key, instruments[:10])]
    time.sleep(1.0)
    restarts = int(os.environ.get("OPENALGO_STREAM_TEST_RESTARTS", "2"))
    for _ in range(restarts):
        told = one.run("restart", "zerodha").stdout
        assert "it has subscribed" in told
        assert "longest gap" in told
        print(told.splitlines()[-1])
    time.sleep(0.5)
    after = one.process("zerodha")
    for reader in readers:
        reader.stop()
        assert not reader.closed
    assert (after["generation"], after["restarts"]) == (restarts + 1, restarts)
    truth = true_streams()
    for reader, wanted in zip(readers, (instruments, instruments[:10]), strict=True):
        assert reader.seen.keys() == {row["symbol"] for row in wanted}
        for symbol, seen in reader.seen.items():
            assert_contiguous(seen, truth[symbol], symbol)
    assert one.process("proxy")["stats"]["lost_total"] == 0


def test_a_generation_that_cannot_come_up_leaves_the_old_one_alone(system):
    one = system(MARKET).up()
    reader = Reader(one, one.key(), traded_instruments()[:5])
    time.sleep(0.5)
    before = one.process("zerodha")
    control(one, "refuse=on")
    done = one.run("restart", "zerodha", "--timeout", "3", check=False)
    assert done.returncode == 1
    assert "the old generation goes on" in done.stdout
    after = one.process("zerodha")
    assert after["pid"] == before["pid"]
    assert after["state"] == "running"
    control(one, "refuse=off")
    assert "generation 3" in one.run("restart", "zerodha").stdout
    reader.stop()
    truth = true_streams()
    for symbol, seen in reader.seen.items():
        assert_contiguous(seen, truth[symbol], symbol)


def test_the_market_data_service_is_handed_over(system):
    one = system(MARKET).up()
    before = one.process("marketdata")
    assert "marketdata restarted: generation 2" in one.run("restart", "marketdata").stdout
    after = one.process("marketdata")
    assert after["pid"] != before["pid"]
    assert after["state"] == "running"


def test_the_old_generation_may_be_killed_while_the_new_one_starts(system):
    one = system(MARKET).up()
    reader = Reader(one, one.key(), traded_instruments()[:5])
    old = one.process("zerodha")["pid"]
    restart = threading.Thread(target=one.run, args=("restart", "zerodha"), kwargs={"check": False})
    restart.start()
    one.wait_for(lambda: len(generations(one)) == 2)
    os.kill(old, signal.SIGKILL)
    restart.join()
    one.wait_for(one.settled)
    assert generations(one) == [2]
    before = sum(map(len, reader.seen.values()))
    one.wait_for(lambda: sum(map(len, reader.seen.values())) > before + 20)
    reader.stop()
    assert not reader.closed


def generations(one):
    """Those of the adapter that live, by the supervisor's own record."""
    run = json.loads((one.folder / "state" / "run.json").read_text())
    return [p["generation"] for p in run["processes"] if p["name"] == "zerodha"]


def traded_instruments():
    """All that has a book, as a client asks for it."""
    return [
        {"exchange": i.exchange, "symbol": i.symbol} for i in market().instruments if not i.is_index
    ]


def market():
    start = dt.datetime.combine(dt.date(2025, 12, 15), OPENING_TIME)
    return SyntheticMarket(seed=5, rate=RATE, start_ms=int(start.timestamp() * 1000))


def true_streams():
    """What the seeded market said, from its very object and not through the system."""
    made = market()
    streams = collections.defaultdict(list)
    for event in itertools.islice(made.events(), RATE * 60):
        snapshot = event.snapshot
        symbol = made.instruments[snapshot.number].symbol
        book = [(level.price, level.quantity) for level in (*snapshot.bids, *snapshot.asks)]
        seconds = snapshot.exchange_ms // 1000 * 1000  # all that Kite's packets hold
        streams[symbol].append((snapshot.ltp, snapshot.volume, seconds, tuple(book)))
    return streams


def assert_contiguous(seen, truth, symbol):
    """Each tick once, in order, none missing between the first and the last."""
    starts = [n for n, one in enumerate(truth) if one == seen[0]]
    assert starts, f"{symbol}: the first tick is none of the market's"
    if not any(truth[start : start + len(seen)] == seen for start in starts):
        at = next(n for n, one in enumerate(seen) if truth[starts[0] + n] != one)
        raise AssertionError(
            f"{symbol}: tick {at} of {len(seen)} is {seen[at]}, after {seen[at - 1]}; "
            f"the market said {truth[starts[0] + at]}"
        )


def control(one, command):
    address = one.process("sim")["endpoint"].replace("ws://", "http://")
    with urllib.request.urlopen(f"{address}/control?{command}", timeout=5) as reply:
        assert reply.status == 200
